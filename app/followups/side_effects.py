"""Side effects over time: episodes, and the readings that follow-ups make of open ones.

On which day a severity stands (trend-spec 6.4 looks for the first day with one): that of an
episode on its stated onset, where the timing against a dose is judged, and again on the last
day on which it was known, which is the day of the follow-up that told of it or its end,
whichever is earlier; none of the days between, and no zero after the end, is invented. A
reading stands on the day of its follow-up, or on the end that it tells of.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import delete, select, tuple_

from app.clinical import terms
from app.clinical.measures import side_effect
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid
from app.followups.domains.base import Contact
from app.followups.domains.side_effects import SideEffectIn
from app.followups.models import SideEffect, SideEffectReading
from app.journal import service as journal
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.medications import service as medications
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import service as signals

SERIOUS_SIDE_EFFECT = "serious_side_effect"
SIGNAL_FROM = 4
"""The severity that opens a signal by itself: life-threatening."""
CLOCK_TOLERANCE = timedelta(hours=24)
POINTER = "/side_effects/episodes"
"""Where the entries of a follow-up stand."""


def record(work: Work, patient_id: UUID, data: SideEffectIn) -> Answer:
    """Store one episode; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: see `check`, or a suspected medicine is not the patient's.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, KIND, patient_id, data)


def keep(work: Work, person: Person, data: SideEffectIn, place: Place) -> Answer:
    """Store one version of an episode that is told of by itself."""
    faults = [*_faults(work, person, data), *_faults_of_episode(data)]
    if faults:
        raise Invalid(faults=faults)
    _require_courses(work, person, data, "")
    return _keep(work, person, data, place)


def _keep(
    work: Work,
    person: Person,
    data: SideEffectIn,
    place: Place,
    *,
    contact: Contact | None = None,
    told_in: UUID | None = None,
    assumed_onset: date | None = None,
    asserts: bool = True,
) -> Answer:
    """Store one version of an episode.

    contact, told_in: the follow-up that tells of it; None leaves what was known of that.
    assumed_onset: the onset where the body states none.
    asserts: False where the severity is a reading's and stands with its follow-up.
    """
    before = _answer_before(work, place)
    row = place.row
    known_onset = row.onset_on if isinstance(row, SideEffect) else None
    reported_on = contact.on if contact else _day(before.get("reported_on"))
    if data.onset_on is None and known_onset is None and reported_on is None:
        reported_on = person.today(work.now)
    onset = data.onset_on or assumed_onset or known_onset or reported_on
    assert onset is not None
    opened = _open_signal(work, person, place.record_id, data) if asserts else []
    reported_in = told_in or before.get("reported_in")
    derived = {
        "onset_on": onset,
        "onset_assumed": data.onset_on is None,
        **({"reported_on": reported_on} if reported_on else {}),
        **({"reported_in": reported_in} if reported_in else {}),
        "opened_signals": opened,
    }
    answer = records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "term": data.term,
            "onset_on": onset,
            "onset_assumed": data.onset_on is None,
            "ended_on": data.ended_on,
        },
        derived=derived,
    )
    if asserts:
        assert answer.sequence is not None
        known_until = min((day for day in (reported_on, data.ended_on) if day), default=None)
        days = sorted({day for day in (data.onset_on, known_until) if day})
        code = side_effect(data.term).code
        measurements.keep(
            work,
            person,
            place.record_id,
            answer.sequence,
            [Reading(code, data.severity, day) for day in days],
            first_version=place.version == 1,
        )
    return answer


def _answer_before(work: Work, place: Place) -> dict[str, Any]:
    if place.version == 1:
        return {}
    answer: dict[str, Any] = orjson.loads(
        journal.answer_at(work, place.record_id, place.version - 1).body
    )
    return answer


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    assert answer.sequence is not None
    measurements.retract(work, row.id, answer.sequence)


KIND = Kind("side_effect", SideEffect, SideEffectIn, keep, _forget, "onset_on")


# ---- rules


