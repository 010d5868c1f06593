"""Clinics, their users, and tokens that were taken back."""

from datetime import datetime
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
    """A token that was taken back before it expired."""

    __tablename__ = "revoked_tokens"

    token_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    revoked_at: Mapped[datetime]
