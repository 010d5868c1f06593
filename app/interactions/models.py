"""Interaction findings: one row for each stretch of time in which a rule held."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Record
from app.core.types import Id


class Finding(Record, Base):
    """A rule that held on a patient's list, until nothing of it held any more."""

    __tablename__ = "findings"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint(
            "state IN ('open', 'acknowledged', 'overridden', 'resolved')", name="state"
        ),
        Index(None, "clinic_id", "patient_id", "resolved_at"),
    )

    rule_id: Mapped[str] = mapped_column(String(100))
    rule_version: Mapped[int]
    severity: Mapped[str] = mapped_column(String(20))
    facts_key: Mapped[str] = mapped_column(Text)
    """What it rests on, in the words of `app.clinical.interactions`; another key, another row."""
    state: Mapped[str] = mapped_column(String(12))
    involved: Mapped[dict[str, Any]]
    """`medication_ids`: the courses that brought it in."""
    first_seen_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    signal_id: Mapped[UUID | None] = mapped_column(Id)
    acknowledgement: Mapped[dict[str, Any] | None]
    """What a named person said of it, who and when."""
