import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.stats.quantiles import normal_quantile, normal_two_sided_p, t_quantile, t_two_sided_p

shares = st.floats(1e-6, 1 - 1e-6)
freedoms = st.floats(1, 10_000)


@given(shares)
def test_the_normal_quantile_is_that_of_scipy(p: float) -> None:
    assert normal_quantile(p) == pytest.approx(stats.norm.ppf(p), rel=1e-9, abs=1e-9)


@given(st.floats(-30, 30))
def test_the_two_sided_normal_p_is_that_of_scipy(z: float) -> None:
    assert normal_two_sided_p(z) == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-9)


@given(shares, freedoms)
def test_the_t_quantile_is_that_of_scipy(p: float, df: float) -> None:
    assert t_quantile(p, df) == pytest.approx(stats.t.ppf(p, df), rel=1e-9, abs=1e-9)


@given(st.floats(1e-3, 1e4), freedoms)
def test_the_two_sided_t_p_is_that_of_scipy(t: float, df: float) -> None:
    assert t_two_sided_p(t, df) == pytest.approx(2 * stats.t.sf(t, df), abs=1e-9)
    assert t_two_sided_p(-t, df) == t_two_sided_p(t, df)


@given(st.floats(-1e4, 1e4))
def test_with_one_degree_of_freedom_p_is_an_arc_tangent(t: float) -> None:
    # Near t = 0 the second opinion itself is off by 2e-9, so the closed form judges there.
    assert t_two_sided_p(t, 1) == pytest.approx(1 - 2 / math.pi * math.atan(abs(t)), abs=1e-12)


def test_the_t_quantiles_are_those_of_the_printed_table() -> None:
    assert [round(t_quantile(0.975, df), 3) for df in (1, 2, 5, 13, 30)] == [
        12.706,
        4.303,
        2.571,
        2.160,
        2.042,
    ]


@pytest.mark.parametrize("p", [0.0, 1.0, -0.1, float("nan")])
def test_a_share_outside_0_to_1_has_no_quantile(p: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        normal_quantile(p)
    with pytest.raises(ValueError, match="between 0 and 1"):
        t_quantile(p, 5)


@pytest.mark.parametrize("df", [0.5, 0, float("nan")])
def test_less_than_one_degree_of_freedom_is_refused(df: float) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        t_quantile(0.975, df)
