"""Before and after one dose event: two readings, their difference, and what else was going on.

Trend specification 6.1. Nothing here says that the dose brought the difference about.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal

from app.clinical.baseline import Point
from app.clinical.measure import Measure, oriented
from app.stats.gaps import Cadence
from app.stats.trend import mann_kendall, trend
from app.stats.two_phases import TwoPhases, nap, two_phases

ReadingKind = Literal["immediate", "onset_aware"]
Word = Literal["better", "worse", "no clear change", "cannot say"]

BEFORE_DAYS, AFTER_DAYS, MOST_POINTS = 56, 84, 3
LEAST = {"sparse": 3, "dense": 7}
TREND_FROM_N, TREND_P = 5, 0.10
OWN_SD_SHARE = 0.5
MONDAY = 1


@dataclass(frozen=True, slots=True)
class Confounder:
    """Something else that happened, from `day` on; until: its last day, None: on that day only."""

    kind: str
    id: str | None
    day: date | None
    label: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """One measure around one event. Windows are the days looked at, both ends included.

    oriented: which way the difference points, before any gate; word: what may be said of it.
    """

    reading: ReadingKind
    lag: int
    before_window: tuple[date, date]
    after_window: tuple[date, date]
    before: tuple[Point, ...]
    after: tuple[Point, ...]
    numbers: TwoPhases
    nap: float | None
    oriented: Word
    word: Word
    truncated: bool
    trend_before: bool
    reasons: tuple[str, ...]


def compare(
    measure: Measure,
    points: Sequence[Point],
    event_on: date,
    cadence: Cadence,
    *,
    reading: ReadingKind,
    lag: int,
    window_days: int,
    next_event_on: date | None,
    as_of: date,
) -> Comparison:
    """Compare a measure before an event with it afterwards.

    lag: days after the event before its effect is looked for; 0 for the immediate reading.
    window_days: length of both windows of a diary; visits take up to 3 points each, 56 days
    before and 84 after, and entries several a week count as visits only by their weeks. A visit
    on the day of the event counts as before it, as its score is taken before the new dose. The
    course's next event ends the window.
    """
    dense = cadence.kind == "dense"
    day = timedelta(1)
    if dense:
        before_window = (event_on - window_days * day, event_on - day)
        first = event_on + lag * day
        last = first + (window_days - 1) * day
    else:
        before_window = (event_on - BEFORE_DAYS * day, event_on)
        first = event_on + max(lag, 1) * day
        last = event_on + (lag + AFTER_DAYS) * day
    truncated = False
    if next_event_on is not None:
        stop = next_event_on - day if dense else next_event_on
        truncated, last = stop < last, min(last, stop)
    last = max(min(last, as_of), first - day)
    before = _within(points, *before_window)
    after = _within(points, first, last)
    if not dense:
        before, after = before[-MOST_POINTS:], after[:MOST_POINTS]
    numbers = two_phases(
        [float(one.day.toordinal()) for one in before],
        [one.value for one in before],
        [float(one.day.toordinal()) for one in after],
        [one.value for one in after],
        least=_least(cadence, before, after),
    )
    falling = _trend_before(tuple(before), cadence)
    word, reasons = _word(measure, numbers)
    return Comparison(
        reading,
        lag,
        before_window,
        (first, last),
        tuple(before),
        tuple(after),
        numbers,
        _nap(measure, before, after),
        _direction(measure, numbers),
        word,
        truncated,
        falling,
        (
            *(reason.value for reason in numbers.reasons),
            *reasons,
            *(["TRUNCATED_BY_NEXT_CHANGE"] if truncated else []),
        ),
    )


def _least(cadence: Cadence, *sides: Sequence[Point]) -> int:
    """Give the readings needed on each side; three entries of one week are not three visits."""
    least = LEAST[cadence.kind]
    weeks = (len({(one.day.toordinal() - MONDAY) // 7 for one in side}) for side in sides)
    return least if not cadence.weekly or min(weeks) >= least else MOST_POINTS + 1


def _within(points: Sequence[Point], first: date, last: date) -> Sequence[Point]:
    return points[bisect_left(points, first, key=_day_of) : bisect_right(points, last, key=_day_of)]


def _day_of(point: Point) -> date:
    return point.day


def _direction(measure: Measure, numbers: TwoPhases) -> Word:
    before, after = numbers.before.mean, numbers.after.mean
    if before is None or after is None:
        return "cannot say"
    then, now = oriented(measure, before), oriented(measure, after)
    if then is None or now is None:
        return "cannot say"
    if now == then:
        return "no clear change"
    return "worse" if now > then else "better"


def _word(measure: Measure, numbers: TwoPhases) -> tuple[Word, tuple[str, ...]]:
    """Give the word that the numbers carry: an interval without 0, a difference that matters."""
    direction = _direction(measure, numbers)
    if numbers.diff is None or numbers.interval is None or direction == "cannot say":
        return "cannot say", () if oriented(measure, 0.0) is not None else ("NO_DIRECTION",)
    least = measure.mcid if measure.mcid is not None else OWN_SD_SHARE * (numbers.pooled_sd or 0.0)
    low, high = numbers.interval
    if abs(numbers.diff) < least:
        return "no clear change", ("BELOW_MCID",)
    if low <= 0 <= high:
        return "no clear change", ("INTERVAL_HOLDS_ZERO",)
    return direction, ()


def _nap(measure: Measure, before: Sequence[Point], after: Sequence[Point]) -> float | None:
    if oriented(measure, 0.0) is None:
        return None
    return nap(
        [oriented(measure, one.value) or 0.0 for one in before],
        [oriented(measure, one.value) or 0.0 for one in after],
    )


@lru_cache(maxsize=64)
def _trend_before(before: tuple[Point, ...], cadence: Cadence) -> bool:
    """Say whether the measure was moving already: then a difference needs no dose.

    Both readings of an event have the same days before it, and ask one after the other.
    """
    if len(before) < TREND_FROM_N:
        return False
    days = [float(one.day.toordinal()) for one in before]
    values = [one.value for one in before]
    if not cadence.weekly:
        # Correlation only ever makes p larger: what is not small without it need not be asked.
        plain = mann_kendall(days, values)
        if plain is None or plain.p >= TREND_P:
            return False
    found = trend(days, values, cadence=cadence, monday=MONDAY)
    return found.mk is not None and found.mk.p < TREND_P
