"""The address of a patient's calendar: what makes it revocable."""

from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned
from app.core.types import Id


class CalendarAddress(Owned, Base):
    """How often a patient took the address back; only the newest one opens the calendar."""

    __tablename__ = "calendar_addresses"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
    )
    upserted = True

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    revoked: Mapped[int]
