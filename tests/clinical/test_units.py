from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.units import (
    UNITS,
    AmountNotAccepted,
    UnitNotAccepted,
    UnitsNotComparable,
    convert,
    parse_amount,
    read_unit,
    show_dose,
)

AMOUNTS = st.decimals("0.0001", "999999.9999", places=4)


@pytest.mark.parametrize("unit", sorted(UNITS["intake"]))
def test_every_unit_of_the_list_is_read_as_itself(unit: str) -> None:
    assert read_unit(unit, "intake") == unit


@pytest.mark.parametrize(("sent", "unit"), [("mcg", "ug"), ("unit", "[iU]")])
def test_two_aliases_are_read(sent: str, unit: str) -> None:
    assert read_unit(sent, "intake") == unit


@pytest.mark.parametrize(
    ("sent", "suggested"),
    [
        ("\u00b5g", "ug"),
        ("\u03bcg", "ug"),
        ("MCG", "ug"),
        ("U", "[iU]"),
        ("IU", "[iU]"),
        ("units", "[iU]"),
        ("cc", "mL"),
        ("ml", "mL"),
        ("MG", "mg"),
        ("Mg", "mg"),
        ("mgs", "mg"),
        (" mg", "mg"),
        ("tablets", "{tablet}"),
        ("mg/d", None),
        ("", None),
        ("spoon", None),
    ],
)
def test_any_other_spelling_is_refused_with_a_suggestion(sent: str, suggested: str | None) -> None:
    with pytest.raises(UnitNotAccepted) as refusal:
        read_unit(sent, "intake")

    assert refusal.value.suggestion == suggested


def test_the_refusal_does_not_repeat_what_was_sent() -> None:
    with pytest.raises(UnitNotAccepted) as refusal:
        read_unit("Anna Example", "intake")

    assert "Anna" not in str(refusal.value)


def test_a_unit_of_the_reference_is_not_a_dose_unit() -> None:
    for unit in UNITS["reference"]:
        with pytest.raises(UnitNotAccepted):
            read_unit(unit, "intake")


def test_a_rate_has_its_own_list_and_no_alias() -> None:
    assert read_unit("ug/h", "rate") == "ug/h"
    with pytest.raises(UnitNotAccepted) as refusal:
        read_unit("mcg/h", "rate")
    assert refusal.value.suggestion == "ug/h"


def test_an_alias_counts_only_where_its_unit_is_accepted() -> None:
    with pytest.raises(UnitNotAccepted):
        read_unit("mcg", "exposure")


@pytest.mark.parametrize(
    ("sent", "suggested"),
    [("IU/L", "[iU]/L"), ("mIU/L", "m[IU]/L"), ("mcg/L", "ug/L"), ("mmHg", "mm[Hg]")],
)
def test_laboratory_spellings_get_a_suggestion(sent: str, suggested: str) -> None:
    with pytest.raises(UnitNotAccepted) as refusal:
        read_unit(sent, "result")

    assert refusal.value.suggestion == suggested


@pytest.mark.parametrize(
    ("amount", "unit", "to", "expected"),
    [
        ("0.05", "mg", "ug", "50"),
        ("1000", "ug", "mg", "1"),
        ("2", "g", "mg", "2000"),
        ("1", "mg/h", "ug/h", "1000"),
        ("0.8", "mmol/L", "umol/L", "800"),
        ("12", "g/dL", "g/L", "120"),
        ("5", "ng/mL", "ug/L", "5"),
        ("3", "{tablet}", "{tablet}", "3"),
    ],
)
def test_a_unit_is_converted_inside_its_dimension(
    amount: str, unit: str, to: str, expected: str
) -> None:
    assert convert(Decimal(amount), unit, to) == Decimal(expected)


@pytest.mark.parametrize(
    ("unit", "to"),
    [("mg", "mmol"), ("mg", "ug/h"), ("{tablet}", "mg"), ("mg/mo", "mg/d"), ("U/L", "[iU]/L")],
)
def test_nothing_is_converted_across_dimensions(unit: str, to: str) -> None:
    with pytest.raises(UnitsNotComparable):
        convert(Decimal(1), unit, to)


@given(AMOUNTS, st.sampled_from(["ng", "ug", "mg", "g"]), st.sampled_from(["ng", "ug", "mg", "g"]))
def test_there_and_back_is_the_same_amount(amount: Decimal, unit: str, other: str) -> None:
    assert convert(convert(amount, unit, other), other, unit) == amount


@pytest.mark.parametrize(
    ("sent", "amount"),
    [("50", "50"), ("0.5", "0.5"), ("1.0", "1"), ("999999.9999", "999999.9999"), (25, "25")],
)
def test_a_plain_decimal_is_read_exactly(sent: object, amount: str) -> None:
    assert str(parse_amount(sent)) == amount


def test_a_number_of_json_arrives_as_decimal() -> None:
    assert str(parse_amount(Decimal("12.50"))) == "12.5"
    assert str(parse_amount(Decimal("100"))) == "100"


@pytest.mark.parametrize(
    "sent",
    [
        *["0", "0.0", "-1", "+1", ".5", "5.", "05", "1e3", "1E3", "1,000", " 1", "1\n", ""],
        *["1.00001", "1000000", "NaN", "Infinity", "\u0661", "1_0", "1/2"],
        *[True, False, 1.0, 0.5, 0, -3, None, Decimal("1E+2"), Decimal("NaN"), [1]],
    ],
)
def test_anything_but_a_plain_amount_above_zero_is_refused(sent: Any) -> None:
    with pytest.raises(AmountNotAccepted):
        parse_amount(sent)


@pytest.mark.parametrize(
    ("amount", "unit", "shown"),
    [
        ("1.0", "mg", "1 mg"),
        ("0.5", "mg", "0.5 mg"),
        ("0.50", "mg", "0.5 mg"),
        ("1000", "mg", "1,000 mg"),
        ("100", "mg", "100 mg"),
        ("1E+2", "mg", "100 mg"),
        ("12500.25", "mg", "12,500.25 mg"),
        ("25", "ug", "25 mcg"),
        ("25", "ug/h", "25 mcg per hour"),
        ("150", "mg/d", "150 mg per day"),
        ("400", "mg/mo", "400 mg per month"),
        ("5000", "[iU]", "5,000 units"),
        ("1", "{tablet}", "1 tablet"),
        ("0.5", "{tablet}", "0.5 tablet"),
        ("2", "{patch}", "2 patches"),
        ("10.71428571428571", "mg/d", "10.7143 mg per day"),
    ],
)
def test_a_dose_is_shown_as_ismp_asks(amount: str, unit: str, shown: str) -> None:
    assert show_dose(Decimal(amount), unit) == shown


@given(AMOUNTS)
def test_what_is_shown_reads_back_as_the_same_amount(amount: Decimal) -> None:
    number, unit = show_dose(amount, "mg").split(" ")

    assert unit == "mg"
    assert parse_amount(number.replace(",", "")) == amount
    assert not number.startswith(".")
    assert "." not in number or not number.endswith("0")
