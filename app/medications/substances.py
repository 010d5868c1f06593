"""A patient's courses as the list that the interaction rules look at."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.clinical import medications as reference
from app.clinical.doses import DoseEpoch, dose_line, presumed
from app.clinical.interactions import EGFR_LOINC, Entry, Facts
from app.core.answer import Answer
from app.core.db import Work
from app.core.wire import Identified
from app.interactions import service as interactions
from app.measurements import service as measurements
from app.medications.reading import Course, courses
from app.patients import facts as patient_facts
from app.patients import service as patients
from app.patients.facts import ToldFacts
from app.patients.service import Person

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
        facts_now(work, person, on),
        names={str(course.id): course.name for course in known},
    )


def review_list(
    work: Work,
    person: Person,
    *,
    ahead: Iterable[dict[str, Any]] = (),
    told: Sequence[ToldFacts] = (),
    old_before: date | None = None,
) -> dict[str, Any]:
    """Hold the patient's whole list against the rules, as it is after this call; once a call.

    It belongs to every write that changes a course, a dose event or a fact, and to every visit,
    call and message. A check-in changes none of them, so it asks nothing more than it stores.

    ahead: courses and dose events that this call is about to keep; see `as_kept`.
    told: facts that it is about to keep.
    Gives what the answer says of it, and takes `old_before`, as `interactions.review` does.
    """
    on = person.today(work.now)
    known = courses(work, person.id, ahead=ahead)
    facts = facts_now(work, person, on, told)
    return interactions.review(
        work, person, entries_of(known, on), facts, on, old_before=old_before
    )


def as_kept(record_id: UUID, data: Identified, **derived: Any) -> dict[str, Any]:
    """Write a course or a dose event as its answer will be, for a review before it is kept."""
    answer = {**data.model_dump(mode="json", exclude_unset=True), "status": "active", **derived}
    kept: dict[str, Any] = orjson.loads(orjson.dumps({**answer, "id": record_id}))
    return kept


def as_withdrawn(record_id: UUID) -> dict[str, Any]:
    """Write that a course or a dose event is about to be marked as entered in error."""
    return {"id": str(record_id), "status": "entered_in_error"}


def facts_now(work: Work, person: Person, on: date, ahead: Sequence[ToldFacts] = ()) -> Facts:
    """Give what is known of a patient that a rule may ask for; kidney function from the labs."""
    latest = measurements.summary(work, person.id)["latest"]
    values = [latest[code] for loinc in EGFR_LOINC if (code := f"labs.{loinc}") in latest]
    newest = max(values, key=lambda held: str(held["on"]), default=None)
    return interactions.facts_of(
        person,
        on,
        patient_facts.told(work, person.id, on, ahead),
        egfr=Decimal(str(newest["value"])) if newest else None,
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
    epochs = dose_line(presumed(course.events), as_of=on, unit=unit).epochs
    now = epochs[-1] if epochs else None
    tdd = now.tdd if now and now.on else None
    return Entry(
        key=str(course.id),
        resolved=known,
        dose_per_day=tdd,
        dose_unit=now.unit.removesuffix("/d") if now and now.unit and tdd is not None else None,
        started_on=epochs[0].from_day if epochs else _first_day(course),
        stopped_on=_stopped_on(now, on) if now else None,
        form=course.said.get("form"),
        indication=_indication(course),
    )


def _indication(course: Course) -> str | None:
    said = course.said.get("indication")
    return f"{said['code']} {said.get('display') or ''}".strip() if said else None


def resolved(course: Course) -> reference.Resolved:
    """Say what the course is of; what its code or id meant when it was recorded wins."""
    if course.own is not None:
        return reference.Resolved(course.own, (), "reference_id")
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
