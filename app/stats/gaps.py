"""How close the readings stand: spacing, gaps, coverage, dense or sparse, weekly medians.

Nothing here fills a gap: no value is interpolated or carried forward.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.stats.series import Floats, ordered

DENSE_POINTS = 21
DENSE_SHARE = 0.5
DENSE_LOOKS_BACK_DAYS = 42
WEEKLY_BELOW_SPACING_DAYS = 5
GAP_AT_LEAST_DAYS = 7


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without readings between two observed days."""

    last_before: float
    first_after: float
    days: float


@dataclass(frozen=True, slots=True)
class Spacing:
    """How the observed days of one series stand to each other; n distinct days.

    `median` is None with fewer than two days. `recall_overlap`: two readings stand closer
    than the time that the question asks about, so they describe some days twice.
    """

    n: int
    median: float | None
    gaps: tuple[Gap, ...]
    recall_overlap: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """Observed days of those expected; `share` is at most 1 and does not replace the gaps."""

    n: int
    expected: int
    share: float


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a series of n days is to be read; fixed once for all windows of one report.

    `weekly`: so close together, without being dense, that trend, variability and flags look
    at weekly medians; three entries a week are not three independent visits.
    """

    n: int
    kind: Literal["dense", "sparse"]
    weekly: bool
    median_spacing: float | None


@dataclass(frozen=True, slots=True)
class Points:
    """A series made from another one, in order of time."""

    n: int
    days: tuple[float, ...]
    values: tuple[float, ...]


def median_spacing(days: Sequence[float]) -> float | None:
    """Median difference of neighbouring distinct days; None with fewer than two."""
    steps = np.diff(_distinct(days))
    return float(np.median(steps)) if steps.size else None


def spacing(days: Sequence[float], recall_days: float) -> Spacing:
    """Spacing and gaps; a gap is longer than twice the median, the recall time and 7 days.

    recall_days: how far back one reading asks (14 for many questionnaires, 1 for a diary).
    """
    x = _distinct(days)
    median = median_spacing(days)
    if median is None:
        return Spacing(n=x.size, median=None, gaps=(), recall_overlap=False)
    steps = np.diff(x)
    limit = max(2 * median, recall_days, GAP_AT_LEAST_DAYS)
    gaps = tuple(
        Gap(last_before=float(x[i]), first_after=float(x[i + 1]), days=float(steps[i]))
        for i in np.flatnonzero(steps > limit)
    )
    return Spacing(
        n=x.size, median=median, gaps=gaps, recall_overlap=bool((steps < recall_days).any())
    )


def coverage(days: Sequence[float], *, first: float, last: float, cadence_days: float) -> Coverage:
    """Distinct observed days from `first` to `last`, both included, of those expected.

    One reading is expected on `first` and then one every `cadence_days`.

    Raises:
        ValueError: `last` lies before `first`, or the cadence is not positive.
    """
    if last < first or cadence_days <= 0:
        raise ValueError("a coverage needs first <= last and a positive cadence")
    x = _distinct(days)
    n = int(((x >= first) & (x <= last)).sum())
    expected = int((last - first) // cadence_days) + 1
    return Coverage(n=n, expected=expected, share=min(1.0, n / expected))


def cadence(days: Sequence[float]) -> Cadence:
    """Dense or sparse, and whether to take weekly medians.

    Dense: at least 21 days observed in all, and at least half of the days from the first to
    the last observed one, of which at most the last 42 count. No day at all is sparse.
    """
    x = _distinct(days)
    g = median_spacing(days)
    dense = False
    if x.size >= DENSE_POINTS:
        possible = min(x[-1] - x[0] + 1, DENSE_LOOKS_BACK_DAYS)
        dense = bool((x > x[-1] - possible).sum() >= DENSE_SHARE * possible)
    return Cadence(
        n=x.size,
        kind="dense" if dense else "sparse",
        weekly=not dense and g is not None and g < WEEKLY_BELOW_SPACING_DAYS,
        median_spacing=g,
    )


def weekly_medians(days: Sequence[float], values: Sequence[float], *, monday: float) -> Points:
    """The median of each ISO week that has a reading, dated by its last observed day.

    monday: any Monday, counted as `days` are; with `date.toordinal()` that is 1.
    """
    x, y = ordered(days, values)
    if not x.size:
        return Points(n=0, days=(), values=())
    weeks = np.floor((x - monday) / 7)
    starts = np.flatnonzero(np.diff(weeks)) + 1
    return Points(
        n=starts.size + 1,
        days=tuple(float(week[-1]) for week in np.split(x, starts)),
        values=tuple(float(np.median(week)) for week in np.split(y, starts)),
    )


def _distinct(days: Sequence[float]) -> Floats:
    return np.unique(np.asarray(days, dtype=np.float64))
