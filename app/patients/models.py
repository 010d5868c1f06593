"""Patients, their identifiers in other systems, and who has a care relation with them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import BigInt, Id


class Patient(Owned, Base):
    __tablename__ = "patients"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id"], ["clinics.clinic_id"]),
        Index(None, "clinic_id", "family"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    version: Mapped[int]
    given: Mapped[str] = mapped_column(String(200))
    family: Mapped[str] = mapped_column(String(200))
    birth_date: Mapped[date | None]
    time_zone: Mapped[str | None] = mapped_column(String(64))
    synthetic: Mapped[bool]
    """True for the sample clinic's invented people."""


class Identifier(Owned, Base):
    """What another system calls a patient; unique in the clinic."""

    __tablename__ = "patient_identifiers"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "value"),
        Index(None, "clinic_id", "patient_id"),
    )

    system: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[str] = mapped_column(String(200), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)


class Condition(Record, Base):
    """One diagnosis or problem of a patient, coded or in words, from onset to end."""

    __tablename__ = "conditions"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        Index(None, "clinic_id", "patient_id"),
    )

    code_system: Mapped[str | None] = mapped_column(String(200))
    code: Mapped[str | None] = mapped_column(String(200))
    onset_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    """The last day of it; None while it is there."""
    recorded_at: Mapped[datetime]
    """When it was first recorded; orders the list."""


class PatientFact(Owned, Base):
    """What a record told of a person on a day, with the journal sequences as a measurement has."""

    __tablename__ = "patient_facts"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
    )

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    fact: Mapped[str] = mapped_column(String(20), primary_key=True)
    """pregnancy, smoking, suicidal_ideation."""
    day: Mapped[date] = mapped_column(primary_key=True)
    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    asserted: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    retracted: Mapped[int | None] = mapped_column(BigInt)
    value: Mapped[str] = mapped_column(String(20))


class CareRelation(Owned, Base):
    """A user who cares for a patient, and may therefore see the record."""

    __tablename__ = "care_relations"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(["clinic_id", "user_id"], ["users.clinic_id", "users.id"]),
        Index(None, "clinic_id", "user_id"),
    )

    patient_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    since: Mapped[datetime]


class Consent(Record, Base):
    """A patient's word that one user may see one class of sealed records."""

    __tablename__ = "consents"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(["clinic_id", "recipient_id"], ["users.clinic_id", "users.id"]),
        Index(None, "clinic_id", "recipient_id"),
        Index(None, "clinic_id", "patient_id"),
    )

    category: Mapped[str] = mapped_column(String(20))
    recipient_id: Mapped[UUID] = mapped_column(Id)
    given: Mapped[bool]
    until: Mapped[date | None]
    """The last day on which it holds."""
    recorded_at: Mapped[datetime]


class BrokenGlass(Owned, Base):
    """A clinician who read a patient's record in an emergency, without a care relation."""

    __tablename__ = "broken_glass"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        ForeignKeyConstraint(["clinic_id", "user_id"], ["users.clinic_id", "users.id"]),
        Index(None, "clinic_id", "patient_id", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)
    user_id: Mapped[UUID] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(2000))
    started_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    stopped_at: Mapped[datetime | None]