def _faults(work: Work, person: Person, data: SideEffectIn) -> Iterator[Fault]:
    if not terms.is_known(data.term):
        near = ", ".join(terms.close_to(data.term))
        detail = "a term of the side-effect vocabulary, or `other` with term_text"
        yield Fault("/term", "unknown-term", f"{detail}; near: {near}" if near else detail)
    if data.term == terms.OTHER and data.term_text is None:
        yield Fault("/term_text", "required", "says what `other` is")
    latest = person.day_of(work.now + CLOCK_TOLERANCE)
    for name, day in (("onset_on", data.onset_on), ("ended_on", data.ended_on)):
        if day is not None and day > latest:
            yield Fault(f"/{name}", "effective-in-future", "not later than today")
        if day is not None and person.birth_date is not None and day < person.birth_date:
            yield Fault(f"/{name}", "out-of-range", "the birth date or later")
    if data.onset_on and data.ended_on and data.ended_on < data.onset_on:
        yield Fault("/ended_on", "out-of-range", "the onset or later")


def _faults_of_episode(data: SideEffectIn) -> Iterator[Fault]:
    if data.severity == 0:
        detail = "1 to 4; asked and absent is an entry without an id in a follow-up"
        yield Fault("/severity", "out-of-range", detail)


def check(work: Work, person: Person, entries: Sequence[SideEffectIn]) -> None:
    """Let the entries of a follow-up through.

    Raises:
        Invalid: an unknown term, a day that cannot be, a reading beside another entry of its
            term, or a medicine that is not the patient's.
    """
    faults = []
    for place, entry in enumerate(entries):
        found = list(_faults(work, person, entry))
        if entry.id is not None:
            found += _faults_of_episode(entry)
        elif any(_key(other) == _key(entry) for other in entries if other is not entry):
            found.append(Fault("/term", "duplicate", "a reading stands once, alone for its term"))
        at = f"{POINTER}/{place}"
        faults += [Fault(at + fault.pointer, fault.code, fault.detail) for fault in found]
    if faults:
        raise Invalid(faults=faults)
    for place, entry in enumerate(entries):
        _require_courses(work, person, entry, f"{POINTER}/{place}")


def _require_courses(work: Work, person: Person, data: SideEffectIn, pointer: str) -> None:
    if data.suspected_medication_ids:
        at = f"{pointer}/suspected_medication_ids"
        medications.require_courses(work, person.id, data.suspected_medication_ids, at)


def _open_signal(
    work: Work, person: Person, record_id: UUID, data: SideEffectIn
) -> list[dict[str, Any]]:
    """Open a signal for what is life-threatening, called serious, or a red flag of the reference.

    A red flag at any severity above 0: the reference says that it opens a same-day or emergency
    path, and its term says more than the number beside it.
    """
    red_flag = data.severity > 0 and data.term != terms.OTHER and terms.term(data.term).red_flag
    if not (data.severity >= SIGNAL_FROM or data.serious or red_flag):
        return []
    measure = side_effect(data.term).code
    evidence = {
        "term": data.term,
        "severity": data.severity,
        "serious": data.serious,
        "red_flag": red_flag,
        "record_id": str(record_id),
    }
    opened = signals.open_once(
        work, person, f"{record_id}:{measure}", SERIOUS_SIDE_EFFECT, evidence
    )
    return [opened] if opened else []


# ---- inside a follow-up


