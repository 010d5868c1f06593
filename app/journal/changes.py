"""The delta: what changed since a cursor, in commit order, none missed and none twice.

A clinic's sequence is given under its lock, which is held until the commit: whoever sees a
sequence sees all below it. The cursor names a place in the chain by its sequence and by the
hash that stands there; in a record that was restored from a backup another hash stands there,
or none, and the cursor has expired.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Mapping
from hmac import compare_digest, digest
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import CursorExpired, InvalidCursor
from app.journal import chain
from app.journal.chain import Head
from app.journal.models import ChainHead, Entry
from app.journal.service import ERASED

DEFAULT_LIMIT = 100
VERSION = "1"
EPOCH = 16
"""Letters of the hash at the cursor's place."""
_SIGNED = 16
_OPS: Mapping[str, str] = {"created": "create", "withdrawn": "erase", ERASED: "erase"}
"""What an action is to a follower; any other is an update."""


def page(
    work: Work, path: str, where: ColumnElement[bool] | None, since: str, limit: int, secret: bytes
) -> Answer:
    """Give at most `limit` changes after a cursor; an empty one is the beginning.

    path: where it is asked; a cursor fits its path and its caller only.
    where: which entries this caller may follow; None for all of the clinic.

    Raises:
        InvalidCursor: not one of ours, or of another caller or path.
        CursorExpired: it stands on what is not in the record any more.
    """
    after = _read(work, path, since, secret) if since else 0
    last = work.first(
        select(ChainHead.sequence, ChainHead.hash).where(ChainHead.kind == "journal")
    ) or (0, chain.GENESIS)
    # The head first: what it covers is visible to the question after it, whatever comes between.
    reached = Head(*last)
    statement = (
        select(
            Entry.sequence,
            Entry.patient_id,
            Entry.type,
            Entry.record_id,
            Entry.version,
            Entry.action,
            Entry.recorded_at,
            Entry.hash,
        )
        .where(Entry.sequence > after, Entry.sequence <= reached.sequence)
        .order_by(Entry.sequence)
        .limit(limit + 1)
    )
    rows = work.all(statement if where is None else statement.where(where))
    has_more = len(rows) > limit
    rows = rows[:limit]
    if has_more:
        reached = Head(rows[-1].sequence, rows[-1].hash)
    next_ = write(work, path, reached, secret)
    items = [
        {
            "seq": row.sequence,
            "patient_id": row.patient_id,
            "type": row.type,
            "id": row.record_id,
            "version": row.version,
            "op": _OPS.get(row.action, "update"),
            "at": row.recorded_at,
        }
        for row in rows
    ]
    return Answer(orjson.dumps({"items": items, "next": next_, "has_more": has_more}))


def of_patient(patient_id: UUID, without: Collection[str] = ()) -> ColumnElement[bool]:
    """Keep to one patient's own entries, without some types."""
    of = Entry.patient_id == patient_id
    return of & Entry.type.not_in(without) if without else of


def of_patients(patient_ids: Any) -> ColumnElement[bool]:
    """Keep to the entries of some patients, and those of the clinic's own."""
    return Entry.patient_id.in_(patient_ids) | Entry.patient_id.is_(None)


def write(work: Work, path: str, head: Head, secret: bytes) -> str:
    """Sign a place in the chain for one caller and one path."""
    clinic_id = work.actor.clinic_id.hex
    token = f"{VERSION}|{clinic_id}|{head.hash[:EPOCH]}|{head.sequence}".encode()
    return urlsafe_b64encode(_sign(work, path, token, secret) + token).decode().rstrip("=")


def _sign(work: Work, path: str, token: bytes, secret: bytes) -> bytes:
    bound = f"changes|{work.actor.user_id}|{work.actor.role}|{path}|".encode()
    return digest(secret, bound + token, "sha256")[:_SIGNED]


def _read(work: Work, path: str, since: str, secret: bytes) -> int:
    """Give the sequence that a cursor stands on."""
    try:
        raw = urlsafe_b64decode(since + "=" * (-len(since) % 4))
        signature, token = raw[:_SIGNED], raw[_SIGNED:]
        if not compare_digest(signature, _sign(work, path, token, secret)):
            raise InvalidCursor()
        _version, _clinic, epoch, position = token.decode().split("|")
    except ValueError:
        raise InvalidCursor() from None
    sequence = int(position)
    if sequence:
        found: str | None = work.first(select(Entry.hash).where(Entry.sequence == sequence))
    else:
        found = chain.GENESIS
    if found is None or not found.startswith(epoch):
        raise CursorExpired(path)
    return sequence
