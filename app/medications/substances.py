"""A patient's courses as the list that the interaction rules look at."""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from app.clinical import medications as reference
from app.clinical.doses import DoseEpoch, dose_line
from app.clinical.interactions import Entry
from app.core.answer import Answer
from app.core.db import Work
from app.interactions import service as interactions
from app.medications.reading import Course, courses
from app.patients import service as patients

_DAILY = frozenset({"mg/d", "ug/d", "mmol/d", "[iU]/d"})
"""Units of the reference in which a dose line can be stated."""


def interactions_now(work: Work, patient_id: UUID) -> Answer:
    """Give a patient's interactions, computed from the courses as they are now."""
    person = patients.get(work, patient_id)
    on = person.today(work.now)
    known = courses(work, patient_id)
    return interactions.show(
        work,
        patient_id,
        entries_of(known, on),
        interactions.facts_of(person, on),
        names={str(course.id): course.name for course in known},
    )


def entries_of(known: Iterable[Course], on: date) -> list[Entry]:
    """Give each course as an entry of the list, as of one day; its id is the key.

    A course without any dose event counts as taken: nobody said that it ended. So does one on
    hold, which goes on without a new decision. What ended on an unknown day counts as ended
    on `on`, because no wash-out of it is known to be over. A dose that is not known, as
    needed, or in a unit that the reference's maximum does not share is None.
    """
    return [_entry(course, on) for course in known]


def _entry(course: Course, on: date) -> Entry:
    known = resolved(course)
    ceiling = known.substance.max_daily if known.substance else None
    unit = ceiling.unit if ceiling and ceiling.unit in _DAILY else None
    epochs = dose_line(course.events, as_of=on, unit=unit).epochs
    now = epochs[-1] if epochs else None
    tdd = now.tdd if now and now.on else None
    return Entry(
        key=str(course.id),
        resolved=known,
        dose_per_day=tdd,
        dose_unit=now.unit.removesuffix("/d") if now and now.unit and tdd is not None else None,
        started_on=epochs[0].from_day if epochs else _first_day(course),
        stopped_on=_stopped_on(now, on) if now else None,
    )


def resolved(course: Course) -> reference.Resolved:
    """Say what the course is of; what its code or id meant when it was recorded wins."""
    if course.reference_id is not None:
        return interactions.resolve(None, course.reference_id, course.name)
    code = (course.code_system, course.code) if course.code_system and course.code else None
    return interactions.resolve(code, None, course.name)


def _first_day(course: Course) -> date | None:
    """Give the day of a course that no dose epoch tells of: planned, ahead, or unconfirmed."""
    days = [event.day for event in course.events]
    return min((day for day in days if day is not None), default=None) if None not in days else None


def _stopped_on(now: DoseEpoch, on: date) -> date | None:
    if now.ended_on_unknown_day:
        return on
    return None if now.on or now.hold else now.from_day
