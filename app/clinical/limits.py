"""One laboratory value or vital sign against its limits: unit, hour of the sample, range.

A critical high limit is met at the limit (lithium toxicity "from about 1.5": NICE via GP
notebook), a low one below it (clozapine label: "1.0 or more continue"). Both are choices of this
product: laboratories word their lists either way.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from app.clinical.units import UnitsNotComparable, convert, plain

Level = Literal["critical_low", "below", "within", "above", "critical_high"]
Basis = Literal["critical", "laboratory", "therapeutic", "typical"]
Range = tuple[Decimal | None, Decimal | None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a test's values are held against, in `unit`; a None end or range is not known.

    other: (unit, factor) of the same test in another dimension: value times factor is in it.
    sample_hours: hours after the dose between which levels can be compared, both included.
    """

    unit: str | None
    other: tuple[str, Decimal] | None
    reference_range: Range | None
    therapeutic_range: Range | None
    critical_low: Decimal | None
    critical_high: Decimal | None
    sample_hours: tuple[Decimal, Decimal] | None

    @property
    def units(self) -> tuple[str, ...]:
        """The unit of the limits, and the other one that the reference joins to it."""
        return tuple(u for u in (self.unit, self.other and self.other[0]) if u is not None)


@dataclass(frozen=True, slots=True)
class Judged:
    """One value against its limits.

    value: in the unit of the limits; None when the units cannot be joined.
    comparable: with other values of the test; None when the hour of the sample is not known.
    code: why not, or why it is not known: UNIT_NOT_COMPARABLE, UNIT_UNKNOWN,
        TIMING_OUTSIDE_WINDOW, TIMING_UNKNOWN.
    level: None without a limit to hold it against; a critical level does not wait for the hour.
    """

    value: Decimal | None
    comparable: bool | None
    code: str | None
    level: Level | None
    basis: Basis | None

    @property
    def critical(self) -> bool:
        """It lies beyond a critical limit."""
        return self.level in ("critical_low", "critical_high")


def in_unit(limits: Limits, value: Decimal, unit: str) -> Decimal:
    """Express a value in the unit of the limits.

    Inside one dimension by powers of ten; across two only by the factor that the reference
    gives for this very test, and then to 6 significant digits.

    Raises:
        UnitsNotComparable: neither joins the two units, or the test has none.
    """
    if limits.unit is None:
        raise UnitsNotComparable("this test has no unit")
    if limits.other is not None and limits.other[0] == unit:
        joined = value / limits.other[1]
        return plain(Decimal(f"{joined:.6g}")) if joined else joined
    return convert(value, unit, limits.unit)


def timing_valid(limits: Limits, hours_since_dose: Decimal | None) -> bool | None:
    """Say whether a sample was drawn when its level can be compared.

    True when the hour does not matter for this test; None when it matters and is not known.
    Lithium: 10 to 14 h after the dose (NICE via GP notebook).
    """
    if limits.sample_hours is None:
        return True
    if hours_since_dose is None:
        return None
    least, most = limits.sample_hours
    return least <= hours_since_dose <= most


def judge(
    limits: Limits,
    value: Decimal,
    unit: str | None,
    *,
    hours_since_dose: Decimal | None = None,
    laboratory_range: Range | None = None,
) -> Judged:
    """Hold one value against its limits.

    laboratory_range: the laboratory's own, in the value's unit; it goes before the therapeutic
    range, which goes before the typical one. A value that cannot be compared because of its
    hour is held against the critical limits alone.
    """
    if unit is None and limits.unit is not None:
        return Judged(None, False, "UNIT_UNKNOWN", None, None)
    try:
        in_limits = value if unit is None else in_unit(limits, value, unit)
    except UnitsNotComparable:
        level = _level(value, laboratory_range)
        basis: Basis | None = "laboratory" if level else None
        return Judged(None, False, "UNIT_NOT_COMPARABLE", level, basis)
    timed = timing_valid(limits, hours_since_dose)
    code = {True: None, None: "TIMING_UNKNOWN", False: "TIMING_OUTSIDE_WINDOW"}[timed]
    if limits.critical_low is not None and in_limits < limits.critical_low:
        return Judged(in_limits, timed, code, "critical_low", "critical")
    if limits.critical_high is not None and in_limits >= limits.critical_high:
        return Judged(in_limits, timed, code, "critical_high", "critical")
    if timed is False:
        return Judged(in_limits, timed, code, None, None)
    ranges: tuple[tuple[Basis, Decimal, Range | None], ...] = (
        ("laboratory", value, laboratory_range),
        ("therapeutic", in_limits, limits.therapeutic_range),
        ("typical", in_limits, limits.reference_range),
    )
    for name, held, between in ranges:
        if between is not None:
            return Judged(in_limits, timed, code, _level(held, between), name)
    return Judged(in_limits, timed, code, None, None)


def _level(value: Decimal, between: Range | None) -> Level | None:
    if between is None:
        return None
    low, high = between
    if low is not None and value < low:
        return "below"
    return "above" if high is not None and value > high else "within"
