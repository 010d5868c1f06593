"""Follow-ups, side-effect episodes and their readings."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, String, false
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
    domains: Mapped[str] = mapped_column(String(200), server_default="")
    """The names of those that it carries, with a blank between two."""


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
    from_readings: Mapped[bool] = mapped_column(server_default=false())
    """Made of what follow-ups told, and moved by it; else a record of its own."""


class SideEffectReading(Owned, Base):
    """What one follow-up told of one effect; episodes are made of these.

    said: the text that tells one `other` from another, empty for a term of the vocabulary;
        without capitals, which may make it three times as long.
    onset_on, ended_on: as the follow-up stated them, None where it did not.
    """

    __tablename__ = "side_effect_readings"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("severity BETWEEN 0 AND 4", name="severity"),
        Index(None, "clinic_id", "patient_id", "term", "day"),
    )
    upserted = True

    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    term: Mapped[str] = mapped_column(String(100), primary_key=True)
    said: Mapped[str] = mapped_column(String(600), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)
    day: Mapped[date]
    severity: Mapped[int] = mapped_column(SmallInteger)
    frequency: Mapped[int | None] = mapped_column(SmallInteger)
    interference: Mapped[int | None] = mapped_column(SmallInteger)
    onset_on: Mapped[date | None]
    ended_on: Mapped[date | None]
