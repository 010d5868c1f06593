"""Scored questionnaires, and a clinic's own wording for them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import Id


class Assessment(Record, Base):
    """One filled-in instrument. Answers and totals stand in the journal and the series."""

    __tablename__ = "assessments"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id", "occurred_at"),
    )

    instrument: Mapped[str] = mapped_column(String(60))
    occurred_at: Mapped[datetime]
    """The moment; where only the day is known, its beginning, so that lists have an order."""
    occurred_on: Mapped[date]
    follow_up_id: Mapped[UUID | None] = mapped_column(Id)


class InstrumentText(Owned, Base):
    """That a clinic has its own wording for an instrument; the wording stands in the journal."""

    __tablename__ = "instrument_texts"
    __table_args__ = (ForeignKeyConstraint(["clinic_id"], ["clinics.clinic_id"]),)

    instrument: Mapped[str] = mapped_column(String(60), primary_key=True)
    version: Mapped[int]
