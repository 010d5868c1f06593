"""What one followed number means: its unit, range, direction, bands and thresholds.

A Measure is a row of the registry. Statistics never know which way is better; they ask
`oriented`, where larger is always worse.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

Direction = Literal["lower_better", "higher_better", "target_range", "none"]
DailyAggregate = Literal["mean", "sum", "max", "last"]
OnsetReading = Literal["immediate", "onset_aware"]
TrendUse = Literal["full", "screen", "classification", "change_rating"]
Operator = Literal["<", "<=", ">", ">="]
RiskDue = Literal["immediate", "same_day"]
Pole = Literal["depression", "mania"]
ResponseKind = Literal["percent_reduction", "point_reduction", "point_increase", "at_most"]

DOMAINS = (
    "dosage",
    "side_effects",
    "mood_cognition",
    "sleep",
    "functioning",
    "interactions",
    "labs",
    "other",
)
"""The follow-up domains in the order in which answers list them."""

SLACK = 1e-9
"""Boundaries are judged with this much room, so that 50 % computed in floats is 50 %."""

STEP_TOLERANCE = 1e-6
EARLY_TREATMENT_DAYS = 84
DIARY_STALE_AFTER_DAYS = 7
SHORTEST_STALE_AFTER_DAYS = 14


@dataclass(frozen=True, slots=True)
class Band:
    """A named stretch of a scale; both ends belong to it."""

    minimum: float
    maximum: float
    label: str


@dataclass(frozen=True, slots=True)
class Threshold:
    """A cut-off with the side that counts, and where it comes from."""

    op: Operator
    value: float
    source: str | None = None
    verified: str | None = None

    def met(self, value: float) -> bool:
        """Say whether the value lies on the side that counts (boundary judged to 1e-9)."""
        if self.op == "<":
            return value < self.value - SLACK
        if self.op == "<=":
            return value <= self.value + SLACK
        if self.op == ">":
            return value > self.value + SLACK
        return value >= self.value - SLACK


@dataclass(frozen=True, slots=True)
class ResponseRule:
    """When a change counts as response.

    percent_reduction: at least `value` percent of the way from baseline to the scale minimum;
    point_reduction, point_increase: at least `value` points from baseline;
    at_most: the last value itself (a rating of change has no baseline).
    """

    kind: ResponseKind
    value: float
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Reliability:
    """Standard deviation `sd` (points) and reliability coefficient `r` of a reference group."""

    sd: float
    r: float
    source: str | None = None
    verified: str | None = None


@dataclass(frozen=True, slots=True)
class RiskItem:
    """An item, or the total, shown to a person from `at_least` on; `action` is for prescribers.

    due: until when somebody looks; None where the rule sets no time.
    unless: holds only while that item is not answered 0 ("not in the past three months").
    """

    index: int | Literal["total"]
    at_least: int
    action: str
    topic: str = ""
    due: RiskDue | None = None
    unless: int | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One followed number.

    domain: left empty, it is the part of the code before the dot when that is a follow-up
        domain, else `other`.
    target: (lo, hi) of a target_range measure, which is at its best anywhere inside.
    unlikely_below, unlikely_above: possible but rare; such values are shown and kept out of
        statistics.
    reliable_points: the registered smallest reliable difference, in points;
        reliable_points_source is the word printed with it (`published`, `product`),
        reliable_points_citation the text behind it.
    mcid: smallest difference that matters to patients, in points; mcid_percent where it was
        published as percent of baseline.
    cadence_days, stale_after_days: (first 12 weeks of a treatment, later). A stale_after_days
        of (0, 0) is derived: twice the cadence and at least 14 days, 7 days for daily diaries.
    onset_reading: left empty, immediate for sleep and side effects, else onset_aware.
    pole: which pole of mood a whole scale measures; a fall of one says nothing of the other.

    Raises:
        ValueError: the range is upside down, a word is not of its list, or a target_range
            measure has no target (or another one has).
    """

    code: str
    unit: str
    minimum: float | None
    maximum: float | None
    direction: Direction
    label: str
    domain: str = ""
    instrument: str | None = None
    symptom_measure: bool = False
    step: float | None = None
    target: tuple[float, float] | None = None
    unlikely_below: float | None = None
    unlikely_above: float | None = None
    bands: tuple[Band, ...] = ()
    response: ResponseRule | None = None
    remission: Threshold | None = None
    relapse: Threshold | None = None
    caseness: Threshold | None = None
    reliable_points: float | None = None
    reliable_points_source: str | None = None
    reliable_points_citation: str | None = None
    mcid: float | None = None
    mcid_percent: float | None = None
    mcid_source: str | None = None
    reliability: Reliability | None = None
    recall_days: int = 1
    cadence_days: tuple[int, int] = (1, 1)
    stale_after_days: tuple[int, int] = (0, 0)
    risk_items: tuple[RiskItem, ...] = ()
    daily_aggregate: DailyAggregate = "mean"
    onset_reading: OnsetReading | Literal[""] = ""
    trend_use: TrendUse = "full"
    pole: Pole | None = None
    version: int = 1

    def __post_init__(self) -> None:
        if not self.domain:
            head = self.code.partition(".")[0]
            object.__setattr__(self, "domain", head if head in DOMAINS else "other")
        if not self.onset_reading:
            immediate = self.domain in ("sleep", "side_effects")
            object.__setattr__(self, "onset_reading", "immediate" if immediate else "onset_aware")
        if self.stale_after_days == (0, 0):
            early, later = self.cadence_days
            object.__setattr__(self, "stale_after_days", (_stale_after(early), _stale_after(later)))
        self._check()

    def _check(self) -> None:
        for word, known in (
            (self.domain, DOMAINS),
            (self.direction, get_args(Direction)),
            (self.daily_aggregate, get_args(DailyAggregate)),
            (self.onset_reading, get_args(OnsetReading)),
            (self.trend_use, get_args(TrendUse)),
        ):
            if word not in known:
                raise ValueError(f"{self.code}: {word!r} is not one of {', '.join(known)}")
        if self.span is not None and self.span <= 0:
            raise ValueError(f"{self.code}: the maximum is not above the minimum")
        if (self.target is None) == (self.direction == "target_range"):
            raise ValueError(
                f"{self.code}: a target belongs to a target_range measure, and to it only"
            )

    @property
    def span(self) -> float | None:
        """Width of the scale, maximum minus minimum; None when either is unknown."""
        if self.minimum is None or self.maximum is None:
            return None
        return self.maximum - self.minimum


