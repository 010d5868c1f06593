"""Side effects over time: episodes told of by themselves, and what follow-ups tell of them.

A reading stands on the day of its follow-up, or on the end that it tells of, and on the onset
that it states.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import delete, select, true, tuple_

from app.clinical import terms
from app.clinical.measures import side_effect
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid
from app.followups.domains.base import Contact
from app.followups.domains.side_effects import SideEffectIn
from app.followups.episode_records import (
    TOLD,
    Key,
    day_in,
    keep_version,
    key_of,
    key_of_row,
    of_effects,
    open_signal,
    retract,
    row_of,
)
from app.followups.episodes import Stated
from app.followups.models import SideEffect, SideEffectReading
from app.followups.settling import Effect, settle, told_by
from app.journal import service as journal
from app.measurements import own_reference
from app.measurements.service import Reading
from app.medications import service as medications
from app.patients import records
from app.patients.records import Place
from app.patients.service import Person

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
    """Store one version of an episode that is told of, or corrected, by itself."""
    faults = [*_faults(work, person, data), *_faults_of_episode(data)]
    if faults:
        raise Invalid(faults=faults)
    _require_courses(work, person, data, "")
    effects: dict[Key, Effect] = {}
    if isinstance(place.row, SideEffect):
        effects[key_of_row(work, place.row)] = Effect()
    answer = keep_version(work, person, data, place)
    onset = date.fromisoformat(orjson.loads(answer.body)["onset_on"])
    effects[key_of(data)] = Effect(stated=[Stated(place.record_id, onset, data.ended_on)])
    settle(work, person, effects, {place.record_id})
    return answer


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    """Take back a withdrawn episode, and its readings' claim to one.

    Readings in the time of an episode that had a record of its own make one again.
    """
    retract(work, person, row, answer)
    assert isinstance(row, SideEffect)
    key = key_of_row(work, row)
    if not row.from_readings:
        settle(work, person, {key: Effect()}, {row.id})
        return
    until = SideEffectReading.day <= row.ended_on if row.ended_on else true()
    work.change_where(
        delete(SideEffectReading).where(
            *of_effects(person, [key]), SideEffectReading.day >= row.onset_on, until
        )
    )


KIND = replace(TOLD, keep=keep, forget=_forget)


def find(work: Work, patient_id: UUID, record_id: UUID) -> SideEffect | None:
    """Give one episode of a patient as it is now."""
    row: SideEffect | None = work.first(
        select(SideEffect).where(SideEffect.id == record_id, *KIND.rows(patient_id))
    )
    return row


# ---- rules


def _faults(work: Work, person: Person, data: SideEffectIn) -> Iterator[Fault]:
    if data.term != terms.OTHER and own_reference.term(work, data.term) is None:
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
        elif any(key_of(other) == key_of(entry) for other in entries if other is not entry):
            found.append(Fault("/term", "duplicate", "a reading stands once, alone for its term"))
        at = f"{POINTER}/{place}"
        faults += [Fault(at + fault.pointer, fault.code, fault.detail) for fault in found]
    if faults:
        raise Invalid(faults=faults)
    for place, entry in enumerate(entries):
        _require_courses(work, person, entry, f"{POINTER}/{place}")


def _require_courses(work: Work, person: Person, data: SideEffectIn, pointer: str) -> None:
    for name, ids in data.named_courses():
        medications.require_courses(work, person.id, ids, f"{pointer}/{name}")


# ---- inside a follow-up


@dataclass(slots=True)
class Heard:
    """What a follow-up's entries lead to; its answer, numbers and readings hold them."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    told: list[SideEffectIn] = field(default_factory=list)
    """The entries that are readings."""
    opened_signals: list[dict[str, Any]] = field(default_factory=list)


def hear(
    work: Work,
    person: Person,
    contact: Contact,
    follow_up_id: UUID,
    entries: Sequence[SideEffectIn],
    before: Sequence[SideEffectIn],
    *,
    first_version: bool,
) -> Heard:
    """Store the episodes of a follow-up, and let its readings make, move and end the others.

    before: the entries of the version that it replaces; what they brought and these do not is
        withdrawn.

    Raises:
        AlreadyExists: the id of an episode is taken by other content.
        Invalid: an effect ended before it began.
    """
    heard = Heard()
    told_ids = {entry.id for entry in entries if entry.id is not None}
    gone = _withdraw_told(
        work, person, follow_up_id, [entry for entry in before if entry.id not in told_ids], None
    )
    effects = _effects_before(before)
    for place, entry in enumerate(entries):
        effect = effects.setdefault(key_of(entry), Effect())
        at = f"{POINTER}/{place}"
        if entry.id is None:
            effect.entry, effect.pointer = entry, at
            effect.told = told_by(follow_up_id, contact.on, entry)
            heard.told.append(entry)
            continue
        answer = _tell(work, person, contact, follow_up_id, entry, at)
        said = orjson.loads(answer.body)
        if answer.sequence is not None:
            heard.opened_signals += said["opened_signals"]
        if said["status"] != "entered_in_error":
            onset = date.fromisoformat(said["onset_on"])
            effect.stated.append(Stated(entry.id, onset, day_in(said.get("ended_on"))))
    if not effects:
        return heard
    known = gone | {one.id for effect in effects.values() for one in effect.stated}
    found = settle(
        work, person, effects, known, follow_up_id=follow_up_id, first_version=first_version
    )
    for entry in entries:
        sent = entry.model_dump(mode="json", exclude_unset=True)
        if entry.id is None:
            episode_id = found[key_of(entry)]
            heard.readings += _readings(contact, entry)
            heard.opened_signals += open_signal(work, person, follow_up_id, episode_id, entry)
            sent |= {"episode_id": str(episode_id)} if episode_id else {}
        heard.entries.append(sent)
    return heard


