"""Patients' apps: one-time codes that join a phone, and refresh tokens that change with each use.

A refresh token names its device and its generation and is signed, so nothing of it is kept. The
last generation given out is good for 90 days. One that was used before it is a copy in other
hands: the device is shut out. Only the one before the last is taken again for a minute, and
gets the same answer: on a phone the answer may have been lost.
"""

import hmac
import secrets
from base64 import b32decode, b32encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from uuid import UUID

import orjson
from sqlalchemy import select

from app.core.actor import Role
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.core.ids import uuid7
from app.identity import service as identity
from app.identity.errors import InvalidGrant
from app.identity.models import Device, EnrolmentCode, User

CODE_GOOD_FOR = timedelta(hours=72)
IDLE = timedelta(days=90)
RETRY = timedelta(seconds=60)
_SECRET = 14
_ID = 16
_SIGNED = 24


@dataclass(frozen=True, slots=True)
class Joined:
    """A device that may have an access token now, and its refresh token."""

    device_id: UUID
    user_id: UUID
    patient_id: UUID
    role: Role
    name: str
    refresh_token: str


# ---- codes


def make_code(work: Work, patient_id: UUID, role: Role, name: str) -> Answer:
    """Make a code for the patient, or for a named proxy; it is shown once and works once."""
    clinic_id = work.actor.clinic_id
    code = b32encode(clinic_id.bytes + secrets.token_bytes(_SECRET)).decode()
    user_id = identity.patient_user(clinic_id, patient_id)
    if role == "proxy":
        user_id = uuid7()
    expires_at = work.now + CODE_GOOD_FOR
    work.add(
        EnrolmentCode,
        code_hash=_hash(code),
        patient_id=patient_id,
        role=role,
        user_id=user_id,
        name=name,
        made_by=work.actor.user_id,
        expires_at=expires_at,
        used_at=None,
    )
    body = {"code": code, "role": role, "user_id": user_id, "expires_at": expires_at}
    return Answer(orjson.dumps(body), created=True)


def clinic_of_code(code: str) -> UUID:
    """Give the clinic that a code names.

    Raises:
        InvalidGrant: it is none of ours.
    """
    try:
        raw = b32decode(code.strip().upper())
    except ValueError:
        raise InvalidGrant() from None
    if len(raw) != _ID + _SECRET:
        raise InvalidGrant()
    return UUID(bytes=raw[:_ID])


def join(work: Work, code: str, device_name: str, secret: bytes) -> Joined:
    """Join a device by a code, which is used up by it.

    Raises:
        InvalidGrant: unknown, used or expired.
    """
    row: EnrolmentCode | None = work.first(
        select(EnrolmentCode).where(EnrolmentCode.code_hash == _hash(code))
    )
    if row is None or row.used_at is not None or row.expires_at <= work.now:
        raise InvalidGrant()
    role: Role = "proxy" if row.role == "proxy" else "patient"
    user = work.first(select(User).where(User.id == row.user_id))
    if user is None:
        identity.enrol(work, row.user_id, row.name, role, row.patient_id)
    elif not user.active:
        raise InvalidGrant()
    work.change(row, used_at=work.now)
    device_id = uuid7()
    work.add(
        Device,
        id=device_id,
        user_id=row.user_id,
        patient_id=row.patient_id,
        name=device_name,
        generation=1,
        joined_at=work.now,
        used_at=work.now,
        revoked_at=None,
    )
    token = _refresh_token(secret, work.actor.clinic_id, device_id, 1)
    return Joined(device_id, row.user_id, row.patient_id, role, device_name, token)


def _hash(code: str) -> str:
    return sha256(code.strip().upper().encode()).hexdigest()


# ---- refresh tokens


@dataclass(frozen=True, slots=True)
class Refresh:
    """What a refresh token says, its signature checked."""

    clinic_id: UUID
    device_id: UUID
    generation: int


def read_refresh(secret: bytes, token: str) -> Refresh:
    """Read a refresh token.

    Raises:
        InvalidGrant: it is none of ours.
    """
    try:
        raw = urlsafe_b64decode(token)
    except ValueError:
        raise InvalidGrant() from None
    signature, said = raw[:_SIGNED], raw[_SIGNED:]
    if len(said) != 2 * _ID + 4 or not hmac.compare_digest(signature, _sign(secret, said)):
        raise InvalidGrant()
    return Refresh(
        UUID(bytes=said[:_ID]), UUID(bytes=said[_ID : 2 * _ID]), int.from_bytes(said[2 * _ID :])
    )


def _refresh_token(secret: bytes, clinic_id: UUID, device_id: UUID, generation: int) -> str:
    said = clinic_id.bytes + device_id.bytes + generation.to_bytes(4)
    return urlsafe_b64encode(_sign(secret, said) + said).decode()


def _sign(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, b"refresh|" + said, "sha256")[:_SIGNED]


def refresh(work: Work, sent: Refresh, secret: bytes) -> Joined | None:
    """Change a refresh token for the next. None: it was used before, and now nobody gets in.

    Raises:
        InvalidGrant: the device was shut out or idle too long, or its user is no member any more.
    """
    device: Device | None = work.first(select(Device).where(Device.id == sent.device_id))
    if device is None or device.revoked_at is not None or device.used_at + IDLE <= work.now:
        raise InvalidGrant()
    user: User | None = work.first(select(User).where(User.id == device.user_id, User.active))
    if user is None:
        raise InvalidGrant()
    if sent.generation == device.generation:
        work.change(device, generation=device.generation + 1, used_at=work.now)
    elif sent.generation != device.generation - 1 or device.used_at + RETRY <= work.now:
        _shut_out(work, device)
        return None
    token = _refresh_token(secret, work.actor.clinic_id, device.id, device.generation)
    role: Role = "proxy" if user.role == "proxy" else "patient"
    return Joined(device.id, device.user_id, device.patient_id, role, device.name, token)


# ---- what joined


def page(work: Work, patient_id: UUID) -> Answer:
    """Give the devices that ever joined a patient, the newest first."""
    rows: Sequence[Device] = work.all(
        select(Device).where(Device.patient_id == patient_id).order_by(Device.id.desc())
    )
    people = identity.people(work, {row.user_id for row in rows})
    items = [
        {
            "id": row.id,
            "name": row.name,
            "user": {"id": row.user_id, **people.get(row.user_id, {})},
            "joined_at": row.joined_at,
            "used_at": row.used_at,
            "revoked_at": row.revoked_at,
        }
        for row in rows
    ]
    return Answer(orjson.dumps({"items": items, "next": None}))


def revoke(work: Work, patient_id: UUID, device_id: UUID) -> Answer:
    """Shut a device out at once: its access tokens and its refresh token.

    Raises:
        NotFound: no such device of this patient.
    """
    device: Device | None = work.first(
        select(Device).where(Device.id == device_id, Device.patient_id == patient_id)
    )
    if device is None:
        raise NotFound()
    if device.revoked_at is None:
        _shut_out(work, device)
    return Answer(orjson.dumps({"id": device.id, "revoked_at": device.revoked_at}))


def shut_out(work: Work, device_id: UUID) -> bool:
    """Shut a device out whose token was brought to be taken back; False where it is none."""
    device: Device | None = work.first(select(Device).where(Device.id == device_id))
    if device is not None and device.revoked_at is None:
        _shut_out(work, device)
    return device is not None


def _shut_out(work: Work, device: Device) -> None:
    work.change(device, revoked_at=work.now)
    identity.revoke(work, str(device.id))
