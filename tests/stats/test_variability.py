import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats.gaps import cadence
from app.stats.reason import Reason
from app.stats.variability import Variability, mssd_ratio, time_in_band, variability

DIARY = cadence(range(28))


def of_visits(values: list[float]) -> Variability:
    days = range(0, 7 * len(values), 7)
    return variability(days, values, cadence=cadence(days), monday=0)


def test_swings_and_spread_are_different_things() -> None:
    slow, fast = of_visits([1, 1, 1, 1, 5, 5, 5, 5]), of_visits([1, 5, 1, 5, 1, 5, 1, 5])

    assert slow.sd == fast.sd == statistics.stdev([1, 5] * 4)
    assert slow.mssd == pytest.approx(16 / 7)
    assert (fast.mssd, fast.rmssd) == (16, 4)


def test_six_points_are_too_few_for_a_swing() -> None:
    found = of_visits([1, 2, 3, 4, 5, 6])

    assert (found.n, found.pairs) == (6, 5)
    assert (found.mssd, found.rmssd, found.sd) == (None, None, None)
    assert found.reasons == (Reason.TOO_FEW_FOR_VARIABILITY,)


def test_four_neighbours_are_too_few_for_a_swing() -> None:
    found = variability(
        [0, 1, 2, 5, 6, 9, 10, 20], [1, 2, 3, 4, 5, 6, 7, 8], cadence=DIARY, monday=0
    )

    assert (found.n, found.pairs, found.mssd) == (8, 4, None)


def test_in_a_diary_only_the_next_day_is_a_neighbour() -> None:
    found = variability([0, 1, 2, 3, 4, 5, 7], [2, 2, 2, 2, 2, 2, 9], cadence=DIARY, monday=0)

    assert (found.pairs, found.mssd) == (5, 0)


def test_visits_up_to_one_and_a_half_spacings_apart_are_neighbours() -> None:
    days = [0, 10, 20, 30, 45, 55, 65, 81]
    found = variability(days, [2] * 7 + [9], cadence=cadence(days), monday=0)

    assert (found.pairs, found.mssd) == (6, 0)


def test_three_entries_a_week_swing_as_weeks_do() -> None:
    days = [week + day for week in range(0, 56, 7) for day in (0, 2, 4)]
    found = variability(days, [1, 9, 5] * 8, cadence=cadence(days), monday=0)

    assert (found.n, found.pairs, found.mssd) == (8, 7, 0)
    assert found.reasons == (Reason.WEEKLY_MEDIANS,)


def test_the_ratio_to_a_reference_without_swing_is_unknown() -> None:
    calm, restless, short = of_visits([3] * 8), of_visits([1, 3] * 4), of_visits([1, 2])

    assert mssd_ratio(of_visits([1, 5] * 4), restless) == 4
    assert mssd_ratio(restless, calm) is None
    assert mssd_ratio(restless, short) is None
    assert mssd_ratio(short, restless) is None


@given(
    st.lists(st.integers(0, 27), min_size=8, max_size=30),
    st.integers(-200, 200),
    st.integers(-50, 50),
)
def test_neither_a_constant_nor_a_date_nor_a_sign_changes_the_swing(
    values: list[int], k: int, c: int
) -> None:
    days = range(0, 14 * len(values), 14)
    found = variability(days, values, cadence=cadence(days), monday=0)
    moved = variability(
        [d + k for d in days], [c - v for v in values], cadence=cadence(days), monday=0
    )

    assert (moved.pairs, moved.mssd) == (found.pairs, found.mssd)
    assert moved.sd == pytest.approx(found.sd)


def test_a_mean_between_two_bands_lies_in_the_lower_one() -> None:
    found = time_in_band([4, 4.5, 5, 27], [0, 5, 10, 15, 20])

    assert (found.n, found.counts) == (4, (2, 1, 0, 0, 1))
    assert found.shares == (0.5, 0.25, 0, 0, 0.25)


def test_no_points_are_no_time_in_any_band() -> None:
    found = time_in_band([], [0, 5])

    assert (found.n, found.counts, found.shares) == (0, (0, 0), None)
    assert found.reasons == (Reason.NO_DATA,)


def test_values_and_bands_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="below the first band"):
        time_in_band([-1], [0, 5])
    with pytest.raises(ValueError, match="not finite"):
        time_in_band([float("nan")], [0, 5])
    with pytest.raises(ValueError, match="rise"):
        time_in_band([1], [5, 0])
    with pytest.raises(ValueError, match="rise"):
        time_in_band([1], [])


@given(st.lists(st.integers(0, 27), min_size=1, max_size=50))
def test_the_shares_of_the_bands_add_up_to_all_points(values: list[int]) -> None:
    found = time_in_band(values, [0, 5, 10, 15, 20])

    assert sum(found.counts) == found.n == len(values)
    assert found.shares is not None
    assert sum(found.shares) == pytest.approx(1)
