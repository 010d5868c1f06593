"""When a treatment plan is looked at again: by the plan, the doses, and the reference.

The intervals stand in `reference/followup.yaml`, every entry with its source; `keys` at its top
explains the words. They are the least that guidelines ask for: where the plan asks for less, the
earlier day wins. Beyond their first visits the plan's own interval holds, and theirs only where
it has none. What a review stands for is a choice of this product: it covers a day that lies at
most 3 days ahead in the first three weeks, later 5 (the windows of the decision points), and
never one of which less than half of the way has gone by.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Any, Literal

from app.clinical.doses import DoseEpoch, DoseLine
from app.clinical.medications import Substance, load_reference

Anchor = Literal[
    "start", "first_dose", "change", "taper", "interaction", "plan", "review", "agreement"
]
Why = Literal[
    "plan_interval",
    "dose_change",
    "decision_point",
    "taper",
    "interaction",
    "follow_up_interval",
    "full_plan_review",
]
Phase = Literal["start", "stabilisation", "continuation", "maintenance"]

ASSUMED_AGE = 40
"""Of whom no birth date is known: an adult, neither young nor old (`AGE_UNKNOWN` says so)."""
WEEK = 7


@dataclass(frozen=True, eq=False, slots=True)
class Interval:
    """One entry of the reference: for whom, and on which days of which phase.

    codes: ICD-10-CM codes of the condition, each with all below it; None asks for no condition.
    classes, medicines: both empty for any medicine.
    age: (from, below) in whole years, None open.
    """

    id: str
    condition: str
    codes: tuple[str, ...] | None
    classes: frozenset[str]
    medicines: frozenset[str]
    phase: str
    counts_from: Anchor
    from_days: int
    until_days: int | None
    population: str
    age: tuple[int | None, int | None]
    at_risk: bool
    pregnant: bool
    visits_days: tuple[int, ...]
    then_every_days: int | None
    measures: tuple[str, ...]
    earliest_judgement_days: int | None
    source: str
    verified: str

    def is_for(self, substance: Substance | None) -> bool:
        """Say whether this medicine asks for it, the condition and the person aside."""
        if not self.classes and not self.medicines:
            return True
        if substance is None:
            return False
        return substance.reference_id in self.medicines or bool(self.classes & substance.classes)


@dataclass(frozen=True, slots=True)
class DecisionPoints:
    """The weeks after a start or a raise at which a response is judged, and for which medicines."""

    codes: tuple[str, ...] | None
    class_: str
    weeks: tuple[int, ...]
    source: str
    verified: str


@dataclass(frozen=True, slots=True)
class Medicine:
    """One medicine that is taken, or that was tapered off.

    first_dose_on, raised_on: None where the day is not known, or there was no raise.
    interacting_since: the day from which another medicine that interacts is taken with it.
    """

    id: str
    substance: Substance | None
    first_dose_on: date | None
    changed_on: date | None = None
    raised_on: date | None = None
    tapered_on: date | None = None
    interacting_since: date | None = None
    running: bool = True


@dataclass(frozen=True, slots=True)
class Patient:
    """What the entries ask about a person. codes: ICD-10-CM codes of the conditions known."""

    age_years: int | None = None
    codes: frozenset[str] = frozenset()
    pregnant: bool = False
    at_risk: bool = False


@dataclass(frozen=True, slots=True)
class Agreement:
    """What was agreed. reviewed_on: the last review, None before the first.

    phase: that of the treatment as the plan says it, counted from `agreed_on`; None: the start.
    """

    agreed_on: date
    reviewed_on: date | None = None
    interval_days: int | None = None
    phase: Phase | None = None

    @property
    def looked_on(self) -> date:
        """The last day on which the plan was looked at: it was agreed, or reviewed."""
        return max(self.agreed_on, self.reviewed_on or self.agreed_on)


@dataclass(frozen=True, slots=True)
class Visit:
    """A day on which the plan is to be looked at, and what asks for it.

    rule_id: the entry of the reference, None for the plan's own interval.
    week: of a decision point.
    """

    due_on: date
    why: Why
    rule_id: str | None = None
    medicine_id: str | None = None
    week: int | None = None
    source: str | None = None
    verified: str | None = None


@dataclass(frozen=True, slots=True)
class NextReview:
    """The next day and all that asks for it.

    days_left: from today, below 0 when it has gone by. overdue: today is a later day.
    codes: AGE_UNKNOWN, CONDITION_UNKNOWN (no known condition is one of those that the entries for
        a medicine are made for: all of them count), START_UNKNOWN, UNCODED_MEDICINE.
    """

    due_on: date
    days_left: int
    overdue: bool
    why: tuple[Visit, ...]
    codes: tuple[str, ...]


# ---- the reference


@cache
def version() -> tuple[str, str]:
    """Version and date of the reference."""
    return _file()["version"], _file()["date"]


@cache
def intervals() -> tuple[Interval, ...]:
    """All entries, in the order of the file."""
    return tuple(_interval(raw) for raw in _file()["intervals"])


@cache
def decision_points() -> DecisionPoints:
    """The weeks at which the response to a medicine is judged."""
    raw = _file()["decision_points"]
    return DecisionPoints(
        codes=_codes(raw["condition"]),
        class_=raw["class"],
        weeks=tuple(raw["weeks"]),
        source=raw["source"],
        verified=raw["verified"],
    )


@cache
def _file() -> Any:
    return load_reference("followup.yaml")


def _codes(condition: str) -> tuple[str, ...] | None:
    codes = _file()["conditions"][condition]["icd10cm"]
    return None if codes is None else tuple(codes)


def _interval(raw: Any) -> Interval:
    applies = {} if raw["applies_to"] == "any" else raw["applies_to"]
    phase = _file()["phases"][raw["phase"]]
    low, below = raw["age"]
    return Interval(
        id=raw["id"],
        condition=raw["condition"],
        codes=_codes(raw["condition"]),
        classes=frozenset([applies["class"]] if "class" in applies else []),
        medicines=frozenset(applies.get("any_med", ())),
        phase=raw["phase"],
        counts_from=phase["counts_from"],
        from_days=phase.get("from_days", 0),
        until_days=phase.get("until_days"),
        population=raw["population"],
        age=(low, below),
        at_risk=raw.get("at_risk", False),
        pregnant=raw.get("pregnant", False),
        visits_days=tuple(raw["visits_days"]),
        then_every_days=raw["then_every_days"],
        measures=tuple(raw["measures"]),
        earliest_judgement_days=raw["earliest_judgement_days"],
        source=raw["source"],
        verified=raw["verified"],
    )


# ---- what is taken


def medicine_of(
    course_id: str, substance: Substance | None, line: DoseLine, interacting_since: date | None
) -> Medicine | None:
    """Read one course: taken on the line's day, or tapered off; else None.

    A course of which no dose was ever told counts as taken since an unknown day. A hold goes on.
    """
    if not line.events:
        return Medicine(course_id, substance, None, interacting_since=interacting_since)
    run = _run(line.epochs)
    told = [one for one in line.events if not one.planned and not one.unconfirmed]
    begun = [one for one in told if one.day is not None and one.day <= line.as_of]
    tapered_on = begun[-1].day if begun and begun[-1].reason == "taper" else None
    if not run:
        if tapered_on is None:
            return None
        return Medicine(course_id, substance, None, tapered_on=tapered_on, running=False)
    changed = [one for one in run[1:] if one.on and (one.direction or not one.known)]
    raised = [one for one in changed if one.direction == "raise"]
    return Medicine(
        id=course_id,
        substance=substance,
        first_dose_on=run[0].from_day,
        changed_on=changed[-1].from_day if changed else None,
        raised_on=raised[-1].from_day if raised else None,
        tapered_on=tapered_on,
        interacting_since=interacting_since,
    )


def _run(epochs: Sequence[DoseEpoch]) -> list[DoseEpoch]:
    """Give the epochs since the last stop; none when it is stopped."""
    run: list[DoseEpoch] = []
    for epoch in epochs:
        goes_on = (epoch.on or epoch.hold) and not epoch.ended_on_unknown_day
        run = [*run, epoch] if goes_on else []
    return run


# ---- the next review


def next_review(
    agreed: Agreement, medicines: Sequence[Medicine], patient: Patient, today: date
) -> NextReview:
    """Give the first day that no review has covered yet, and everything that asks for that day.

    There always is one: the full review of every plan. medicines: those taken today, and those
    tapered off; today decides nothing but what is left and whether it is overdue.
    """
    asked = list(_asked(agreed, medicines, patient))
    due_on = min(visit.due_on for visit in asked)
    left = (due_on - today).days
    return NextReview(
        due_on=due_on,
        days_left=left,
        overdue=left < 0,
        why=tuple(visit for visit in asked if visit.due_on == due_on),
        codes=tuple(sorted(_not_known(medicines, patient))),
    )


def _asked(agreed: Agreement, medicines: Sequence[Medicine], patient: Patient) -> Iterator[Visit]:
    if agreed.interval_days is not None:
        yield Visit(agreed.looked_on + timedelta(agreed.interval_days), "plan_interval")
    for medicine in medicines:
        yield from _decisions(agreed, medicine, patient)
        entries = _entries(medicine.substance, patient)
        from_start = {one.counts_from for one in entries} & {"start", "first_dose"}
        for one in entries:
            anchor = _anchor(one, agreed, medicine, alone=not from_start)
            if anchor is not None:
                why, begin = anchor
                periodic = medicine.running and agreed.interval_days is None
                yield from _visits(one, agreed, why, begin, medicine.id, periodic=periodic)
    for one in intervals():
        if one.counts_from == "agreement":
            periodic = agreed.interval_days is None
            yield from _visits(
                one, agreed, "full_plan_review", agreed.agreed_on, None, periodic=periodic
            )


def _not_known(medicines: Sequence[Medicine], patient: Patient) -> Iterator[str]:
    codes = set()
    if patient.age_years is None:
        codes.add("AGE_UNKNOWN")
    for medicine in medicines:
        if medicine.substance is None:
            codes.add("UNCODED_MEDICINE")
        if medicine.first_dose_on is None and medicine.running:
            codes.add("START_UNKNOWN")
        entries = _of_person(medicine.substance, patient)
        asking = [one for one in entries if one.codes is not None]
        if asking and not any(_fits(one.codes, patient) for one in asking):
            codes.add("CONDITION_UNKNOWN")
    yield from codes


def _fits(codes: tuple[str, ...] | None, patient: Patient) -> bool:
    return codes is None or any(known.startswith(codes) for known in patient.codes)


def _of_person(substance: Substance | None, patient: Patient) -> list[Interval]:
    age = ASSUMED_AGE if patient.age_years is None else patient.age_years

    def holds(one: Interval) -> bool:
        if one.pregnant and not patient.pregnant:
            return False
        low, below = one.age
        below = None if one.at_risk and patient.at_risk else below
        return (low is None or age >= low) and (below is None or age < below)

    return [one for one in intervals() if one.is_for(substance) and holds(one)]


def _entries(substance: Substance | None, patient: Patient) -> list[Interval]:
    """Give the entries for a medicine: those of a known condition, or all where none is known."""
    found = _of_person(substance, patient)
    specific = [one for one in found if one.codes is not None]
    known = [one for one in specific if _fits(one.codes, patient)]
    return [one for one in found if one.codes is None] + (known or specific)


def _anchor(
    one: Interval, agreed: Agreement, medicine: Medicine, *, alone: bool
) -> tuple[Why, date] | None:
    """Say from which day an entry counts, and in whose name; None where it does not hold now."""
    begun: tuple[Why, date | None]
    match one.counts_from:
        case "taper":
            begun = "taper", medicine.tapered_on
        case _ if not medicine.running:
            return None
        case "start":
            begun = _since(medicine)
            in_later_phase = agreed.phase not in (None, "start")
            if begun[1] is not None and in_later_phase and begun[1] <= agreed.agreed_on:
                return None
        case "first_dose":
            begun = "follow_up_interval", medicine.first_dose_on
        case "change" if medicine.tapered_on is None:
            begun = "dose_change", medicine.changed_on
        case "interaction":
            begun = "interaction", medicine.interacting_since
        case "plan" if one.phase == agreed.phase:
            begun = "follow_up_interval", agreed.agreed_on
        case "plan" if alone and agreed.phase is None:
            begun = _since(medicine)
        case "review":
            begun = "follow_up_interval", agreed.looked_on
        case _:
            return None
    why, day = begun
    return None if day is None else (why, day + timedelta(one.from_days))


def _since(medicine: Medicine) -> tuple[Why, date | None]:
    if medicine.raised_on is not None:
        return "dose_change", medicine.raised_on
    return "follow_up_interval", medicine.first_dose_on


def _visits(
    one: Interval,
    agreed: Agreement,
    why: Why,
    begin: date,
    medicine_id: str | None,
    *,
    periodic: bool,
) -> Iterator[Visit]:
    """Give the first of an entry's days that is not covered; after them its period."""
    due_on = _first_open(begin, one.visits_days, agreed.looked_on)
    if due_on is None and one.then_every_days is not None and periodic:
        due_on = agreed.looked_on + timedelta(one.then_every_days)
    if due_on is None:
        return
    if one.until_days is not None and due_on >= begin + timedelta(one.until_days - one.from_days):
        return
    yield Visit(due_on, why, one.id, medicine_id, source=one.source, verified=one.verified)


