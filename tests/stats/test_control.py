"""Control rules, against the vectors and against what a stable year may cost in false alarms."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats.control import (
    Reference,
    dense_marks,
    dense_rule,
    reference_of,
    sparse_limit,
    sparse_marks,
)
from tests.shared import needs_shared
from tests.stats.test_vectors import VECTORS

Numbers = dict[str, Any]


@needs_shared
@pytest.mark.parametrize(
    "name", ["sparse_flag_phq9", "sparse_flag_custom_scale_floor_sd", "sparse_flag_long_gap"]
)
def test_the_sparse_vectors_come_out(name: str) -> None:
    given_, expected = VECTORS[name]["input"], VECTORS[name]["expected"]
    reference = reference_of(range(len(given_["reference"])), given_["reference"])
    limit = sparse_limit(reference, given_["range"], given_["T_rel"])
    marks = sparse_marks(given_["days"], given_["values"], reference, limit)

    assert reference.mean == pytest.approx(expected["mean"], abs=1e-6)
    assert limit == pytest.approx(expected["limit_points"], abs=1e-6)
    assert [mark.notice for mark in marks] == expected["high"]
    assert [mark.confirmed for mark in marks] == expected["confirmed"]


@needs_shared
def test_the_daily_vector_comes_out() -> None:
    vector = VECTORS["dense_flag_daily_1_to_7"]
    data, expected = vector["input"], vector["expected"]
    reference = reference_of(data["reference_days"], data["reference"])
    rule = dense_rule(reference, data["range"], data["mcid"])
    marks = dense_marks(data["days"], data["values"], rule)
    notices = [d for d, mark in zip(data["days"], marks, strict=True) if mark.notice]
    confirmed = [d for d, mark in zip(data["days"], marks, strict=True) if mark.confirmed]

    assert (rule.s, rule.r, rule.limit) == pytest.approx(
        (expected["s"], expected["r"], expected["H"]), abs=1e-6
    )
    assert notices[0] == expected["first_notice_day"]
    assert confirmed[0] == expected["first_confirmed_day"]
    assert len(notices) == expected["notice_days"]


@needs_shared
def test_the_cumulative_sum_is_that_of_the_vector() -> None:
    vector = VECTORS["cusum_trace"]
    data, expected = vector["input"], vector["expected"]
    reference = reference_of(range(len(data["reference"])), data["reference"])
    rule = dense_rule(reference, data["range"], None)
    marks = dense_marks(range(len(data["values"])), data["values"], rule)

    assert [mark.score for mark in marks] == pytest.approx(expected["C"], abs=1e-6)
    assert [mark.notice for mark in marks].index(True) == expected["first_index_above_H"]


def test_two_high_readings_of_one_week_do_not_confirm_each_other() -> None:
    reference = Reference(1, 5.0, None, None)

    assert not sparse_marks([0, 6], [12, 12], reference, 6)[1].confirmed
    assert sparse_marks([0, 7], [12, 12], reference, 6)[1].confirmed


def test_a_reading_exactly_at_the_limit_is_high() -> None:
    assert sparse_marks([0], [11], Reference(1, 5.0, None, None), 6)[0].notice
    assert not sparse_marks([0], [10.99], Reference(1, 5.0, None, None), 6)[0].notice


def test_a_gap_of_more_than_three_weeks_starts_the_sum_anew() -> None:
    rule = dense_rule(Reference(21, 3.0, 1.0, 0.2), 6, None)
    near = dense_marks([0, 1, 22], [5, 5, 5], rule)
    far = dense_marks([0, 1, 23], [5, 5, 5], rule)

    assert near[2].score == pytest.approx(4.5)
    assert far[2].score == pytest.approx(1.5)
    assert far[2].restarted


def _year(rng: np.random.Generator, r: float) -> list[float]:
    """A stable patient's daily ratings 1 to 7: correlated, rounded to whole numbers."""
    e = rng.standard_normal(365)
    y = np.empty(365)
    y[0] = e[0]
    for day in range(1, 365):
        y[day] = r * y[day - 1] + np.sqrt(1 - r * r) * e[day]
    return [float(value) for value in np.clip(np.round(3.5 + 1.2 * y), 1, 7)]


@pytest.mark.parametrize(
    ("r", "most_notice", "most_confirmed"), [(0.0, 0.08, 0.08), (0.5, 0.3, 0.24)]
)
def test_a_stable_year_rarely_raises_a_false_flag(
    r: float, most_notice: float, most_confirmed: float
) -> None:
    """Figures of the specification are .02 and .20, .14 for 42 days of reference."""
    rng = np.random.Generator(np.random.PCG64(7))
    years = 150
    notice = confirmed = 0
    for _ in range(years):
        values = _year(rng, r)
        reference = reference_of(range(42), values[:42])
        marks = dense_marks(range(42, 365), values[42:], dense_rule(reference, 6, None))
        notice += any(mark.notice for mark in marks)
        confirmed += any(mark.confirmed for mark in marks)

    assert notice / years <= most_notice
    assert confirmed / years <= most_confirmed


def _visits(rng: np.random.Generator, r: float, weeks: int) -> list[float]:
    """A stable patient's weekly scores around 12, SD 2, correlated, whole numbers."""
    e = rng.standard_normal(weeks)
    for week in range(1, weeks):
        e[week] = r * e[week - 1] + np.sqrt(1 - r * r) * e[week]
    return [float(value) for value in np.clip(np.round(12 + 2 * e), 0, 27)]


@pytest.mark.parametrize(
    ("r", "n0", "figure"),
    [(0.0, 1, 0.09), (0.0, 3, 0.01), (0.3, 3, 0.04), (0.3, 5, 0.02), (0.5, 5, 0.05)],
)
def test_a_stable_year_of_visits_rarely_confirms_a_worsening(
    r: float, n0: int, figure: float
) -> None:
    """The figure is the specification's: false flags a patient-year; three standard errors more."""
    rng = np.random.Generator(np.random.PCG64(11))
    years = 300
    confirmed = 0
    for _ in range(years):
        values = _visits(rng, r, n0 + 52)
        days = [7.0 * week for week in range(len(values))]
        reference = reference_of(days[:n0], values[:n0])
        limit = sparse_limit(reference, 27, 6)
        marks = sparse_marks(days[n0:], values[n0:], reference, limit)
        confirmed += any(mark.confirmed for mark in marks)

    assert confirmed / years <= figure + 3 * np.sqrt(figure * (1 - figure) / years)


readings = st.lists(st.integers(0, 27).map(float), min_size=1, max_size=30)


@given(readings, st.integers(0, 27), st.floats(0.5, 10))
def test_adding_a_constant_to_all_changes_no_mark(
    values: list[float], mean: int, limit: float
) -> None:
    days = [7.0 * place for place in range(len(values))]
    here = sparse_marks(days, values, Reference(1, float(mean), None, None), limit)
    there = sparse_marks(
        days, [value + 5 for value in values], Reference(1, mean + 5.0, None, None), limit
    )

    assert [(m.notice, m.confirmed) for m in here] == [(m.notice, m.confirmed) for m in there]


@given(readings)
def test_what_is_confirmed_was_noticed(values: list[float]) -> None:
    days = [float(place) for place in range(len(values))]
    rule = dense_rule(Reference(21, 5.0, 2.0, None), 27, None)
    for marks in (
        dense_marks(days, values, rule),
        sparse_marks([7 * day for day in days], values, rule.reference, 6),
    ):
        assert all(mark.notice for mark in marks if mark.confirmed)
