"""How much a reading resembles the one before, and what that costs in information.

One estimate for every interval and test, so that correlated days never pass for new evidence.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, compress
from math import fsum
from operator import mul, sub
from statistics import median

from app.stats.series import in_order

ASSESSED_FROM_N = 10
MOST_CORRELATION = 0.9


@dataclass(frozen=True, slots=True)
class SerialCorrelation:
    """Lag-1 correlation of n residuals: `r0` as found, `r` corrected for small n and clipped.

    Both None: not assessed, because n < 10 or nothing varies (AUTOCORRELATION_NOT_ASSESSED).
    """

    n: int
    r0: float | None
    r: float | None


def serial_correlation(
    *phases: tuple[Sequence[float], Sequence[float]],
) -> SerialCorrelation:
    """Lag-1 correlation around the mean of each phase, pooled over the phases.

    phases: (days, values) each; for a trend one phase, its values being the residuals from
    the line. Only neighbours of one phase, at most twice the median spacing apart, count.

    The estimate is biased towards 0 in short series; 4*r0/n and 1/n for every fitted level
    are added back. A negative estimate counts as 0: correlation may widen an interval and
    never narrows it. Correction in the order of Marriott FHC, Pope JA (1954), Biometrika
    41:390-402 and Kendall MG (1954), Biometrika 41:403-404.

    Raises:
        ValueError: in a phase the lengths differ, something is not finite, or a day has two
            values.
    """
    pieces = [in_order(days, values) for days, values in phases if len(days)]
    n = sum(len(y) for _, y in pieces)
    if n < ASSESSED_FROM_N:
        return SerialCorrelation(n=n, r0=None, r=None)
    steps = [list(map(sub, x[1:], x)) for x, _ in pieces]
    near = 2 * median(chain.from_iterable(steps))
    squares = products = largest = 0.0
    for (_, y), between in zip(pieces, steps, strict=True):
        mean = fsum(y) / len(y)
        e = [value - mean for value in y]
        squares += fsum(map(mul, e, e))
        products += fsum(compress(map(mul, e, e[1:]), [step <= near for step in between]))
        largest = max(largest, *map(abs, y))
    if squares <= n * (1e-12 * largest) ** 2:  # equal values; what is left is rounding
        return SerialCorrelation(n=n, r0=None, r=None)
    r0 = products / squares
    corrected = r0 + (len(pieces) + 4 * max(r0, 0)) / n
    return SerialCorrelation(n=n, r0=r0, r=min(max(corrected, 0.0), MOST_CORRELATION))


def variance_inflation(n: int, r: float) -> float:
    """V_n(r): how many times the variance of a mean of n values grows when neighbours correlate.

    r: lag-1 correlation of a first-order autoregression, 0 <= r < 1; 0 gives 1. The values
    are worth n/V_n independent ones.
    """
    if not r:
        return 1.0
    # 1 + 2 * sum over k < n of (1 - k/n) * r**k, summed.
    tail = r**n
    return 1 + 2 * ((r - tail) / (1 - r) - (r - n * tail + (n - 1) * tail * r) / (n * (1 - r) ** 2))
