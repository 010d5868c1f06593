"""Which days and doses a record of a course can have, each refusal with what would pass."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

from app.core.errors import Fault, Invalid
from app.medications.schemas import (
    AdministrationIn,
    DispenseIn,
    DoseEventIn,
    PartIn,
    ReportedSubstance,
)
from app.patients.service import Person

CLOCK_TOLERANCE = timedelta(hours=24)
_SETS_A_DOSE = frozenset({"start", "change", "restart", "prn_on"})
_ENDS_A_DOSE = frozenset({"stop", "hold"})
_MAY_BE_UNDATED = frozenset({"start", "stop"})


def refuse(faults: Iterable[Fault], pointer: str) -> None:
    found = [replace(fault, pointer=pointer + fault.pointer) for fault in faults]
    if found:
        raise Invalid(faults=found)


def faults_of_time(
    person: Person, now: datetime, data: DoseEventIn, day: date | None, *, day_unknown: bool
) -> Iterator[Fault]:
    if data.effective_on is not None and data.effective_at is not None:
        yield Fault("/effective_at", "one-of", "either effective_on or effective_at")
    elif day is None:
        if not (day_unknown and data.kind in _MAY_BE_UNDATED):
            yield Fault("/effective_on", "required", "effective_on or effective_at")
    else:
        at = "/effective_on" if data.effective_at is None else "/effective_at"
        yield from _before_birth(person, at, day)
        if not data.planned:
            yield from _ahead(person, now, at, day, data.effective_at)


_WAYS = ("dose", "rate", "parts", "percent_of_previous")


def stated_in(data: DoseEventIn) -> str:
    """Name the member that says the dose; `dose` where none does."""
    return next((name for name in _WAYS if getattr(data, name) is not None), "dose")


def faults_of_dose(data: DoseEventIn) -> Iterator[Fault]:
    said = [name for name in _WAYS if getattr(data, name) is not None]
    if len(said) > 1:
        yield Fault(f"/{said[1]}", "one-of", "one of dose, rate, parts and percent_of_previous")
    elif said and not data.dose_known:
        yield Fault("/dose_known", "one-of", "a dose, or dose_known false")
    elif said and data.kind in _ENDS_A_DOSE:
        yield Fault(f"/{said[0]}", "not-here", "no dose where the dose ends")
    elif not said and data.dose_known and data.kind in _SETS_A_DOSE:
        yield Fault("/dose", "required", "{amount, unit}; where nobody knows it, dose_known false")
    for name in ("rate", "parts", "interval_days"):
        if getattr(data, name) is not None and data.times_per_day is not None:
            yield Fault("/times_per_day", "not-here", f"no times a day beside {name}")
    if data.interval_days is not None and (data.dose is None or data.kind == "prn_on"):
        yield Fault("/interval_days", "not-here", "only with the dose of an injection")
    if data.parts is not None and data.kind == "prn_on":
        yield Fault("/parts", "not-here", "as needed has one dose, and max_per_day")
    for number, part in enumerate(data.parts or ()):
        yield from _of_part(f"/parts/{number}", data, part)
    if data.planned and data.planned_step_id is not None:
        yield Fault("/planned_step_id", "not-here", "a plan carries out no step")


def _of_part(pointer: str, data: DoseEventIn, part: PartIn) -> Iterator[Fault]:
    if (part.at is None) == (part.times_per_day is None):
        yield Fault(f"{pointer}/at", "one-of", "either at or times_per_day")
    if data.parts and part.dose.unit != data.parts[0].dose.unit:
        yield Fault(f"{pointer}/dose/unit", "one-of", "the unit of the first part")


def faults_of_dispense(person: Person, now: datetime, data: DispenseIn) -> Iterator[Fault]:
    yield from _before_birth(person, "/dispensed_on", data.dispensed_on)
    yield from _ahead(person, now, "/dispensed_on", data.dispensed_on, None)
    if (data.quantity is None) != (data.unit is None):
        yield Fault("/unit", "required", "a quantity and its unit, or neither")


def faults_of_administration(
    person: Person, now: datetime, data: AdministrationIn
) -> Iterator[Fault]:
    """Find what is wrong with the moments of an administration."""
    for name in ("at", "due_at"):
        if (moment := getattr(data, name)) is not None:
            day = person.day_of(moment)
            yield from _before_birth(person, f"/{name}", day)
            yield from _ahead(person, now, f"/{name}", day, moment)


def faults_of_report(person: Person, data: ReportedSubstance, seen_on: date) -> Iterator[Fault]:
    for name in ("from_on", "to_on"):
        if (day := getattr(data, name)) is not None:
            yield from _before_birth(person, f"/{name}", day)
            if day > seen_on:
                yield Fault(f"/{name}", "effective-in-future", "not after the follow-up")
    if data.from_on and data.to_on and data.to_on < data.from_on:
        yield Fault("/to_on", "out-of-range", "not before from_on")


def _before_birth(person: Person, pointer: str, day: date) -> Iterator[Fault]:
    if person.birth_date is not None and day < person.birth_date:
        yield Fault(pointer, "before-birth", "the day of birth or later")


def _ahead(
    person: Person, now: datetime, pointer: str, day: date, at: datetime | None
) -> Iterator[Fault]:
    """Refuse what lies further ahead than a device's clock may be wrong."""
    latest = now + CLOCK_TOLERANCE
    if at > latest if at is not None else day > person.today(latest):
        yield Fault(pointer, "effective-in-future", "at most 24 hours ahead")
