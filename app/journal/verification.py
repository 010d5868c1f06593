"""Recomputes a clinic's chains: what was edited, removed or moved since it was written."""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import inspect, select
from sqlalchemy.orm import Mapper

from app.core.db import Work
from app.journal import chain
from app.journal.models import Access, Chained, ChainHead, Entry
from app.journal.service import ERASED

AT_ONCE = 1000
KINDS: dict[chain.Kind, type[Entry] | type[Access]] = {"access": Access, "journal": Entry}
_LINK = {"clinic_id", *Chained.__annotations__}


def verify(work: Work, kind: chain.Kind = "journal") -> tuple[int, int | None]:
    """Check every row of one chain of the caller's clinic against its content and its place.

    Gives how many rows hold, and the first sequence that does not; None when all do and the
    head stands where the last row says. A journal row whose content was erased with its salt
    is held to its link alone, and to the one tombstone that must stand for all versions of its
    record: without it, it was emptied behind our back. A tail that was rewritten together with
    the head is found only by a head that was exported before.
    """
    model = KINDS[kind]
    mapper: Mapper[Any] = inspect(model)
    own = [column.key for column in mapper.column_attrs if column.key not in _LINK]
    head = chain.Head(0, chain.GENESIS)
    emptied: dict[UUID, list[int]] = defaultdict(list)
    for row in _rows(work, model):
        if (
            row.sequence != head.sequence + 1
            or row.previous_hash != head.hash
            or row.hash != chain.hash_link(head.hash, row.sequence, row.commitment)
            or not _says_what_it_committed_to(row, own)
        ):
            return head.sequence, head.sequence + 1
        head = chain.Head(row.sequence, row.hash)
        if row.salt is None:
            emptied[row.record_id].append(row.sequence)
        elif (
            isinstance(row, Entry)
            and row.action == ERASED
            and len(emptied.pop(row.record_id, ())) != row.version - 1
        ):
            return head.sequence - 1, head.sequence
    if emptied:
        first = min(map(min, emptied.values()))
        return first - 1, first
    last = work.first(select(ChainHead.sequence, ChainHead.hash).where(ChainHead.kind == kind))
    if last is None or tuple(last) != (head.sequence, head.hash):
        return head.sequence, head.sequence + 1
    return head.sequence, None


def heads(work: Work) -> dict[str, chain.Head]:
    """Give the last link of each chain, to be kept elsewhere."""
    rows = work.all(
        select(ChainHead.kind, ChainHead.sequence, ChainHead.hash).order_by(ChainHead.kind)
    )
    return {row.kind: chain.Head(row.sequence, row.hash) for row in rows}


def stands(work: Work, kind: chain.Kind, head: chain.Head) -> bool:
    """Say whether a link that was exported before still stands where it stood.

    A chain that holds in itself and lacks it was written anew from that link or before.
    """
    if head.sequence == 0:
        return head.hash == chain.GENESIS
    model = KINDS[kind]
    found = work.first(select(model.hash).where(model.sequence == head.sequence))
    return bool(found == head.hash)


def _says_what_it_committed_to(row: Any, own: Collection[str]) -> bool:
    if row.salt is None:
        return isinstance(row, Entry) and row.body is None and row.answer is None
    content = chain.content_of({name: getattr(row, name) for name in own})
    return bool(row.commitment == chain.commit_to(row.salt, content))


def _rows(work: Work, model: type[Entry] | type[Access]) -> Iterator[Any]:
    """Give the rows of a chain in its order, some at a time."""
    statement = select(model).order_by(model.sequence).limit(AT_ONCE)
    some = work.all(statement)
    while some:
        yield from some
        some = work.all(statement.where(model.sequence > some[-1].sequence))
