"""Lab values and vital signs: kept as sent, followed in the unit of their test.

A critical value opens its signal in the same request, whatever the hour of the sample. Which
medicines the patient takes is not known here: a limit is the strictest that the reference has.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select

from app.clinical.limits import Judged, Limits, in_unit, judge
from app.clinical.monitoring_schedules import LabTest, is_impossible, lab_test
from app.clinical.units import UnitsNotComparable
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import Invalid
from app.labs.models import Lab
from app.labs.schemas import LabIn
from app.measurements import own_reference
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import service as signals

CRITICAL = "critical_lab"
DEVICE_CLOCK_TOLERANCE = timedelta(hours=24)
SAMPLE_TIMING = ("DQ_SAMPLE_TIMING",)
"""Drawn outside the hours in which levels of the test can be compared: shown, not counted."""


def record(work: Work, patient_id: UUID, data: LabIn) -> Answer:
    """Store one result; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: dated before the birth or beyond the tolerance for a device's clock; in a unit
            that is not one of the test; a number that no result of the test can be.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, KIND, patient_id, data)


def keep(
    work: Work, person: Person, data: LabIn, place: Place, *, opens_signals: bool = True
) -> Answer:
    """Store one version of a result.

    opens_signals: False for an import of old facts, which opens one signal for all of them.
    """
    day = _drawn_on(work, person, data)
    measure = f"labs.{data.code.code}"
    test = lab_test(data.code.code, own_reference.schedules(work))
    limits = _limits(work, person, data, place, test)
    judged = _judged(limits, data)
    if data.value is not None and is_impossible(data.code.code, data.value):
        raise Invalid("0 or above: no result of this test is negative", pointer="/value")
    opened = None
    if opens_signals and test is not None and judged is not None and judged.critical:
        opened = _signal(work, person, place.record_id, measure, data, judged, test)
    answer = records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "code_system": data.code.system,
            "code": data.code.code,
            "measure": measure,
            "value": data.value,
            "value_text": data.value_text,
            "unit": data.unit,
            "drawn_on": day,
            "drawn_at": data.drawn_at,
            "hours_since_dose": data.hours_since_dose,
        },
        derived={
            "measure": measure,
            "drawn_on": day,
            "interpretation": _told(judged),
            "opened_signals": [opened] if opened else [],
        },
    )
    assert answer.sequence is not None
    readings = []
    if judged is not None and judged.value is not None:
        flags = SAMPLE_TIMING if judged.comparable is False else ()
        readings.append(Reading(measure, float(judged.value), day, data.drawn_at, flags=flags))
    measurements.keep(
        work,
        person,
        place.record_id,
        answer.sequence,
        readings,
        first_version=place.version == 1,
    )
    return answer


def in_words(work: Work, patient_id: UUID) -> Sequence[Any]:
    """Give the results that have no number (measure, drawn_on, id): no series holds them."""
    return work.all(
        select(Lab.measure, Lab.drawn_on, Lab.id)
        .where(
            Lab.patient_id == patient_id,
            Lab.value_text.is_not(None),
            Lab.status != "entered_in_error",
        )
        .order_by(Lab.drawn_on, Lab.id)
    )


def _drawn_on(work: Work, person: Person, data: LabIn) -> date:
    """Give the local day of the sample."""
    latest = work.now + DEVICE_CLOCK_TOLERANCE
    if data.drawn_at is not None:
        pointer, day, is_late = "/drawn_at", person.day_of(data.drawn_at), data.drawn_at > latest
    else:
        assert data.drawn_on is not None, "the body has one of the two"
        pointer, day = "/drawn_on", data.drawn_on
        is_late = day > person.today(latest)
    if is_late:
        raise Invalid("not later than now: check the device's clock", pointer=pointer)
    if person.birth_date is not None and day < person.birth_date:
        raise Invalid("the birth date or later", pointer=pointer)
    return day


def _limits(work: Work, person: Person, data: LabIn, place: Place, test: LabTest | None) -> Limits:
    """Give the limits of the test; where the reference has no unit, that of the patient's first."""
    if test is not None and test.limits.unit is not None:
        return test.limits
    first = work.first(
        select(Lab.unit)
        .where(
            Lab.patient_id == person.id,
            Lab.measure == f"labs.{data.code.code}",
            Lab.unit.is_not(None),
            Lab.id != place.record_id,
            Lab.status != "entered_in_error",
        )
        .order_by(Lab.drawn_on, Lab.id)
    )
    return Limits(first or data.unit, None, None, None, None, None, None)


def _judged(limits: Limits, data: LabIn) -> Judged | None:
    """Hold the number against its limits; None for words.

    Raises:
        Invalid: the unit cannot be joined to that of the test: two in one series would show a
            change that nobody has (hazard H2).
    """
    if data.value is None or data.unit is None:
        return None
    try:
        in_unit(limits, data.value, data.unit)
    except UnitsNotComparable:
        units = " or ".join(limits.units)
        raise Invalid(f"a unit that fits this code, such as {units}", pointer="/unit") from None
    own, hours = data.reference_range, data.hours_since_dose
    return judge(
        limits,
        data.value,
        data.unit,
        hours_since_dose=None if hours is None else Decimal(str(hours)),
        laboratory_range=(own.low, own.high) if own else None,
    )


def _told(judged: Judged | None) -> dict[str, Any] | None:
    if judged is None:
        return None
    return {
        "level": judged.level,
        "basis": judged.basis,
        "comparable": judged.comparable,
        "code": judged.code,
    }


def _signal(
    work: Work,
    person: Person,
    record_id: UUID,
    measure: str,
    data: LabIn,
    judged: Judged,
    test: LabTest,
) -> dict[str, Any] | None:
    """Open a signal for a critical value, unless this record has one; a correction closes none."""
    is_low = judged.level == "critical_low"
    limit = test.limits.critical_low if is_low else test.limits.critical_high
    of = test.critical_low_of if is_low else test.critical_high_of
    assert of is not None, "a limit comes from a schedule"
    evidence = {
        "measure": measure,
        "name": test.name,
        "level": judged.level,
        "value": str(data.value),
        "unit": data.unit,
        "limit": {"value": str(limit), "unit": test.limits.unit},
        "hours_since_dose": data.hours_since_dose,
        "schedule": of.id,
        "source": of.source,
        "record_id": str(record_id),
    }
    return signals.open_once(work, person, f"{record_id}:{measure}", CRITICAL, evidence)


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    assert answer.sequence is not None
    measurements.retract(work, row.id, answer.sequence)


KIND = Kind("lab", Lab, LabIn, keep, _forget, "drawn_on")
