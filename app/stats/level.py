"""Where the number stands now, from its recent points."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.stats.quantiles import t_quantile
from app.stats.reason import Reason
from app.stats.serial import serial_correlation, variance_inflation
from app.stats.series import is_constant, one_a_day

SPARSE_WINDOW_DAYS = 21
SPARSE_POINTS = 3
DENSE_WINDOW_DAYS = 14
DENSE_POINTS = 7
Z_95 = 1.96


@dataclass(frozen=True, slots=True)
class Level:
    """The level now, from the last n points of the series.

    `last` is the last value itself. The window is the days looked at, from_day and to_day
    included; to_day is the last observed day, not today. What is None has its code in
    `reasons`; `v_n` is 1 while `r` is None.
    """

    n: int
    last: float | None
    value: float | None
    from_day: float | None
    to_day: float | None
    interval: tuple[float, float] | None
    r: float | None
    v_n: float
    reasons: tuple[Reason, ...]


NOTHING = Level(
    n=0,
    last=None,
    value=None,
    from_day=None,
    to_day=None,
    interval=None,
    r=None,
    v_n=1.0,
    reasons=(Reason.NO_DATA,),
)


def level_of_visits(days: Sequence[float], values: Sequence[float], sem: float | None) -> Level:
    """Sparse series: the median of the last points, at most three, within 21 days.

    sem: standard error of measurement, sd*sqrt(1 - reliability), in the measure's unit; the
    95 % interval is 1.96 of it to each side. None: no interval, NO_RELIABILITY.

    Raises:
        ValueError: the lengths differ, something is not finite, or a day has two values.
    """
    x, y = one_a_day(days, values)
    if not x.size:
        return NOTHING
    recent = y[x > x[-1] - SPARSE_WINDOW_DAYS][-SPARSE_POINTS:]
    value = float(np.median(recent))
    return Level(
        n=recent.size,
        last=float(y[-1]),
        value=value,
        from_day=float(x[-1]) - SPARSE_WINDOW_DAYS + 1,
        to_day=float(x[-1]),
        interval=None if sem is None else (value - Z_95 * sem, value + Z_95 * sem),
        r=None,
        v_n=1.0,
        reasons=(Reason.NO_RELIABILITY,) if sem is None else (),
    )


def level_of_diary(
    days: Sequence[float], values: Sequence[float], reference_r: float | None
) -> Level:
    """Dense series: the mean of the observed days, at least seven, of the last 14.

    The 95 % interval counts correlated days for less. reference_r: the corrected serial
    correlation of the reference window, used while fewer than ten days are there; None leaves
    the days as if independent (AUTOCORRELATION_NOT_ASSESSED). Equal values give no interval
    (CONSTANT): nothing varied, which is not the same as certainty.

    Raises:
        ValueError: the lengths differ, something is not finite, or a day has two values.
    """
    x, y = one_a_day(days, values)
    if not x.size:
        return NOTHING
    inside = x > x[-1] - DENSE_WINDOW_DAYS
    recent = y[inside]
    n = recent.size
    reasons: list[Reason] = []
    value = interval = r = None
    v_n = 1.0
    if n < DENSE_POINTS:
        reasons.append(Reason.TOO_FEW_RECENT)
    else:
        value = float(recent.mean())
        serial = serial_correlation((x[inside].tolist(), recent.tolist()))
        r = reference_r if serial.r is None else serial.r
        v_n = 1.0 if r is None else variance_inflation(n, r)
        if is_constant(recent):
            reasons.append(Reason.CONSTANT)
        else:
            half = t_quantile(0.975, max(n / v_n - 1, 1)) * math.sqrt(recent.var(ddof=1) / n * v_n)
            interval = (value - half, value + half)
        if r is None:
            reasons.append(Reason.AUTOCORRELATION_NOT_ASSESSED)
    return Level(
        n=n,
        last=float(y[-1]),
        value=value,
        from_day=float(x[-1]) - DENSE_WINDOW_DAYS + 1,
        to_day=float(x[-1]),
        interval=interval,
        r=r,
        v_n=v_n,
        reasons=tuple(reasons),
    )
