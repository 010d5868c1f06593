"""What a named person decided not to measure."""

from datetime import date

from sqlalchemy import ForeignKeyConstraint, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Record


class Waiver(Record, Base):
    """One schedule waived for one patient. What is due is never stored; this is."""

    __tablename__ = "monitoring_waivers"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        UniqueConstraint("clinic_id", "patient_id", "schedule_id"),
    )

    schedule_id: Mapped[str] = mapped_column(String(100))
    waived_on: Mapped[date]
    """The patient's local day; a treatment that begins after it is not covered."""
    until_on: Mapped[date | None]
