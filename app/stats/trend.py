"""Is the number moving, how fast, and could it be chance?

Theil-Sen for size and Mann-Kendall for the test: both look at order and differences only, so
ordinal scales, wild single readings and uneven spacing do no harm. Serial correlation widens
the interval and the test. Slopes are per day; whether down is good is not known here.
"""

import math
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.stats.gaps import Cadence, weekly_medians
from app.stats.quantiles import normal_two_sided_p
from app.stats.reason import Reason
from app.stats.serial import serial_correlation, variance_inflation
from app.stats.series import Floats, is_constant, one_a_day, ordered

SLOPE_FROM_N = 3
SLOPE_SPAN_DAYS = {"dense": 3, "sparse": 7}
TEST_FROM_N = 4
INTERVAL_FROM_N = 5
EXACT_UP_TO_N = 9
MOST_PAIRED_POINTS = 2000
CELL_COST = 24
"""How much dearer than a pair a cell of the plane is, in which pairs are counted."""
Z_95 = 1.959964


@dataclass(frozen=True, slots=True)
class Slope:
    """A line through n points: `per_day` in value units a day, `intercept` its value at day 0."""

    n: int
    per_day: float
    intercept: float


@dataclass(frozen=True, slots=True)
class MannKendall:
    """A test for a steady rise or fall of n values.

    `s`: later-higher minus later-lower pairs. `var_s`: its variance without serial
    correlation. `z` and `p` hold the inflation they were given; `p` is Kendall's exact
    distribution when `exact`. `tau_b` is None when all values are equal.
    """

    n: int
    s: int
    var_s: float
    z: float
    p: float
    exact: bool
    tau_b: float | None


@dataclass(frozen=True, slots=True)
class Trend:
    """All numbers of one trend block; what is None has its code in `reasons`.

    `n`, `span_days` and the rest describe the weekly medians when WEEKLY_MEDIANS is given.
    `interval_per_day`: 95 %, in value units a day, widened by `v_n`, which is 1 while `r` is
    None. `span_days` is None only without data.
    """

    n: int
    span_days: float | None
    slope_per_day: float | None
    intercept: float | None
    interval_per_day: tuple[float, float] | None
    mk: MannKendall | None
    r0: float | None
    r: float | None
    v_n: float
    reasons: tuple[Reason, ...]


def theil_sen(days: Sequence[float], values: Sequence[float]) -> Slope | None:
    """Median of the slopes between all pairs of points.

    days: shape (n,), days since any fixed day, any order; ties in time are skipped.
    values: shape (n,), in the measure's own unit.
    Returns None when fewer than two distinct days exist: "not enough data" is an answer,
    never 0. The intercept is median(values) - slope * median(days).

    Raises:
        ValueError: the lengths differ, or something is not finite.

    Breakdown point 29 %; O(n^2) pairs, meant for n up to about 2000.
    Sen PK (1968), J Am Stat Assoc 63:1379-1389.
    """
    x, y = ordered(days, values)
    slopes = _pair_slopes(x, y)
    return _line(x, y, slopes) if slopes.total else None


def sen_interval(
    days: Sequence[float], values: Sequence[float], variance_inflation: float = 1.0
) -> tuple[float, float] | None:
    """95 % interval of the Theil-Sen slope, in value units a day.

    None with fewer than five points, or when all values are equal: then nothing was seen to
    vary, which is not the same as certainty. With an inflation of 1 it equals
    scipy.stats.theilslopes.

    Raises:
        ValueError: as `theil_sen`, or a day has two values.

    Sen PK (1968), J Am Stat Assoc 63:1379-1389.
    """
    x, y = one_a_day(days, values)
    return _interval(y, _pair_slopes(x, y), variance_inflation)


def mann_kendall(
    days: Sequence[float], values: Sequence[float], variance_inflation: float = 1.0
) -> MannKendall | None:
    """Kendall's rank test of the values against time.

    Exact for up to 9 points without ties while the inflation is 1, else normal with
    continuity correction. Equal values all through give s = 0 and p = 1. None with fewer
    than four points: no order of three can be told from chance. O(n log n).

    Raises:
        ValueError: the lengths differ, something is not finite, or a day has two values.

    Mann HB (1945), Econometrica 13:245-259; Kendall MG (1975), Rank Correlation Methods.
    """
    _, y = one_a_day(days, values)
    return _mann_kendall(y, _s(y), variance_inflation) if y.size >= TEST_FROM_N else None


