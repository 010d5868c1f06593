import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from app.stats.level import level_of_diary, level_of_visits
from app.stats.reason import Reason
from app.stats.serial import variance_inflation

MIXED = [3.0, 5, 4, 4, 2, 6, 4]


def test_without_a_reading_there_is_no_level() -> None:
    for found in (level_of_visits([], [], sem=1), level_of_diary([], [], reference_r=None)):
        assert (found.n, found.last, found.value, found.interval) == (0, None, None, None)
        assert found.reasons == (Reason.NO_DATA,)


def test_the_level_of_visits_is_the_median_of_the_last_three_weeks() -> None:
    found = level_of_visits([0, 79, 80, 90, 100], [30, 30, 9, 14, 10], sem=None)

    assert (found.n, found.value, found.last) == (3, 10, 10)
    assert (found.from_day, found.to_day) == (80, 100)


def test_a_visit_three_weeks_before_the_last_is_no_longer_now() -> None:
    assert level_of_visits([79, 100], [30, 10], sem=None).n == 1
    assert level_of_visits([80, 100], [30, 10], sem=None).n == 2


def test_one_visit_is_its_own_level() -> None:
    found = level_of_visits([12], [7], sem=None)

    assert (found.n, found.value, found.last) == (1, 7, 7)


def test_at_most_three_visits_make_the_level() -> None:
    found = level_of_visits([0, 5, 10, 15, 20], [27, 27, 9, 8, 7], sem=None)

    assert (found.n, found.value) == (3, 8)


def test_the_interval_of_visits_comes_from_the_scale_s_reliability() -> None:
    found = level_of_visits([0, 14], [13, 11], sem=6.1 * math.sqrt(1 - 0.84))

    assert found.interval == pytest.approx((7.2176, 16.7824))
    assert found.reasons == ()


def test_a_scale_of_unknown_reliability_gives_no_interval() -> None:
    found = level_of_visits([0, 14], [13, 11], sem=None)

    assert found.interval is None
    assert found.reasons == (Reason.NO_RELIABILITY,)


def test_six_diary_days_in_two_weeks_are_too_few() -> None:
    found = level_of_diary([0, 1, 2, 3, 9, 10, 11, 14], [5] * 8, reference_r=None)
    six = level_of_diary([0, *range(15, 21)], [9, 1, 2, 3, 4, 5, 6], reference_r=None)

    assert (found.n, found.value) == (7, 5)
    assert (six.n, six.value, six.last) == (6, None, 6)
    assert six.reasons == (Reason.TOO_FEW_RECENT,)


def test_seven_independent_days_give_the_usual_t_interval() -> None:
    found = level_of_diary(range(7), MIXED, reference_r=None)
    low, high = stats.t.interval(0.95, 6, loc=4, scale=stats.sem(MIXED))

    assert found.value == 4
    assert found.interval == pytest.approx((low, high))
    assert found.reasons == (Reason.AUTOCORRELATION_NOT_ASSESSED,)


def test_the_correlation_of_the_reference_widens_a_short_fortnight() -> None:
    found = level_of_diary(range(7), MIXED, reference_r=0.4)
    v = variance_inflation(7, 0.4)
    half = stats.t.ppf(0.975, 7 / v - 1) * stats.sem(MIXED) * math.sqrt(v)

    assert (found.r, found.v_n) == (0.4, v)
    assert found.interval == pytest.approx((4 - half, 4 + half))
    assert found.reasons == ()


def test_days_worth_less_than_two_readings_keep_one_degree_of_freedom() -> None:
    found = level_of_diary(range(7), MIXED, reference_r=0.9)
    half = stats.t.ppf(0.975, 1) * stats.sem(MIXED) * math.sqrt(found.v_n)

    assert found.v_n > 3.5
    assert found.interval == pytest.approx((4 - half, 4 + half))


def test_ten_days_speak_for_themselves_whatever_the_reference_says() -> None:
    zigzag = level_of_diary(range(10), [3, 5] * 5, reference_r=0.8)

    assert (zigzag.r, zigzag.v_n) == (0, 1)


def test_equal_days_have_a_level_but_no_interval() -> None:
    found = level_of_diary(range(14), [0.1] * 14, reference_r=None)

    assert found.value == pytest.approx(0.1)
    assert found.interval is None
    assert Reason.CONSTANT in found.reasons


@given(st.lists(st.integers(0, 27), min_size=1, max_size=20), st.integers(-500, 500))
def test_only_the_dates_of_a_level_move_with_the_days(values: list[int], k: int) -> None:
    days = range(len(values))
    found = level_of_diary(days, values, reference_r=None)
    later = level_of_diary([d + k for d in days][::-1], values[::-1], reference_r=None)

    assert (later.n, later.last, later.value) == (found.n, found.last, found.value)
    assert later.interval == found.interval
    assert later.to_day == (found.to_day or 0) + k
