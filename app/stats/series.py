"""One followed number over time, checked and put in order."""

from collections.abc import Sequence
from math import isfinite
from operator import eq, ge
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]


def in_order(
    days: Sequence[float], values: Sequence[float], *, several_a_day: bool = False
) -> tuple[Sequence[float], Sequence[float]]:
    """Both in order of time, in plain Python: most series are a few weeks long.

    Raises:
        ValueError: the lengths differ, something is not finite, or, unless there may be several a
            day, a day has two values: make them one point first.
    """
    if len(days) != len(values):
        raise ValueError(f"{len(days)} days but {len(values)} values")
    if not (all(map(isfinite, days)) and all(map(isfinite, values))):
        raise ValueError("a day or a value is not finite")
    if any(map(ge, days, days[1:])):
        days, values = zip(*sorted(zip(days, values, strict=True)), strict=True)
        if not several_a_day and any(map(eq, days, days[1:])):
            raise ValueError("a day has two values")
    return days, values


def ordered(days: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    """As `in_order`, as arrays; a day may come several times."""
    x, y = in_order(days, values, several_a_day=True)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def one_a_day(days: Sequence[float], values: Sequence[float]) -> tuple[Floats, Floats]:
    """As `in_order`, as arrays."""
    x, y = in_order(days, values)
    return np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)


def is_constant(values: Floats) -> bool:
    """Two or more values, all equal."""
    return values.size >= 2 and bool((values == values[0]).all())
