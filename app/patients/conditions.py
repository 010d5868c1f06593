"""What a patient is treated for, and what else is there: diagnoses and problems."""

from datetime import date
from uuid import UUID

from sqlalchemy import or_, select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid
from app.patients import days, records
from app.patients.models import Condition
from app.patients.records import Kind, Place
from app.patients.schemas import ConditionIn
from app.patients.service import Person


def record(work: Work, patient_id: UUID, data: ConditionIn) -> Answer:
    """Store one condition; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: its days are not in order, lie ahead, or before the birth.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, KIND, patient_id, data)


def keep(work: Work, person: Person, data: ConditionIn, place: Place) -> Answer:
    """Store one version of a condition."""
    found = [
        *days.faults(person, work.now, {"/onset_on": data.onset_on, "/ended_on": data.ended_on}),
        *days.faults_of_order("/ended_on", data.onset_on, data.ended_on),
    ]
    if found:
        raise Invalid(faults=found)
    row = place.row
    return records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "code_system": data.code.system if data.code else None,
            "code": data.code.code if data.code else None,
            "onset_on": data.onset_on,
            "ended_on": data.ended_on,
            "recorded_at": row.recorded_at if isinstance(row, Condition) else work.now,
        },
    )


def codes(work: Work, patient_id: UUID, system: str, on: date) -> frozenset[str]:
    """Give the codes of one system that hold for a patient on a day."""
    return frozenset(
        work.all(
            select(Condition.code).where(
                Condition.patient_id == patient_id,
                Condition.code_system == system,
                Condition.status != "entered_in_error",
                or_(Condition.ended_on.is_(None), Condition.ended_on >= on),
            )
        )
    )


KIND = Kind("condition", Condition, ConditionIn, keep, order="recorded_at")
