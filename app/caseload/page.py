"""One page of the caseload as one statement: ranked, counted and written by the database.

Its text is compiled once for each order and kind of filter. Compiled text passes the Session's
clinic filter by; therefore every table in it is held to the caller's clinic here.
"""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    Dialect,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
    type_coerce,
)

from app.caseload.models import CaseloadRow
from app.caseload.rows import NO_FACTS
from app.core.json_text import json_object, json_part
from app.core.questions import among
from app.core.types import Id
from app.measurements.models import Summary
from app.patients.models import CareRelation, Patient

NEEDS = (
    "risk",
    "signal",
    "not_on_track",
    "missed_decision",
    "stale_after_dose_change",
    "stale",
    "overdue",
    "notice",
)
"""Why somebody is looked at, in the default order; a patient may have several."""
STATUSES = ("improving", "worsening", "stable", "insufficient_data", "stale")
NO_DATA = "no_data"
SORTS = ("need", "last_seen_on", "name")
NEVER = "0000-00-00"

_row, _kept, _person = CaseloadRow, Summary, Patient


@lru_cache(maxsize=64)
def compiled(
    dialect: Dialect, sort: str, has_need: bool, has_status: bool, goes_on: bool
) -> tuple[str, list[str] | None]:
    """Give the statement's text, and the order of its parameters where they have no names."""
    built = _statement(sort, has_need, has_status, goes_on).compile(dialect=dialect)
    return str(built), built.positiontup


def _statement(
    sort: str, has_need: bool, has_status: bool, goes_on: bool
) -> Select[*tuple[Any, ...]]:
    """Build it: the caller's patients, what holds of each today, one page, and the counts.

    Parameters: clinic, user; ahead, behind: zones where it is another day than `today`, which is
    the day of UTC; tomorrow, yesterday; limit, and where asked for need, status, after.
    """
    mine = _mine().cte("mine")
    judged = _judged(mine, sort).cte("judged")
    chosen = select(
        judged.c.written, judged.c.position, func.count().over().label("left")
    ).order_by(judged.c.position)
    if has_need:
        holds = ",\"" + bindparam("need", type_=String) + "\""
        chosen = chosen.where(func.instr_of(judged.c.needs, holds))
    if has_status:
        chosen = chosen.where(judged.c.status_now == bindparam("status", type_=String))
    if goes_on:
        chosen = chosen.where(judged.c.position > bindparam("after", type_=String))
    page = chosen.limit(bindparam("limit")).subquery("page")
    return select()
