"""The series table, the kept summary row, and what a clinic added to the reference itself."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import BigInt, Id


class Measurement(Owned, Base):
    """One followed number, with the journal sequence that asserted it and that took it back.

    What was known at a past moment is a filter on the two, never a reconstruction. The record
    holds the patient by a foreign key, so its numbers need none (docs/decisions/0007).
    """

    __tablename__ = "measurements"
    # The day before the measure: the numbers of one check-in lie together, on one page. On
    # SQLite the rows themselves lie in the order of the key.
    __table_args__ = {"sqlite_with_rowid": False}

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    """The local day in the patient's zone; a night belongs to the day of waking."""
    measure: Mapped[str] = mapped_column(String(100), primary_key=True)
    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    place: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """Which of a record's readings of this measure: a rating a medicine, for example."""
    asserted: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    retracted: Mapped[int | None] = mapped_column(BigInt)
    at: Mapped[datetime | None]
    """The moment; None where only the day is known, which sorts before any moment of it."""
    value: Mapped[float]
    source: Mapped[str] = mapped_column(String(10))
    medication_id: Mapped[UUID | None] = mapped_column(Id)
    flags: Mapped[str | None] = mapped_column(String(200))
    """Space-separated reasons why the value stays out of statistics, or None."""


class Summary(Owned, Base):
    """One row a patient: latest values, and dates; never a yes/no that time alone changes."""

    __tablename__ = "patient_summaries"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
    )
    upserted = True

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInt)
    """The largest journal sequence of this patient's own records: the patient's version."""
    last_seen_on: Mapped[date | None]
    latest: Mapped[dict[str, Any]]
    """By measure: `{"value", "on", "record_id"}` of its newest reading."""
    stale_on: Mapped[date | None]
    """The first day on which one of the latest values is stale, if nothing comes."""
    signals_open: Mapped[int]


class RegisteredMeasure(Owned, Base):
    """A measure of the clinic's own, or a questionnaire, which brings several; code is its key."""

    __tablename__ = "registered_measures"
    __table_args__ = (ForeignKeyConstraint(["clinic_id"], ["clinics.clinic_id"]),)

    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    """A questionnaire's is its id: the part before the dot of the codes that it brings."""
    kind: Mapped[str] = mapped_column(String(10))
    """`measure` or `instrument`."""
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]


class OwnEntry(Owned, Base):
    """What a clinic added to one kind of the reference; its code is its key there."""

    __tablename__ = "own_reference_entries"
    __table_args__ = (ForeignKeyConstraint(["clinic_id"], ["clinics.clinic_id"]),)

    kind: Mapped[str] = mapped_column(String(20), primary_key=True)
    code: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int]
    definition: Mapped[dict[str, Any]]


class ObservedValue(Record, Base):
    """One number that came by itself, from another system or a file, under any code."""

    __tablename__ = "observed_values"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id", "measure"),
    )

    measure: Mapped[str] = mapped_column(String(100))
    """The code that it is followed under, registered or not."""
    code_system: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(200))
    occurred_on: Mapped[date]
    occurred_at: Mapped[datetime | None]
    value: Mapped[float]
    unit: Mapped[str | None] = mapped_column(String(200))
    """As it was sent; None where none came."""
