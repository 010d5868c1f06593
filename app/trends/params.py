"""The query of `GET /trends`, read strictly: what is not understood is refused, never ignored."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Literal, TypeVar, get_args
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from pydantic import TypeAdapter, ValidationError

from app.clinical.baseline import RULES
from app.clinical.measure import DOMAINS
from app.core.errors import InvalidParameter, NotAcceptable
from app.core.wire import Instant

T = TypeVar("T")
Audience = Literal["prescriber", "patient"]
Format = Literal["json", "csv", "svg", "html", "png"]

MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "svg": "image/svg+xml",
    "html": "text/html",
    "png": "image/png",
}
DRAWS_PNG = find_spec("vl_convert") is not None
"""An optional extra; without it nobody is offered a PNG."""
MADE: tuple[Format, ...] = tuple(one for one in MEDIA_TYPES if one != "png" or DRAWS_PNG)
PARTS = (
    "summary",
    "risk",
    "digest",
    "measures",
    "medications",
    "decision_points",
    "quality",
    "basis",
)
EXTRAS = ("points", "records")
PARAMETERS = {
    "from": "First day, YYYY-MM-DD; by default 26 weeks before `as_of`",
    "to": "Last day, included; by default `as_of`",
    "as_of": "What had happened by this day; by default today in the patient's zone",
    "known_at": "What was known at this moment (RFC 3339); by default now",
    "measures": "Comma list of measure codes; by default all with data",
    "domains": "Comma list of domains: " + ", ".join(DOMAINS),
    "since": "Start of the digest, YYYY-MM-DD",
    "medication": "Id of the index course, for baseline and dose epochs",
    "baseline": "auto, pre_start, pre_change, first, window:FROM..TO or value:V; "
    "of one measure with its code before it: phq-9.total:value:14",
    "window": "Days of the before/after comparison, 7 to 56",
    "strict_window": "true: do not widen the window to 28 days before the index start",
    "tz": "IANA zone that decides which day it is; by default the patient's",
    "include": "Comma list of parts (" + ", ".join(PARTS) + ") and, in addition, points, records",
    "audience": "prescriber, or patient: own numbers only",
    "format": "json, csv, svg, html (one page to print) or png; also by Accept",
    "lang": "en",
}
_A_DAY = {"type": "string", "format": "date"}
_FORMS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("from", "to", "as_of", "since"), _A_DAY),
    "known_at": {"type": "string", "format": "date-time"},
    "medication": {"type": "string", "format": "uuid"},
    "window": {"type": "integer", "minimum": 7, "maximum": 56},
    "strict_window": {"type": "boolean"},
    "audience": {"type": "string", "enum": list(get_args(Audience))},
    "format": {"type": "string", "enum": list(MEDIA_TYPES)},
    "lang": {"type": "string", "enum": ["en"]},
}
WEEKS_BACK = timedelta(weeks=26)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


COMPARED_DAYS = 14
"""Length of both windows of a before/after comparison of daily readings, unless asked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The parameters as sent, each right by itself; None where the default is to hold.

    parts: those to show. points, records: also those. baselines: rule by measure.
    etags: what the caller has already, as If-None-Match names it.
    """

    from_day: date | None
    to_day: date | None
    as_of: date | None
    known_at: datetime | None
    measures: tuple[str, ...] | None
    domains: tuple[str, ...] | None
    medication: UUID | None
    baseline: str
    baselines: tuple[tuple[str, str], ...]
    strict_window: bool
    window: int
    since: date | None
    tz: str | None
    parts: tuple[str, ...]
    points: bool
    records: bool
    audience: Audience
    format: Format
    etags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Params:
    """What is asked for, with every default filled in; the report depends on nothing else.

    from_day, to_day: included; the window before an index start widens it.
    """

    as_of: date
    from_day: date
    to_day: date
    tz: str
    tz_assumed: bool
    measures: tuple[str, ...] | None = None
    domains: tuple[str, ...] | None = None
    medication: UUID | None = None
    baseline: str = "auto"
    baselines: tuple[tuple[str, str], ...] = ()
    strict_window: bool = False
    window: int = COMPARED_DAYS
    since: date | None = None
    parts: tuple[str, ...] = PARTS
    points: bool = False
    records: bool = False
    audience: Audience = "prescriber"
    format: Format = "json"

    def rule_for(self, measure: str) -> str:
        """Give the baseline rule asked for one measure."""
        return dict(self.baselines).get(measure, self.baseline)


def resolve(asked: Asked, zone: str | None, now: datetime, audience: Audience) -> Params:
    """Fill the defaults in and judge the parameters against each other and the present.

    zone: the patient's, if known. audience: of the caller, who may get less than was asked.

    Raises:
        InvalidParameter: a day or moment in the future, or days that are not in order.
    """
    tz = asked.tz or zone or "UTC"
    today = now.astimezone(ZoneInfo(tz)).date()
    as_of = asked.as_of or today
    if as_of > today:
        raise InvalidParameter("not later than today", pointer="/query/as_of")
    if asked.known_at is not None and asked.known_at > now:
        raise InvalidParameter("not later than now", pointer="/query/known_at")
    to_day = asked.to_day or as_of
    if to_day > as_of:
        raise InvalidParameter("not later than as_of", pointer="/query/to")
    if asked.since is not None and asked.since > as_of:
        raise InvalidParameter("not later than as_of", pointer="/query/since")
    from_day = asked.from_day or as_of - WEEKS_BACK
    if from_day > to_day:
        raise InvalidParameter("not later than `to`", pointer="/query/from")
    return Params(
        as_of=as_of,
        from_day=from_day,
        to_day=to_day,
        tz=tz,
        tz_assumed=zone is None,
        measures=asked.measures,
        domains=asked.domains,
        medication=asked.medication,
        baseline=asked.baseline,
        baselines=asked.baselines,
        strict_window=asked.strict_window,
        window=asked.window,
        since=asked.since,
        parts=asked.parts if asked.format == "json" else PARTS,
        points=asked.points or asked.format != "json",
        records=asked.records,
        audience=audience,
        format=asked.format,
    )


def read(
    pairs: Sequence[tuple[str, str]], accept: str | None = None, if_none_match: str | None = None
) -> Asked:
    """Read a query string.

    Raises:
        InvalidParameter: a name that is not known or stands twice, or a value that cannot be
            read; the pointer names it, and in a list its place.
        NotAcceptable: the format is not made here.
    """
    query: dict[str, str] = {}
    for name, text in pairs:
        if name not in PARAMETERS:
            raise InvalidParameter("a parameter of this path", pointer=f"/query/{name}")
        if name in query:
            raise InvalidParameter("once", pointer=f"/query/{name}")
        query[name] = text
    _one(query, "lang", _word("en"))
    parts, extras = _included(query)
    general, of_measures = _baselines(query)
    return Asked(
        from_day=_one(query, "from", _day),
        to_day=_one(query, "to", _day),
        as_of=_one(query, "as_of", _day),
        known_at=_one(query, "known_at", _moment),
        measures=_list(query, "measures", _code, "a measure code"),
        domains=_list(query, "domains", _word(*DOMAINS), ", ".join(DOMAINS)),
        medication=_one(query, "medication", UUID),
        baseline=general,
        baselines=of_measures,
        strict_window=_one(query, "strict_window", _word("true", "false")) == "true",
        window=_one(query, "window", _window) or COMPARED_DAYS,
        since=_one(query, "since", _day),
        tz=_one(query, "tz", _zone),
        parts=parts,
        points="points" in extras,
        records="records" in extras,
        audience="patient" if _one(query, "audience", _audience) == "patient" else "prescriber",
        format=_format(query.get("format"), accept),
        etags=_tags(if_none_match),
    )


def _one(query: Mapping[str, str], name: str, read_it: Callable[[str], T]) -> T | None:
    if name not in query:
        return None
    try:
        return read_it(query[name])
    except ValueError as error:
        raise InvalidParameter(str(error) or PARAMETERS[name], pointer=f"/query/{name}") from None


def _list(
    query: Mapping[str, str], name: str, read_it: Callable[[str], str], expected: str
) -> tuple[str, ...] | None:
    if name not in query:
        return None
    found = []
    for place, text in enumerate(query[name].split(",")):
        try:
            found.append(read_it(text))
        except ValueError:
            raise InvalidParameter(expected, pointer=f"/query/{name}/{place}") from None
    return tuple(found)


def _day(text: str) -> date:
    if not _DAY.fullmatch(text) or text < "1900":
        raise ValueError("YYYY-MM-DD, from 1900 on")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day of the calendar, YYYY-MM-DD") from None


def _moment(text: str) -> datetime:
    try:
        return _INSTANT.validate_json(orjson.dumps(text), strict=True)
    except (ValidationError, TypeError):
        raise ValueError(
            "RFC 3339 with an offset, its + sent as %2B: 2026-04-13T10:30:00-04:00"
        ) from None


def _window(text: str) -> int:
    if not text.isdecimal() or not 7 <= int(text) <= 56:
        raise ValueError("7 to 56")
    return int(text)


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("an IANA zone: America/New_York") from None
    return text


def _word(*words: str) -> Callable[[str], str]:
    def read_word(text: str) -> str:
        if text not in words:
            raise ValueError(" or ".join(words))
        return text

    return read_word


_audience = _word("prescriber", "patient")


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError("a measure code")
    return text


def _included(query: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Read the parts to show; points and records come on top of all parts, or of those named."""
    known = (*PARTS, *EXTRAS)
    named = _list(query, "include", _word(*known), ", ".join(known)) or ()
    parts = tuple(part for part in PARTS if part in named) or PARTS
    return parts, tuple(extra for extra in EXTRAS if extra in named)


