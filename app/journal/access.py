"""Reads the access log: who saw, wrote or was refused what; no values of any record."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from app.core.db import Work
from app.core.pagination import Page, read_cursor, write_cursor
from app.journal.models import Access

_COLUMNS = (
    Access.sequence,
    Access.at,
    Access.actor_id,
    Access.actor_role,
    Access.client,
    Access.patient_id,
    Access.action,
    Access.operation,
    Access.resource_id,
    Access.purpose,
    Access.outcome,
    Access.status,
    Access.request_id,
)
SEEN = ("R", "E")
"""Actions that show a record: a read and an export."""


def page(
    work: Work, name: str, page_: Page, secret: bytes, *where: ColumnElement[bool]
) -> tuple[Sequence[Any], str | None]:
    """Give one page of rows, the newest first, and the cursor of the next.

    name: of the list and its filter; a cursor fits no other.
    """
    statement = (
        select(*_COLUMNS).where(*where).order_by(Access.sequence.desc()).limit(page_.limit + 1)
    )
    if page_.cursor:
        (before,) = read_cursor(secret, name, page_.cursor)
        statement = statement.where(Access.sequence < int(before))
    rows = work.all(statement)
    if len(rows) <= page_.limit:
        return rows, None
    rows = rows[: page_.limit]
    return rows, write_cursor(secret, name, str(rows[-1].sequence))


def about(patient_id: UUID) -> ColumnElement[bool]:
    """Keep to requests on one patient's data."""
    return Access.patient_id == patient_id


def not_of(record_ids: Select[UUID]) -> ColumnElement[bool]:
    """Keep to requests that named no record, or none of these."""
    return Access.resource_id.is_(None) | Access.resource_id.not_in(record_ids)


def by(actor_id: UUID) -> ColumnElement[bool]:
    """Keep to the requests of one user."""
    return Access.actor_id == actor_id


def seen_by_others(patient_id: UUID, user_id: UUID) -> tuple[ColumnElement[bool], ...]:
    """Keep to what others than this user were shown of a patient."""
    return (
        about(patient_id),
        Access.actor_id != user_id,
        Access.action.in_(SEEN),
        Access.outcome == "done",
    )
