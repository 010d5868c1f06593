"""How much the number swings from one reading to the next, and in which bands it lies."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.stats.gaps import Cadence, median_spacing, weekly_medians
from app.stats.reason import Reason
from app.stats.series import one_a_day, ordered

FROM_N = 7
FROM_PAIRS = 5


@dataclass(frozen=True, slots=True)
class Variability:
    """Swing of n points, of which `pairs` neighbours stand close enough to compare.

    `mssd`: mean squared successive difference, in squared value units; `rmssd` its root;
    `sd` the usual one (n - 1). All three None together: TOO_FEW_FOR_VARIABILITY.
    """

    n: int
    pairs: int
    mssd: float | None
    rmssd: float | None
    sd: float | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class TimeInBand:
    """How many of n points lie in each band, in the order of the bands.

    Never weighted by time: a gap has no value. `shares` is None without points (NO_DATA).
    """

    n: int
    counts: tuple[int, ...]
    shares: tuple[float, ...] | None
    reasons: tuple[Reason, ...]


def variability(
    days: Sequence[float], values: Sequence[float], *, cadence: Cadence, monday: float
) -> Variability:
    """Successive differences over neighbours: next days (dense), or up to 1.5 median spacings.

    cadence and monday: as for `trend`; weekly medians are taken when the cadence says so.

    Raises:
        ValueError: the lengths differ, something is not finite, or a day has two values.

    von Neumann J et al. (1941), Ann Math Stat 12:153-162.
    """
    reasons: list[Reason] = []
    x, y = one_a_day(days, values)
    if cadence.weekly:
        weekly = weekly_medians(days, values, monday=monday)
        x, y = ordered(weekly.days, weekly.values)
        reasons.append(Reason.WEEKLY_MEDIANS)
    near = 1.0 if cadence.kind == "dense" else 1.5 * (median_spacing(x.tolist()) or 0.0)
    differences = np.diff(y)[np.diff(x) <= near]
    pairs = differences.size
    if y.size < FROM_N or pairs < FROM_PAIRS:
        reasons.append(Reason.TOO_FEW_FOR_VARIABILITY)
        return Variability(
            n=y.size, pairs=pairs, mssd=None, rmssd=None, sd=None, reasons=tuple(reasons)
        )
    mssd = float((differences * differences).mean())
    return Variability(
        n=y.size,
        pairs=pairs,
        mssd=mssd,
        rmssd=math.sqrt(mssd),
        sd=float(y.std(ddof=1)),
        reasons=tuple(reasons),
    )


def mssd_ratio(now: Variability, reference: Variability) -> float | None:
    """How many times the reference's MSSD; None when either has none or the reference is 0.

    The caller knows the reason: TOO_FEW_FOR_VARIABILITY on a side, else CONSTANT.
    """
    if now.mssd is None or not reference.mssd:
        return None
    return now.mssd / reference.mssd


def time_in_band(values: Sequence[float], band_starts: Sequence[float]) -> TimeInBand:
    """Share of the points in each band.

    band_starts: the lowest value of each band, rising; a band reaches up to the next start,
    so a mean of 4.5 between the bands 0-4 and 5-9 lies in the lower one.

    Raises:
        ValueError: a value is not finite or lies below the first band, or the starts do not
            rise.
    """
    starts = np.asarray(band_starts, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if not starts.size or (np.diff(starts) <= 0).any():
        raise ValueError("the starts of the bands must rise")
    if not np.isfinite(y).all() or (y < starts[0]).any():
        raise ValueError("a value is not finite or lies below the first band")
    n = y.size
    places = np.searchsorted(starts, y, side="right") - 1
    counts = tuple(int(k) for k in np.bincount(places, minlength=starts.size))
    if not n:
        return TimeInBand(n=0, counts=counts, shares=None, reasons=(Reason.NO_DATA,))
    return TimeInBand(n=n, counts=counts, shares=tuple(k / n for k in counts), reasons=())
