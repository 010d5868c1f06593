"""Before and after: the vectors, Welch by scipy, and what must hold for any numbers."""

import warnings

import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from app.stats.reason import Reason
from app.stats.two_phases import nap, two_phases
from tests.shared import needs_shared
from tests.stats.test_vectors import VECTORS


@needs_shared
@pytest.mark.parametrize("name", ["before_after_serially_correlated", "before_after_clear"])
def test_the_vector_of_daily_phases_comes_out(name: str) -> None:
    data, expected = VECTORS[name]["input"], VECTORS[name]["expected"]
    n = len(data["before"])
    found = two_phases(range(n), data["before"], range(n, 2 * n), data["after"], least=7)

    assert found.interval is not None
    assert (found.diff, found.df, *found.interval) == pytest.approx(
        (expected["diff"], expected["df"], expected["low"], expected["high"]), abs=1e-6
    )


@needs_shared
@pytest.mark.parametrize("name", ["nap_tau_lower_better", "mwu_direction_higher_better"])
def test_the_share_of_pairs_comes_out(name: str) -> None:
    data, expected = VECTORS[name]["input"], VECTORS[name]["expected"]
    sign = -1 if data["direction"] == "higher_better" else 1
    found = nap([sign * x for x in data["before"]], [sign * x for x in data["after"]])

    assert found == pytest.approx(expected["nap"], abs=1e-6)


def test_three_visits_a_side_are_needed_for_an_interval() -> None:
    few = two_phases([0, 7], [18, 17], [14, 21, 28], [14, 13, 12], least=3)

    assert few.diff == pytest.approx(-4.5)
    assert few.interval is None
    assert Reason.TOO_FEW_FOR_TEST in few.reasons


def test_two_constant_phases_have_no_interval() -> None:
    found = two_phases([0, 7, 14], [5, 5, 5], [21, 28, 35], [3, 3, 3], least=3)

    assert found.diff == -2
    assert found.interval is None
    assert Reason.CONSTANT in found.reasons


def test_without_a_side_there_is_no_difference() -> None:
    found = two_phases([], [], [0], [3], least=3)

    assert found.diff is None
    assert found.nap is None
    assert (found.before.n, found.after.n) == (0, 1)


values = st.lists(st.integers(0, 27).map(float), min_size=2, max_size=4)


@given(values, values)
def test_without_correlation_it_is_welch(before: list[float], after: list[float]) -> None:
    assume(len(set(before)) + len(set(after)) > 2)
    found = two_phases(range(len(before)), before, range(10, 10 + len(after)), after, least=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        welch = scipy.stats.ttest_ind(after, before, equal_var=False)
    assume(welch.df >= 1)
    low, high = welch.confidence_interval(0.95)

    assert found.r is None
    assert found.interval == pytest.approx((low, high), abs=1e-6)


@given(values, values)
def test_the_share_of_pairs_is_the_u_of_mann_and_whitney(
    before: list[float], after: list[float]
) -> None:
    u = scipy.stats.mannwhitneyu(before, after).statistic

    assert nap(before, after) == pytest.approx(u / (len(before) * len(after)))


@given(values, values, st.integers(-20, 20))
def test_adding_a_constant_changes_no_difference(
    before: list[float], after: list[float], by: int
) -> None:
    days = range(len(before)), range(10, 10 + len(after))
    here = two_phases(days[0], before, days[1], after, least=2)
    there = two_phases(days[0], [x + by for x in before], days[1], [x + by for x in after], least=2)

    assert there.diff == pytest.approx(here.diff)
    assert there.nap == here.nap
