"""What a patient tells of taking a medicine, kept as told, beside what was ordered."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from sqlalchemy import update

from app.core.db import Work
from app.medications.models import ReportedIntake
from app.patients.service import Person


@dataclass(frozen=True, slots=True)
class Told:
    """One statement on one medicine: a dose so many times a day, or days missed of some days."""

    medication_id: UUID
    amount: Decimal | None = None
    unit: str | None = None
    times_per_day: Decimal | None = None
    days: int | None = None
    missed_days: int | None = None


def keep_told(
    work: Work,
    person: Person,
    record_id: UUID,
    sequence: int,
    day: date,
    told: Iterable[Told],
    *,
    first_version: bool,
) -> None:
    """Assert what a contact told at a journal sequence; an earlier version's is taken back."""
    if not first_version:
        retract_told(work, person.id, record_id, sequence)
    work.put_rows(
        ReportedIntake,
        [
            {
                "patient_id": person.id,
                "record_id": record_id,
                "place": place,
                "asserted": sequence,
                "retracted": None,
                "medication_id": one.medication_id,
                "day": day,
                "amount": one.amount,
                "unit": one.unit,
                "times_per_day": one.times_per_day,
                "days": one.days,
                "missed_days": one.missed_days,
            }
            for place, one in enumerate(told)
        ],
    )


def retract_told(work: Work, patient_id: UUID, record_id: UUID, sequence: int) -> None:
    """Take back all that a contact told, from this journal sequence on."""
    work.change_where(
        update(ReportedIntake)
        .where(
            ReportedIntake.patient_id == patient_id,
            ReportedIntake.record_id == record_id,
            ReportedIntake.retracted.is_(None),
            ReportedIntake.asserted < sequence,
        )
        .values(retracted=sequence)
    )