@dataclass(frozen=True, slots=True)
class DayValue:
    """The one value that a day enters statistics with, of `n_raw` readings."""

    value: float
    n_raw: int
    reasons: tuple[str, ...]


def unregistered(code: str, unit: str) -> Measure:
    """Give a number that nobody has registered: no range, no direction, no status."""
    return Measure(code, unit, None, None, "none", code)


def oriented(measure: Measure, value: float) -> float | None:
    """Turn a value so that larger is always worse; None when the measure has no direction.

    target_range counts the distance outside its target and is 0 anywhere inside.
    """
    if measure.direction == "lower_better":
        return value
    if measure.direction == "higher_better":
        return -value
    if measure.target is not None:
        low, high = measure.target
        return max(low - value, value - high, 0.0)
    return None


def band_of(measure: Measure, value: float) -> Band | None:
    """Name the severity band; None outside the bands or without any.

    A value between two whole-number bands (a mean of 4.5 between 0-4 and 5-9) belongs to the
    lower one: the next band has not been reached.
    """
    return find_band(measure.bands, value)


def find_band(bands: Sequence[Band], value: float) -> Band | None:
    """Find the band of ascending, gapless bands; see `band_of`."""
    if not bands or value > bands[-1].maximum:
        return None
    reached = [band for band in bands if band.minimum <= value]
    return reached[-1] if reached else None


def implausible(measure: Measure, value: float) -> bool:
    """Say whether a reading cannot be one of this measure (`DQ_IMPLAUSIBLE`).

    True for NaN and infinities, outside the range, and off the step (counted from the minimum)
    by more than 1e-6. Codes for "missing" (-1, 99, 999, 9999) fall under the range: inside it
    they are values like any other.
    """
    if not math.isfinite(value):
        return True
    if measure.minimum is not None and value < measure.minimum:
        return True
    if measure.maximum is not None and value > measure.maximum:
        return True
    if measure.step is None:
        return False
    steps = (value - (measure.minimum or 0.0)) / measure.step
    return abs(steps - round(steps)) * measure.step > STEP_TOLERANCE


def unlikely(measure: Measure, value: float) -> bool:
    """Say whether a reading is possible but rare: shown, out of statistics (`DQ_UNLIKELY`)."""
    below, above = measure.unlikely_below, measure.unlikely_above
    return (below is not None and value < below) or (above is not None and value > above)


def day_value(measure: Measure, values: Sequence[float]) -> DayValue:
    """Bring the readings of one day, in their order, to one value by the measure's aggregate.

    Where the last of several counts (questionnaires) the reason `DQ_SAME_DAY` says so.

    Raises:
        ValueError: there is no reading.
    """
    if not values:
        raise ValueError("a day without a reading has no value")
    n = len(values)
    if measure.daily_aggregate == "last":
        return DayValue(values[-1], n, ("DQ_SAME_DAY",) if n > 1 else ())
    if measure.daily_aggregate == "max":
        return DayValue(max(values), n, ())
    total = math.fsum(values)
    return DayValue(total if measure.daily_aggregate == "sum" else total / n, n, ())


def days_in_force(pair: tuple[int, int], *, started_on: date | None, today: date) -> int:
    """Choose from (first 12 weeks, later): `cadence_days` or `stale_after_days` on a day.

    started_on: start of the treatment; None (no treatment known) counts as later.
    """
    if started_on is None:
        return pair[1]
    return pair[0] if 0 <= (today - started_on).days < EARLY_TREATMENT_DAYS else pair[1]


def _stale_after(cadence_days: int) -> int:
    if cadence_days == 1:
        return DIARY_STALE_AFTER_DAYS
    return max(2 * cadence_days, SHORTEST_STALE_AFTER_DAYS)
