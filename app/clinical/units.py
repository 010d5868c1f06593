"""The units and amounts we accept, convert and show: UCUM, a closed list per use, exact case.

A unit is never guessed. What is not on the list of its use is refused with a suggestion,
because mg read as mcg is a thousand-fold error (hazard H2). Amounts are Decimal from the wire
to the page; a float never enters (hazard H1).

Display follows the ISMP list of error-prone abbreviations, symbols and dose designations:
`mcg` and `units`, no trailing zero, always a leading zero, a space before the unit,
thousands grouped, "per" instead of a slash.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal

Use = Literal["intake", "rate", "reference", "result", "exposure"]

_LISTS: dict[Use, str] = {
    "intake": "mg ug g ng mL mmol [iU] {tablet} {capsule} {patch} [drp] {puff}",
    "rate": "ug/h mg/h",
    "reference": "mg/d ug/d mg/mo mg/kg mg/kg/d mg/(4.wk) {tablet}/d mg/mL",
    "result": "mmol/L umol/L nmol/L ng/L mg/L ug/L ng/mL ug/mL mg/dL g/L g/dL [iU]/L m[IU]/L U/L "
    "meq/L mL/min/{1.73_m2} % 10*3/uL 10*9/L ms s kg g cm m kg/m2 mm[Hg] /min /d h min Cel "
    "{score} 1",
    "exposure": "{drink} {cigarette} mg g mL",
}

UNITS = {use: frozenset(units.split()) for use, units in _LISTS.items()}
"""What each use accepts: one intake, a patch or pump, limits in the reference, labs and vitals,
substances (which are said per `EXPOSURE_PER`)."""

EXPOSURE_PER = ("d", "wk")

_ALIASES = {"mcg": "ug", "unit": "[iU]"}

_SPELLINGS = {
    "mgs": "mg",
    "mcg": "ug",
    "mcgs": "ug",
    "gm": "g",
    "gms": "g",
    "cc": "mL",
    "u": "[iU]",
    "iu": "[iU]",
    "miu": "m[IU]",
    "unit": "[iU]",
    "units": "[iU]",
    "tab": "{tablet}",
    "tabs": "{tablet}",
    "tablet": "{tablet}",
    "tablets": "{tablet}",
    "cap": "{capsule}",
    "capsule": "{capsule}",
    "capsules": "{capsule}",
    "patch": "{patch}",
    "patches": "{patch}",
    "gtt": "[drp]",
    "drop": "[drp]",
    "drops": "[drp]",
    "puff": "{puff}",
    "puffs": "{puff}",
    "drink": "{drink}",
    "drinks": "{drink}",
    "cigarette": "{cigarette}",
    "cigarettes": "{cigarette}",
    "mmhg": "mm[Hg]",
    "hr": "h",
}

# unit -> (dimension, its size); powers of ten only, so that no conversion rounds.
_SIZE: dict[str, tuple[str, Decimal]] = {
    unit: (dimension, Decimal(size))
    for dimension, sizes in {
        "mass": {"ng": "0.000001", "ug": "0.001", "mg": "1", "g": "1000", "kg": "1000000"},
        "volume": {"mL": "1"},
        "substance": {"mmol": "1"},
        "biological": {"[iU]": "1"},
        "mass rate": {"ug/h": "1", "mg/h": "1000"},
        "mass per day": {"ug/d": "0.001", "mg/d": "1"},
        "substance per day": {"mmol/d": "1"},
        "biological per day": {"[iU]/d": "1"},
        "mass concentration": {
            "ng/L": "0.000001",
            "ug/L": "0.001",
            "ng/mL": "0.001",
            "mg/L": "1",
            "ug/mL": "1",
            "mg/dL": "10",
            "g/L": "1000",
            "g/dL": "10000",
            "mg/mL": "1000",
        },
        "substance concentration": {"nmol/L": "0.000001", "umol/L": "0.001", "mmol/L": "1"},
        "biological concentration": {"m[IU]/L": "0.001", "[iU]/L": "1"},
        "cell count": {"10*3/uL": "1", "10*9/L": "1"},
        "time": {"ms": "0.001", "s": "1"},
        "length": {"cm": "0.01", "m": "1"},
    }.items()
    for unit, size in sizes.items()
}

_SHOWN = {
    "ug": "mcg",
    "[iU]": "unit",
    "{tablet}": "tablet",
    "{capsule}": "capsule",
    "{patch}": "patch",
    "[drp]": "drop",
    "{puff}": "puff",
    "{drink}": "drink",
    "{cigarette}": "cigarette",
}
_PER = {"/d": " per day", "/h": " per hour", "/mo": " per month", "/(4.wk)": " per 4 weeks"}

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?")


class UnitNotAccepted(ValueError):
    """The unit is not on the closed list of its use.

    suggestion: the unit of the list that was probably meant, or None. It is for a person to
    choose, never applied by itself. The text as sent is not in the message.
    """

    def __init__(self, suggestion: str | None) -> None:
        super().__init__("this unit is not accepted here")
        self.suggestion = suggestion


class UnitsNotComparable(ValueError):
    """The two units measure different things, or no exact factor joins them."""


class AmountNotAccepted(ValueError):
    """The amount is not a plain decimal above 0 with at most 6 digits before the point, 4 after."""


def read_unit(text: str, use: Use) -> str:
    """Return the UCUM unit for what was sent; only `mcg` and `unit` are read as another spelling.

    Raises:
        UnitNotAccepted: not on the list of this use, exact case (`µg`, `U`, `IU`, `cc`, `MG`).
    """
    unit = _ALIASES.get(text, text)
    if unit not in UNITS[use]:
        raise UnitNotAccepted(_suggestion(text, use))
    return unit


def _suggestion(text: str, use: Use) -> str | None:
    # Both micro signs (U+00B5, U+03BC) casefold to the Greek letter.
    plain = text.strip().casefold().replace("\N{GREEK SMALL LETTER MU}", "u")
    spelled = "/".join(_SPELLINGS.get(part, part) for part in plain.split("/"))
    by_fold = {unit.casefold(): unit for unit in UNITS[use]}
    return by_fold.get(plain) or by_fold.get(spelled.casefold())


def dimension(unit: str) -> str | None:
    """Return what the unit measures, or None for a counted thing such as `{tablet}` or `%`."""
    size = _SIZE.get(unit)
    return size[0] if size else None


def convert(amount: Decimal, unit: str, to: str) -> Decimal:
    """Express the amount in another unit of the same dimension; every factor is a power of ten.

    Raises:
        UnitsNotComparable: another dimension, or no factor that is exact (a month, a tablet).
    """
    if unit == to:
        return amount
    size, wanted = _SIZE.get(unit), _SIZE.get(to)
    if size is None or wanted is None or size[0] != wanted[0]:
        raise UnitsNotComparable(f"{unit} and {to}")
    return plain(amount * size[1] / wanted[1])


def parse_amount(value: object) -> Decimal:
    """Return the exact amount of a dose from a decimal string, an int or a Decimal.

    Accepts `^(0|[1-9]\\d{0,5})(\\.\\d{1,4})?$` above 0, ASCII digits only: `.5`, `5.`, `1e3`, `+1`,
    `0` and blanks are refused. A bool and a float are refused whatever their value; a parser of
    JSON hands numbers over as Decimal. Trailing zeros are dropped: `1.0` is 1.

    Raises:
        AmountNotAccepted: anything else.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise AmountNotAccepted("an amount is a decimal string")
    text = str(value)
    if _AMOUNT.fullmatch(text) is None or Decimal(text) == 0:
        raise AmountNotAccepted("an amount is a plain decimal above 0, such as 0.5 or 1000")
    return plain(Decimal(text))


def plain(amount: Decimal) -> Decimal:
    """Return the same number without trailing zeros and without an exponent."""
    digits = f"{amount:f}"
    return Decimal(digits.rstrip("0").rstrip(".") if "." in digits else digits)


def show_dose(amount: Decimal, unit: str) -> str:
    """Write a dose as a person may read it out: `1 mg`, `0.5 mg`, `1,000 mg`, `25 mcg per hour`.

    More than 4 decimals (an averaged injection, 300 mg over 28 days) are rounded half-even to 4.
    """
    rounded = plain(amount.quantize(Decimal("0.0001"), ROUND_HALF_EVEN))
    number = f"{rounded:,f}"
    for ending, words in _PER.items():
        if unit.endswith(ending):
            return f"{number} {_name(unit.removesuffix(ending), rounded)}{words}"
    return f"{number} {_name(unit, rounded)}"


def _name(unit: str, amount: Decimal) -> str:
    name = _SHOWN.get(unit, unit)
    if name in (unit, "mcg") or amount <= 1:
        return name
    return "patches" if name == "patch" else f"{name}s"
