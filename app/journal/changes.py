"""The delta: what changed since a cursor, in commit order, none missed and none twice.

A clinic's sequence is given under its lock, which is held until the commit: whoever sees a
sequence sees all below it. The cursor names a place in the chain by its sequence and by the
hash that stands there; in a record that was restored from a backup another hash stands there,
or none, and the cursor has expired.

What a caller may know of changes too, by consents and by seals. The cursor says when that was
last looked at; what may no longer be known of is told as `erase`, what may be known of since as
`create`, each with the sequence of its last version, before the page and beside its limit.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import date
from hmac import compare_digest, digest
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, or_, select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import CursorExpired, InvalidCursor
from app.journal import chain
from app.journal.chain import Head
from app.journal.models import ChainHead, Entry, SealedRecord
from app.journal.service import ERASED

DEFAULT_LIMIT = 100
VERSION = "2"
EPOCH = 16
"""Letters of the hash at the cursor's place."""
_SIGNED = 16
_OPS: Mapping[str, str] = {"created": "create", "withdrawn": "erase", ERASED: "erase"}
"""What an action is to a follower; any other is an update."""
_CHANGE = (
    Entry.sequence,
    Entry.patient_id,
    Entry.type,
    Entry.record_id,
    Entry.version,
    Entry.action,
    Entry.recorded_at,
    Entry.hash,
)

Classes = frozenset[tuple[str, UUID]]
"""Classes of sealed records, each of one patient."""
Consented = Callable[[int, date], Classes]
"""Gives the classes that consents opened to a caller, as known at a sequence and on a day."""


class Place(NamedTuple):
    """Where a follower stands, and when it was last looked at what it may know of."""

    at: Head
    looked: int
    on: date


def page(
    work: Work,
    path: str,
    where: ColumnElement[bool] | None,
    since: str,
    limit: int,
    secret: bytes,
    consented: Consented | None = None,
) -> Answer:
    """Give at most `limit` changes after a cursor; an empty one is the beginning.

    path: where it is asked; a cursor fits its path and its caller only.
    where: which entries this caller may follow; None for all of the clinic.
    consented: None where no consent opens anything to this caller.

    Raises:
        InvalidCursor: not one of ours, or of another caller or path.
        CursorExpired: it stands on what is not in the record any more.
    """
    place = _read(work, path, since, secret) if since else None
    after = place.at.sequence if place else 0
    last = work.first(
        select(ChainHead.sequence, ChainHead.hash).where(ChainHead.kind == "journal")
    ) or (0, chain.GENESIS)
    # The head first: what it covers is visible to the question after it, whatever comes between.
    end = Head(*last)
    shown = [] if where is None else [where]
    rows = work.all(
        select(*_CHANGE)
        .where(Entry.sequence > after, Entry.sequence <= end.sequence, *shown)
        .order_by(Entry.sequence)
        .limit(limit + 1)
    )
    has_more = len(rows) > limit
    rows = rows[:limit]
    reached = Head(rows[-1].sequence, rows[-1].hash) if has_more else end
    turned = []
    if place is not None and work.hidden is not None:
        turned = _turned(work, place, end.sequence, shown, consented)
    items = [*turned, *(_item(row, _OPS.get(row.action, "update")) for row in rows)]
    next_ = write(work, path, Place(reached, end.sequence, work.now.date()), secret)
    return Answer(orjson.dumps({"items": items, "next": next_, "has_more": has_more}))


def _item(row: Any, op: str) -> dict[str, Any]:
    return {
        "seq": row.sequence,
        "patient_id": row.patient_id,
        "type": row.type,
        "id": row.record_id,
        "version": row.version,
        "op": op,
        "at": row.recorded_at,
    }


# ---- what a caller may know of has changed


def _turned(
    work: Work,
    place: Place,
    end: int,
    shown: Collection[ColumnElement[bool]],
    consented: Consented | None,
) -> list[dict[str, Any]]:
    """Tell of records behind the cursor that came into this caller's sight since, or left it."""
    whole = replace(work, hidden=None)
    known = [Entry.sequence <= place.at.sequence, *shown]
    turned = [_item(row, "erase") for row in _sealed_since(work, whole, place, end, known)]
    if consented is None:
        return turned
    before, now = consented(place.looked, place.on), consented(end, work.now.date())
    turned += [_item(row, "erase") for row in _of_classes(whole, before - now, known)]
    opened = _of_classes(whole, now - before, known)
    return turned + [_item(row, "create") for row in opened if _OPS.get(row.action) != "erase"]


