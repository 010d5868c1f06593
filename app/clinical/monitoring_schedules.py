"""The monitoring schedules of the reference: which medicine asks for which test, and when.

They stand in `reference/monitoring.yaml`, every entry with its source and with what of it was
seen; `keys` at its top explains the words.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Literal

from app.clinical.limits import Limits, Range
from app.clinical.medications import Substance, load_reference


@dataclass(frozen=True, slots=True)
class Step:
    """From a value below `below` on: test again within so many days; `first` for a first fall."""

    label: str
    below: Decimal
    within_days: int
    first_within_days: int
    interrupt: bool


@dataclass(frozen=True, slots=True)
class AfterResult:
    """How the last value decides the next test; `steps` from the lowest up.

    After a fall below `weekly_after_below` the test stays weekly for `weekly_for_days` from the
    first value at `recovered_at` or above.
    """

    id: str
    unit: str
    recovered_at: Decimal
    weekly_after_below: Decimal
    weekly_for_days: int
    steps: tuple[Step, ...]
    source: str
    verified: str


@dataclass(frozen=True, eq=False, slots=True)
class Schedule:
    """One entry of the reference: what to measure, for which medicines, when.

    measures: codes of the series that answer it, the one to show first; () when no code is known.
    age: (from, below) in whole years, None open. condition: what the record does not tell.
    until_days: nothing falls on it or after it. `action` is for prescribers only.
    """

    id: str
    classes: frozenset[str]
    medicines: frozenset[str]
    age: tuple[int | None, int | None]
    instead_of: str | None
    what: str
    loinc: str | None
    measures: tuple[str, ...]
    limits: Limits
    baseline: bool
    offsets_days: tuple[int, ...]
    then_every_days: int | None
    from_days: int
    until_days: int | None
    after_dose_change_days: tuple[int, ...]
    after_result: AfterResult | None
    condition: str | None
    priority: str
    action: str
    source: str
    verified: str
    origin: Literal["house", "clinic"] = "house"

    def is_for(self, substance: Substance) -> bool:
        """Say whether this medicine asks for it, conditions aside.

        The house's schedules do not know a medicine that a clinic added.
        """
        if substance.is_of_clinic and self.origin == "house":
            return False
        return substance.reference_id in self.medicines or bool(self.classes & substance.classes)


@dataclass(frozen=True, eq=False, slots=True)
class LabTest:
    """One LOINC code as all its schedules know it.

    Ranges are those of the first schedule. A critical limit is the strictest of all of them,
    because who reads a result need not know the medicines; `critical_*_of` names its schedule.
    """

    loinc: str
    name: str
    limits: Limits
    critical_low_of: Schedule | None
    critical_high_of: Schedule | None


@cache
def version() -> tuple[str, str]:
    """Version and date of the reference."""
    file = _file()
    return file["version"], file["date"]


@cache
def schedules() -> tuple[Schedule, ...]:
    """All schedules, in the order of the file."""
    rules = {name: _after_result(name, raw) for name, raw in _file()["after_results"].items()}
    return tuple(
        read_schedule(raw, rules[raw["after_result"]] if "after_result" in raw else None)
        for raw in _file()["entries"]
    )


def schedule(schedule_id: str) -> Schedule | None:
    """The schedule with this id."""
    return next((one for one in schedules() if one.id == schedule_id), None)


def lab_test(loinc: str, own: Iterable[Schedule] = ()) -> LabTest | None:
    """What the reference knows of a LOINC code; None when no schedule of the house asks for it.

    own: a clinic's schedules, whose critical limits count too. A code that only they know has
    no limits here: the unit of its series is that of the patient's first value.
    """
    mine = [one for one in own if one.loinc == loinc]
    if not mine or loinc not in _tests():
        return _tests().get(loinc)
    return _joined(loinc, [*(one for one in schedules() if one.loinc == loinc), *mine])


def is_impossible(loinc: str, value: float | Decimal) -> bool:
    """Say whether no result of a test can be this number (`DQ_IMPLAUSIBLE`).

    None of the tests that the house knows (levels, counts, pressures, weights) goes below 0.
    """
    return value < 0 and loinc in _tests()


def is_loinc(code: str) -> bool:
    """Say whether a code has the form of LOINC and its mod-10 check digit (loinc.org)."""
    number, dash, check = code.partition("-")
    if not (dash and number.isascii() and number.isdecimal() and 1 <= len(number) <= 7):
        return False
    doubled = str(int(number[::-1][::2]) * 2)
    total = sum(map(int, doubled)) + sum(map(int, number[::-1][1::2]))
    return check == str(-total % 10)


@cache
def _file() -> Any:
    return load_reference("monitoring.yaml")


@cache
def _tests() -> dict[str, LabTest]:
    by_code: dict[str, list[Schedule]] = {}
    for one in schedules():
        if one.loinc is not None:
            by_code.setdefault(one.loinc, []).append(one)
    return {loinc: _joined(loinc, asking) for loinc, asking in by_code.items()}


def _joined(loinc: str, asking: Sequence[Schedule]) -> LabTest:
    first = asking[0]
    lows = [(s.limits.critical_low, s) for s in asking if s.limits.critical_low is not None]
    highs = [(s.limits.critical_high, s) for s in asking if s.limits.critical_high is not None]
    low, low_of = max(lows, key=lambda pair: pair[0], default=(None, None))
    high, high_of = min(highs, key=lambda pair: pair[0], default=(None, None))
    limits = Limits(
        unit=first.limits.unit,
        other=first.limits.other,
        reference_range=first.limits.reference_range,
        therapeutic_range=first.limits.therapeutic_range,
        critical_low=low,
        critical_high=high,
        sample_hours=first.limits.sample_hours,
    )
    return LabTest(loinc, first.what, limits, low_of, high_of)


def _exact(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _range(raw: Sequence[float | None] | None) -> Range | None:
    return None if raw is None else (_exact(raw[0]), _exact(raw[1]))


def _after_result(name: str, raw: Mapping[str, Any]) -> AfterResult:
    return AfterResult(
        id=name,
        unit=raw["unit"],
        recovered_at=Decimal(str(raw["recovered_at"])),
        weekly_after_below=Decimal(str(raw["weekly_after_below"])),
        weekly_for_days=raw["weekly_for_days"],
        steps=tuple(
            Step(**{**step, "below": Decimal(str(step["below"]))}) for step in raw["steps"]
        ),
        source=raw["source"],
        verified=raw["verified"],
    )


def read_schedule(
    raw: Mapping[str, Any],
    after_result: AfterResult | None = None,
    origin: Literal["house", "clinic"] = "house",
) -> Schedule:
    """Read one entry as the file writes it."""
    measure, when, applies = raw["measure"], raw["schedule"], raw["applies_to"]
    age = raw.get("age") or (None, None)
    hours, other = measure.get("sample_hours"), measure.get("si")
    scale = (f"{measure['key']}.total",) if measure["unit"] == "{score}" else ()
    coded = (f"labs.{measure['loinc']}",) if measure["loinc"] else ()
    return Schedule(
        id=raw["id"],
        classes=frozenset([applies["class"]] if "class" in applies else []),
        medicines=frozenset(applies.get("any_med", ())),
        age=(age[0], age[1]),
        instead_of=raw.get("instead_of"),
        what=measure["name"],
        loinc=measure["loinc"],
        measures=scale + coded,
        limits=Limits(
            unit=measure["unit"],
            other=other and (other["unit"], Decimal(str(other["factor"]))),
            reference_range=_range(measure["reference_range"]),
            therapeutic_range=_range(measure["therapeutic_range"]),
            critical_low=_exact(measure["critical_low"]),
            critical_high=_exact(measure["critical_high"]),
            sample_hours=hours and (Decimal(hours[0]), Decimal(hours[1])),
        ),
        baseline=when["baseline"],
        offsets_days=tuple(when["offsets_days"]),
        then_every_days=when["then_every_days"],
        from_days=when["from_days"],
        until_days=when["until_days"],
        after_dose_change_days=tuple(raw["after_dose_change_days"] or ()),
        after_result=after_result,
        condition=raw["condition"],
        priority=raw["priority"],
        action=raw["action"],
        source=raw["source"],
        verified=raw["verified"],
        origin=origin,
    )


def step_of(rule: AfterResult, value: Decimal) -> Step | None:
    """The step that a value in the rule's unit falls under; None when it is high enough."""
    return next((step for step in rule.steps if value < step.below), None)


def schedules_for(
    substances: Iterable[Substance],
    age_years: int | None = None,
    own: Iterable[Schedule] = (),
) -> tuple[Schedule, ...]:
    """Give the schedules that these medicines ask for at this age, each once.

    own: a clinic's schedules beside the house's.
    One whose age cannot be told is among them. An entry that stands in for another takes its
    place, unless a condition or the age leaves open whether it holds.
    """
    taken = tuple(substances)
    found = [
        one
        for one in (*schedules(), *own)
        if any(one.is_for(substance) for substance in taken) and of_age(one, age_years) is not False
    ]
    replaced = {
        one.instead_of for one in found if one.condition is None and of_age(one, age_years) is True
    }
    return tuple(one for one in found if one.id not in replaced)


def of_age(schedule: Schedule, age_years: int | None) -> bool | None:
    """Say whether the age is one of the schedule's; None when it cannot be told."""
    low, below = schedule.age
    if low is None and below is None:
        return True
    if age_years is None:
        return None
    return (low is None or age_years >= low) and (below is None or age_years < below)
