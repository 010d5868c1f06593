"""Medication courses, dose events, what was dispensed and taken."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import BigInt, Document, Id


class Medication(Record, Base):
    """One drug, supplement or substance of one patient, from start to stop: a course."""

    __tablename__ = "medications"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("kind IN ('drug', 'supplement', 'substance')", name="kind"),
        Index(None, "clinic_id", "patient_id"),
    )

    kind: Mapped[str] = mapped_column(String(12))
    name: Mapped[str] = mapped_column(String(200))
    """What the record calls it: the code's display, else the text as sent."""
    code_system: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(200))
    reference_id: Mapped[str | None] = mapped_column(String(100))
    route: Mapped[str | None] = mapped_column(String(200))
    form: Mapped[str | None] = mapped_column(String(200))
    recorded_at: Mapped[datetime]
    """When it was first recorded; orders the list of courses."""


class DoseEvent(Record, Base):
    """One thing done to the dose of a course, on the day from which it holds."""

    __tablename__ = "dose_events"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(
            ["clinic_id", "medication_id"], ["medications.clinic_id", "medications.id"]
        ),
        CheckConstraint(
            "kind IN ('start', 'change', 'stop', 'restart', 'hold', 'resume', 'prn_on', 'prn_off')",
            name="kind",
        ),
        Index(None, "clinic_id", "patient_id", "effective_on"),
        Index(None, "clinic_id", "medication_id"),
    )

    medication_id: Mapped[UUID] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(String(8))
    effective_on: Mapped[date | None]
    """The local day; None for an end at an unknown day, which only an import can bring."""
    effective_at: Mapped[datetime | None]
    amount: Mapped[Decimal | None]
    unit: Mapped[str | None] = mapped_column(String(20))
    times_per_day: Mapped[Decimal | None]
    percent_of_previous: Mapped[Decimal | None]
    max_per_day: Mapped[Decimal | None]
    parts: Mapped[list[dict[str, Any]] | None] = mapped_column(Document)
    """Several strengths at different hours, as they were sent; then `amount` is None."""
    interval_days: Mapped[int | None]
    planned_step_id: Mapped[UUID | None] = mapped_column(Id)
    """The planned step that this event carried out."""
    dose_known: Mapped[bool]
    planned: Mapped[bool]
    unconfirmed: Mapped[str | None] = mapped_column(String(200))
    """Space-separated codes of what nobody has confirmed yet; then it makes no dose epoch."""
    reason: Mapped[str | None] = mapped_column(String(30))


class Administration(Record, Base):
    """One dose taken, missed or taken in part, as somebody or something reported it."""

    __tablename__ = "administrations"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(
            ["clinic_id", "medication_id"], ["medications.clinic_id", "medications.id"]
        ),
        CheckConstraint("taken IN ('yes', 'no', 'partial', 'unknown')", name="taken"),
        Index(None, "clinic_id", "medication_id", "day"),
        Index(None, "clinic_id", "reported_in"),
    )

    medication_id: Mapped[UUID] = mapped_column(Id)
    taken: Mapped[str] = mapped_column(String(8))
    day: Mapped[date]
    at: Mapped[datetime | None]
    reported_in: Mapped[UUID | None] = mapped_column(Id)
    """The check-in or follow-up that brought it, if it came in one."""


class Dispense(Record, Base):
    """One fill that was handed out: supply, never a dose taken."""

    __tablename__ = "dispenses"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(
            ["clinic_id", "medication_id"], ["medications.clinic_id", "medications.id"]
        ),
        CheckConstraint("days_supply >= 1", name="days_supply"),
        CheckConstraint("(quantity IS NULL) = (unit IS NULL)", name="quantity"),
        Index(None, "clinic_id", "medication_id", "dispensed_on"),
    )

    medication_id: Mapped[UUID] = mapped_column(Id)
    dispensed_on: Mapped[date]
    quantity: Mapped[Decimal | None]
    unit: Mapped[str | None] = mapped_column(String(20))
    days_supply: Mapped[int | None]


class ReportedIntake(Owned, Base):
    """What somebody told at a contact of taking one medicine: a dose, or days missed.

    As a measurement it has the journal sequence that asserted it and that took it back.
    """

    __tablename__ = "reported_intakes"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(
            ["clinic_id", "medication_id"], ["medications.clinic_id", "medications.id"]
        ),
    )

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    """The check-in or follow-up that told it."""
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    asserted: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    retracted: Mapped[int | None] = mapped_column(BigInt)
    medication_id: Mapped[UUID] = mapped_column(Id)
    day: Mapped[date]
    amount: Mapped[Decimal | None]
    unit: Mapped[str | None] = mapped_column(String(20))
    times_per_day: Mapped[Decimal | None]
    days: Mapped[int | None]
    """Of so many days `missed_days` were missed; None where a dose was told."""
    missed_days: Mapped[int | None]