@dataclass(slots=True)
class Heard:
    """What a follow-up's entries lead to; its answer, numbers and readings hold them."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    severities: dict[UUID, int] = field(default_factory=dict)
    """By the open episode that was read."""
    opened_signals: list[dict[str, Any]] = field(default_factory=list)


def hear(
    work: Work,
    person: Person,
    contact: Contact,
    follow_up_id: UUID,
    entries: Sequence[SideEffectIn],
    *,
    first_version: bool,
) -> Heard:
    """Store the episodes of a follow-up, and join its readings to the open ones.

    Raises:
        AlreadyExists: the id of an episode is taken by other content.
    """
    heard = Heard()
    read = [entry for entry in entries if entry.id is None]
    known = _episodes(work, person.id, follow_up_id, read, first_version) if read else {}
    for place, entry in enumerate(entries):
        at = f"{POINTER}/{place}"
        if entry.id is not None:
            answer = _tell(work, person, contact, follow_up_id, entry, at)
            if answer.sequence is not None:
                heard.opened_signals += orjson.loads(answer.body)["opened_signals"]
            heard.entries.append(_sent(entry))
            continue
        episode = known.get(_key(entry))
        episode_id = _read(work, person, contact, follow_up_id, entry, episode, at)
        opened = episode_id == opened_id(follow_up_id, entry)
        heard.readings += _readings(contact, entry, opened=opened)
        heard.opened_signals += _open_signal(work, person, follow_up_id, entry)
        if episode_id is None:
            heard.entries.append(_sent(entry))
        else:
            heard.severities[episode_id] = entry.severity
            heard.entries.append(_sent(entry) | {"episode_id": str(episode_id)})
    return heard


def _readings(contact: Contact, entry: SideEffectIn, *, opened: bool) -> Iterator[Reading]:
    """Give a reading's severity on its day, or on the day it ended if that is past.

    One that opened its episode and says since when stands on that day too, as an episode does.
    """
    code = side_effect(entry.term).code
    over = entry.ended_on is not None and entry.ended_on < contact.on and entry.severity > 0
    known_until = entry.ended_on if over and entry.ended_on else contact.on
    if opened and entry.onset_on is not None and entry.onset_on < known_until:
        yield Reading(code, entry.severity, entry.onset_on)
    yield Reading(code, entry.severity, known_until, None if over else contact.at)


def _sent(entry: SideEffectIn) -> dict[str, Any]:
    return entry.model_dump(mode="json", exclude_unset=True)


def _tell(
    work: Work,
    person: Person,
    contact: Contact,
    follow_up_id: UUID,
    entry: SideEffectIn,
    pointer: str,
) -> Answer:
    """Store an episode of a follow-up, or link the one that is there; it moves with its day."""
    assert entry.id is not None
    known = journal.versions(work, entry.id)
    if not known:
        return _keep(work, person, entry, Place(entry.id), contact=contact, told_in=follow_up_id)
    print_ = journal.fingerprint(entry)
    if not any(
        one.type == KIND.name and one.patient_id == person.id and one.fingerprint == print_
        for one in known
    ):
        raise AlreadyExists(
            "an episode is corrected at its own address",
            pointer=f"{pointer}/id",
        )
    current = journal.answer_at(work, entry.id, known[-1].version)
    told = orjson.loads(current.body)
    here = told.get("reported_in") == str(follow_up_id)
    if not here or told["reported_on"] == contact.on.isoformat():
        return current
    row = _row(work, entry.id)
    if row.status == "entered_in_error":
        return current
    data = journal.patched(work, SideEffectIn, row.id, row.version, {})
    return _keep(work, person, data, Place(row.id, row.version + 1, row), contact=contact)


def _read(
    work: Work,
    person: Person,
    contact: Contact,
    follow_up_id: UUID,
    entry: SideEffectIn,
    episode: SideEffect | None,
    pointer: str,
) -> UUID | None:
    """Join a reading to its episode, or open one; None where it is absent and none is open.

    An onset that was only assumed moves to the first day on which the effect was read, and a
    reading that says when it ended closes the episode.
    """
    own_id = opened_id(follow_up_id, entry)
    if episode is None:
        if entry.severity == 0:
            return None
        data = entry.model_copy(update={"id": own_id})
        _keep(
            work,
            person,
            data,
            Place(own_id),
            contact=contact,
            told_in=follow_up_id,
            assumed_onset=contact.on,
            asserts=False,
        )
        return own_id
    if entry.ended_on is not None and entry.ended_on < min(episode.onset_on, contact.on):
        raise Invalid("the onset or later", pointer=f"{pointer}/ended_on")
    own = episode.id == own_id
    earlier = contact.on < episode.onset_on and entry.severity > 0
    moves = episode.onset_assumed and (earlier or (own and contact.on != episode.onset_on))
    ends = entry.ended_on is not None and entry.ended_on != episode.ended_on
    if moves or ends:
        patch = {"ended_on": entry.ended_on.isoformat()} if entry.ended_on else {}
        data = journal.patched(work, SideEffectIn, episode.id, episode.version, patch)
        place = Place(episode.id, episode.version + 1, episode)
        assumed = contact.on if moves else None
        _keep(
            work,
            person,
            data,
            place,
            contact=contact if own else None,
            assumed_onset=assumed,
            asserts=False,
        )
    return episode.id


def opened_id(follow_up_id: UUID, entry: SideEffectIn) -> UUID:
    """Give the id of the episode that a reading opens: the same whenever it is sent again."""
    return uuid5(follow_up_id, ":".join(_key(entry)).rstrip(":"))


def _key(entry: SideEffectIn) -> tuple[str, str]:
    """Say what an entry is about: its term, and for `other` what the text says."""
    return entry.term, (entry.term_text or "").casefold() if entry.term == terms.OTHER else ""


def _episodes(
    work: Work,
    patient_id: UUID,
    follow_up_id: UUID,
    entries: Sequence[SideEffectIn],
    first_version: bool,
) -> Mapping[tuple[str, str], SideEffect]:
    """Find the episode that each reading belongs to: what it was joined to, else the open one."""
    wanted = {entry.term for entry in entries}
    rows = work.all(
        select(SideEffect)
        .where(
            SideEffect.patient_id == patient_id,
            SideEffect.term.in_(wanted),
            SideEffect.status != "entered_in_error",
            SideEffect.ended_on.is_(None),
        )
        .order_by(SideEffect.onset_on, SideEffect.id)
    )
    if not first_version:
        joined = select(SideEffectReading.episode_id).where(
            SideEffectReading.record_id == follow_up_id
        )
        rows = [
            *rows,
            *work.all(
                select(SideEffect).where(
                    SideEffect.id.in_(joined),
                    SideEffect.term.in_(wanted),
                    SideEffect.status != "entered_in_error",
                )
            ),
        ]
    return {_key_of_row(work, row): row for row in rows}


def _key_of_row(work: Work, row: SideEffect) -> tuple[str, str]:
    if row.term != terms.OTHER:
        return row.term, ""
    return row.term, journal.body_at(work, row.id, row.version)["term_text"].casefold()


def keep_readings(
    work: Work, person: Person, contact: Contact, follow_up_id: UUID, heard: Heard, *, first: bool
) -> None:
    """Keep which episodes a follow-up read; a corrected one's earlier readings go."""
    work.put_rows(
        SideEffectReading,
        [
            {
                "patient_id": person.id,
                "episode_id": episode_id,
                "day": contact.on,
                "record_id": follow_up_id,
                "severity": severity,
            }
            for episode_id, severity in heard.severities.items()
        ],
    )
    if not first:
        kept = [(episode_id, contact.on) for episode_id in heard.severities]
        work.change_where(
            delete(SideEffectReading).where(
                SideEffectReading.record_id == follow_up_id,
                tuple_(SideEffectReading.episode_id, SideEffectReading.day).not_in(kept),
            )
        )


