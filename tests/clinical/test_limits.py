"""One value against its limits: unit, hour of the sample, range."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.limits import Judged, Limits, in_unit, judge, timing_valid
from app.clinical.units import UnitsNotComparable

LITHIUM = Limits(
    "mmol/L",
    None,
    None,
    (Decimal("0.6"), Decimal("1.0")),
    None,
    Decimal("1.5"),
    (Decimal(10), Decimal(14)),
)
CALCIUM = Limits(
    "mg/dL",
    ("mmol/L", Decimal("0.2495")),
    (Decimal("8.5"), Decimal("10.5")),
    None,
    Decimal("6.5"),
    Decimal(13),
    None,
)
LEVEL = Limits("ug/mL", None, None, (Decimal(50), Decimal(125)), None, Decimal(150), None)


def test_a_unit_is_converted_inside_its_dimension() -> None:
    assert in_unit(LEVEL, Decimal("0.08"), "g/L") == Decimal(80)
    assert judge(LEVEL, Decimal(80), "mg/L").level == "within"
    assert judge(LEVEL, Decimal("0.151"), "g/L").level == "critical_high"


def test_another_dimension_needs_a_factor_of_this_very_test() -> None:
    assert in_unit(CALCIUM, Decimal("2.40"), "mmol/L") == Decimal("9.61924")
    with pytest.raises(UnitsNotComparable):
        in_unit(LITHIUM, Decimal("5.5"), "mg/L")


def test_a_unit_that_cannot_be_joined_is_no_value_and_says_why() -> None:
    assert judge(LITHIUM, Decimal("5.5"), "mg/L") == Judged(
        None, False, "UNIT_NOT_COMPARABLE", None, None
    )
    assert judge(LITHIUM, Decimal("0.8"), None).code == "UNIT_UNKNOWN"


@pytest.mark.parametrize(
    ("hours", "valid"),
    [("9.9", False), ("10", True), ("12", True), ("14", True), ("14.1", False), (None, None)],
)
def test_a_lithium_level_is_comparable_from_10_to_14_hours_after_the_dose(
    hours: str | None, valid: bool | None
) -> None:
    assert timing_valid(LITHIUM, None if hours is None else Decimal(hours)) is valid


def test_a_level_at_three_hours_is_in_no_range_and_still_critical() -> None:
    early = judge(LITHIUM, Decimal("0.9"), "mmol/L", hours_since_dose=Decimal(3))
    toxic = judge(LITHIUM, Decimal("1.8"), "mmol/L", hours_since_dose=Decimal(3))

    assert (early.comparable, early.code, early.level) == (False, "TIMING_OUTSIDE_WINDOW", None)
    assert toxic.critical
    assert toxic.comparable is False


def test_an_unknown_hour_is_unknown_and_not_wrong() -> None:
    level = judge(LITHIUM, Decimal("0.5"), "mmol/L")

    assert (level.comparable, level.code) == (None, "TIMING_UNKNOWN")
    assert (level.level, level.basis) == ("below", "therapeutic")


@pytest.mark.parametrize(
    ("value", "level"),
    [
        ("6.4", "critical_low"),
        ("6.5", "below"),
        ("8.5", "within"),
        ("10.5", "within"),
        ("10.6", "above"),
        ("12.9", "above"),
        ("13", "critical_high"),
    ],
)
def test_the_ends_of_a_range_belong_to_it_and_a_high_limit_is_met_at_it(
    value: str, level: str
) -> None:
    assert judge(CALCIUM, Decimal(value), "mg/dL").level == level


def test_the_laboratorys_own_range_wins_over_the_typical_one() -> None:
    own = judge(
        CALCIUM, Decimal("10.4"), "mg/dL", laboratory_range=(Decimal("8.5"), Decimal("10.2"))
    )

    assert (own.level, own.basis) == ("above", "laboratory")


def test_no_laboratory_range_takes_a_critical_limit_away() -> None:
    wide = judge(CALCIUM, Decimal(14), "mg/dL", laboratory_range=(Decimal(1), Decimal(20)))

    assert (wide.level, wide.basis) == ("critical_high", "critical")


@given(st.decimals("0.01", "999", places=2))
def test_no_conversion_changes_what_a_value_is(value: Decimal) -> None:
    # ug/mL and mg/L are one size, ng/mL a thousandth.
    assert judge(LEVEL, value, "ug/mL").level == judge(LEVEL, value * 1000, "ng/mL").level
