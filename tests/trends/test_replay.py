"""A flag run again on the inputs that it names is the same flag."""

from collections.abc import Callable
from datetime import date, timedelta
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.baseline import Baseline, Point
from app.clinical.measure import Measure, ResponseRule, Threshold
from app.clinical.response import ReliableThreshold, relapse
from app.stats.control import (
    Reference,
    dense_marks,
    dense_rule,
    reference_of,
    sparse_limit,
    sparse_marks,
)
from tests.trends.slices import START, TREATED, Json, daily, of, read, readings

PHQ, MOOD, SLEEP = "phq-9.total", "mood_cognition.mood", "sleep.duration_h"


def turned(inputs: Json) -> Callable[[float], float]:
    """Larger is worse, as the flag's own inputs say which way that is."""
    if inputs["direction"] == "target_range":
        low, high = inputs["target"]
        return lambda value: max(low - value, value - high, 0.0)
    return (lambda value: -value) if inputs["direction"] == "higher_better" else lambda value: value


def taken(part: Json, inputs: Json, points: list[Json]) -> dict[str, float]:
    """Give the values as the rule took them: by day, or the median of each week on its last day."""
    records = set(part["records"])
    value_of = {one["day"]: one["value"] for one in points if records & set(one["records"])}
    if inputs["readings"]["taken_as"] == "days":
        return value_of
    weeks: dict[tuple[int, int], list[str]] = {}
    for day in sorted(value_of):
        weeks.setdefault(date.fromisoformat(day).isocalendar()[:2], []).append(day)
    return {days[-1]: median(value_of[day] for day in days) for days in weeks.values()}


def again(flag: Json, points: list[Json]) -> tuple[str, str, bool]:
    """Give level, last day's notice and confirmation from nothing but the flag's inputs."""
    inputs, reference = flag["inputs"], flag["inputs"]["reference"]
    turn, value_of = turned(inputs), taken(inputs["readings"], inputs, points)
    low, high = inputs["scale"]
    seen = sorted(value_of)
    x = [float(date.fromisoformat(day).toordinal()) for day in seen]
    sign = -1 if flag["code"] == "SUSTAINED_IMPROVEMENT" else 1
    y = [sign * turn(value_of[day]) for day in seen]
    made_of = taken(reference, inputs, points)
    ordinals = [date.fromisoformat(day).toordinal() for day in sorted(made_of)]
    found = reference_of(ordinals, [turn(made_of[day]) for day in sorted(made_of)])
    # What is printed is rounded; at the edge of a limit only the readings themselves decide.
    shown = (reference["n"], reference["sd"], reference["r"])
    assert shown == pytest.approx((found.n, found.sd, found.r), abs=1e-6)
    held = Reference(found.n, sign * found.mean, found.sd, found.r)
    if inputs["rule_for"] == "diary":
        marks = dense_marks(x, y, dense_rule(held, high - low, inputs["mcid"]))
    else:
        registered = inputs["T_rel_source"] not in ("own_spread", "assumed")
        limit = sparse_limit(held, high - low, inputs["T_rel"] if registered else None)
        assert limit == pytest.approx(flag["numbers"]["D"])
        marks = sparse_marks(x, y, held, limit)
    confirmed = [day for day, mark in zip(seen, marks, strict=True) if mark.confirmed]
    noticed = [day for day, mark in zip(seen, marks, strict=True) if mark.notice]
    level = "confirmed" if flag["first_day"] in confirmed else "notice"
    assert flag["first_day"] in noticed
    assert flag["numbers"]["k"] == sum(mark.notice for mark in marks[-3:])
    return level, seen[-1], marks[-1].notice


CONTROLLED = {
    "SINGLE_HIGH",
    "EARLY_SHIFT",
    "SUSTAINED_WORSENING",
    "LOSS_OF_GAIN",
    "SUSTAINED_IMPROVEMENT",
}


def replayed(body: Json, measure: str) -> list[str]:
    block = of(body, measure)
    points = [one for one in block["points"] if "excluded" not in one]
    found = []
    for flag in block["flags"]:
        assert flag["rule"] == {"id": "T5.6", "version": 1}
        if flag["code"] in CONTROLLED:
            level, last, holds = again(flag, points)
            assert level == flag["level"]
            assert (last, holds) == (flag["last_day"], flag["active"])
        elif flag["code"] == "BAND_UP":
            assert band_again(flag, points)
        else:
            assert return_again(flag, points) == (flag["code"], flag["first_day"])
        found.append(flag["code"])
    return found


