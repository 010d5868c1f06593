import math
from itertools import permutations

import numpy as np
import pymannkendall
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.stats.gaps import Cadence, cadence
from app.stats.reason import Reason
from app.stats.serial import variance_inflation
from app.stats.trend import Trend, mann_kendall, sen_interval, theil_sen, trend

Series = tuple[list[int], list[int]]

DAILY = Cadence(n=0, kind="dense", weekly=False, median_spacing=1.0)
"""Read day by day, whatever the gaps."""


@st.composite
def series(draw: st.DrawFn, at_least: int = 2) -> Series:
    days = draw(st.lists(st.integers(0, 400), min_size=at_least, max_size=40, unique=True))
    values = draw(st.lists(st.integers(0, 27), min_size=len(days), max_size=len(days)))
    return days, values


def of(days: list[int] | range, values: list[float] | list[int]) -> Trend:
    return trend(days, values, cadence=cadence(days), monday=0)


def random_series(seed: int, n: int, *, whole: bool) -> tuple[list[float], list[float]]:
    rng = np.random.default_rng(seed)
    days = np.sort(rng.choice(4 * n, size=n, replace=False)).astype(float)
    noise = np.cumsum(rng.normal(size=n)) + rng.normal(size=n)
    return days.tolist(), (np.round(noise) if whole else noise).tolist()


# Theil-Sen


def test_one_wild_visit_does_not_turn_the_trend() -> None:
    slope = theil_sen(days=[0, 7, 14, 21, 28], values=[20, 18, 27, 14, 12])

    assert slope is not None
    assert slope.per_day == pytest.approx(-2 / 7)


def test_fewer_than_two_days_have_no_slope() -> None:
    assert theil_sen([], []) is None
    assert theil_sen([3], [10]) is None
    assert theil_sen([3, 3], [10, 12]) is None


def test_two_values_on_one_day_make_no_pair() -> None:
    slope = theil_sen([0, 0, 10], [4, 6, 15])

    assert slope is not None
    assert (slope.n, slope.per_day) == (3, 1.0)


def test_nonsense_is_refused_and_never_averaged_in() -> None:
    with pytest.raises(ValueError, match="3 days but 2 values"):
        theil_sen([0, 1, 2], [1, 2])
    with pytest.raises(ValueError, match="not finite"):
        theil_sen([0, 1], [1, math.nan])
    with pytest.raises(ValueError, match="not finite"):
        mann_kendall([0, math.inf], [1, 2])
    with pytest.raises(ValueError, match="two values"):
        mann_kendall([0, 0, 1, 2], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="two values"):
        sen_interval([0, 0, 1, 2, 3], [1, 2, 3, 4, 5])


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n", [5, 6, 11, 30, 101])
def test_slope_and_interval_are_those_of_scipy(n: int, whole: bool) -> None:
    for seed in range(20):
        days, values = random_series(seed, n, whole=whole)
        oracle = stats.theilslopes(values, days)
        slope, interval = theil_sen(days, values), sen_interval(days, values)

        assert slope is not None
        assert slope.per_day == pytest.approx(oracle.slope, abs=1e-12)
        assert slope.intercept == pytest.approx(oracle.intercept, abs=1e-9)
        assert interval == pytest.approx((oracle.low_slope, oracle.high_slope), abs=1e-12)


@pytest.mark.parametrize(
    ("n", "most", "gap"), [(40, 0, 1), (120, 1, 3), (400, 6, 2), (400, 10, 1), (730, 27, 1)]
)
def test_counting_the_pairs_of_a_long_diary_gives_what_scipy_gets_from_all(
    n: int, most: int, gap: int
) -> None:
    """Whole numbers on days of a grid are counted: flat, yes/no, with gaps, wide and narrow."""
    for seed in range(4):
        rng = np.random.default_rng(seed)
        days = (20_000 + np.cumsum(rng.integers(1, gap + 1, n))).tolist()
        values = (3 + rng.integers(0, most + 1, n)).tolist()
        oracle = stats.theilslopes(values, days)
        interval = (oracle.low_slope, oracle.high_slope) if most else None
        found = trend(days, values, cadence=DAILY, monday=0)

        assert found.slope_per_day == oracle.slope
        assert sen_interval(days, values) == interval
        assert (found.mk and found.mk.s) == pymannkendall.original_test(values).s
        # Halves are no whole numbers, so their pairs are made one by one.
        halves = trend(days, [value / 2 for value in values], cadence=DAILY, monday=0)
        assert halves.slope_per_day == pytest.approx(oracle.slope / 2, abs=1e-12)
        assert halves.mk == found.mk


