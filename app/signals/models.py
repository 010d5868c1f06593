"""Signals: a finding that waits for a named person."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Record


class Signal(Record, Base):
    """One episode of one finding; the key keeps a second report from opening it twice."""

    __tablename__ = "signals"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("state IN ('open', 'acknowledged', 'closed')", name="state"),
        UniqueConstraint("clinic_id", "patient_id", "key"),
        Index(None, "clinic_id", "patient_id", "state"),
    )

    key: Mapped[str] = mapped_column(String(200))
    code: Mapped[str] = mapped_column(String(60))
    state: Mapped[str] = mapped_column(String(12))
    raised_at: Mapped[datetime]
    evidence: Mapped[dict[str, Any]]
