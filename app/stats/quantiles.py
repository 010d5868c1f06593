"""Tails and quantiles of the normal and of Student's t distribution.

Our own, so that the run time needs no scipy; within 1e-9 of it up to 10 000 degrees of freedom.
"""

import math
from statistics import NormalDist


def normal_quantile(p: float) -> float:
    """The z below which a share p of the standard normal distribution lies.

    Raises:
        ValueError: p is not strictly between 0 and 1.
    """
    if not 0 < p < 1:
        raise ValueError(f"p must lie between 0 and 1, not {p}")
    return NormalDist().inv_cdf(p)


def normal_two_sided_p(z: float) -> float:
    """The chance of a standard normal value at least as far from 0 as z."""
    return math.erfc(abs(z) / math.sqrt(2))


def t_quantile(p: float, df: float) -> float:
    """The t below which a share p of Student's distribution lies; df need not be whole.

    Halley's method from the first terms of the Cornish-Fisher expansion in 1/df (Abramowitz and
    Stegun 26.7.5). Each step leaves about the cube of the error before.

    Raises:
        ValueError: p is not strictly between 0 and 1, or df is below 1.
    """
    if not df >= 1:
        raise ValueError(f"df must be at least 1, not {df}")
    if p < 0.5:
        return -t_quantile(1 - p, df)
    z = normal_quantile(p)
    t = z + (z**3 + z) / (4 * df)
    for _ in range(100):
        newton = (0.5 * t_two_sided_p(t, df) - (1 - p)) / _t_density(t, df)
        step = newton / (1 - newton * (df + 1) * t / (2 * (df + t * t)))
        t += step
        if abs(step) <= 1e-6 * t:
            break
    return t


def t_two_sided_p(t: float, df: float) -> float:
    """The chance of a value of Student's distribution at least as far from 0 as t."""
    return _incomplete_beta(df / 2, 0.5, df, t * t)


def _t_density(t: float, df: float) -> float:
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - 0.5 * math.log(df * math.pi)
    return math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))


def _incomplete_beta(a: float, b: float, u: float, v: float) -> float:
    """Regularised I_x(a, b) at x = u/(u + v); both parts come in, so that 1 - x keeps its digits.

    NIST Digital Library of Mathematical Functions, 8.17.
    """
    x, rest = u / (u + v), v / (u + v)
    if rest == 0:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, v, u)
    log_front = (
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    )
    return math.exp(log_front) / (a * _continued_fraction(a, b, x))


def _continued_fraction(a: float, b: float, x: float) -> float:
    """1 + d1/(1 + d2/(1 + ...)) of DLMF 8.17.22, by Lentz's method."""
    value = c = 1.0
    d = 0.0
    for k in range(1, 1000):
        m = k // 2
        if k % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1 / (1 + term * d)
        c = 1 + term / c
        value *= c * d
        if abs(c * d - 1) <= 1e-15:
            break
    return value
