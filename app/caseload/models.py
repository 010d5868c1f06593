"""What the caseload shows of each patient, kept so that a page needs no history."""

from datetime import date
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned
from app.core.types import BigInt, Id


class CaseloadRow(Owned, Base):
    """Facts and dates of one patient as of `sequence`; nothing that time alone changes.

    Whether something is stale, due, missed or overdue is said when the row is read.
    """

    __tablename__ = "caseload_rows"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
    )
    upserted = True

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInt)
    """The patient's version that the row was made from."""
    rules: Mapped[str] = mapped_column(String(200))
    """Versions of engine, measures and reference that made it."""
    signals_open: Mapped[int]
    risk_open: Mapped[int]
    flags_confirmed: Mapped[int]
    flags_notice: Mapped[int]
    is_expected: Mapped[bool]
    """Somebody follows this patient: a medicine is taken, or a measure has been filled in."""
    status: Mapped[str | None] = mapped_column(String(20))
    """Of the primary measure, on the last day that the record knew of."""
    primary_stale_on: Mapped[date | None]
    stale_on: Mapped[date | None]
    """The first day on which the primary measure of one of the domains is stale."""
    stale_after_change_on: Mapped[date | None]
    """The same, of those not filled in since the dose was changed."""
    not_on_track_until: Mapped[date | None]
    """The last day on which a newest decision point that is not on track says so."""
    window_point: Mapped[str | None] = mapped_column(String(20))
    """The next decision point without a score, and the days of its window."""
    window_opens_on: Mapped[date | None]
    window_closes_on: Mapped[date | None]
    window_until: Mapped[date | None]
    """The last day on which its having been missed says something."""
    lab_due_on: Mapped[date | None]
    review_due_on: Mapped[date | None]
    next_visit_on: Mapped[date | None]
    judged: Mapped[str] = mapped_column(Text)
    """The newest decision point of each measure that has a score, as the list's JSON without
    its brackets."""
    facts: Mapped[str] = mapped_column(Text)
    """The members of the answer that no day changes, as JSON text."""
