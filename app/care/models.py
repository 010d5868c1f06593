"""The intake, the treatment plan and its reviews, therapy sessions, life events."""

from datetime import date, datetime

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Record


class Intake(Record, Base):
    """The first appointment of a patient: one document, corrected by new versions."""

    __tablename__ = "intakes"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        UniqueConstraint("clinic_id", "patient_id"),
    )

    occurred_at: Mapped[datetime]
    occurred_on: Mapped[date]


class TreatmentPlan(Record, Base):
    """What was agreed with a patient: one plan, each change of it a new version."""

    __tablename__ = "treatment_plans"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        UniqueConstraint("clinic_id", "patient_id"),
    )

    agreed_on: Mapped[date]
    review_interval_days: Mapped[int | None]
    phase: Mapped[str | None] = mapped_column(String(20))


class PlanReview(Record, Base):
    """One look at the plan with the patient, and what came of it."""

    __tablename__ = "plan_reviews"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id", "reviewed_at"),
    )

    reviewed_at: Mapped[datetime]
    reviewed_on: Mapped[date]
    outcome: Mapped[str] = mapped_column(String(30))


class TherapySession(Record, Base):
    """One session of a talking or skills therapy, attended or not."""

    __tablename__ = "therapy_sessions"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id", "occurred_at"),
    )

    modality: Mapped[str] = mapped_column(String(40))
    occurred_at: Mapped[datetime]
    occurred_on: Mapped[date]
    attended: Mapped[bool]


class LifeEvent(Record, Base):
    """Something in a patient's life that a reader of the numbers has to know."""

    __tablename__ = "life_events"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("weight BETWEEN 1 AND 3", name="weight"),
        Index(None, "clinic_id", "patient_id", "from_on"),
    )

    kind: Mapped[str] = mapped_column(String(20))
    label: Mapped[str] = mapped_column(String(200))
    from_on: Mapped[date]
    to_on: Mapped[date | None]
    weight: Mapped[int | None] = mapped_column(SmallInteger)
