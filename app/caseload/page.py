"""One page of the caseload as one statement: ranked, counted and written by the database.

Its text is compiled once for each order and kind of filter. Compiled text passes the Session's
clinic filter by; therefore every table in it is held to the caller's clinic here.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Date,
    Dialect,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
)
from sqlalchemy.orm import Session

from app.caseload.models import CaseloadRow
from app.caseload.rows import NO_FACTS
from app.core.json_text import comma_separated, json_object, json_part
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
FILTERS = ("need", "status", "after")
KEPT = (
    "sequence",
    "is_expected",
    "status",
    "primary_stale_on",
    "stale_on",
    "stale_after_change_on",
    "not_on_track_until",
    "window_point",
    "window_opens_on",
    "window_closes_on",
    "window_until",
    "lab_due_on",
    "review_due_on",
    "next_visit_on",
    "judged",
)
"""Columns of a row that are read as they are."""
ONCE = "MATERIALIZED"
"""Said of a step whose results are named more than once: each is worked out one time."""
NEVER, NO_END = "0000-00-00", "9999-12-31"


def read(session: Session, sort: str, given: Mapping[str, Any]) -> tuple[str, str | None, int, str]:
    """Run it: the rows' text, where they end, how many are left with them, the counts' text.

    given: the parameters of `_statement`; those that are None are not asked for.
    """
    connection = session.connection()
    asked = frozenset(name for name in FILTERS if given[name] is not None)
    text, order, constants = _compiled(connection.dialect, sort, asked)
    values = {**constants, **given}
    parameters = values if order is None else tuple(values[name] for name in order)
    texts, last, left, counts = connection.exec_driver_sql(text, parameters).one()
    return texts or "", last, left or 0, counts


@lru_cache(maxsize=64)
def _compiled(
    dialect: Dialect, sort: str, asked: frozenset[str]
) -> tuple[str, list[str] | None, Mapping[str, Any]]:
    compiled = _statement(sort, asked).compile(dialect=dialect)
    return str(compiled), compiled.positiontup, compiled.params


def _statement(sort: str, asked: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """Build it from the caller's patients, with what holds of each today.

    Parameters: clinic, user; today (of UTC), tomorrow, yesterday, and the zones `ahead` and
    `behind` in which it is one of these; limit; need, status, after where they are asked for.
    """
    judged = _judged(sort)
    chosen = select(
        judged.c.written, judged.c.position, func.count().over().label("left")
    ).order_by(judged.c.position)
    if "need" in asked:
        chosen = chosen.where(judged.c.needs.contains(bindparam("need", type_=String)))
    if "status" in asked:
        chosen = chosen.where(judged.c.status == bindparam("status", type_=String))
    if "after" in asked:
        chosen = chosen.where(judged.c.position > bindparam("after", type_=String))
    rows = chosen.limit(bindparam("limit", type_=Integer)).subquery("chosen")
    page = select(
        comma_separated(rows.c.written).label("texts"),
        func.max(rows.c.position).label("last"),
        func.max(rows.c.left).label("left"),
    ).subquery("page")
    counts = select(_counts(judged).label("counts")).subquery("counts")
    columns: list[Any] = [page.c.texts, page.c.last, page.c.left, counts.c.counts]
    return select(*columns)


def _mine() -> CTE:
    """Give the caller's patients, what is kept of each, and the day it is for them."""
    cared, person, kept, row = CareRelation, Patient, Summary, CaseloadRow
    zone = person.time_zone
    today = case(
        (among(zone, bindparam("ahead")), bindparam("tomorrow", type_=Date)),
        (among(zone, bindparam("behind")), bindparam("yesterday", type_=Date)),
        else_=bindparam("today", type_=Date),
    )
    columns: list[Any] = [
        today.label("today"),
        cast(person.id, String).label("id"),
        _joined(person.given, _text(" "), person.family).label("name"),
        cast(func.substr(cast(person.birth_date, String), _number(1), _number(4)), Integer).label(
            "birth_year"
        ),
        case((person.synthetic, _text("true")), else_=_text("false")).label("synthetic"),
        kept.last_seen_on,
        func.coalesce(kept.signals_open, _number(0)).label("signals_open"),
        func.coalesce(kept.sequence, _number(0)).label("seen_sequence"),
        func.coalesce(row.signals_open, _number(0)).label("signals_known"),
        func.coalesce(row.risk_open, _number(0)).label("risk_open"),
        (row.flags_notice + row.flags_confirmed).label("flags"),
        func.coalesce(row.facts, _text(NO_FACTS)).label("facts"),
        *(getattr(row, name) for name in KEPT),
    ]
    return (
        select(*columns)
        .select_from(cared)
        .join(person, and_(person.clinic_id == cared.clinic_id, person.id == cared.patient_id))
        .outerjoin(
            kept, and_(kept.clinic_id == cared.clinic_id, kept.patient_id == cared.patient_id)
        )
        .outerjoin(row, and_(row.clinic_id == cared.clinic_id, row.patient_id == cared.patient_id))
        .where(
            cared.clinic_id == bindparam("clinic", type_=Id),
            cared.user_id == bindparam("user", type_=Id),
        )
        .cte("mine")
        .prefix_with(ONCE)
    )


