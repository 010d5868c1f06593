"""An emergency: a clinician without a care relation reads one patient's record for an hour.

Start, every use and stop are rows of the access log with the purpose ETREAT; the privacy officer
is given the list. It opens no class of records that needs a consent, and nothing is written
through it.
"""

from datetime import timedelta
from uuid import UUID

import orjson
from sqlalchemy import select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import BreakGlassRequired, NotFound
from app.core.ids import uuid7
from app.core.pagination import Page, read_cursor, write_cursor
from app.identity import service as identity
from app.patients import service as patients
from app.patients.models import BrokenGlass
from app.patients.schemas import BreakGlassIn
from app.patients.sight import EMERGENCY

OPEN_FOR = timedelta(minutes=60)
LEAST_REASON = 20
LIST = "break-glass"


def start(work: Work, patient_id: UUID, data: BreakGlassIn) -> Answer:
    """Break the glass; while it is open the same caller gets the one that is there.

    Raises:
        BreakGlassRequired: without a reason that says something, whoever the patient is.
        NotFound: no such patient in the caller's clinic.
    """
    work.trace.purpose = EMERGENCY
    reason = (data.reason or "").strip()
    if len(reason) < LEAST_REASON:
        raise BreakGlassRequired(f"{LEAST_REASON} characters or more", pointer="/reason")
    if not patients.is_known(work, patient_id):
        raise NotFound()
    known = _open(work, patient_id)
    if known is not None:
        return _answer(known, created=False)
    row = work.add(
        BrokenGlass,
        id=uuid7(),
        patient_id=patient_id,
        user_id=work.actor.user_id,
        reason=reason,
        started_at=work.now,
        expires_at=work.now + OPEN_FOR,
        stopped_at=None,
    )
    return _answer(row, created=True)


def stop(work: Work, patient_id: UUID) -> Answer:
    """Close what the caller opened, before its hour is over.

    Raises:
        NotFound: nothing of the caller's is open before this patient.
    """
    work.trace.purpose = EMERGENCY
    known = _open(work, patient_id)
    if known is None:
        raise NotFound()
    work.change(known, stopped_at=work.now)
    return _answer(known, created=False)


def page(work: Work, page_: Page, secret: bytes) -> Answer:
    """Give all glass that was broken in the clinic, the newest first."""
    statement = select(BrokenGlass).order_by(BrokenGlass.id.desc()).limit(page_.limit + 1)
    if page_.cursor:
        (last,) = read_cursor(secret, LIST, page_.cursor)
        statement = statement.where(BrokenGlass.id < UUID(last))
    rows = work.all(statement)
    more, rows = len(rows) > page_.limit, rows[: page_.limit]
    people = identity.people(work, {row.user_id for row in rows})
    next_ = write_cursor(secret, LIST, str(rows[-1].id)) if more else None
    items = [{**_told(row), "by": people.get(row.user_id)} for row in rows]
    return Answer(orjson.dumps({"items": items, "next": next_}), next=next_)


def _open(work: Work, patient_id: UUID) -> BrokenGlass | None:
    found: BrokenGlass | None = work.first(
        select(BrokenGlass).where(
            BrokenGlass.patient_id == patient_id,
            BrokenGlass.user_id == work.actor.user_id,
            BrokenGlass.expires_at > work.now,
            BrokenGlass.stopped_at.is_(None),
        )
    )
    return found


def _answer(row: BrokenGlass, *, created: bool) -> Answer:
    return Answer(orjson.dumps(_told(row)), record_id=row.id, created=created)


def _told(row: BrokenGlass) -> dict[str, object]:
    return {
        "id": row.id,
        "patient_id": row.patient_id,
        "user_id": row.user_id,
        "purpose": EMERGENCY,
        "reason": row.reason,
        "started_at": row.started_at,
        "expires_at": row.expires_at,
        "stopped_at": row.stopped_at,
    }
