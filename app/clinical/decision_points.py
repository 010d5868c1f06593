"""Response check by week: where a patient stands at weeks 2, 4, 6, 9 and 12 (trend-spec 7.1).

Information for a prescriber, never an order: many of those predicted not to respond early do
respond later (29 % by week 6, 43 % by week 12; de Vries et al., Br J Psychiatry), so week 2 never
says more than `watch`. Decision points follow measurement-based care (STAR*D, PMC2793274).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from app.clinical.baseline import Baseline, Point
from app.clinical.measure import SLACK, Measure, oriented
from app.clinical.response import ReliableThreshold, improvement_percent, reading, responds

Result = Literal["on_track", "watch", "not_on_track", "due", "missed", "ahead", "not_applicable"]

POINTS = {
    "week_2": (14, 3),
    "week_4": (28, 5),
    "week_6": (42, 5),
    "week_9": (63, 5),
    "week_12": (84, 5),
}
"""Day of the clock in the middle of each window, and how far it reaches to either side."""
EARLY, PARTIAL, HALF = 20.0, 25.0, 50.0
MAINTENANCE_DAYS = 182
BANDED = {"qids-sr16.total": (5.0, 8.0)}
"""Scales judged by bands from week 4 on: at most the first is on track, at most the second watch
(QIDS-C16 <= 5 remission, 6 to 8 partial, >= 9 non-response; PMC2793274 table 1)."""


@dataclass(frozen=True, slots=True)
class DecisionPoint:
    """One window of the clock, first and last day included, and what its reading says.

    observed: the reading nearest the middle, ties to the later; None: `due` while the window is
    open, `missed` afterwards, never a neighbour's value.
    """

    point: str
    opens_on: date
    closes_on: date
    observed: Point | None
    improvement_percent: float | None
    result: Result
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Clock:
    """since: the start, or the last raise before a response. lowered_on: lowered after it.

    fits: the course is an antidepressant with the onset that these weeks were made for.
    paused: stretches on hold, the first day and that of the resumption (None: still on hold), in
        order; on their days the clock stands still.
    """

    since: date
    lowered_on: date | None = None
    fits: bool = True
    paused: tuple[tuple[date, date | None], ...] = ()

    def day(self, number: int) -> date | None:
        """Give the day on which so many days have been counted; None: it stands still before."""
        day = self.since + timedelta(number)
        for first, last in self.paused:
            if day < first:
                break
            if last is None:
                return None
            day += last - first
        return day

    def stands_still_on(self, day: date) -> bool:
        """Say whether the course is on hold on a day."""
        return any(first <= day and (last is None or day < last) for first, last in self.paused)


def decision_points(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    clock: Clock,
    *,
    today: date,
    risk_on_last: bool = False,
    deterioration_confirmed: bool = False,
    intolerable_on: Collection[date] = (),
) -> list[DecisionPoint]:
    """List the windows that have opened, and the next one ahead.

    While the course is on hold none is ahead, and one that was not over is judged by what it has.
    risk_on_last: the last reading carries a risk item. intolerable_on: days on which a side effect
    was rated severe, or its burden as one that calls for a change.
    """
    why_not = _not_applicable(measure, points, baseline, threshold, clock, today)
    found: list[DecisionPoint] = []
    running = [one for one in points if not clock.stands_still_on(one.day)]
    for name, (middle, reach) in POINTS.items():
        opens, closes = clock.day(middle - reach), clock.day(middle + reach)
        if opens is None:
            break
        if opens > today:
            assert closes is not None, "a hold that lasts began before today"
            found.append(DecisionPoint(name, opens, closes, None, None, "ahead"))
            break
        cut_short = closes is None
        closes = closes or clock.paused[-1][0] - timedelta(1)
        seen = _nearest(running, opens, min(closes, today), clock.day(middle) or closes)
        if cut_short and seen is None:
            break
        if why_not:
            found.append(DecisionPoint(name, opens, closes, seen, None, "not_applicable", why_not))
            continue
        if seen is None:
            result: Result = "due" if today <= closes else "missed"
            found.append(DecisionPoint(name, opens, closes, None, None, result))
            continue
        assert baseline.level is not None
        improved = improvement_percent(measure, baseline.level, seen.value, threshold)
        before = [one for one in points if clock.since <= one.day < seen.day]
        tolerable = not any(opens <= day <= closes for day in intolerable_on)
        result, reasons = _judged(
            name, measure, baseline.level, seen, before, improved, threshold, tolerable
        )
        is_last = points[-1].day == seen.day
        if deterioration_confirmed and is_last:
            result, reasons = "not_on_track", ("DETERIORATION_CONFIRMED",)
        elif risk_on_last and is_last and _worse(measure, baseline.level, seen, threshold):
            result, reasons = "not_on_track", ("DETERIORATION", "RISK_ITEM")
        found.append(DecisionPoint(name, opens, closes, seen, improved, result, reasons))
    return found


def _not_applicable(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    threshold: ReliableThreshold,
    clock: Clock,
    today: date,
) -> tuple[str, ...]:
    if not clock.fits:
        return ("CLASS_NOT_COVERED",)
    if clock.lowered_on is not None:
        return ("TAPER",)
    if (today - clock.since).days > MAINTENANCE_DAYS:
        return ("MAINTENANCE",)
    if baseline.level is None:
        return baseline.reasons or ("NO_BASELINE",)
    if measure.caseness is not None and not measure.caseness.met(baseline.level):
        return ("BELOW_CASENESS",)
    # Percent near the floor says nothing; the banded scales do not need it.
    guarded = improvement_percent(measure, baseline.level, baseline.level, threshold) is None
    return ("PERCENT_AT_FLOOR",) if guarded and measure.code not in BANDED else ()


def _nearest(points: Sequence[Point], opens: date, closes: date, centre: date) -> Point | None:
    inside = [one for one in points if opens <= one.day <= closes]
    return min(
        inside, key=lambda one: (abs((one.day - centre).days), -one.day.toordinal()), default=None
    )


def _judged(
    name: str,
    measure: Measure,
    level: float,
    seen: Point,
    before: Sequence[Point],
    improved: float | None,
    threshold: ReliableThreshold,
    tolerable: bool,
) -> tuple[Result, tuple[str, ...]]:
    bands = BANDED.get(measure.code)
    if bands is not None and name != "week_2":
        full, partial = bands
        if seen.value <= full + SLACK:
            return "on_track", ()
        return ("watch" if seen.value <= partial + SLACK else "not_on_track"), ()
    gain = (improved or 0.0) + SLACK
    remitted = measure.remission is not None and measure.remission.met(seen.value)
    if name == "week_2":
        return ("on_track" if gain >= EARLY else "watch"), ()
    if name == "week_4":
        if gain >= EARLY:
            return ("on_track", ()) if tolerable else ("watch", ("SIDE_EFFECTS_NOT_TOLERABLE",))
        lost = any(
            (improvement_percent(measure, level, one.value, threshold) or 0.0) + SLACK >= EARLY
            for one in before
        )
        return ("watch", ("EARLY_GAIN_LOST",)) if lost else ("not_on_track", ())
    halved = responds(measure, level, seen.value, threshold)[0] is True or gain >= HALF
    if name == "week_6":
        if halved or remitted:
            return "on_track", ()
        return ("watch" if gain >= PARTIAL else "not_on_track"), ()
    if remitted or (halved and _still_falling(measure, seen, before)):
        return "on_track", ()
    return ("watch" if halved else "not_on_track"), ()


def _still_falling(measure: Measure, seen: Point, before: Sequence[Point]) -> bool:
    if not before:
        return False
    now, then = oriented(measure, seen.value), oriented(measure, before[-1].value)
    return now is not None and then is not None and now < then


def _worse(measure: Measure, level: float, seen: Point, threshold: ReliableThreshold) -> bool:
    return reading(measure, level, seen.value, threshold) == "worse"