def _decisions(agreed: Agreement, medicine: Medicine, patient: Patient) -> Iterator[Visit]:
    points, substance = decision_points(), medicine.substance
    since = _since(medicine)[1]
    if substance is None or since is None or not medicine.running:
        return
    known = any(_fits(one.codes, patient) for one in _condition_bound(substance, patient))
    if points.class_ not in substance.classes or (known and not _fits(points.codes, patient)):
        return
    if agreed.phase not in (None, "start") and since <= agreed.agreed_on:
        return
    days = [week * WEEK for week in points.weeks]
    due_on = _first_open(since, days, agreed.looked_on)
    if due_on is not None:
        week = (due_on - since).days // WEEK
        yield Visit(
            due_on,
            "decision_point",
            "decision_points",
            medicine.id,
            week,
            points.source,
            points.verified,
        )


def _condition_bound(substance: Substance, patient: Patient) -> list[Interval]:
    return [one for one in _of_person(substance, patient) if one.codes is not None]


def _first_open(begin: date, days: Iterable[int], looked_on: date) -> date | None:
    """Give the first planned day that the last look at the plan does not cover."""
    for number in days:
        planned = begin + timedelta(number)
        if planned - timedelta(_tolerance(number)) > looked_on:
            return planned
    return None


def _tolerance(number: int) -> int:
    rule = _file()["tolerance_days"]
    days: int = rule["first_21"] if number <= 3 * WEEK else rule["later"]
    return min(days, number // 2)