def take_back(
    work: Work,
    person: Person,
    follow_up_id: UUID,
    entries: Sequence[SideEffectIn],
    reason: str | None,
) -> None:
    """Withdraw what a withdrawn follow-up told of, and what only its readings made."""
    gone = _withdraw_told(work, person, follow_up_id, entries, reason)
    effects = _effects_before(entries)
    if effects:
        settle(work, person, effects, gone, follow_up_id=follow_up_id)
    work.change_where(delete(SideEffectReading).where(SideEffectReading.record_id == follow_up_id))


def _effects_before(entries: Iterable[SideEffectIn]) -> dict[Key, Effect]:
    return {
        key_of(entry): Effect(
            ends_before={entry.ended_on} if entry.id is None and entry.ended_on else set()
        )
        for entry in entries
    }


def _readings(contact: Contact, entry: SideEffectIn) -> Iterator[Reading]:
    """Give a reading's severity on its day, or on the day it ended if that is past.

    One that says since when stands on that day too, as an episode does.
    """
    code = side_effect(entry.term).code
    over = entry.ended_on is not None and entry.ended_on < contact.on and entry.severity > 0
    known_until = entry.ended_on if over and entry.ended_on else contact.on
    if entry.severity > 0 and entry.onset_on is not None and entry.onset_on < known_until:
        yield Reading(code, entry.severity, entry.onset_on)
    yield Reading(code, entry.severity, known_until, None if over else contact.at)


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
        place = Place(entry.id)
        return keep_version(
            work, person, entry, place, reported_on=contact.on, reported_in=follow_up_id
        )
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
    row = row_of(work, entry.id)
    if row.status == "entered_in_error":
        return current
    data = journal.patched(work, SideEffectIn, row.id, row.version, {})
    return keep_version(
        work, person, data, Place(row.id, row.version + 1, row), reported_on=contact.on
    )


def keep_readings(
    work: Work, person: Person, contact: Contact, follow_up_id: UUID, heard: Heard, *, first: bool
) -> None:
    """Keep what a follow-up read; a corrected one's earlier readings go."""
    work.put_rows(
        SideEffectReading,
        [
            {
                "record_id": follow_up_id,
                "term": key_of(entry)[0],
                "said": key_of(entry)[1],
                "patient_id": person.id,
                "day": contact.on,
                "severity": entry.severity,
                "frequency": entry.frequency,
                "interference": entry.interference,
                "onset_on": entry.onset_on,
                "ended_on": entry.ended_on,
            }
            for entry in heard.told
        ],
    )
    if not first:
        kept = [key_of(entry) for entry in heard.told]
        work.change_where(
            delete(SideEffectReading).where(
                SideEffectReading.record_id == follow_up_id,
                tuple_(SideEffectReading.term, SideEffectReading.said).not_in(kept),
            )
        )


def _withdraw_told(
    work: Work,
    person: Person,
    follow_up_id: UUID,
    entries: Iterable[SideEffectIn],
    reason: str | None,
) -> set[UUID]:
    """Mark episodes that a follow-up brought, and no longer tells of, as entered in error.

    One that another record has read since stays: it is that record's too.
    """
    wanted = {entry.id: key_of(entry) for entry in entries if entry.id is not None}
    if not wanted:
        return set()
    rows = work.all(
        select(SideEffect).where(
            SideEffect.id.in_(wanted),
            SideEffect.patient_id == person.id,
            SideEffect.status != "entered_in_error",
        )
    )
    gone = set()
    for row in rows:
        told = orjson.loads(journal.answer_at(work, row.id, row.version).body)
        read = select(SideEffectReading.record_id).where(
            *of_effects(person, [wanted[row.id]]),
            SideEffectReading.record_id != follow_up_id,
            SideEffectReading.day >= row.onset_on,
        )
        if told.get("reported_in") == str(follow_up_id) and work.first(read) is None:
            records.withdraw(work, TOLD, person.id, row.id, frozenset({row.version}), reason)
            gone.add(row.id)
    return gone
