"""What other people's libraries say of the same random series.

ruptures has nothing to say here: change points are not part of this build.
"""

import numpy as np
import pymannkendall
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st
from statsmodels.stats.weightstats import (
    CompareMeans,
    DescrStatsW,
)
from statsmodels.tsa.stattools import acf

from app.stats.gaps import cadence
from app.stats.level import level_of_diary
from app.stats.serial import serial_correlation
from app.stats.trend import mann_kendall, sen_interval, theil_sen
from app.stats.two_phases import nap, two_phases
from app.stats.variability import variability

SCORES = st.lists(st.integers(0, 27).map(float), min_size=5, max_size=60)
GAPS = st.lists(st.integers(1, 40), min_size=60, max_size=60)
SIDE = st.lists(st.integers(0, 10).map(float), min_size=3, max_size=30)


def days_of(values: list[float], gaps: list[int]) -> list[float]:
    return [float(day) for day in np.cumsum(gaps[: len(values)])]


@given(SCORES, GAPS)
def test_slope_and_interval_are_those_of_theilslopes(values: list[float], gaps: list[int]) -> None:
    days = days_of(values, gaps)
    slope, interval = theil_sen(days, values), sen_interval(days, values)
    oracle = scipy.stats.theilslopes(values, days)

    assert slope is not None
    assert slope.per_day == pytest.approx(oracle.slope, abs=1e-12)
    assert slope.intercept == pytest.approx(oracle.intercept, abs=1e-9)
    if len(set(values)) > 1:
        assert interval == pytest.approx((oracle.low_slope, oracle.high_slope), abs=1e-12)
    else:
        assert interval is None


@given(SCORES)
def test_tau_is_that_of_kendalltau_and_the_rest_that_of_pymannkendall(values: list[float]) -> None:
    assume(len(set(values)) > 1)
    days = range(len(values))
    found = mann_kendall(days, values)
    oracle = pymannkendall.original_test(values)

    assert found is not None
    assert found.tau_b == pytest.approx(scipy.stats.kendalltau(days, values).statistic)
    assert found.s == oracle.s
    assert found.var_s == pytest.approx(oracle.var_s)
    assert found.z == pytest.approx(oracle.z)
    if not found.exact:
        assert found.p == pytest.approx(oracle.p, abs=1e-12)


@given(st.permutations(range(9)), st.integers(4, 9))
def test_few_readings_without_ties_have_the_exact_p(order: list[int], n: int) -> None:
    values = [float(value) for value in order[:n]]
    found = mann_kendall(range(n), values)

    assert found is not None
    assert found.p == pytest.approx(
        scipy.stats.kendalltau(range(n), values, method="exact").pvalue, abs=1e-12
    )


@given(SIDE, SIDE)
def test_without_neighbours_the_interval_is_welchs(before: list[float], after: list[float]) -> None:
    assume(np.var(before) > 0 and np.var(after) > 0)
    # Days so far apart that no two are neighbours: nothing can be correlated.
    days = [float(3**n) for n in range(len(before) + len(after))]
    found = two_phases(days[: len(before)], before, days[len(before) :], after, least=3)
    assume(not found.r)
    low, high = CompareMeans(DescrStatsW(after), DescrStatsW(before)).tconfint_diff(
        usevar="unequal"
    )

    assert found.interval == pytest.approx((low, high), rel=1e-9, abs=1e-9)
    welch = scipy.stats.ttest_ind(after, before, equal_var=False)
    ends = welch.confidence_interval()
    assert (ends.low, ends.high) == pytest.approx(found.interval, rel=1e-9, abs=1e-9)


@given(SIDE, SIDE)
def test_the_share_of_pairs_is_mann_whitneys_u(before: list[float], after: list[float]) -> None:
    u = scipy.stats.mannwhitneyu(before, after, method="asymptotic").statistic

    assert nap(before, after) == pytest.approx(u / (len(before) * len(after)))


@given(st.lists(st.integers(0, 10).map(float), min_size=10, max_size=80))
def test_the_lag_one_correlation_is_that_of_statsmodels(values: list[float]) -> None:
    assume(len(set(values)) > 1)
    found = serial_correlation((range(len(values)), values))

    assert found.r0 == pytest.approx(acf(np.array(values), nlags=1, fft=False)[1], abs=1e-12)


@given(st.lists(st.integers(0, 10).map(float), min_size=10, max_size=14))
def test_a_diarys_level_without_correlation_has_students_interval(values: list[float]) -> None:
    assume(len(set(values)) > 1)
    found = level_of_diary(range(len(values)), values, reference_r=None)
    assume(not found.r)
    n = len(values)
    low, high = scipy.stats.t.interval(
        0.95, n - 1, loc=np.mean(values), scale=scipy.stats.sem(values)
    )

    assert found.value == pytest.approx(np.mean(values))
    assert found.interval == pytest.approx((low, high), rel=1e-9)


@given(st.lists(st.integers(0, 10).map(float), min_size=21, max_size=60))
def test_the_squared_steps_of_a_full_diary_are_numpys(values: list[float]) -> None:
    days = range(len(values))
    found = variability(days, values, cadence=cadence(days), monday=0)

    assert found.mssd == pytest.approx(np.mean(np.diff(values) ** 2))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
