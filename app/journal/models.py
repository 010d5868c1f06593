"""The journal, the access log, the heads of their chains, and the idempotency keys."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import Mapped, mapped_column

from app.core.base import Base, Owned, Record
from app.core.types import BigInt, Id


class Chained(Owned):
    sequence: Mapped[int] = mapped_column(BigInt, primary_key=True, autoincrement=False)
    salt: Mapped[str | None] = mapped_column(String(32))
    commitment: Mapped[str] = mapped_column(String(64))
    previous_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class ChainHead(Owned, Base):
    """The last link of one chain of one clinic; its row is the clinic's write lock."""

    __tablename__ = "chain_heads"
    upserted = True

    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInt)
    hash: Mapped[str] = mapped_column(String(64))


class Entry(Chained, Base):
    """One version of one record: what was sent, and what was answered, as text.

    `UNIQUE (clinic_id, record_id, version)` makes the journal the registry of ids too.
    """

    __tablename__ = "journal"
    __table_args__ = (
        UniqueConstraint("clinic_id", "record_id", "version"),
        Index(None, "clinic_id", "patient_id", "sequence"),
    )

    record_id: Mapped[UUID] = mapped_column(Id)
    version: Mapped[int]
    patient_id: Mapped[UUID | None] = mapped_column(Id)
    type: Mapped[str] = mapped_column(String(30))
    action: Mapped[str] = mapped_column(String(20))
    actor_id: Mapped[UUID] = mapped_column(Id)
    actor_role: Mapped[str] = mapped_column(String(20))
    recorded_at: Mapped[datetime]
    fingerprint: Mapped[str] = mapped_column(String(64))
    body: Mapped[str | None] = mapped_column(Text)
    answer: Mapped[str | None] = mapped_column(Text)


class Access(Chained, Base):
    """One request on a patient's data: who, what, when, why, outcome; no values."""

    __tablename__ = "access_log"
    __table_args__ = (Index(None, "clinic_id", "patient_id", "sequence"),)

    at: Mapped[datetime]
    actor_id: Mapped[UUID] = mapped_column(Id)
    actor_role: Mapped[str] = mapped_column(String(20))
    client: Mapped[str] = mapped_column(String(200))
    patient_id: Mapped[UUID | None] = mapped_column(Id)
    action: Mapped[str] = mapped_column(String(1))
    """C, R, U, D or E (export)."""
    operation: Mapped[str] = mapped_column(String(100))
    resource_id: Mapped[UUID | None] = mapped_column(Id)
    purpose: Mapped[str] = mapped_column(String(20))
    outcome: Mapped[str] = mapped_column(String(40))
    status: Mapped[int] = mapped_column(SmallInteger)
    request_id: Mapped[str] = mapped_column(String(64))


class SealedRecord(Owned, Base):
    """A record that only those may know of whom a consent names, its author, and its patient."""

    __tablename__ = "sealed_records"
    names_sealed = True
    """It says which records are hidden, so it is not itself asked without them."""
    __table_args__ = (Index(None, "clinic_id", "patient_id"),)

    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)
    category: Mapped[str] = mapped_column(String(20))
    author_id: Mapped[UUID] = mapped_column(Id)


class IdempotencyKey(Owned, Base):
    """A key that was used, and the version that it made; never a copy of the body."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of subject, method, route template and key."""
    fingerprint: Mapped[str] = mapped_column(String(64))
    record_id: Mapped[UUID] = mapped_column(Id)
    version: Mapped[int]
    used_at: Mapped[datetime]


class RefusedEdit(Owned, Base):
    """An edit that was made on another version than the one that was there.

    Its content stands in the journal under an id of its own; here is what it wanted to change.
    """

    __tablename__ = "refused_edits"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
    )

    record_id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    id: Mapped[UUID] = mapped_column(Id, primary_key=True)
    patient_id: Mapped[UUID] = mapped_column(Id)


class ErasureRequest(Record, Base):
    """A wish to be forgotten, and what was done about it; never erased itself."""

    __tablename__ = "erasure_requests"
    __table_args__ = (
        ForeignKeyConstraint(["clinic_id", "patient_id"], ["patients.clinic_id", "patients.id"]),
        CheckConstraint("state IN ('received', 'held', 'done')", name="state"),
        CheckConstraint("covers IN ('patient_made', 'everything')", name="covers"),
        Index(None, "clinic_id", "patient_id"),
    )

    covers: Mapped[str] = mapped_column(String(12))
    state: Mapped[str] = mapped_column(String(8))
    received_by: Mapped[UUID] = mapped_column(Id)