def told_ids(follow_up_id: UUID, entries: Sequence[SideEffectIn]) -> set[UUID]:
    """Give the ids of the episodes that a follow-up may have brought: told, or opened by it."""
    return {
        entry.id or opened_id(follow_up_id, entry)
        for entry in entries
        if entry.id is not None or entry.severity > 0
    }


def withdraw_told(
    work: Work, person: Person, follow_up_id: UUID, ids: Collection[UUID], reason: str | None
) -> None:
    """Mark episodes that a follow-up brought, and no longer tells of, as entered in error.

    One that another record has read since stays: it is that record's too.
    """
    if not ids:
        return
    others = select(SideEffectReading.episode_id).where(SideEffectReading.record_id != follow_up_id)
    rows = work.all(
        select(SideEffect).where(
            SideEffect.id.in_(ids),
            SideEffect.patient_id == person.id,
            SideEffect.status != "entered_in_error",
            SideEffect.id.not_in(others.where(SideEffectReading.episode_id.in_(ids))),
        )
    )
    for row in rows:
        told = orjson.loads(journal.answer_at(work, row.id, row.version).body)
        if told.get("reported_in") == str(follow_up_id):
            records.withdraw(work, KIND, person.id, row.id, frozenset({row.version}), reason)


def forget_readings(work: Work, follow_up_id: UUID) -> None:
    """Drop what a withdrawn follow-up read."""
    work.change_where(delete(SideEffectReading).where(SideEffectReading.record_id == follow_up_id))


def _row(work: Work, record_id: UUID) -> SideEffect:
    row = work.first(select(SideEffect).where(SideEffect.id == record_id))
    assert isinstance(row, SideEffect)
    return row