@given(series(at_least=5))
def test_correlation_widens_the_interval_and_never_narrows_it(data: Series) -> None:
    plain, wide = sen_interval(*data), sen_interval(*data, variance_inflation=3)

    if plain is None or wide is None:
        assert len(set(data[1])) == 1
    else:
        assert wide[0] <= plain[0] <= plain[1] <= wide[1]


def test_four_points_have_no_interval() -> None:
    assert sen_interval([0, 7, 14, 21], [9, 7, 6, 2]) is None


# Mann-Kendall


@pytest.mark.parametrize("n", [4, 5, 8, 9])
def test_the_exact_p_is_that_of_scipy(n: int) -> None:
    for seed in range(20):
        values = np.random.default_rng(seed).permutation(n).tolist()
        oracle = stats.kendalltau(range(n), values, method="exact")
        test = mann_kendall(range(n), values)

        assert test is not None
        assert test.exact
        assert test.p == pytest.approx(oracle.pvalue, rel=1e-12)
        assert test.tau_b == pytest.approx(oracle.statistic, rel=1e-12)


def test_the_exact_p_is_the_share_of_orders_at_least_as_steep() -> None:
    test = mann_kendall(range(5), [1, 2, 3, 5, 4])
    signs = [
        sum((b > a) - (b < a) for i, a in enumerate(order) for b in order[i + 1 :])
        for order in permutations(range(5))
    ]

    assert test is not None
    assert test.s == 8
    assert test.p == pytest.approx(sum(abs(s) >= 8 for s in signs) / len(signs))


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n", [10, 25, 120])
def test_s_variance_z_and_p_are_those_of_pymannkendall(n: int, whole: bool) -> None:
    for seed in range(20):
        days, values = random_series(seed, n, whole=whole)
        oracle = pymannkendall.original_test(values)
        test = mann_kendall(days, values)

        assert test is not None
        assert (test.s, test.exact) == (oracle.s, False)
        assert test.var_s == pytest.approx(oracle.var_s)
        assert test.z == pytest.approx(oracle.z)
        assert test.p == pytest.approx(oracle.p, abs=1e-12)
        assert test.tau_b == pytest.approx(stats.kendalltau(days, values).statistic)


def test_ties_take_the_normal_p_even_in_a_short_series() -> None:
    test = mann_kendall(range(6), [5, 5, 4, 3, 2, 1])

    assert test is not None
    assert not test.exact


def test_the_exact_p_is_not_claimed_for_correlated_readings() -> None:
    test = mann_kendall(range(8), range(8), 2)

    assert test is not None
    assert not test.exact


def test_three_points_cannot_be_told_from_chance() -> None:
    assert mann_kendall([0, 7, 14], [9, 5, 1]) is None


def test_equal_values_are_no_trend_at_all() -> None:
    test = mann_kendall(range(8), [7] * 8)

    assert test is not None
    assert (test.s, test.z, test.p, test.tau_b) == (0, 0, 1, None)


def test_correlation_makes_the_test_more_careful() -> None:
    values = [1, 2, 2, 4, 3, 5, 5, 6, 7, 6, 8, 9]
    plain, careful = mann_kendall(range(12), values), mann_kendall(range(12), values, 4)

    assert plain is not None
    assert careful is not None
    assert careful.z == pytest.approx(plain.z / 2)
    assert careful.p > plain.p


# What holds for every series


@given(series())
def test_the_order_of_the_readings_does_not_matter(data: Series) -> None:
    days, values = data
    order = sorted(range(len(days)), key=lambda i: (values[i], days[i]))

    assert of([days[i] for i in order], [values[i] for i in order]) == of(days, values)


@given(series(), st.integers(-3000, 3000))
def test_another_day_to_count_from_moves_the_intercept_only(data: Series, weeks: int) -> None:
    days, values = data
    found, moved = of(days, values), of([d + 7 * weeks for d in days], values)

    assert moved.slope_per_day == found.slope_per_day
    assert moved.interval_per_day == pytest.approx(found.interval_per_day)
    assert moved.span_days == found.span_days
    assert moved.reasons == found.reasons
    assert moved.r == pytest.approx(found.r)
    assert (moved.mk is None) == (found.mk is None)


@given(series(), st.integers(-100, 100))
def test_adding_a_constant_leaves_slope_and_s(data: Series, c: int) -> None:
    days, values = data
    found, moved = of(days, values), of(days, [v + c for v in values])

    assert moved.slope_per_day == found.slope_per_day
    assert (moved.mk and moved.mk.s) == (found.mk and found.mk.s)
    assert moved.reasons == found.reasons


