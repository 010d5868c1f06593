"""What needs a named confirmation before a dose is recorded (hazards H1 and H2).

A review compares one proposed event with the last *known* dose of its course and with the
limits of the reference. What could not be checked is said, each with its reason: silence never
means "within limits". Nothing here refuses a dose or names another one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from app.clinical.doses import DoseEpoch, DoseEvent, dose_line, stated_dose
from app.clinical.medications import load_reference
from app.clinical.units import UnitsNotComparable, convert

Code = Literal[
    "above-maximum",
    "retitration-needed",
    "tenfold-jump",
    "titration-too-fast",
    "unit-not-for-drug",
]
Why = Literal[
    "NO_REFERENCE",  # the reference has nothing for this medicine, age or route
    "LIMIT_NOT_COMPARABLE",  # the limit is said in another way than the dose
    "WEIGHT_UNKNOWN",  # the limit is per kilogram
    "DOSE_UNKNOWN",  # the proposed dose is not known
    "NO_KNOWN_DOSE_BEFORE",
    "START_UNKNOWN",  # on since before the record
    "GAP_UNKNOWN",  # stopped on a day that is not known
]

TENFOLD = 10
ADULT_FROM = 18
# A monthly injection is given every four weeks or by calendar month; the shorter one is allowed.
_INJECTION_DAYS = {"mg/mo": 28, "mg/(4.wk)": 28}


@dataclass(frozen=True, slots=True)
class Maximum:
    """The largest dose the reference names for a population and some routes.

    unit: `mg/d ug/d {tablet}/d` a day, `mg/kg/d` a day and kilogram, `mg/mo mg/(4.wk)` for an
    injection, `mg` for one intake. routes: empty = whatever the route.
    """

    amount: Decimal
    unit: str
    population: str = "adult"
    routes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Band:
    """From a highest dose up to `up_to`: how far, and how soon, the next one may go.

    raise_to: a dose that may be reached `after_days` after the band was entered; or
    raise_by: a step that may be made `after_days` after the last raise.
    """

    up_to: Decimal
    after_days: int
    raise_to: Decimal | None = None
    raise_by: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Titration:
    """A labelled titration: first dose, bands, and the gap after which it begins again."""

    id: str
    medication: str
    together_with: frozenset[str]
    population: str
    unit: str
    first_up_to: Decimal
    bands: tuple[Band, ...]
    retitrate_after_days: int
    source: str
    verified: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DoseLimits:
    """What the reference says for one medicine, patient and route; None or empty: it says nothing.

    units: UCUM units that fit the medicine. weight_kg: for a limit per kilogram.
    """

    units: frozenset[str] = frozenset()
    maximum: Maximum | None = None
    titration: Titration | None = None
    weight_kg: Decimal | None = None


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A check that was not made, and why."""

    code: Code
    why: Why


@dataclass(frozen=True, slots=True)
class DoseReview:
    """Codes that ask for a confirmation, in alphabetical order, and the checks not made.

    fell: the dose is known to be below the one before it, so a tenfold jump is one down.
    """

    codes: tuple[Code, ...]
    not_checked: tuple[NotChecked, ...]
    fell: bool = False


def maximum_for(
    maxima: Iterable[Maximum], *, age_years: int | None, route: str | None
) -> Maximum | None:
    """Return the maximum for this age and route, or None: then the check is `not_checked`.

    An adult limit holds from 18 years; an unknown age has none. An unknown route fits only a
    limit for a single route or for all.
    """
    for maximum in maxima:
        routes = maximum.routes
        right_route = not routes or route in routes or (route is None and len(routes) == 1)
        if right_route and _of_population(maximum.population, age_years):
            return maximum
    return None


def titration_for(
    medication: str, *, together_with: Collection[str], age_years: int | None
) -> Titration | None:
    """Return the labelled titration of a medicine beside the other active ones (reference ids)."""
    others = set(together_with)
    for titration in titrations():
        fits = not titration.together_with or titration.together_with & others
        if titration.medication == medication and fits:
            return titration if _of_population(titration.population, age_years) else None
    return None


@cache
def titrations() -> tuple[Titration, ...]:
    """Return every labelled titration of `reference/titration.yaml`, read once."""
    return tuple(_titration(row) for row in load_reference("titration.yaml")["titrations"])


