"""Two stretches of one series side by side: their difference, how sure it is, and its overlap."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, sqrt
from statistics import fmean, median

from app.stats.quantiles import t_quantile
from app.stats.reason import Reason
from app.stats.serial import serial_correlation, variance_inflation

LEAST_DF = 0.5


@dataclass(frozen=True, slots=True)
class Phase:
    """n values of one side; both None without any."""

    n: int
    mean: float | None
    median: float | None


@dataclass(frozen=True, slots=True)
class TwoPhases:
    """`diff` is mean after minus mean before, in the values' own unit; None without a side.

    interval: 95 %, None below the gate or when nothing varies. nap: share of pairs in which the
    value after is the lower one, ties half. pooled_sd: within the phases.
    """

    before: Phase
    after: Phase
    diff: float | None
    interval: tuple[float, float] | None
    df: float | None
    r0: float | None
    r: float | None
    v_before: float
    v_after: float
    nap: float | None
    pooled_sd: float | None
    reasons: tuple[Reason, ...]


def two_phases(
    before_days: Sequence[float],
    before: Sequence[float],
    after_days: Sequence[float],
    after: Sequence[float],
    *,
    least: int,
) -> TwoPhases:
    """Compare the values after with those before.

    least: values needed on each side for an interval. The standard error of each mean is
    widened by how much neighbouring days resemble each other within the phases (5.2 of the trend
    specification); degrees of freedom by Welch-Satterthwaite on the effective n: without
    correlation it is Welch's interval (Welch BL (1947), Biometrika 34:28-35).

    Raises:
        ValueError: days and values of a side differ in number, or a day has two values.
    """
    sides = Phase(*_side(before)), Phase(*_side(after))
    b, a = sides
    if b.mean is None or a.mean is None:
        return TwoPhases(
            b, a, None, None, None, None, None, 1.0, 1.0, None, None, (Reason.NO_DATA,)
        )
    serial = serial_correlation((before_days, before), (after_days, after))
    v_b = variance_inflation(b.n, serial.r) if serial.r else 1.0
    v_a = variance_inflation(a.n, serial.r) if serial.r else 1.0
    diff = a.mean - b.mean
    reasons: list[Reason] = []
    interval = df = None
    if min(b.n, a.n) < least:
        reasons.append(Reason.TOO_FEW_FOR_TEST)
    else:
        part_b = _squares(before) / (b.n - 1) / b.n * v_b if b.n > 1 else 0.0
        part_a = _squares(after) / (a.n - 1) / a.n * v_a if a.n > 1 else 0.0
        squared = part_b + part_a
        if squared <= 0:
            reasons.append(Reason.CONSTANT)
        else:
            df = max(
                1.0,
                squared**2
                / (
                    part_b**2 / max(b.n / v_b - 1, LEAST_DF)
                    + part_a**2 / max(a.n / v_a - 1, LEAST_DF)
                ),
            )
            half = t_quantile(0.975, df) * sqrt(squared)
            interval = (diff - half, diff + half)
    if serial.r is None:
        reasons.append(Reason.AUTOCORRELATION_NOT_ASSESSED)
    return TwoPhases(
        b,
        a,
        diff,
        interval,
        df,
        serial.r0,
        serial.r,
        v_b,
        v_a,
        nap(before, after),
        _pooled_sd(before, after),
        tuple(reasons),
    )


def nap(before: Sequence[float], after: Sequence[float]) -> float | None:
    """Non-overlap of all pairs: the share in which the later value is the lower, ties half.

    Parker RI, Vannest K (2009), Behav Ther 40:357-367. None without a side; Tau is 2*NAP - 1.
    """
    if not before or not after:
        return None
    earlier = sorted(before)
    # Each value after wins against those above it, and half against its equals.
    lost = sum(bisect_left(earlier, one) + bisect_right(earlier, one) for one in after) / 2
    return 1 - lost / (len(before) * len(after))


def _side(values: Sequence[float]) -> tuple[int, float | None, float | None]:
    if not values:
        return 0, None, None
    return len(values), fmean(values), median(values)


def _pooled_sd(before: Sequence[float], after: Sequence[float]) -> float | None:
    n = len(before) + len(after) - 2
    if n < 1:
        return None
    return sqrt((_squares(before) + _squares(after)) / n)


def _squares(values: Sequence[float]) -> float:
    """Sum of squared differences from the mean."""
    mean = fmean(values)
    return fsum((value - mean) ** 2 for value in values)