def _mann_kendall(y: Floats, s: int, variance_inflation: float) -> MannKendall:
    n, ties = y.size, _ties(y)
    var_s = _var_s(n, ties)
    z = (s - math.copysign(1, s)) / math.sqrt(var_s * variance_inflation) if s else 0.0
    exact = n <= EXACT_UP_TO_N and not ties and variance_inflation == 1
    pairs = n * (n - 1) // 2
    untied = pairs - sum(t * (t - 1) // 2 for t in ties)
    return MannKendall(
        n=n,
        s=s,
        var_s=var_s,
        z=z,
        p=_exact_p(n, s) if exact else normal_two_sided_p(z),
        exact=exact,
        tau_b=s / math.sqrt(pairs * untied) if untied else None,
    )


def trend(
    days: Sequence[float], values: Sequence[float], *, cadence: Cadence, monday: float
) -> Trend:
    """Everything a trend block says about one window, with the gates of what n allows.

    cadence: that of the whole series, not of this window.
    monday: any Monday, counted as `days` are (see `weekly_medians`), which are taken when
    the cadence says so and above 2000 points.

    Raises:
        ValueError: the lengths differ, something is not finite, or a day has two values.
    """
    reasons: list[Reason] = []
    x, y = one_a_day(days, values)
    if cadence.weekly or x.size > MOST_PAIRED_POINTS:
        weekly = weekly_medians(days, values, monday=monday)
        x, y = ordered(weekly.days, weekly.values)
        reasons.append(Reason.WEEKLY_MEDIANS)
    n = x.size
    span = float(x[-1] - x[0]) if n else None
    if span is None:
        reasons.append(Reason.NO_DATA)
    elif is_constant(y):
        reasons.append(Reason.CONSTANT)

    line = interval = r0 = r = slopes = None
    v_n = 1.0
    if span is not None and n >= SLOPE_FROM_N and span >= SLOPE_SPAN_DAYS[cadence.kind]:
        slopes = _pair_slopes(x, y)
        line = _line(x, y, slopes)
        serial = serial_correlation((x.tolist(), _residuals(x, y, line).tolist()))
        r0, r = serial.r0, serial.r
        v_n = 1.0 if r is None else variance_inflation(n, r)
        interval = _interval(y, slopes, v_n)
    else:
        reasons.append(Reason.TOO_FEW_FOR_SLOPE)
    if n < INTERVAL_FROM_N:
        reasons.append(Reason.TOO_FEW_FOR_TEST)
    if r is None:
        reasons.append(Reason.AUTOCORRELATION_NOT_ASSESSED)
    test = None
    if n >= TEST_FROM_N:
        test = _mann_kendall(y, slopes.s if slopes else _s(y), v_n)
    return Trend(
        n=n,
        span_days=span,
        slope_per_day=line.per_day if line else None,
        intercept=line.intercept if line else None,
        interval_per_day=interval,
        mk=test,
        r0=r0,
        r=r,
        v_n=v_n,
        reasons=tuple(reasons),
    )


@dataclass(frozen=True, slots=True)
class _Slopes:
    """The slopes of all pairs on different days: in order, and how many there are up to each."""

    values: Floats
    until: NDArray[np.int64]

    @property
    def total(self) -> int:
        return int(self.until[-1]) if self.until.size else 0

    @property
    def s(self) -> int:
        """Kendall's S: how many rise less how many fall; pairs on one day have no slope."""
        falls, not_rises = (
            np.searchsorted(self.values, 0.0),
            np.searchsorted(self.values, 0.0, "right"),
        )
        return self.total - sum(int(self.until[one - 1]) for one in (falls, not_rises) if one)

    def at(self, place: int) -> float:
        """Give the slope at a place among all, counted from 0."""
        return float(self.values[np.searchsorted(self.until, place, side="right")])


def _pair_slopes(x: Floats, y: Floats) -> _Slopes:
    # Counting costs by the size of the plane of days and levels, making by the number of pairs.
    if x.size and (np.ptp(x) + 1) * (np.ptp(y) + 1) * CELL_COST < x.size**2:
        from_first, from_least = x - x[0], y - y.min()
        days, levels = from_first.astype(np.int64), from_least.astype(np.int64)
        if (days == from_first).all() and (levels == from_least).all():
            return _counted_slopes(days, levels)
    slopes = _each_slope(x, y)
    return _Slopes(slopes, np.arange(1, slopes.size + 1))


def _counted_slopes(days: NDArray[np.int64], levels: NDArray[np.int64]) -> _Slopes:
    """Count the pairs by days between and levels between, without making any of them.

    The count of every (run, rise) is the autocorrelation of the plane in which each reading is a
    one, and two Fourier transforms give all of them. They are whole numbers far below what
    rounding could reach, so nothing is approximate: the slopes are those of all pairs, bit by bit.
    """
    longest, highest = int(days[-1]), int(levels.max())
    shape = (_smooth(2 * longest + 1), _smooth(2 * highest + 1))
    plane = np.zeros(shape)
    np.add.at(plane, (days, levels), 1.0)
    spectrum = np.fft.rfft2(plane)
    counts = np.rint(np.fft.irfft2((spectrum * spectrum.conj()).real, shape)).astype(np.int64)
    rises = np.arange(-highest, highest + 1)
    later = counts[1 : longest + 1, rises]
    run, place = np.nonzero(later)
    slopes = rises[place] / (run + 1.0)
    order = np.argsort(slopes)
    return _Slopes(slopes[order], np.cumsum(later[run, place][order]))


def _smooth(least: int) -> int:
    """Give a length that a Fourier transform is quick with: a power of two, or three times one."""
    power = 1 << (least - 1).bit_length()
    return 3 * power // 4 if 3 * power // 4 >= least else power


def _each_slope(x: Floats, y: Floats) -> Floats:
    """Make the slopes of all pairs on different days, sorted.

    Sorting all of them gives the median and both ends of the interval; numpy's sort is vectorised
    and was measured at a third of the time of selecting the three places.
    """
    n = x.size
    has_ties = bool((np.diff(x) == 0).any())
    slopes = np.empty(n * (n - 1) // 2)
    filled = 0
    for lag in range(1, n):
        run = x[lag:] - x[:-lag]
        rise = y[lag:] - y[:-lag]
        if has_ties:
            run, rise = run[run > 0], rise[run > 0]
        np.divide(rise, run, out=slopes[filled : filled + run.size])
        filled += run.size
    slopes = slopes[:filled]
    slopes.sort()
    return slopes


def _line(x: Floats, y: Floats, slopes: _Slopes) -> Slope:
    middle = slopes.total // 2
    per_day = (slopes.at(middle) + slopes.at(slopes.total - 1 - middle)) / 2
    return Slope(
        n=x.size, per_day=per_day, intercept=float(np.median(y)) - per_day * float(np.median(x))
    )


def _residuals(x: Floats, y: Floats, line: Slope) -> Floats:
    """What the line leaves over; 0 where that is only rounding, which would look correlated."""
    residuals = y - (line.intercept + line.per_day * x)
    size = abs(line.intercept) + np.abs(line.per_day * x) + np.abs(y)
    return np.where(np.abs(residuals) <= 1e-12 * size, 0.0, residuals)


def _interval(y: Floats, slopes: _Slopes, inflation: float) -> tuple[float, float] | None:
    if y.size < INTERVAL_FROM_N or is_constant(y):
        return None
    total = slopes.total
    c = Z_95 * math.sqrt(_var_s(y.size, _ties(y)) * inflation)
    low = max(round((total - c) / 2) - 1, 0)
    high = min(round((total + c) / 2), total - 1)
    return slopes.at(low), slopes.at(high)


def _s(y: Floats) -> int:
    """Pairs in which the later value is higher minus those in which it is lower."""
    earlier: list[float] = []
    s = 0
    for value in y.tolist():
        s += bisect_left(earlier, value) + bisect_right(earlier, value) - len(earlier)
        insort(earlier, value)
    return s


def _ties(y: Floats) -> list[int]:
    """Sizes of the groups of equal values, single ones left out."""
    return [size for size in Counter(y.tolist()).values() if size > 1]


def _var_s(n: int, ties: list[int]) -> float:
    return (n * (n - 1) * (2 * n + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18


def _exact_p(n: int, s: int) -> float:
    """Two-sided p of S among all n! orders of n different values."""
    pairs = n * (n - 1) // 2
    orders = [1]  # orders[k]: how many orders of the values so far have k falling pairs
    for size in range(2, n + 1):
        orders = [sum(orders[max(0, k - size + 1) : k + 1]) for k in range(len(orders) + size - 1)]
    at_least_as_rare = sum(orders[: (pairs - abs(s)) // 2 + 1])
    return min(1.0, 2 * at_least_as_rare / math.factorial(n))
