"""Reads results of the laboratory and vital signs: those that a schedule asks for, and others."""

import re
from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

from app.clinical.limits import in_unit
from app.clinical.monitoring_schedules import LabTest, is_impossible, lab_test
from app.clinical.units import UnitNotAccepted, UnitsNotComparable, plain, read_unit
from app.imports.facts import Value, When
from app.imports.r4 import LOINC
from app.imports.results import Skipped

_ANNOTATION = re.compile(r"\{[^{}]*\}")
_LITRE = re.compile(r"(?<![A-Za-z])([mudnp]?)l(?![A-Za-z])")
_STEP, _TOO_MUCH = Decimal("0.0001"), Decimal(10**6)
MOST_CHARACTERS = 200


def test_of(code: Mapping[str, str]) -> LabTest | None:
    """Give the test of a code, where a monitoring schedule asks for it."""
    return lab_test(code["code"]) if code["system"] == LOINC else None


def result(key: str, at: When, code: Mapping[str, str], words: str) -> Value:
    """Make a result that has no number."""
    body = {"code": dict(code), "value_text": words[:MOST_CHARACTERS]}
    return Value("lab", key, at, body)


def number(
    key: str, at: When, code: Mapping[str, str], value: float, unit: str | None, measure: str
) -> Value:
    """Make a number a result of its test; one that is of none stays an observed value.

    A quantity whose unit cannot be joined to the test's is kept as received, in a series of its
    own: two units in one series would show a change that nobody has (hazard H2).

    A negative one of a test that has none is kept as received too: it counts in nothing.

    measure: the code under which a number that is no result is followed.

    Raises:
        Skipped: a number that no result can have.
    """
    test = test_of(code)
    if test is None:
        return _observed(key, at, code, value, unit, measure)
    if is_impossible(code["code"], value):
        words = ("implausible", f"kept as received, not counted: {test.name} is 0 or above")
        return _observed(key, at, code, value, unit, f"labs.{code['code']}", words)
    try:
        known = read_unit(_ucum(unit or ""), "result")
        amount = Decimal(repr(value))
        if test.limits.unit is not None:
            in_unit(test.limits, amount, known)
    except (UnitNotAccepted, UnitsNotComparable):
        apart = f"loinc.{code['code']}"
        words = (
            "unit_not_converted",
            f"kept as received: not in {' or '.join(test.limits.units)}, which fit {test.name}",
        )
        return _observed(key, at, code, value, unit, apart, words)
    if abs(amount) >= _TOO_MUCH:
        raise Skipped("invalid", "the value has more than six digits before the point")
    rounded = amount.quantize(_STEP, ROUND_HALF_EVEN)
    body = {"code": dict(code), "value": str(plain(rounded)), "unit": known}
    rounding = ("rounded", "to four decimals") if rounded != amount else None
    return Value("lab", key, at, body, rounding)


def _observed(
    key: str,
    at: When,
    code: Mapping[str, str],
    value: float,
    unit: str | None,
    measure: str,
    words: tuple[str, str] | None = None,
) -> Value:
    body = {"measure": measure, "code": dict(code), "value": value}
    return Value("observation", key, at, body | ({"unit": unit} if unit else {}), words)


def _ucum(unit: str) -> str:
    """Give a unit of UCUM in the spelling of our list: no annotation, the litre as `L`.

    Both are of UCUM itself: `{beats}/min` is `/min`, and `l` and `L` are one unit.
    """
    bare = _ANNOTATION.sub("", unit)
    return _LITRE.sub(r"\1L", bare) if bare else unit