def _of_classes(whole: Work, classes: Classes, known: Collection[ColumnElement[bool]]) -> list[Any]:
    """Give the last known version of each record that such a class of consent opens."""
    if not classes:
        return []
    actor = whole.actor
    by_consent = [
        (SealedRecord.category == category) & (SealedRecord.patient_id == patient_id)
        for category, patient_id in classes
    ]
    # What one wrote oneself one may read without; a system may not.
    others = [] if actor.role == "system" else [SealedRecord.author_id != actor.user_id]
    rows = whole.all(
        select(*_CHANGE)
        .join(
            SealedRecord,
            (SealedRecord.clinic_id == Entry.clinic_id)
            & (SealedRecord.record_id == Entry.record_id),
        )
        .where(or_(*by_consent), *others, *known)
        .order_by(Entry.sequence)
    )
    return list({row.record_id: row for row in rows}.values())


def _sealed_since(
    work: Work, whole: Work, place: Place, end: int, known: Collection[ColumnElement[bool]]
) -> list[Any]:
    """Give the last known version of each record that was open then and sealed by a later one."""
    assert work.hidden is not None
    sealed = whole.all(
        select(Entry.record_id).where(
            Entry.sequence > place.looked,
            Entry.sequence <= end,
            Entry.version > 1,
            Entry.record_id.in_(work.hidden),
            Entry.body.contains('"confidential":'),
        )
    )
    if not sealed:
        return []
    rows = whole.all(
        select(*_CHANGE, Entry.body)
        .where(Entry.record_id.in_(sealed), *known)
        .order_by(Entry.sequence)
    )
    last = {row.record_id: row for row in rows}
    return [
        row for row in last.values() if row.body and "confidential" not in orjson.loads(row.body)
    ]


def of_patient(patient_id: UUID, without: Collection[str] = ()) -> ColumnElement[bool]:
    """Keep to one patient's own entries, without some types."""
    of = Entry.patient_id == patient_id
    return of & Entry.type.not_in(without) if without else of


def of_patients(patient_ids: Any) -> ColumnElement[bool]:
    """Keep to the entries of some patients, and those of the clinic's own."""
    return Entry.patient_id.in_(patient_ids) | Entry.patient_id.is_(None)


# ---- the cursor


def write(work: Work, path: str, place: Place, secret: bytes) -> str:
    """Sign a place in the chain for one caller and one path."""
    at, clinic_id = place.at, work.actor.clinic_id.hex
    words = (VERSION, clinic_id, at.hash[:EPOCH], at.sequence, place.looked, place.on.isoformat())
    token = "|".join(map(str, words)).encode()
    return urlsafe_b64encode(_sign(work, path, token, secret) + token).decode().rstrip("=")


def _sign(work: Work, path: str, token: bytes, secret: bytes) -> bytes:
    bound = f"changes|{work.actor.user_id}|{work.actor.role}|{path}|".encode()
    return digest(secret, bound + token, "sha256")[:_SIGNED]


def _read(work: Work, path: str, since: str, secret: bytes) -> Place:
    """Give the place that a cursor names."""
    try:
        raw = urlsafe_b64decode(since + "=" * (-len(since) % 4))
        signature, token = raw[:_SIGNED], raw[_SIGNED:]
        if not compare_digest(signature, _sign(work, path, token, secret)):
            raise InvalidCursor()
        _version, _clinic, epoch, position, looked, day = token.decode().split("|")
    except ValueError:
        raise InvalidCursor() from None
    sequence = int(position)
    if sequence:
        # It may stand on what this caller must not know of: the place alone is asked for.
        whole = replace(work, hidden=None)
        found: str | None = whole.first(select(Entry.hash).where(Entry.sequence == sequence))
    else:
        found = chain.GENESIS
    if found is None or not found.startswith(epoch):
        raise CursorExpired(path)
    return Place(Head(sequence, found), int(looked), date.fromisoformat(day))
