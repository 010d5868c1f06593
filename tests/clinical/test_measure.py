import json
import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import instrument
from app.clinical.measure import (
    Band,
    Direction,
    Measure,
    Threshold,
    band_of,
    day_value,
    days_in_force,
    implausible,
    oriented,
    unlikely,
    unregistered,
)
from tests.shared import SHARED, needs_shared

QUALITY = Measure("sleep.quality", "{score}", 0, 10, "higher_better", "Sleep quality")


def phq9() -> Measure:
    total = instrument("phq-9").total
    assert total is not None
    return total


def test_a_domain_measure_needs_only_its_meaning() -> None:
    assert QUALITY.domain == "sleep"
    assert QUALITY.onset_reading == "immediate"
    assert QUALITY.cadence_days == (1, 1)
    assert QUALITY.stale_after_days == (7, 7)
    assert QUALITY.symptom_measure is False


def test_a_code_outside_the_follow_up_domains_belongs_to_other() -> None:
    assert unregistered("HAMD17", "{score}").domain == "other"
    assert unregistered("labs.2951-2", "mmol/L").domain == "labs"


def test_staleness_follows_the_cadence_where_nobody_gave_it() -> None:
    monthly = Measure("other.x", "1", 0, 1, "none", "x", cadence_days=(14, 28))
    weekly = Measure("other.x", "1", 0, 1, "none", "x", cadence_days=(3, 7))

    assert monthly.stale_after_days == (28, 56)
    assert weekly.stale_after_days == (14, 14)


def test_an_unregistered_number_has_no_direction() -> None:
    steps = unregistered("wearable.steps", "1")

    assert oriented(steps, 4000) is None
    assert band_of(steps, 4000) is None
    assert implausible(steps, -5) is False
    assert implausible(steps, math.nan) is True


@pytest.mark.parametrize(
    ("direction", "worse", "better"), [("lower_better", 8, 3), ("higher_better", 3, 8)]
)
def test_larger_is_always_worse_once_oriented(
    direction: Direction, worse: float, better: float
) -> None:
    scale = Measure("other.scale", "{score}", 0, 10, direction, "scale")
    bad, good = oriented(scale, worse), oriented(scale, better)

    assert bad is not None
    assert good is not None
    assert bad > good


def test_a_target_range_counts_the_distance_outside_it() -> None:
    level = Measure("labs.14334-7", "mmol/L", 0, 5, "target_range", "lithium", target=(0.6, 1.0))

    assert oriented(level, 0.8) == 0
    assert oriented(level, 0.4) == pytest.approx(0.2)
    assert oriented(level, 1.3) == pytest.approx(0.3)


def test_a_target_belongs_to_target_range_and_to_nothing_else() -> None:
    with pytest.raises(ValueError, match="target"):
        Measure("labs.14334-7", "mmol/L", 0, 5, "target_range", "lithium")
    with pytest.raises(ValueError, match="target"):
        Measure("labs.14334-7", "mmol/L", 0, 5, "lower_better", "lithium", target=(0, 1))


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": "mood"},
        {"daily_aggregate": "median"},
        {"onset_reading": "soon"},
        {"trend_use": "none"},
        {"direction": "up"},
        {"minimum": 10},
    ],
)
def test_a_measure_refuses_what_it_cannot_mean(wrong: dict[str, Any]) -> None:
    fields: dict[str, Any] = {
        "code": "other.x",
        "unit": "1",
        "minimum": 0,
        "maximum": 10,
        "direction": "none",
        "label": "x",
    }
    with pytest.raises(ValueError, match=r"other\.x"):
        Measure(**(fields | wrong))


@pytest.mark.parametrize(
    ("value", "label"),
    [(0, "minimal"), (4, "minimal"), (5, "mild"), (14, "moderate"), (27, "severe")],
)
def test_a_band_holds_both_of_its_ends(value: float, label: str) -> None:
    band = band_of(phq9(), value)

    assert band is not None
    assert band.label == label


