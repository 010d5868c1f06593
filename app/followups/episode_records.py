"""The record of one episode of a side effect: its versions, its numbers, its signal.

On which day a severity stands (trend-spec 6.4 looks for the first day with one): that of an
episode on its stated onset, where the timing against a dose is judged, and again on the last
day on which it was known, which is the day of the follow-up that told of it or its end,
whichever is earlier; none of the days between, and no zero after the end, is invented.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import ColumnElement, select, tuple_

from app.clinical import terms
from app.clinical.measures import side_effect
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.followups.domains.side_effects import SideEffectIn
from app.followups.models import SideEffect, SideEffectReading
from app.journal import service as journal
from app.measurements import own_reference
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import service as signals

SERIOUS_SIDE_EFFECT = "serious_side_effect"
SIGNAL_FROM = 3
"""The severity that opens a signal by itself: severe."""
LIFE_THREATENING = 4

Key = tuple[str, str]
"""What an entry is about: its term, and for `other` what the text says."""


def keep_version(
    work: Work,
    person: Person,
    data: SideEffectIn,
    place: Place,
    *,
    reported_on: date | None = None,
    reported_in: UUID | None = None,
    assumed_onset: date | None = None,
    from_readings: bool = False,
    asserts: bool = True,
) -> Answer:
    """Store one version of an episode.

    reported_on, reported_in: the follow-up that tells of it; None leaves what was known of that.
    assumed_onset: the onset where the body states none.
    from_readings: its severities are those of readings, and stand with their follow-ups.
    asserts: False where only its days move: its numbers stay.
    """
    asserts = asserts and not from_readings
    before = _answer_before(work, place)
    row = place.row
    known_onset = row.onset_on if isinstance(row, SideEffect) else None
    reported_on = reported_on or day_in(before.get("reported_on"))
    if data.onset_on is None and known_onset is None and reported_on is None:
        reported_on = person.today(work.now)
    onset = data.onset_on or assumed_onset or known_onset or reported_on
    assert onset is not None
    if data.ended_on is not None and data.ended_on < onset:
        onset = data.ended_on  # only an assumed onset can lie after the end
    opened = open_signal(work, person, place.record_id, None, data) if asserts else []
    reported_in = reported_in or before.get("reported_in")
    answer = records.keep(
        work,
        TOLD,
        person,
        place,
        data,
        columns={
            "term": data.term,
            "onset_on": onset,
            "onset_assumed": data.onset_on is None,
            "ended_on": data.ended_on,
            "from_readings": from_readings,
        },
        derived={
            **_words(work, data.term),
            "onset_on": onset,
            "onset_assumed": data.onset_on is None,
            **({"reported_on": reported_on} if reported_on else {}),
            **({"reported_in": reported_in} if reported_in else {}),
            "opened_signals": opened,
        },
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


def _words(work: Work, term_id: str) -> dict[str, str]:
    """Say in plain words what it is; what follows a stop or a cut stands apart."""
    term = own_reference.term(work, term_id)
    if term is None:
        return {"group": "side_effect"}
    return {"label": term.label, "body_system": term.body_system, "group": term.group}


def _answer_before(work: Work, place: Place) -> dict[str, Any]:
    if place.version == 1:
        return {}
    answer: dict[str, Any] = orjson.loads(
        journal.answer_at(work, place.record_id, place.version - 1).body
    )
    return answer


def day_in(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def retract(work: Work, person: Person, row: Record, answer: Answer) -> None:
    assert answer.sequence is not None
    measurements.retract(work, row.id, answer.sequence)


TOLD = Kind("side_effect", SideEffect, SideEffectIn, keep_version, retract, "onset_on")
"""An episode whose taking back is all that is to be done; `side_effects.KIND` does more."""


def open_signal(
    work: Work, person: Person, record_id: UUID, episode_id: UUID | None, data: SideEffectIn
) -> list[dict[str, Any]]:
    """Open a signal for what is severe, called serious, or a red flag of the reference.

    One for an episode, and one more when it becomes life-threatening or is called serious. A
    red flag at any severity above 0: the reference says that it opens a same-day or emergency
    path, and its term says more than the number beside it.
    """
    term = own_reference.term(work, data.term)
    red_flag = data.severity > 0 and term is not None and term.red_flag
    if not (data.severity >= SIGNAL_FROM or data.is_serious or red_flag):
        return []
    grave = data.severity >= LIFE_THREATENING or data.is_serious
    evidence = {
        "term": data.term,
        "severity": data.severity,
        "serious": data.is_serious,
        "red_flag": red_flag,
        "record_id": str(record_id),
        "episode_id": str(episode_id or record_id),
    }
    key = f"{episode_id or record_id}:{side_effect(data.term).code}" + (":grave" if grave else "")
    opened = signals.open_once(work, person, key, SERIOUS_SIDE_EFFECT, evidence)
    return [opened] if opened else []


# ---- one effect


def opened_id(follow_up_id: UUID, key: Key) -> UUID:
    """Give the id of the episode that a reading opens: the same whenever it is sent again."""
    return uuid5(follow_up_id, ":".join(key).rstrip(":"))


def key_of(entry: SideEffectIn) -> Key:
    said = (entry.term_text or "").casefold() if entry.term == terms.OTHER else ""
    return entry.term, said


def key_of_row(work: Work, row: SideEffect) -> Key:
    if row.term != terms.OTHER:
        return row.term, ""
    return row.term, journal.body_at(work, row.id, row.version)["term_text"].casefold()


def of_effects(person: Person, keys: Sequence[Key]) -> tuple[ColumnElement[bool], ...]:
    return (
        SideEffectReading.patient_id == person.id,
        tuple_(SideEffectReading.term, SideEffectReading.said).in_(keys),
    )


def row_of(work: Work, record_id: UUID) -> SideEffect:
    row = work.first(select(SideEffect).where(SideEffect.id == record_id))
    assert isinstance(row, SideEffect)
    return row


def all_of(
    work: Work, person: Person, row: SideEffect
) -> tuple[list[SideEffect], list[SideEffectReading]]:
    """Give all episodes of the effect that one is of, and all that was read of it."""
    key = key_of_row(work, row)
    rows = work.all(
        select(SideEffect).where(
            SideEffect.patient_id == person.id,
            SideEffect.term == row.term,
            SideEffect.status != "entered_in_error",
        )
    )
    episodes = [one for one in rows if key_of_row(work, one) == key]
    return episodes, list(work.all(select(SideEffectReading).where(*of_effects(person, [key]))))
