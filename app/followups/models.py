"""Follow-ups, side-effect episodes and their readings."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import Id


class FollowUp(Record, Base):
    """One contact at one time; corrected by a new version, never overwritten."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("kind IN ('visit', 'call', 'message', 'check_in')", name="kind"),
        Index(None, "clinic_id", "patient_id", "occurred_at"),
    )

    kind: Mapped[str] = mapped_column(String(10))
    occurred_at: Mapped[datetime]
    occurred_offset_min: Mapped[int]
    occurred_on: Mapped[date]


class SideEffect(Record, Base):
    """One side effect over time, from onset to end: an episode."""

    __tablename__ = "side_effects"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id", "term"),
    )

    term: Mapped[str] = mapped_column(String(100))
    onset_on: Mapped[date]
    onset_assumed: Mapped[bool]
    ended_on: Mapped[date | None]


class SideEffectReading(Owned, Base):
    """The severity of an episode on one day, as one record reported it."""

    __tablename__ = "side_effect_readings"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(
            ["clinic_id", "episode_id"], ["side_effects.clinic_id", "side_effects.id"]
        ),
        CheckConstraint("severity BETWEEN 0 AND 4", name="severity"),
        Index(None, "clinic_id", "record_id"),
    )
    upserted = True

    patient_id: Mapped[UUID] = mapped_column(Id)
    episode_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    severity: Mapped[int] = mapped_column(SmallInteger)