def _baselines(query: Mapping[str, str]) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Read one rule for all measures, and rules of single ones."""
    general: str | None = None
    of_measures: dict[str, str] = {}
    given = query.get("baseline")
    for place, text in enumerate(given.split(",") if given is not None else ()):
        measure, colon, rule = text.partition(":")
        is_general = text in RULES or text == "auto" or measure in ("window", "value")
        try:
            if is_general and general is None:
                general = _rule(text)
            elif not is_general and colon and _code(measure) not in of_measures:
                of_measures[measure] = _rule(rule)
            else:
                raise ValueError
        except ValueError:
            expected = f"once for all, once for a measure: {PARAMETERS['baseline']}"
            raise InvalidParameter(expected, pointer=f"/query/baseline/{place}") from None
    return general or "auto", tuple(sorted(of_measures.items()))


def _rule(text: str) -> str:
    name, _, rest = text.partition(":")
    if name == "value":
        if not math.isfinite(float(rest)):
            raise ValueError
    elif name == "window":
        first, last = rest.split("..")
        if _day(first) > _day(last):
            raise ValueError
    elif text != "auto" and text not in RULES:
        raise ValueError
    return text


def _tags(header: str | None) -> tuple[str, ...]:
    """Read If-None-Match; a weak tag counts, as RFC 9110 has it for GET."""
    if header is None:
        return ()
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in header.split(","))


def _format(named: str | None, accept: str | None) -> Format:
    """Choose by `format`, else by Accept (RFC 9110): the best weight, then the order sent."""
    if named is not None:
        for known in MADE:
            if named == known:
                return known
        raise NotAcceptable(", ".join(MADE), pointer="/query/format")
    ranges = sorted(_ranges(accept or "*/*"), key=lambda one: -one[1])
    for wanted, weight in ranges:
        for known in MADE:
            media_type = MEDIA_TYPES[known]
            kind = media_type.partition("/")[0]
            if weight > 0 and wanted in (media_type, f"{kind}/*", "*/*"):
                return known
    raise NotAcceptable(", ".join(MEDIA_TYPES[known] for known in MADE))


def _ranges(accept: str) -> list[tuple[str, float]]:
    found = []
    for one in accept.split(","):
        name, *settings = (part.strip().lower() for part in one.split(";"))
        weight = next((text[2:] for text in settings if text.startswith("q=")), "1")
        try:
            found.append((name, float(weight)))
        except ValueError:
            found.append((name, 0.0))
    return found


def described() -> dict[str, Any]:
    """Give the parameters as the OpenAPI document writes them."""
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "schema": _FORMS.get(name, {"type": "string"}),
                "description": text,
            }
            for name, text in PARAMETERS.items()
        ]
    }
