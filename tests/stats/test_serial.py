import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats.serial import serial_correlation, variance_inflation

WAVE = [1.0, 2, 3, 2, 1, 0, 1, 2, 3, 2]


def test_nine_points_say_nothing_about_serial_correlation() -> None:
    found = serial_correlation((range(9), WAVE[:9]))

    assert (found.n, found.r0, found.r) == (9, None, None)


def test_a_slow_wave_is_corrected_upwards_for_its_small_n() -> None:
    found = serial_correlation((range(10), WAVE))

    # Around the mean 1.7 the squares add up to 8.1 and the products of neighbours to 3.31.
    r0 = 3.31 / 8.1
    assert found.r0 == pytest.approx(r0)
    assert found.r == pytest.approx(r0 + (1 + 4 * r0) / 10)


def test_a_zigzag_counts_as_uncorrelated_and_never_narrows_an_interval() -> None:
    found = serial_correlation((range(10), [0, 1] * 5))

    assert found.r0 == pytest.approx(-0.9)
    assert found.r == 0


def test_readings_beyond_twice_the_usual_spacing_are_no_neighbours() -> None:
    # The same ten readings, with the long level broken by a gap of 40 days in its middle.
    values = [1, 0, 1, 0, 5, 5, 1, 0, 1, 0]
    together = serial_correlation((range(10), values))
    apart = serial_correlation(([0, 1, 2, 3, 4, 44, 45, 46, 47, 48], values))

    assert together.r0 is not None
    assert apart.r0 is not None
    # The broken pair's product was (5 - 1.4)^2 of a sum of squares of 34.4.
    assert together.r0 - apart.r0 == pytest.approx(3.6**2 / 34.4)


def test_twice_the_usual_spacing_is_near_enough_and_more_is_not() -> None:
    values = [1, 0, 1, 0, 5, 5, 1, 0, 1, 0]
    r0 = {
        gap: serial_correlation(([0, 1, 2, 3, 4, *range(4 + gap, 9 + gap)], values)).r0
        for gap in (1, 2, 3)
    }

    assert r0[1] == r0[2]
    assert r0[2] != r0[3]


def test_a_slow_drift_is_clipped_at_nine_tenths() -> None:
    assert serial_correlation((range(60), range(60))).r == 0.9


def test_the_end_of_one_phase_is_no_neighbour_of_the_start_of_the_next() -> None:
    before, after = [4.0, 4, 5, 5, 6, 6], [2.0, 2, 1, 1, 0, 0]
    found = serial_correlation((range(6), before), (range(6, 12), after))

    # Each phase: squares 4, products 1 + 0 + 0 + 0 + 1.
    assert found.r0 == pytest.approx(2 * 2 / (2 * 4))
    assert found.r == pytest.approx(0.5 + (2 + 4 * 0.5) / 12)


def test_an_empty_phase_is_as_if_it_were_not_given() -> None:
    assert serial_correlation((range(10), WAVE), ([], [])) == serial_correlation((range(10), WAVE))


@pytest.mark.parametrize("value", [0.0, 0.1, 7.3])
def test_equal_values_have_no_correlation_to_speak_of(value: float) -> None:
    assert serial_correlation((range(12), [value] * 12)).r is None


def test_two_values_on_one_day_are_refused() -> None:
    with pytest.raises(ValueError, match="two values"):
        serial_correlation(([0, 0, *range(1, 9)], WAVE))


@given(st.lists(st.integers(0, 10), min_size=10, max_size=40))
def test_the_corrected_correlation_stays_between_0_and_nine_tenths(values: list[int]) -> None:
    found = serial_correlation((range(len(values)), values))

    if found.r is None:
        assert len(set(values)) == 1
    else:
        assert 0 <= found.r <= 0.9


@given(st.integers(1, 500), st.floats(0, 0.9))
def test_the_inflation_is_the_variance_of_a_mean_of_correlated_values(n: int, r: float) -> None:
    # Closed form of 1 + 2*sum((1 - k/n) r^k).
    closed = (1 + r) / (1 - r) - 2 * r * (1 - r**n) / (n * (1 - r) ** 2)

    assert variance_inflation(n, r) == pytest.approx(closed, rel=1e-9)


def test_independent_values_are_not_inflated() -> None:
    assert variance_inflation(28, 0) == 1
    assert variance_inflation(1, 0.5) == 1
