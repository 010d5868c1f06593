"""Numbers that came by themselves, from another system or a file, under any code.

One that nobody has registered is kept and followed under its code, without a direction.
"""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

from sqlalchemy import select

from app.clinical.monitoring_schedules import is_impossible
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import Invalid
from app.measurements import service as measurements
from app.measurements.models import ObservedValue
from app.measurements.schemas import ObservedValueIn
from app.measurements.service import Reading
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person

UNIT_DIFFERS = ("DQ_UNIT_DIFFERS",)
"""Two units in one series: what is not in the unit of the first is shown and not counted."""
IMPLAUSIBLE = ("DQ_IMPLAUSIBLE",)
"""A negative result of a test that has none: kept as it came, and not counted."""


def record(work: Work, patient_id: UUID, data: ObservedValueIn) -> Answer:
    """Store one observed number; the same id and content again gives what is there.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: see `measurements.day_of`; or not in the unit of a registered measure.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, KIND, patient_id, data)


def keep(work: Work, person: Person, data: ObservedValueIn, place: Place) -> Answer:
    """Store one version of an observed number."""
    day = measurements.day_of(work, person, data.occurred_at, data.occurred_on)
    known = measurements.measure(work, data.measure)
    if known.unit and data.unit not in (None, known.unit):
        raise Invalid(f"in {known.unit}, the unit of this measure", pointer="/unit")
    answer = records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "measure": data.measure,
            "code_system": data.code.system if data.code else None,
            "code": data.code.code if data.code else None,
            "occurred_on": day,
            "occurred_at": data.occurred_at,
            "value": data.value,
            "unit": data.unit,
        },
        derived={"occurred_on": day},
    )
    assert answer.sequence is not None
    measurements.keep(
        work,
        person,
        place.record_id,
        answer.sequence,
        _readings(work, person, data, day),
        first_version=place.version == 1,
    )
    return answer


def _readings(work: Work, person: Person, data: ObservedValueIn, day: date) -> Iterator[Reading]:
    usual = _usual_unit(work, person, data)
    loinc = data.code.code if data.code else data.measure.removeprefix("labs.")
    flags = UNIT_DIFFERS if data.unit is not None and data.unit != usual else ()
    flags = IMPLAUSIBLE if is_impossible(loinc, data.value) else flags
    yield Reading(data.measure, data.value, day, data.occurred_at, flags=flags)


def _usual_unit(work: Work, person: Person, data: ObservedValueIn) -> str | None:
    """Give the unit in which this patient's series began; this number's if it begins it."""
    key = ("unit of a series", person.id, data.measure)

    def ask() -> str | None:
        found: str | None = work.first(
            select(ObservedValue.unit)
            .where(
                ObservedValue.patient_id == person.id,
                ObservedValue.measure == data.measure,
                ObservedValue.unit.is_not(None),
                ObservedValue.status != "entered_in_error",
            )
            .order_by(ObservedValue.occurred_on, ObservedValue.id)
        )
        return found

    if work.remember(key, ask) is None:
        work.memory[key] = data.unit
    usual: str | None = work.memory[key]
    return usual


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    assert answer.sequence is not None
    measurements.retract(work, row.id, answer.sequence)


KIND = Kind("observation", ObservedValue, ObservedValueIn, keep, _forget, "occurred_on")
