"""Clinics, their users, what these prove themselves by, and tokens that were taken back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned
from app.core.types import Id


class Clinic(Owned, Base):
    """One clinic: the wall that no query crosses. Its key is its own `clinic_id`."""

    __tablename__ = "clinics"

    name: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[datetime]


class User(Owned, Base):
    """A person, an app or a system that may hold tokens of one clinic."""

    __tablename__ = "users"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id"], ["clinics.clinic_id"]),
        CheckConstraint(
            "role IN ('prescriber', 'care_team', 'patient', 'proxy', 'system', "
            "'administrator', 'privacy_officer')",
            name="role",
        ),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    patient_id: Mapped[UUID | None] = mapped_column(Id)
    active: Mapped[bool]


class RevokedToken(Owned, Base):
    """A token, or all tokens of a device, that were taken back; an assertion that was used."""

    __tablename__ = "revoked_tokens"

    token_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    revoked_at: Mapped[datetime]


class Credential(Owned, Base):
    """What a system proves itself by: the hash of a secret that we made, or its public keys."""

    __tablename__ = "credentials"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "user_id"], ["users.clinic_id", "users.id"]),
    )

    user_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    scope: Mapped[str] = mapped_column(String(1000))
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    keys: Mapped[dict[str, Any] | None]
    """A JWKS of public keys."""


class EnrolmentCode(Owned, Base):
    """A code that the clinic hands out once; whoever brings it joins a device to a patient."""

    __tablename__ = "enrolment_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)
    role: Mapped[str] = mapped_column(String(20))
    user_id: Mapped[UUID] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(200))
    made_by: Mapped[UUID] = mapped_column(Id)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Device(Owned, Base):
    """A patient's app on one phone, and how often its refresh token was changed."""

    __tablename__ = "devices"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "user_id"], ["users.clinic_id", "users.id"]),
    )

    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Id)
    patient_id: Mapped[UUID] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(200))
    generation: Mapped[int]
    """Of its refresh tokens: the last one given out."""
    joined_at: Mapped[datetime]
    used_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
