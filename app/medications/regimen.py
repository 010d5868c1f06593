"""The whole list of a patient, derived: what is ordered now, since when, and how it got there."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from app.clinical import dose_timing, doses, units
from app.clinical import medications as reference
from app.clinical.doses import DoseEpoch
from app.clinical.medications import Substance
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter
from app.journal import service as journal
from app.medications.reading import Course, courses
from app.patients import service as patients

DAYS_A_WEEK = 7


def show(
    work: Work, patient_id: UUID, as_of: date | None = None, known_at: datetime | None = None
) -> Answer:
    """Give every course with its dose epochs as they stood on a day, and as known at a moment.

    Nothing here says what was taken: an order is not an administration.

    Raises:
        NotFound: no such patient for this caller.
        InvalidParameter: a day or a moment that has not come.
    """
    person = patients.get(work, patient_id)
    today = person.today(work.now)
    if as_of is not None and as_of > today:
        raise InvalidParameter("not later than today", pointer="/query/as_of")
    if known_at is not None and known_at > work.now:
        raise InvalidParameter("not later than now", pointer="/query/known_at")
    sequence = journal.patient_sequence(work, patient_id, known_at)
    on = as_of or today
    version, written_on = reference.version()
    body = {
        "patient": patients.banner(person),
        "as_of": on,
        "patient_version": sequence,
        "reference": {"version": version, "date": written_on},
        "medications": [_told(course, on) for course in courses(work, patient_id, sequence)],
    }
    return Answer(orjson.dumps(body, default=str))


def _told(course: Course, on: date) -> dict[str, Any]:
    substance = reference.by_id(course.reference_id) if course.reference_id else None
    line = doses.dose_line(course.events, as_of=on, unit=_unit(substance))
    steady = dose_timing.ss_days(_upper(substance))
    onset = dose_timing.onset_days(
        substance.onset_weeks if substance else None,
        {substance.reference_id, *substance.classes} if substance else (),
    )
    lowest = _least_effective(substance)
    clock = dose_timing.dose_clock(line.epochs, as_of=on, minimum_effective=lowest)
    now = line.now
    return {
        "medication_id": course.id,
        "name": course.name,
        "reference_id": course.reference_id,
        "kind": course.kind,
        "running": now is not None and now.running,
        "daily_dose": _dose(now) if now is not None else None,
        "phase": _phase(now, on, steady.days, onset.early),
        "since": clock.since,
        "days": clock.days,
        "weeks_at_or_above_minimum": None
        if clock.adequate_days is None
        else clock.adequate_days // DAYS_A_WEEK,
        "minimum_effective": None
        if lowest is None or substance is None or substance.usual_range is None
        else {
            "value": str(lowest),
            "unit": substance.usual_range.unit,
            "source": f"/v1/reference/medications/{substance.reference_id}",
        },
        "epochs": [_epoch(epoch) for epoch in line.epochs],
        "planned": [
            {"dose_event_id": step.event.id, "on": step.event.day, "overdue": step.overdue}
            for step in line.planned
        ],
        "notes": [
            {"code": note.code, "on": note.day, "records": note.records} for note in line.notes
        ],
        "equivalents": [
            {"of": one.of, "mg": str(one.mg), "source": one.source, "verified": one.verified}
            for one in (substance.equivalents if substance else ())
        ],
        "reasons": [*clock.codes, *steady.codes, *onset.codes],
    }


def _epoch(epoch: DoseEpoch) -> dict[str, Any]:
    return {
        "from": epoch.from_day,
        "to": epoch.to_day,
        "daily_dose": _dose(epoch),
        "known": epoch.known,
        "prn": epoch.prn,
        "hold": epoch.hold,
        "max_daily": None if epoch.max_daily is None else str(units.plain(epoch.max_daily)),
        "averaged": epoch.averaged,
        "direction": epoch.direction,
        "records": epoch.records,
        "reasons": epoch.codes,
    }


def _dose(epoch: DoseEpoch) -> dict[str, Any] | None:
    """Give a daily dose as an exact text with its unit; None where it is not known or as needed."""
    if epoch.tdd is None or epoch.unit is None:
        return None
    value = units.plain(epoch.tdd)
    return {"value": str(value), "unit": epoch.unit, "shown": units.show_dose(value, epoch.unit)}


def _phase(epoch: DoseEpoch | None, on: date, steady: int, early: int) -> str | None:
    if epoch is None:
        return None
    return dose_timing.phase(on, epoch, ss_days=steady, onset_early=early)


def _unit(substance: Substance | None) -> str | None:
    """Give the unit of the daily dose where the reference states another than milligrams."""
    return (
        "ug/d" if substance and substance.max_daily and substance.max_daily.unit == "ug/d" else None
    )


def _upper(substance: Substance | None) -> Decimal | int | float | None:
    hours = substance.half_life_hours if substance else None
    return max(hours) if hours else None


def _least_effective(substance: Substance | None) -> Decimal | None:
    """Give the low end of the usual range, where it is stated a day: the least effective dose."""
    usual = substance.usual_range if substance else None
    return Decimal(usual.low) if usual is not None and usual.unit.endswith("/d") else None
