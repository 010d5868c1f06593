"""What is asked of the tables of courses and of what stands under them."""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select

from app.core.db import Work
from app.medications.models import (
    Administration,
    Dispense,
    DoseEvent,
    Medication,
    ReportedIntake,
)


def courses(work: Work, patient_id: UUID, ids: set[UUID]) -> set[UUID]:
    """Say which of these ids are courses of this patient."""
    return set(
        work.all(
            select(Medication.id).where(Medication.patient_id == patient_id, Medication.id.in_(ids))
        )
    )


def courses_with_events(work: Work, patient_id: UUID) -> Sequence[Any]:
    """Give pairs of ids: a course and one of its dose events, or None where it has none."""
    return work.all(
        select(Medication.id, DoseEvent.id)
        .outerjoin(
            DoseEvent,
            (DoseEvent.clinic_id == Medication.clinic_id)
            & (DoseEvent.medication_id == Medication.id),
        )
        .where(Medication.patient_id == patient_id)
        .order_by(Medication.recorded_at, Medication.id)
    )


def withdrawn_courses(work: Work, patient_id: UUID) -> set[UUID]:
    """Give the courses of a patient that were entered in error."""
    return set(
        work.all(
            select(Medication.id).where(
                Medication.patient_id == patient_id, Medication.status == "entered_in_error"
            )
        )
    )


def is_used(work: Work, medication_id: UUID) -> bool:
    """Say whether something of a course was handed out or taken, also by this very call."""
    added = any(
        model in (Administration, Dispense) and row["medication_id"] == medication_id
        for model, row in work.added
    )
    return added or any(
        work.first(
            select(model.id).where(
                model.medication_id == medication_id, model.status != "entered_in_error"
            )
        )
        is not None
        for model in (Administration, Dispense)
    )


def belongs(
    work: Work,
    model: type[DoseEvent] | type[Administration] | type[Dispense],
    patient_id: UUID,
    medication_id: UUID,
    record_id: UUID,
) -> bool:
    """Say whether a record is one of this patient's course."""
    statement = select(model.id).where(
        model.id == record_id,
        model.patient_id == patient_id,
        model.medication_id == medication_id,
    )
    return work.first(statement) is not None


def has_event(work: Work, medication_id: UUID, event_id: UUID) -> bool:
    """Say whether a dose event stands under a course."""
    statement = select(DoseEvent.id).where(
        DoseEvent.id == event_id, DoseEvent.medication_id == medication_id
    )
    return work.first(statement) is not None


def administration(work: Work, patient_id: UUID, record_id: UUID) -> Administration | None:
    """Give one administration of this patient."""
    found: Administration | None = work.first(
        select(Administration).where(
            Administration.id == record_id, Administration.patient_id == patient_id
        )
    )
    return found


def reported(work: Work, patient_id: UUID, reported_in: UUID) -> Sequence[Administration]:
    """Give the administrations that one follow-up brought, without those entered in error."""
    return work.all(
        select(Administration).where(
            Administration.patient_id == patient_id,
            Administration.reported_in == reported_in,
            Administration.status != "entered_in_error",
        )
    )


def taken_since(work: Work, patient_id: UUID, first: date, last: date) -> Sequence[UUID]:
    """Give the ids of a patient's administrations of these days, those in error included."""
    return work.all(
        select(Administration.id).where(
            Administration.patient_id == patient_id,
            Administration.medication_id.in_(
                select(Medication.id).where(Medication.patient_id == patient_id)
            ),
            Administration.day >= first,
            Administration.day <= last,
        )
    )


def dispensed(work: Work, patient_id: UUID) -> Sequence[UUID]:
    """Give the ids of a patient's dispenses, those in error included."""
    return work.all(
        select(Dispense.id).where(
            Dispense.patient_id == patient_id,
            Dispense.medication_id.in_(
                select(Medication.id).where(Medication.patient_id == patient_id)
            ),
        )
    )


def reported_intakes(work: Work, patient_id: UUID, sequence: int) -> Sequence[ReportedIntake]:
    """Give what was told of taking, as known at a journal sequence, by day."""
    return work.all(
        select(ReportedIntake)
        .where(
            ReportedIntake.patient_id == patient_id,
            ReportedIntake.asserted <= sequence,
            or_(ReportedIntake.retracted.is_(None), ReportedIntake.retracted > sequence),
        )
        .order_by(ReportedIntake.day, ReportedIntake.asserted, ReportedIntake.place)
    )