@given(series())
def test_the_mirror_image_has_the_mirrored_trend(data: Series) -> None:
    days, values = data
    found, mirror = of(days, values), of(days, [-v for v in values])

    if found.slope_per_day is not None and mirror.slope_per_day is not None:
        assert mirror.slope_per_day == -found.slope_per_day
    if found.mk is not None and mirror.mk is not None:
        assert mirror.mk.s == -found.mk.s
        assert mirror.mk.p == pytest.approx(found.mk.p)
    assert mirror.v_n == pytest.approx(found.v_n)
    assert mirror.reasons == found.reasons


# The block and its gates


def test_no_data_is_said_and_not_a_flat_line() -> None:
    found = of([], [])

    assert (found.n, found.span_days, found.slope_per_day, found.mk) == (0, None, None, None)
    assert found.reasons == (
        Reason.NO_DATA,
        Reason.TOO_FEW_FOR_SLOPE,
        Reason.TOO_FEW_FOR_TEST,
        Reason.AUTOCORRELATION_NOT_ASSESSED,
    )


def test_two_visits_have_a_span_but_no_slope() -> None:
    found = of([0, 14], [18, 8])

    assert (found.n, found.span_days, found.slope_per_day) == (2, 14, None)
    assert Reason.TOO_FEW_FOR_SLOPE in found.reasons


def test_three_visits_have_a_slope_but_no_test() -> None:
    found = of([0, 7, 14], [18, 16, 14])

    assert found.slope_per_day == pytest.approx(-2 / 7)
    assert (found.mk, found.interval_per_day) == (None, None)
    assert found.reasons == (Reason.TOO_FEW_FOR_TEST, Reason.AUTOCORRELATION_NOT_ASSESSED)


def test_visits_within_a_week_have_no_slope_but_three_diary_days_apart_have() -> None:
    visits, diary = cadence([0, 7, 14]), cadence(range(28))

    assert trend([0, 3, 6], [9, 8, 7], cadence=visits, monday=0).slope_per_day is None
    assert trend([0, 3, 7], [9, 8, 7], cadence=visits, monday=0).slope_per_day is not None
    assert trend([0, 1, 2], [9, 8, 7], cadence=diary, monday=0).slope_per_day is None
    assert trend([0, 1, 3], [9, 8, 7], cadence=diary, monday=0).slope_per_day is not None


def test_four_visits_have_a_test_and_five_have_an_interval() -> None:
    four = of([0, 7, 14, 21], [18, 16, 14, 12])
    five = of([0, 7, 14, 21, 28], [18, 16, 14, 12, 11])

    assert four.mk is not None
    assert four.mk.p == pytest.approx(1 / 12)
    assert four.interval_per_day is None
    assert Reason.TOO_FEW_FOR_TEST in four.reasons
    assert five.interval_per_day is not None
    assert five.reasons == (Reason.AUTOCORRELATION_NOT_ASSESSED,)


def test_ten_visits_are_judged_for_serial_correlation() -> None:
    values = [18, 18, 16, 17, 14, 14, 12, 13, 10, 10]
    nine, ten = of(range(0, 63, 7), values[:9]), of(range(0, 70, 7), values)

    assert (nine.r, nine.v_n) == (None, 1)
    assert ten.r is not None
    assert ten.v_n == variance_inflation(10, ten.r)
    assert ten.reasons == ()


def test_equal_values_have_slope_0_and_no_interval() -> None:
    found = of(range(0, 84, 7), [7.3] * 12)

    assert found.slope_per_day == 0
    assert found.interval_per_day is None
    assert found.mk is not None
    assert found.mk.p == 1
    assert found.reasons == (Reason.CONSTANT, Reason.AUTOCORRELATION_NOT_ASSESSED)


def test_a_perfect_line_is_not_taken_for_correlated_noise() -> None:
    found = of(range(0, 84, 7), [0.1 * week for week in range(12)])

    assert found.slope_per_day == pytest.approx(0.1 / 7)
    assert (found.r, found.v_n) == (None, 1)


def test_three_entries_a_week_are_not_three_independent_visits() -> None:
    days = [week + day for week in range(0, 42, 7) for day in (0, 2, 4)]
    values = [20 - day // 7 for day in days]
    found = of(days, values)

    assert (found.n, found.span_days) == (6, 35)
    assert found.slope_per_day == pytest.approx(-1 / 7)
    assert Reason.WEEKLY_MEDIANS in found.reasons


def test_above_2000_points_the_trend_is_that_of_the_weeks() -> None:
    at_most = of(range(2000), [day % 7 for day in range(2000)])
    above = of(range(2002), [day // 7 for day in range(2002)])

    assert (at_most.n, Reason.WEEKLY_MEDIANS in at_most.reasons) == (2000, False)
    assert (above.n, Reason.WEEKLY_MEDIANS in above.reasons) == (286, True)
    assert above.slope_per_day == pytest.approx(1 / 7)
