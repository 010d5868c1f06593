"""The query of the trends: each parameter strictly, each refusal at its place."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.errors import InvalidParameter, NotAcceptable
from app.trends.params import PARTS, Asked, read, resolve

NOW = datetime(2026, 6, 12, 22, 30, tzinfo=UTC)


def query(accept: str | None = None, **pairs: str) -> Asked:
    return read([(name.removesuffix("_"), text) for name, text in pairs.items()], accept)


def refused(**pairs: str) -> str:
    with pytest.raises(InvalidParameter) as error:
        resolve(query(**pairs), "Europe/Berlin", NOW, "prescriber")
    return error.value.faults[0].pointer


@pytest.mark.parametrize(
    ("pairs", "pointer"),
    [
        ({"form": "2026-01-01"}, "/query/form"),
        ({"from_": "2026-1-1"}, "/query/from"),
        ({"from_": "2026-02-30"}, "/query/from"),
        ({"to": "today"}, "/query/to"),
        ({"as_of": "0001-01-01"}, "/query/as_of"),
        ({"as_of": "2026-06-14"}, "/query/as_of"),
        ({"to": "2026-06-01", "as_of": "2026-05-01"}, "/query/to"),
        ({"from_": "2026-05-02", "to": "2026-05-01"}, "/query/from"),
        ({"known_at": "2026-06-01"}, "/query/known_at"),
        ({"known_at": "2026-06-01T10:00:00"}, "/query/known_at"),
        ({"known_at": "2026-06-12T22:30:01Z"}, "/query/known_at"),
        ({"measures": "phq-9.total,"}, "/query/measures/1"),
        ({"measures": "phq 9"}, "/query/measures/0"),
        ({"domains": "sleep,dreams"}, "/query/domains/1"),
        ({"since": "yesterday"}, "/query/since"),
        ({"medication": "co_3"}, "/query/medication"),
        ({"baseline": "best"}, "/query/baseline/0"),
        ({"baseline": "auto,first"}, "/query/baseline/1"),
        ({"baseline": "value:high"}, "/query/baseline/0"),
        ({"baseline": "value:nan"}, "/query/baseline/0"),
        ({"baseline": "window:2026-02-01..2026-01-01"}, "/query/baseline/0"),
        ({"baseline": "phq-9.total:best"}, "/query/baseline/0"),
        ({"window": "6"}, "/query/window"),
        ({"window": "57"}, "/query/window"),
        ({"strict_window": "yes"}, "/query/strict_window"),
        ({"tz": "Mars/Olympus"}, "/query/tz"),
        ({"tz": "../etc"}, "/query/tz"),
        ({"include": "points,secrets"}, "/query/include/1"),
        ({"audience": "everybody"}, "/query/audience"),
        ({"lang": "tlh"}, "/query/lang"),
    ],
)
def test_a_bad_parameter_is_refused_at_its_place(pairs: dict[str, str], pointer: str) -> None:
    assert refused(**pairs) == pointer


def test_a_parameter_stands_once() -> None:
    with pytest.raises(InvalidParameter) as error:
        read([("from", "2026-01-01"), ("from", "2026-02-01")])

    assert error.value.faults[0].pointer == "/query/from"


def test_the_day_is_that_of_the_patient_and_the_window_26_weeks() -> None:
    filled = resolve(query(), "Europe/Berlin", NOW, "prescriber")

    assert filled.as_of == date(2026, 6, 13)
    assert (filled.from_day, filled.to_day) == (date(2025, 12, 13), date(2026, 6, 13))
    assert (filled.tz, filled.tz_assumed) == ("Europe/Berlin", False)
    assert resolve(query(), None, NOW, "prescriber").tz_assumed


def test_rules_for_single_measures_stand_beside_the_general_one() -> None:
    asked = query(baseline="first,phq-9.total:value:14,gad-7.total:window:2026-01-01..2026-01-31")
    filled = resolve(asked, None, NOW, "prescriber")

    assert filled.rule_for("phq-9.total") == "value:14"
    assert filled.rule_for("gad-7.total") == "window:2026-01-01..2026-01-31"
    assert filled.rule_for("isi.total") == "first"


def test_points_come_on_top_of_all_parts_or_of_those_named() -> None:
    assert query(include="points").parts == PARTS
    assert query(include="points").points
    assert query(include="risk,measures,records").parts == ("risk", "measures")


@pytest.mark.parametrize(
    ("accept", "pairs", "chosen"),
    [
        (None, {}, "json"),
        ("*/*", {}, "json"),
        ("text/csv", {}, "csv"),
        ("image/svg+xml, application/json;q=0.5", {}, "svg"),
        ("application/json;q=0.5, text/csv", {}, "csv"),
        ("text/html, image/*;q=0.8", {}, "html"),
        ("text/plain, image/*;q=0.8", {}, "svg"),
        ("text/csv", {"format": "json"}, "json"),
    ],
)
def test_the_format_is_named_or_accepted(
    accept: str | None, pairs: dict[str, Any], chosen: str
) -> None:
    assert query(accept, **pairs).format == chosen


@pytest.mark.parametrize(
    ("accept", "pairs"),
    [
        ("text/plain", {}),
        ("text/csv;q=0", {}),
        (None, {"format": "pdf"}),
        (None, {"format": "xlsx"}),
    ],
)
def test_a_format_that_is_not_made_is_not_acceptable(
    accept: str | None, pairs: dict[str, str]
) -> None:
    with pytest.raises(NotAcceptable):
        query(accept, **pairs)