def band_again(flag: Json, points: list[Json]) -> bool:
    """Say whether two of the last three readings lie in a worse band, from the flag's inputs."""
    inputs = flag["inputs"]
    sign = -1 if inputs["direction"] == "higher_better" else 1

    def place(value: float) -> int:
        bands = enumerate(inputs["bands"])
        return sign * next(n for n, one in bands if one["minimum"] <= value <= one["maximum"])

    values = taken(inputs["readings"], inputs, points)
    known = place(inputs["baseline"]["level"])
    assert min(values) > inputs["baseline"]["to"]
    worse = sum(place(values[day]) > known for day in sorted(values)[-3:])
    return worse >= 2 and worse == int(flag["numbers"]["k"])


def return_again(flag: Json, points: list[Json]) -> tuple[str, str]:
    """Give code and day of illness that came back, from the flag's inputs."""
    inputs = flag["inputs"]

    def rule(name: str) -> Threshold | None:
        return inputs[name] and Threshold(**inputs[name])

    low, high = inputs["scale"]
    direction = inputs["direction"]
    measure = Measure(
        "again",
        "{score}",
        low,
        high,
        direction,
        "again",
        response=inputs["response"] and ResponseRule(**inputs["response"]),
        remission=rule("remission"),
        relapse=rule("relapse"),
        caseness=rule("caseness"),
    )
    values = taken(inputs["readings"], inputs, points)
    read_ = [Point(date.fromisoformat(day), values[day]) for day in sorted(values)]
    threshold = ReliableThreshold(inputs["T_rel"], inputs["T_rel_source"], None)
    start = Baseline("auto", inputs["baseline"]["level"], 1, None, None, (), "")
    found = relapse(measure, read_, start, threshold)
    sure, day = found.confirmed_day, found.confirmed_day or found.possible_day
    return "RELAPSE" if sure else "POSSIBLE_RELAPSE", str(day)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 27), min_size=4, max_size=16))
def test_flags_of_visits_are_the_same_again(scores: list[int]) -> None:
    rows = readings(PHQ, {8 * n: score for n, score in enumerate(scores)})

    replayed(read(rows, [TREATED], points=True, records=True), PHQ)


def test_a_worsening_and_an_improvement_are_found_again() -> None:
    worse = read(readings(PHQ, {0: 6, 14: 14, 28: 15}), points=True, records=True)
    better = read(readings(PHQ, {0: 20, 14: 12, 28: 9}), points=True, records=True)

    assert replayed(worse, PHQ) == ["BAND_UP", "SUSTAINED_WORSENING"]
    assert replayed(better, PHQ) == ["SUSTAINED_IMPROVEMENT"]


def test_bands_and_illness_that_came_back_are_found_again() -> None:
    well = {0: 18, 28: 4, 56: 3, 84: 4}
    once = read(readings(PHQ, well | {98: 13}), [TREATED], points=True, records=True)
    twice = read(readings(PHQ, well | {98: 13, 112: 14}), [TREATED], points=True, records=True)
    risen = read(readings(PHQ, {0: 3, 28: 7, 56: 8}), points=True, records=True)

    assert "POSSIBLE_RELAPSE" in replayed(once, PHQ)
    assert "RELAPSE" in replayed(twice, PHQ)
    assert "BAND_UP" in replayed(risen, PHQ)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 10), min_size=12, max_size=40))
def test_flags_of_weekly_medians_are_the_same_again(moods: list[int]) -> None:
    """Three entries a week, Monday, Wednesday and Friday, from a Monday on."""
    days = [7 * (n // 3) + 2 * (n % 3) for n in range(len(moods))]
    rows = readings(MOOD, dict(zip(days, moods, strict=True)))

    replayed(read(rows, points=True, records=True, as_of=START + timedelta(days[-1])), MOOD)


@pytest.mark.parametrize(
    ("measure", "before", "after"), [(MOOD, 7.0, 3.0), (SLEEP, 7.5, 3.5), (SLEEP, 7.0, 12.0)]
)
def test_flags_of_a_diary_are_the_same_again(measure: str, before: float, after: float) -> None:
    values = [before + (n * n % 7) / 5 for n in range(45)] + [
        after + (n * n % 5) / 5 for n in range(60)
    ]
    body = read(daily(measure, values), points=True, records=True, as_of=START + timedelta(104))

    assert "SUSTAINED_WORSENING" in replayed(body, measure)
