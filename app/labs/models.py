"""Lab values and vital signs."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Record


class Lab(Record, Base):
    """One result of one test: a number in its unit, or words where it has no number."""

    __tablename__ = "labs"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("(value IS NULL) = (unit IS NULL)", name="unit"),
        CheckConstraint("(value IS NULL) <> (value_text IS NULL)", name="value"),
        Index(None, "clinic_id", "patient_id", "measure", "drawn_on"),
    )

    code_system: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(200))
    measure: Mapped[str] = mapped_column(String(100))
    value: Mapped[Decimal | None]
    """As it was sent, in `unit`; the series holds it in the unit of the test."""
    value_text: Mapped[str | None] = mapped_column(String(200))
    unit: Mapped[str | None] = mapped_column(String(20))
    drawn_on: Mapped[date]
    drawn_at: Mapped[datetime | None]
    hours_since_dose: Mapped[float | None]