def review_dose(
    proposed: DoseEvent, earlier: Iterable[DoseEvent], limits: DoseLimits
) -> DoseReview:
    """Say what about a proposed event needs a confirmation, and what could not be checked.

    earlier: events of the same course, any order; those that stand after the proposed one are
    left out, unconfirmed ones too. Of planned steps only a planned step sees those before it, so
    that a plan is reviewed step by step as if followed.

    Stop, hold and the end of as-needed use carry no dose and need nothing.
    Tenfold: daily dose (as needed: most a day, else one use) at least ten times the last known
    one, or at most a tenth of it, unless it is the labelled start after a gap that asks for it.
    Retitration: the course was off for the labelled days, counted from the last day on, and the
    dose is above the labelled start.
    """
    before = [replace(e, planned=False) for e in earlier if _stands_before(e, proposed)]
    done = replace(proposed, planned=False, unconfirmed=())
    new = stated_dose(done, before)
    if not new.on or new.ended_on_unknown_day:
        return DoseReview((), ())
    line = dose_line(before, as_of=proposed.day or date.min).epochs
    results: list[tuple[Code, bool | Why]] = [
        ("unit-not-for-drug", _unit(proposed, new, limits)),
        ("above-maximum", _above_maximum(proposed, new, limits)),
        ("retitration-needed", _retitration(proposed, new, line, limits)),
        ("titration-too-fast", _too_fast(proposed, new, line, limits)),
        ("tenfold-jump", _tenfold(proposed, new, before, line, limits)),
    ]
    return DoseReview(
        codes=tuple(sorted(code for code, found in results if found is True)),
        not_checked=tuple(
            NotChecked(code, found) for code, found in results if isinstance(found, str)
        ),
        fell=new.direction == "lower",
    )


def _of_population(population: str, age_years: int | None) -> bool:
    return population == "adult" and age_years is not None and age_years >= ADULT_FROM


def _stands_before(event: DoseEvent, proposed: DoseEvent) -> bool:
    counts = not event.unconfirmed and (not event.planned or proposed.planned)
    return counts and event.id != proposed.id and event.place < proposed.place


def _daily(dose: DoseEpoch) -> Decimal | None:
    """The daily dose, or the most a day when as needed; None when unknown or nothing is on."""
    return (dose.max_daily if dose.prn else dose.tdd) or None


def _last_known(line: Sequence[DoseEpoch]) -> Decimal | None:
    return next((daily for dose in reversed(line) if (daily := _daily(dose))), None)


# --- the five checks: True asks for a confirmation, a reason says it was not made -------------


def _unit(event: DoseEvent, new: DoseEpoch, limits: DoseLimits) -> bool | Why:
    if event.unit is None:
        return False
    if "DOSE_UNIT_CONFLICT" in new.codes:
        return True
    return event.unit not in limits.units if limits.units else "NO_REFERENCE"


def _above_maximum(event: DoseEvent, new: DoseEpoch, limits: DoseLimits) -> bool | Why:
    maximum = limits.maximum
    if "DOSE_OUT_OF_RANGE" in new.codes:
        return True
    if maximum is None:
        return "NO_REFERENCE"
    try:
        if maximum.unit in _INJECTION_DAYS:
            return _above_by_interval(event, maximum)
        if not maximum.unit.endswith("/d"):
            return _above(_one_intake(event, maximum.unit), maximum.amount)
        if event.interval_days is not None:
            return "LIMIT_NOT_COMPARABLE"  # an oral ceiling says nothing about a depot
        if maximum.unit == "{tablet}/d":
            tablets = _one_intake(event, "{tablet}")
            times = event.times_per_day or event.max_per_day
            return _above(tablets * times if tablets and times else None, maximum.amount)
        return _above_daily(new, maximum, limits.weight_kg)
    except UnitsNotComparable:
        return "LIMIT_NOT_COMPARABLE"


def _above(dose: Decimal | None, limit: Decimal) -> bool | Why:
    return "DOSE_UNKNOWN" if dose is None else dose > limit


def _above_daily(new: DoseEpoch, maximum: Maximum, weight_kg: Decimal | None) -> bool | Why:
    limit, unit = maximum.amount, maximum.unit
    if unit == "mg/kg/d":
        if weight_kg is None:
            return "WEIGHT_UNKNOWN"
        limit, unit = limit * weight_kg, "mg/d"
    daily = _daily(new)
    if daily is None and new.per_use is not None:
        # One use above a day's limit is above it however often it is taken.
        return _above(convert(new.per_use, new.unit or "", unit), limit) or "DOSE_UNKNOWN"
    return _above(daily and convert(daily, new.unit or "", unit), limit)


def _above_by_interval(event: DoseEvent, maximum: Maximum) -> bool | Why:
    amount = _one_intake(event, "mg")
    if amount is None:
        return "DOSE_UNKNOWN"
    if amount > maximum.amount:
        return True
    if event.interval_days is None:
        return "LIMIT_NOT_COMPARABLE"
    return amount * _INJECTION_DAYS[maximum.unit] > maximum.amount * event.interval_days


def _one_intake(event: DoseEvent, unit: str) -> Decimal | None:
    amounts = [part.amount for part in event.parts]
    if event.amount is not None:
        amounts.append(event.amount)
    return max((convert(amount, event.unit or "", unit) for amount in amounts), default=None)


def _tenfold(
    event: DoseEvent,
    new: DoseEpoch,
    before: Sequence[DoseEvent],
    line: Sequence[DoseEpoch],
    limits: DoseLimits,
) -> bool | Why:
    dose, last = _daily(new), _last_known(line)
    if dose is None or last is None:
        dose, last = event.amount, _last_intake(before, event.unit)
    if dose is None:
        return "DOSE_UNKNOWN"
    if last is None:
        return "NO_KNOWN_DOSE_BEFORE"
    if dose >= TENFOLD * last:
        return True
    return dose * TENFOLD <= last and not _labelled_restart(event, new, line, limits.titration)


