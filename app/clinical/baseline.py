"""The points of one measure and the level that change is measured from.

Points are one per day, in order of days. A baseline always says its rule, its readings and a
sentence a prescriber can check.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from operator import ge
from typing import Literal, NamedTuple

from app.clinical.measure import Measure

Cadence = Literal["sparse", "dense"]

MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


class UnknownBaselineRule(ValueError):
    """The baseline rule is none of auto, pre_start, pre_change, first, window:A..B, value:V."""


class Point(NamedTuple):
    """The value of one day and the ids of the records behind it."""

    day: date
    value: float
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndexCourse:
    """The medicine that baseline and clock refer to.

    started_on: its start when that lies inside the window, else None (it was running already).
    first_event_on: its first dose event inside the window when it was running already.
    epoch_from: first day of the dose epoch before that event; None: before the record.
    """

    medicine: str
    started_on: date | None = None
    first_event_on: date | None = None
    epoch_from: date | None = None


@dataclass(frozen=True, slots=True)
class Baseline:
    """The level that change is measured from, by the rule that gave it.

    level is None when the rule finds nothing; `reasons` then says why (NO_DATA, NO_BASELINE,
    CHANGE_RATING). n is 0 for a level given by the prescriber.
    """

    rule: str
    level: float | None
    n: int
    from_day: date | None
    to_day: date | None
    records: tuple[str, ...]
    sentence: str
    reasons: tuple[str, ...] = ()

    def precedes(self, day: date) -> bool:
        """Say whether a reading of that day can be compared with it.

        What was measured before a start or a step cannot be compared with itself while nothing
        has come after it; the other rules look at days that a prescriber or the series gave.
        """
        before = self.rule in ("pre_start", "pre_change")
        return not before or self.to_day is None or day > self.to_day


def baseline(
    measure: Measure,
    points: Sequence[Point],
    *,
    rule: str = "auto",
    cadence: Cadence = "sparse",
    course: IndexCourse | None = None,
) -> Baseline:
    """Find the level that change is measured from.

    rule: `auto`, `pre_start`, `pre_change`, `first`, `window:2026-01-01..2026-01-31` or
    `value:14`. `auto` takes the first of pre_start, pre_change and first that finds something.
    points: those of the window, widened to 28 days before the course's start. A reading on the day
    of a start or step counts as before it; daily diaries leave that day out.

    Raises:
        UnknownBaselineRule: the rule is none of these, or cannot be read.
        ValueError: the points are not one a day in order.
    """
    check_points(points)
    if measure.trend_use == "change_rating":
        return _none(rule, "CHANGE_RATING")
    if rule.startswith("value:"):
        return _given(measure, rule)
    if rule.startswith("window:"):
        return _window(measure, points, rule)
    if rule == "auto":
        found = (RULES[name](measure, points, cadence, course) for name in RULES)
        chosen = next((each for each in found if each is not None), None)
    elif rule in RULES:
        chosen = RULES[rule](measure, points, cadence, course)
    else:
        raise UnknownBaselineRule(rule)
    return chosen or _none(rule, "NO_BASELINE" if points else "NO_DATA")


def _pre_start(
    measure: Measure, points: Sequence[Point], cadence: Cadence, course: IndexCourse | None
) -> Baseline | None:
    if course is None or course.started_on is None:
        return None
    start, name = course.started_on, course.medicine
    if cadence == "sparse":
        before = _between(points, start - timedelta(28), start)[-1:]
        after = _between(points, start + timedelta(1), start + timedelta(3))[:1]
        text = f"last {measure.label} on or before the start of {name}"
        text_after = f"first {measure.label} after the start of {name}"
        least = 1
    else:
        before = _between(points, start - timedelta(14), start - timedelta(1))
        after = _between(points, start, start + timedelta(3))
        text = f"mean of {len(before)} days of {measure.label} before the start of {name}"
        text_after = f"mean of {len(after)} days of {measure.label} from the start of {name}"
        least = 3
    if len(before) >= least:
        return _mean("pre_start", before, text)
    if not before and len(after) >= least:
        return _mean("pre_start", after, text_after, ("BASELINE_AFTER_START",))
    return None


def _pre_change(
    measure: Measure, points: Sequence[Point], cadence: Cadence, course: IndexCourse | None
) -> Baseline | None:
    if course is None or course.first_event_on is None:
        return None
    last_day = course.first_event_on - timedelta(1 if cadence == "dense" else 0)
    first_day = date.min if course.epoch_from is None else course.epoch_from + timedelta(1)
    least, most = (3, 8) if cadence == "sparse" else (21, 42)
    kept = _between(points, first_day, last_day)[-most:]
    if len(kept) < least:
        return None
    readings = "readings" if cadence == "sparse" else "days"
    what = f"mean of the last {len(kept)} {measure.label} {readings}"
    return _mean("pre_change", kept, f"{what} before the first dose step of {course.medicine}")


def _first(
    measure: Measure, points: Sequence[Point], cadence: Cadence, course: IndexCourse | None
) -> Baseline | None:
    if not points:
        return None
    if cadence == "sparse":
        return _mean("first", points[:1], f"first {measure.label}")
    if len(points) < 21:
        return None
    kept = points[:42]
    return _mean("first", kept, f"mean of the first {len(kept)} days of {measure.label}")


_Rule = Callable[[Measure, Sequence[Point], Cadence, IndexCourse | None], Baseline | None]
RULES: dict[str, _Rule] = {"pre_start": _pre_start, "pre_change": _pre_change, "first": _first}


def _given(measure: Measure, rule: str) -> Baseline:
    try:
        level = float(rule.removeprefix("value:"))
    except ValueError:
        raise UnknownBaselineRule(rule) from None
    low, high = measure.minimum, measure.maximum
    if (
        not math.isfinite(level)
        or (low is not None and level < low)
        or (high is not None and level > high)
    ):
        raise UnknownBaselineRule(f"{rule}: outside the range of {measure.code}")
    return Baseline(rule, level, 0, None, None, (), "given by the prescriber")


def _window(measure: Measure, points: Sequence[Point], rule: str) -> Baseline:
    try:
        first, last = map(date.fromisoformat, rule.removeprefix("window:").split(".."))
    except ValueError:
        raise UnknownBaselineRule(rule) from None
    kept = _between(points, first, last)
    if not kept:
        return _none(rule, "NO_DATA")
    readings = "reading" if len(kept) == 1 else "readings"
    return _mean(rule, kept, f"mean of {len(kept)} {measure.label} {readings} in the chosen window")


def _mean(rule: str, kept: Sequence[Point], text: str, reasons: tuple[str, ...] = ()) -> Baseline:
    first, last = kept[0].day, kept[-1].day
    return Baseline(
        rule=rule,
        level=math.fsum(point.value for point in kept) / len(kept),
        n=len(kept),
        from_day=first,
        to_day=last,
        records=tuple(record for point in kept for record in point.records),
        sentence=f"{text} ({write_days(first, last)})",
        reasons=reasons,
    )


def _none(rule: str, reason: str) -> Baseline:
    return Baseline(rule, None, 0, None, None, (), "no baseline", (reason,))


def write_day(day: date, *, year: bool = False) -> str:
    """Write a day as `9 June`, on request with its year; the same on every machine."""
    text = f"{day.day} {MONTHS[day.month - 1]}"
    return f"{text} {day.year}" if year else text


def write_days(first: date, last: date, *, year: bool = False) -> str:
    """Write a stretch of days; one day stands alone."""
    if first == last:
        return write_day(first, year=year)
    return (
        f"{write_day(first, year=year or first.year != last.year)} to {write_day(last, year=year)}"
    )


def write_number(value: float, *, sign: bool = False) -> str:
    """Write a number with at most one decimal and no zero behind it; `sign`: always with + or -."""
    rounded = round(value, 1) + 0.0
    return f"{rounded:+g}" if sign else f"{rounded:g}"


def check_points(points: Sequence[Point]) -> None:
    """Refuse points that are not one a day in order of days, or not finite.

    Raises:
        ValueError: they are not.
    """
    days = [point.day for point in points]
    for place, out_of_order in enumerate(map(ge, days, days[1:]), 1):
        if out_of_order:
            raise ValueError(f"{days[place]}: points must be one a day, in order of days")
    for place, finite in enumerate(map(math.isfinite, [point.value for point in points])):
        if not finite:
            raise ValueError(f"{days[place]}: the value is not a finite number")


def _between(points: Sequence[Point], first: date, last: date) -> Sequence[Point]:
    return [point for point in points if first <= point.day <= last]
