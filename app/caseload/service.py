"""Who of my patients needs me first: kept rows, read against the day it is for each patient."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

import orjson
from sqlalchemy import delete

from app.caseload import page
from app.caseload.models import CaseloadRow
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidCursor
from app.core.pagination import Page, read_cursor, write_cursor

QUARTER_S = 15 * 60
"""No zone's midnight lies between quarters of an hour."""
DAY = timedelta(days=1)


def show(
    work: Work, sort: str, need: str | None, status: str | None, page_: Page, secret: bytes
) -> Answer:
    """Give one page of the caller's patients, in the order of need unless another is asked for.

    Each page of a walk is read as at the moment of the first: its cursor carries it.

    Raises:
        InvalidCursor: not one of ours, or of another order or filter.
    """
    walk = f"caseload|{sort}|{need}|{status}"
    now, after = work.now, None
    if page_.cursor:
        began, after = _position(read_cursor(secret, walk, page_.cursor))
        now = min(began, now)
    days = _days(int(now.timestamp()) // QUARTER_S)
    is_sqlite = work.session.connection().dialect.name == "sqlite"
    clinic, user = work.actor.clinic_id, work.actor.user_id
    given = {
        "clinic": str(clinic) if is_sqlite else clinic,
        "user": str(user) if is_sqlite else user,
        "today": days.today,
        "tomorrow": days.tomorrow,
        "yesterday": days.yesterday,
        "ahead": days.ahead_json if is_sqlite else days.ahead,
        "behind": days.behind_json if is_sqlite else days.behind,
        "limit": page_.limit,
        "need": None if need is None else f',"{need}",',
        "status": status,
        "after": after,
    }
    items, last, left, counts = page.read(work.session, sort, given)
    next_ = None
    if left > page_.limit and last is not None:
        next_ = write_cursor(secret, walk, now.isoformat(), last)
    told = f'"{next_}"' if next_ else "null"
    body = f'{{"items":[{items}],"next":{told},"at":"{now.isoformat()}","counts":{counts}}}'
    return Answer(body.encode(), next=next_)


def forget(work: Work, patient_id: UUID) -> None:
    """Take a patient's row away; what is still in the record makes it anew."""
    work.change_where(delete(CaseloadRow).where(CaseloadRow.patient_id == patient_id))


def _position(read: Sequence[str]) -> tuple[datetime, str]:
    try:
        at, last = read
        return datetime.fromisoformat(at), last
    except ValueError:
        raise InvalidCursor() from None


class Days(NamedTuple):
    """The three days that it may be somewhere, and where it is not the day of UTC."""

    yesterday: str
    today: str
    tomorrow: str
    ahead: str
    behind: str
    ahead_json: str
    behind_json: str


@lru_cache(maxsize=8)
def _days(quarter: int) -> Days:
    """Say which day it is in which zone: as arrays of PostgreSQL's, and as JSON."""
    moment = datetime.fromtimestamp(quarter * QUARTER_S, UTC)
    today = moment.date()
    local = {name: _local(moment, name) for name in sorted(available_timezones())}
    ahead = [name for name, day in local.items() if day > today]
    behind = [name for name, day in local.items() if day < today]
    return Days(
        (today - DAY).isoformat(),
        today.isoformat(),
        (today + DAY).isoformat(),
        "{" + ",".join(ahead) + "}",
        "{" + ",".join(behind) + "}",
        orjson.dumps(ahead).decode(),
        orjson.dumps(behind).decode(),
    )


def _local(moment: datetime, zone: str) -> date:
    return moment.astimezone(ZoneInfo(zone)).date()