def _last_intake(before: Sequence[DoseEvent], unit: str | None) -> Decimal | None:
    for event in sorted(before, key=lambda e: e.place, reverse=True):
        if event.amount is not None and event.unit is not None and unit is not None:
            try:
                return convert(event.amount, event.unit, unit)
            except UnitsNotComparable:
                return None
    return None


def _retitration(
    event: DoseEvent, new: DoseEpoch, line: Sequence[DoseEpoch], limits: DoseLimits
) -> bool | Why:
    gap = _days_off(event, line)
    if gap is None:
        return False
    if limits.titration is None:
        return "NO_REFERENCE"
    if gap == "GAP_UNKNOWN":
        return "GAP_UNKNOWN"
    if gap < limits.titration.retitrate_after_days:
        return False
    return _above(_daily(new), limits.titration.first_up_to)


def _labelled_restart(
    event: DoseEvent, new: DoseEpoch, line: Sequence[DoseEpoch], titration: Titration | None
) -> bool:
    gap, dose = _days_off(event, line), _daily(new)
    if titration is None or dose is None or not isinstance(gap, int):
        return False
    return gap >= titration.retitrate_after_days and dose <= titration.first_up_to


def _days_off(event: DoseEvent, line: Sequence[DoseEpoch]) -> int | Literal["GAP_UNKNOWN"] | None:
    """Days since the last day on; None when the course is on, or has not begun."""
    if line and line[-1].ended_on_unknown_day:
        return "GAP_UNKNOWN"
    off_since = None
    for dose in reversed(line):
        if dose.on:
            break
        off_since = dose.from_day
    if off_since is None or event.day is None:
        return None
    return (event.day - off_since).days + 1


def _too_fast(
    event: DoseEvent, new: DoseEpoch, line: Sequence[DoseEpoch], limits: DoseLimits
) -> bool | Why:
    dose, last, titration = _daily(new), _last_known(line), limits.titration
    if dose is not None and last is not None and dose <= last:
        return False
    if titration is None:
        return "NO_REFERENCE"
    if dose is None:
        return "DOSE_UNKNOWN"
    gap = _days_off(event, line)
    if gap == "GAP_UNKNOWN":
        return "GAP_UNKNOWN"
    if gap is not None and gap >= titration.retitrate_after_days:
        return False  # _retitration speaks
    run = _run(line, titration.retitrate_after_days)
    if not run:
        if dose <= titration.first_up_to:
            return False
        return True if event.day else "START_UNKNOWN"
    return _step_too_fast(event, dose, run, titration)


def _run(line: Sequence[DoseEpoch], gap_days: int) -> list[DoseEpoch]:
    """The doses that were on since the last labelled gap; a shorter gap does not begin anew."""
    run: list[DoseEpoch] = []
    off = 0
    for dose in line:
        if dose.on:
            run = [dose] if off and off + 1 >= gap_days else [*run, dose]
            off = 0
        elif dose.from_day and dose.to_day:
            off += (dose.to_day - dose.from_day).days
    return run


def _step_too_fast(
    event: DoseEvent, dose: Decimal, run: Sequence[DoseEpoch], titration: Titration
) -> bool | Why:
    known = [(e, daily) for e in run if (daily := _daily(e)) is not None]
    if not known or event.day is None:
        return "NO_KNOWN_DOSE_BEFORE"
    highest = max(daily for _, daily in known)
    at = next((i for i, band in enumerate(titration.bands) if highest <= band.up_to), None)
    if at is None or dose <= highest:
        return False
    band = titration.bands[at]
    if band.raise_by is not None:
        reach, entered = highest + band.raise_by, [e for e, daily in known if daily == highest]
    else:
        reach = band.raise_to or band.up_to
        lower = titration.bands[at - 1].up_to if at else Decimal(0)
        entered = [e for e, daily in known if daily > lower]
        if dose <= band.up_to:
            return False
    since = entered[0].from_day
    if dose > reach:
        return True
    if since is None:
        return "START_UNKNOWN"
    days = sum(
        (min(e.to_day or event.day, event.day) - e.from_day).days
        for e in run
        if e.from_day is not None and e.from_day >= since
    )
    return days < band.after_days


def _titration(row: dict[str, Any]) -> Titration:
    return Titration(
        id=row["id"],
        medication=row["medication"],
        together_with=frozenset(row["together_with"]),
        population=row["population"],
        unit=row["unit"],
        first_up_to=Decimal(row["first_up_to"]),
        bands=tuple(
            Band(
                up_to=Decimal(band["up_to"]),
                after_days=band["after_days"],
                raise_to=Decimal(band["raise_to"]) if "raise_to" in band else None,
                raise_by=Decimal(band["raise_by"]) if "raise_by" in band else None,
            )
            for band in row["bands"]
        ),
        retitrate_after_days=row["retitrate_after_days"],
        source=row["source"],
        verified=tuple(row["verified"].items()),
    )