def test_between_two_bands_the_next_one_is_not_reached() -> None:
    assert band_of(phq9(), 4.5) == Band(0, 4, "minimal")


@pytest.mark.parametrize("value", [-1, 28])
def test_outside_the_scale_there_is_no_band(value: float) -> None:
    assert band_of(phq9(), value) is None


@pytest.mark.parametrize("value", [31, 9999, -1, 99, 999, 10.5, math.nan, math.inf])
def test_what_a_phq9_cannot_be_is_implausible(value: float) -> None:
    assert implausible(phq9(), value) is True


def test_a_code_for_missing_is_a_value_where_the_scale_holds_it() -> None:
    weight = Measure("other.weight", "kg", 20, 400, "none", "Weight")

    assert implausible(weight, 99) is False
    assert implausible(weight, 999) is True


def test_a_step_counts_from_the_minimum_with_a_little_room() -> None:
    scale = Measure("other.x", "{score}", 0.5, 5.5, "none", "x", step=1)

    assert implausible(scale, 1.5 + 1e-7) is False
    assert implausible(scale, 2) is True


def test_a_rare_value_is_unlikely_and_not_implausible() -> None:
    sleep = Measure(
        "sleep.total", "h", 0, 24, "none", "Sleep", unlikely_below=0.5, unlikely_above=16
    )

    assert unlikely(sleep, 22) is True
    assert unlikely(sleep, 16) is False
    assert unlikely(sleep, 0.25) is True
    assert implausible(sleep, 22) is False
    assert unlikely(QUALITY, 10) is False


def test_of_two_questionnaires_on_a_day_the_last_counts() -> None:
    day = day_value(phq9(), [8, 12])

    assert (day.value, day.n_raw, day.reasons) == (12, 2, ("DQ_SAME_DAY",))


def test_one_questionnaire_a_day_raises_nothing() -> None:
    assert day_value(phq9(), [8]).reasons == ()


@pytest.mark.parametrize(("aggregate", "value"), [("max", 3), ("sum", 6), ("mean", 2)])
def test_the_aggregate_is_the_measures(aggregate: Any, value: float) -> None:
    measure = Measure("other.x", "1", 0, 10, "none", "x", daily_aggregate=aggregate)

    assert day_value(measure, [1, 3, 2]).value == value


def test_a_day_without_a_reading_has_no_value() -> None:
    with pytest.raises(ValueError, match="no value"):
        day_value(QUALITY, [])


def test_the_cadence_changes_after_twelve_weeks_of_treatment() -> None:
    start = date(2026, 1, 1)

    assert days_in_force((14, 28), started_on=start, today=date(2026, 3, 25)) == 14
    assert days_in_force((14, 28), started_on=start, today=date(2026, 3, 26)) == 28
    assert days_in_force((14, 28), started_on=None, today=start) == 28


@needs_shared
def test_the_vector_of_the_daily_mean_holds() -> None:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))["vectors"]
    vector = next(v for v in vectors if v["name"] == "daily_mean_sub_daily")

    day = day_value(QUALITY, vector["input"]["values"])

    assert day.value == vector["expected"]["value"]
    assert day.n_raw == vector["expected"]["n_raw"]


@given(value=st.floats(-5, 15), bound=st.integers(0, 10))
def test_opposite_thresholds_never_both_hold_nor_both_fail(value: float, bound: int) -> None:
    if abs(value - bound) > 1e-6:
        assert Threshold("<", bound).met(value) is not Threshold(">=", bound).met(value)
        assert Threshold("<=", bound).met(value) is not Threshold(">", bound).met(value)


def test_a_threshold_says_whether_its_boundary_counts() -> None:
    assert Threshold("<", 5).met(5) is False
    assert Threshold("<=", 5).met(5) is True
    assert Threshold(">", 5).met(5) is False
    assert Threshold(">=", 5).met(5) is True
    assert Threshold(">=", 50).met(100 * (1 - 0.5) - 1e-12) is True