def _held() -> CTE:
    """Say what holds of each today, and its place in the order of need."""
    mine = _mine()
    holds = _needs(mine)
    ranks = [(holds[name], _text(str(place))) for place, name in enumerate(NEEDS)]
    named = (case((holds[name], _text(f',"{name}"')), else_=_text("")) for name in NEEDS)
    columns: list[Any] = [
        mine,
        case(*ranks, else_=_text(str(len(NEEDS)))).label("rank"),
        _joined(*named, _text(",")).label("needs"),
        case((mine.c.primary_stale_on <= mine.c.today, _number(1)), else_=_number(0)).label(
            "is_stale"
        ),
    ]
    return select(*columns).cte("held").prefix_with(ONCE)


def _needs(mine: CTE) -> dict[str, ColumnElement[bool]]:
    """Give the conditions. A signal that the row does not know yet counts as one of risk."""
    of, today = mine.c, mine.c.today
    is_behind = or_(of.sequence.is_(None), of.seen_sequence > of.sequence)
    return {
        "risk": or_(of.risk_open > _number(0), and_(is_behind, of.signals_open > of.signals_known)),
        "signal": of.signals_open > _number(0),
        "not_on_track": of.not_on_track_until >= today,
        "missed_decision": and_(of.window_closes_on < today, of.window_until >= today),
        "stale_after_dose_change": of.stale_after_change_on <= today,
        "stale": of.stale_on <= today,
        "overdue": or_(of.lab_due_on < today, of.review_due_on < today, of.next_visit_on < today),
        "notice": of.flags > _number(0),
    }


def _judged(sort: str) -> CTE:
    """Write each row as text, with what it is ordered, filtered and counted by."""
    held = _held()
    of = held.c
    is_stale = of.is_stale == _number(1)
    status = case((is_stale, _text("stale")), else_=of.status)
    seen = func.coalesce(cast(of.last_seen_on, String), _text(NEVER))
    begins = {
        "need": _joined(of.rank, seen),
        "last_seen_on": seen,
        "next_visit_on": func.coalesce(cast(of.next_visit_on, String), _text(NO_END)),
    }
    dynamic = _object(
        patient=json_part(
            _object(
                id=of.id, name=of.name, birth_year=of.birth_year, synthetic=json_part(of.synthetic)
            )
        ),
        patient_version=of.sequence,
        as_of=of.today,
        needs=json_part(_joined(_text("["), func.trim(of.needs, _text(",")), _text("]"))),
        risk_open=of.risk_open,
        signals_open=of.signals_open,
        status=status,
        last_known=case((is_stale, of.status)),
        decisions=json_part(_decisions(held)),
        last_seen_on=of.last_seen_on,
        stale_on=of.stale_on,
        window_closes_on=of.window_closes_on,
        lab_due_on=of.lab_due_on,
        review_due_on=of.review_due_on,
        # Last, and a plain value: the text is cut at its end to take in what no day changes.
        next_visit_on=of.next_visit_on,
    )
    written = _joined(
        func.rtrim(dynamic, _text("}")), _text(","), func.substr(of.facts, _number(2))
    )
    return (
        select(
            written.label("written"),
            _joined(begins[sort], of.id).label("position"),
            of.needs.label("needs"),
            status.label("status"),
            of.is_expected.label("is_expected"),
        )
        .cte("judged")
        .prefix_with(ONCE)
    )


def _decisions(held: CTE) -> ColumnElement[str]:
    """Write the newest judged points, and the next one without a score as it is today."""
    of, today = held.c, held.c.today
    is_open = and_(of.window_point.is_not(None), of.window_until >= today)
    window = _object(
        point=of.window_point,
        opens_on=of.window_opens_on,
        closes_on=of.window_closes_on,
        result=case(
            (of.window_opens_on > today, _text("ahead")),
            (of.window_closes_on >= today, _text("due")),
            else_=_text("missed"),
        ),
    )
    comma = case((of.judged != _text(""), _text(",")), else_=_text(""))
    return _joined(
        _text("["),
        func.coalesce(of.judged, _text("")),
        case((is_open, _joined(comma, window)), else_=_text("")),
        _text("]"),
    )


def _counts(judged: CTE) -> ColumnElement[str]:
    """Count over all of the caller's patients, whatever the page shows of them."""

    def of(condition: ColumnElement[bool]) -> ColumnElement[int]:
        return func.count(case((condition, _number(1))))

    status = judged.c.status
    return _object(
        all=func.count(),
        expected=of(judged.c.is_expected),
        with_data=of(status.in_([_text(one) for one in ("improving", "worsening", "stable")])),
        status=json_part(
            _object(
                **{word: of(status == _text(word)) for word in STATUSES},
                no_data=of(status.is_(None)),
            )
        ),
        needs=json_part(
            _object(**{name: of(judged.c.needs.contains(_text(f',"{name}",'))) for name in NEEDS})
        ),
    )


def _object(**members: Any) -> ColumnElement[str]:
    named = [part for name, value in members.items() for part in (_text(name), value)]
    return json_object(*named)


def _joined(*parts: Any) -> ColumnElement[str]:
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.concat(part)
    return whole  # type: ignore[no-any-return]  # texts joined are a text


def _text(constant: str) -> ColumnElement[str]:
    """Write one of our own constants into the statement itself: no quote is ever in it."""
    assert "'" not in constant
    return literal_column(f"'{constant}'", String)


def _number(constant: int) -> ColumnElement[int]:
    return literal_column(str(constant), Integer)
