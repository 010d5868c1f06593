"""One followed number over time, checked and put in order."""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def ordered(days: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    """Both as arrays in order of time.

    Raises:
        ValueError: the lengths differ, or something is not finite.
    """
    x = np.asarray(days, dtype=np.float64)
    y = np.asarray(values, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"{x.size} days but {y.size} values")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("a day or a value is not finite")
    order = np.argsort(x)
    return x[order], y[order]


def one_a_day(days: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    """As `ordered`, and no day comes twice.

    Raises:
        ValueError: as `ordered`, or a day has two values: make them one point first.
    """
    x, y = ordered(days, values)
    if (np.diff(x) == 0).any():
        raise ValueError("a day has two values")
    return x, y


def is_constant(values: Floats) -> bool:
    """Two or more values, all equal."""
    return values.size >= 2 and bool((values == values[0]).all())
