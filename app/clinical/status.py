"""The direction of one measure in one word, and the prescriber's sentence about it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Literal

from app.clinical.baseline import Baseline, Point, check_points, write_day, write_days, write_number
from app.clinical.measure import SLACK, Measure, band_of
from app.clinical.response import (
    CONFIRM_DAYS,
    Change,
    Reading,
    ReliableThreshold,
    States,
    improvement_percent,
    reading,
    relapse,
    responds,
)

StatusWord = Literal["insufficient_data", "stale", "worsening", "improving", "stable"]

EARLY_IMPROVEMENT_PERCENT = 20.0
TREND_FROM_N, TREND_P = 8, 0.05
WORSENING_FLAGS = frozenset({"SUSTAINED_WORSENING", "LOSS_OF_GAIN", "RELAPSE"})
IMPROVEMENT_FLAGS = frozenset({"SUSTAINED_IMPROVEMENT"})


@dataclass(frozen=True, slots=True)
class Trend:
    """A fitted trend as status needs it, in the measure's own unit.

    slope_per_day with its interval (None when too few points), adjusted two-sided p, days from
    first to last point.
    """

    n: int
    slope_per_day: float
    interval: tuple[float, float] | None
    p: float | None
    span_days: int


@dataclass(frozen=True, slots=True)
class Status:
    """The direction of one measure; None where none can be given (NO_DIRECTION, CHANGE_RATING).

    last_known: the status as of the last day, beside `stale`. smallest_change: with `stable`, the
    smallest change that could have been seen.
    """

    status: StatusWord | None
    n: int
    reasons: tuple[str, ...]
    last_known: StatusWord | None = None
    smallest_change: float | None = None


LAST_SEEN = "LAST_SEEN_"


def status(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    *,
    today: date,
    cadence_days: int,
    stale_after_days: int,
    level_now: float | None = None,
    trend: Trend | None = None,
    trend_size: float | None = None,
    confirmed: frozenset[str] = frozenset(),
) -> Status:
    """Say which way a measure goes: the first rule that applies.

    points: those inside the window. cadence_days and stale_after_days: those in force today.
    trend: of the whole window; trend_size: the fitted change that counts when T_rel is not
    registered. confirmed: codes of the confirmed control-chart flags that are open.

    Missing is not stable: too few points, a short span or a recent gap is insufficient_data, and
    an old last point is stale, with the status of its day in last_known. A last point beyond
    T_rel that nothing has confirmed yet leaves `stable` with LAST_POINT_WORSE or
    LAST_POINT_BETTER and UNCONFIRMED beside it.

    Raises:
        ValueError: the points are not one a day in order.
    """
    check_points(points)
    n = len(points)
    if n == 0:
        return Status("insufficient_data", 0, ("NO_DATA",))
    if measure.direction == "none":
        return Status(None, n, ("NO_DIRECTION",))
    unseen = (today - points[-1].day).days
    late = (f"{LAST_SEEN}{unseen}_DAYS",) if unseen > stale_after_days else ()
    if measure.trend_use == "change_rating":
        return Status(None, n, ("CHANGE_RATING", *late))
    size = threshold.points if threshold.registered else trend_size
    now = _status_of_last_day(
        measure, points, baseline, threshold, confirmed, level_now, trend, size
    ) or _without_change(measure, points, baseline, threshold, cadence_days, stale_after_days)
    return Status("stale", n, late, last_known=now.status) if late else now


def _status_of_last_day(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    confirmed: frozenset[str],
    level_now: float | None,
    trend: Trend | None,
    size: float | None,
) -> Status | None:
    """Rules 3 to 5: worsening, improving, or either by trend; None when none applies."""
    n = len(points)
    if n == 1:
        return None
    worse = sorted(confirmed & WORSENING_FLAGS)
    returned = relapse(measure, points, baseline, threshold)
    if returned.confirmed_day is not None and "RELAPSE" not in worse:
        worse.append("RELAPSE")
    readings = _readings(measure, points, baseline, threshold)
    if readings == ["worse", "worse"]:
        worse.append("RELIABLE_WORSENING")
    # Entries of a few days are no independent visits: two of them confirm nothing (2.8).
    in_one_week = (points[-1].day - points[0].day).days < CONFIRM_DAYS
    if worse:
        alone = in_one_week and worse == ["RELIABLE_WORSENING"]
        return Status("worsening", n, (*worse, *(("UNCONFIRMED",) if alone else ())))

    better = sorted(confirmed & IMPROVEMENT_FLAGS)
    level = baseline.level
    if level is not None and baseline.precedes(points[-1].day):
        if readings[-1] == "better" and (
            level_now is not None and reading(measure, level, level_now, threshold) == "better"
        ):
            better.append("RELIABLE_IMPROVEMENT")
        better.extend(_response_after_improvement(measure, points, baseline, threshold))
    if better:
        single = n == 2 and readings[0] != "better"
        alone = (single or in_one_week) and not confirmed & IMPROVEMENT_FLAGS
        return Status("improving", n, (*better, *(("UNCONFIRMED",) if alone else ())))

    if n == 2 and readings[-1] in ("better", "worse"):
        word: StatusWord = "improving" if readings[-1] == "better" else "worsening"
        return Status(word, n, (_RELIABLE[word], "UNCONFIRMED"))
    return _by_trend(measure, trend, size, n)


_RELIABLE = {"improving": "RELIABLE_IMPROVEMENT", "worsening": "RELIABLE_WORSENING"}


def _readings(
    measure: Measure, points: Sequence[Point], baseline: Baseline, threshold: ReliableThreshold
) -> list[Reading | None]:
    """How the last two points compare with the baseline, in order of days."""
    level = baseline.level
    if level is None:
        return [None, None]
    return [
        reading(measure, level, point.value, threshold) if baseline.precedes(point.day) else None
        for point in points[-2:]
    ]


def _response_after_improvement(
    measure: Measure, points: Sequence[Point], baseline: Baseline, threshold: ReliableThreshold
) -> list[str]:
    """Response or remission at the last point with at least 20 % improvement on the one before."""
    before = improvement_percent(measure, baseline.level, points[-2].value, threshold)
    if before is None or before < EARLY_IMPROVEMENT_PERCENT - SLACK:
        return []
    last = points[-1].value
    reasons = []
    if responds(measure, baseline.level, last, threshold)[0]:
        reasons.append("RESPONSE")
    if measure.remission is not None and measure.remission.met(last):
        reasons.append("REMISSION")
    return reasons


def _by_trend(measure: Measure, trend: Trend | None, size: float | None, n: int) -> Status | None:
    """Judge by a trend that is significant, long enough and large enough.

    A target_range measure has none: its slope says nothing about the distance from the target.
    """
    if trend is None or trend.p is None or trend.interval is None or size is None:
        return None
    low, high = trend.interval
    if (
        trend.n < TREND_FROM_N
        or trend.p >= TREND_P
        or low <= 0 <= high
        or measure.target is not None
    ):
        return None
    if abs(trend.slope_per_day) * trend.span_days < size - SLACK:
        return None
    upward_is_bad = measure.direction == "lower_better"
    if (trend.slope_per_day > 0) == upward_is_bad:
        return Status("worsening", n, ("TREND",))
    return Status("improving", n, ("TREND",))


def _without_change(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    cadence_days: int,
    stale_after_days: int,
) -> Status:
    """Rules 6 and 7: too little to say, or stable."""
    n = len(points)
    if n < 3:
        return Status("insufficient_data", n, (_TOO_FEW[n],))
    if (points[-1].day - points[0].day).days < 14:
        return Status("insufficient_data", n, ("SPAN_UNDER_14_DAYS",))
    recent = points[-1].day - timedelta(2 * cadence_days)
    if any(
        (b.day - a.day).days > stale_after_days and b.day >= recent for a, b in pairwise(points)
    ):
        return Status("insufficient_data", n, ("RECENT_GAP",))
    if (why := _not_compared(points, baseline, threshold)) is not None:
        return Status("insufficient_data", n, why)
    last = _readings(measure, points, baseline, threshold)[-1]
    reasons = {
        "worse": ("LAST_POINT_WORSE", "UNCONFIRMED"),
        "better": ("LAST_POINT_BETTER", "UNCONFIRMED"),
    }.get(last or "none", ("NO_RELIABLE_CHANGE",))
    return Status("stable", n, reasons, smallest_change=threshold.points)


def _not_compared(
    points: Sequence[Point], baseline: Baseline, threshold: ReliableThreshold
) -> tuple[str, ...] | None:
    """Say why nothing was compared with anything: then nobody has seen that it stayed the same."""
    if baseline.level is None:
        return baseline.reasons or ("NO_BASELINE",)
    if threshold.points is None:
        return threshold.reasons
    return None if baseline.precedes(points[-1].day) else ("NOTHING_AFTER_BASELINE",)


_TOO_FEW = {1: "ONE_POINT", 2: "TWO_POINTS_WITHIN_ERROR"}


def prescriber_sentence(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    change: Change,
    states: States,
    status: Status,
) -> str:
    """Fill the prescriber's sentence: last value, band, change, how much data, state.

    Only numbers and names go in; what is unknown is left out, never written as 0.
    """
    if not points:
        return f"{measure.label}: no readings."
    last, days = points[-1], (points[-1].day - points[0].day).days
    band = band_of(measure, last.value)
    same_year = baseline.to_day is None or baseline.to_day.year == last.day.year
    parts = (
        f"{measure.label}: {write_number(last.value)} on {write_day(last.day, year=not same_year)}"
    )
    if band is not None:
        parts += f" ({band.label})"
    if change.from_last is not None and baseline.level is not None:
        parts += (
            f", {write_number(change.from_last.points, sign=True)} points from baseline "
            f"{write_number(baseline.level)} ({_rule_in_words(baseline, year=not same_year)})"
        )
    parts += f"; {len(points)} {'reading' if len(points) == 1 else 'readings'}"
    if len(points) > 1:
        parts += f" over {days} {'day' if days == 1 else 'days'}"
    state = _state_in_words(states, change, status)
    if any(reason.startswith(LAST_SEEN) for reason in status.reasons):
        return f"{parts}; {state} then, and no recent reading."
    return f"{parts}; {state}."


def _rule_in_words(baseline: Baseline, *, year: bool) -> str:
    many = baseline.n > 1
    after = "BASELINE_AFTER_START" in baseline.reasons
    words = {
        ("pre_start", False): "first after the start" if after else "last on or before the start",
        ("pre_start", True): f"mean of {baseline.n} days {'from' if after else 'before'} the start",
        ("pre_change", True): f"mean of {baseline.n} before the first dose step",
        ("first", False): "first reading",
        ("first", True): f"mean of the first {baseline.n} days",
    }.get((baseline.rule, many))
    if words is None and baseline.n:
        words = f"mean of {baseline.n} in the chosen window"
    if words is None or baseline.from_day is None or baseline.to_day is None:
        return baseline.sentence
    return f"{words}, {write_days(baseline.from_day, baseline.to_day, year=year)}"


def _state_in_words(states: States, change: Change, status: Status) -> str:
    if states.relapse.state is not None:
        return states.relapse.state.replace("_", " ")
    for said, words in (
        (states.sustained_remission, "sustained remission"),
        (states.remission, "remission"),
        (states.response, "response"),
        (states.partial_response, "partial response"),
    ):
        if said:
            return words
    if "CHANGE_RATING" in status.reasons:
        return "a rating of change"
    if change.reliable in ("better", "worse"):
        return f"reliably {change.reliable}"
    word = status.last_known if status.status == "stale" else status.status
    if word in ("improving", "worsening"):
        return word
    if change.reliable == "none":
        return "no reliable change"
    return "change cannot be judged"
