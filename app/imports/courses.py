"""Works out which course an imported order or dose event belongs to, and what it does there.

Pure: the courses come in as they are known, steps come out; nothing is stored here.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID, uuid5

from pydantic import ValidationError

from app.clinical import doses
from app.clinical import medications as reference
from app.core.wire import Wire, faults_of
from app.imports.facts import DoseRow, End, Fill, Order, When, timed
from app.imports.results import Skipped
from app.medications.schemas import DispenseIn, DoseEventIn, MedicationIn
from app.medications.service import Course
from app.patients.service import Person

B = TypeVar("B", bound=Wire)
Medicine = tuple[str | None, str | None]
"""Code system and code; a system of None goes with a text."""
SETS_A_DOSE = frozenset({"start", "change", "restart", "prn_on"})
BEGINS = frozenset({"start", "prn_on"})


@dataclass(frozen=True, slots=True)
class Step:
    """One dose event to store in a course; `course` is its record where it may be new."""

    course_id: UUID
    course: MedicationIn | None
    event: DoseEventIn
    unconfirmed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What one order, row or fill comes to: steps, what says it already, or a refusal.

    fill: to store in the course `into`, whose record is `course` where it may be new.
    goes_on: a stop that an earlier import made of an order which holds again.
    """

    steps: tuple[Step, ...] = ()
    fill: DispenseIn | None = None
    into: UUID | None = None
    course: MedicationIn | None = None
    goes_on: UUID | None = None
    there: UUID | None = None
    skipped: Skipped | None = None
    words: tuple[str, str] | None = None


@dataclass(slots=True)
class _Line:
    """A course with its events: those known, and those planned so far."""

    id: UUID
    name: str
    reference_id: str | None
    code: Medicine
    new: MedicationIn | None = None
    events: list[doses.DoseEvent] = field(default_factory=list)

    def now(self, day: date) -> doses.DoseEpoch | None:
        """Give what is ordered on a day; a dose that waits for a confirmation is ordered too."""
        taken = [replace(one, unconfirmed=()) for one in self.events]
        return doses.dose_line(taken, as_of=day).now

    def is_open(self, day: date) -> bool:
        epoch = self.now(day)
        return epoch is None or epoch.running or epoch.hold


def _lines(known: Sequence[Course]) -> list[_Line]:
    return [
        _Line(
            one.id,
            one.name,
            one.reference_id,
            (one.code_system, one.code),
            events=[event for event in one.events if not event.planned],
        )
        for one in known
    ]


def read(model: type[B], body: Mapping[str, Any]) -> B:
    """Make a body of a fact.

    Raises:
        Skipped: it is not one that the record takes; says where and what would pass.
    """
    try:
        return model.model_validate(body)
    except ValidationError as failure:
        fault = faults_of(failure)[0]
        raise Skipped("invalid", f"{fault.pointer}: {fault.detail}") from None


def _placed(event: DoseEventIn, course_id: UUID, person: Person, step: int) -> doses.DoseEvent:
    """Give a planned event as the dose line sees it, after all that is known."""
    at = event.effective_at
    local = at.astimezone(person.zone) if at is not None and person.zone else at
    return doses.DoseEvent(
        id=str(event.id),
        medication_id=str(course_id),
        day=person.day_of(at) if at is not None else event.effective_on,
        seq=2**62 + step,
        kind=event.kind,
        time=local.time() if local is not None else None,
        amount=event.dose.amount if event.dose else None,
        unit=event.dose.unit if event.dose else None,
        times_per_day=event.times_per_day,
        dose_known=event.dose_known,
    )


def _day(person: Person, at: When) -> date:
    return person.day_of(at) if isinstance(at, datetime) else at


def _place(person: Person, at: When) -> tuple[date, bool, float]:
    """Order moments and days; a day alone comes before any moment of it."""
    is_moment = isinstance(at, datetime)
    return _day(person, at), is_moment, at.timestamp() if isinstance(at, datetime) else 0.0


def _same(event: doses.DoseEvent, day: date, fact: Order | DoseRow) -> bool:
    """Say whether an event says the same dose from the same day."""
    amount = Decimal(fact.dose["amount"]) if fact.dose else None
    unit = fact.dose["unit"] if fact.dose else None
    times = Decimal(fact.times_per_day) if fact.times_per_day else None
    return (
        (event.day, event.amount, event.unit) == (day, amount, unit)
        and event.percent_of_previous is None
        and (times is None or event.times_per_day in (None, times))
    )


def _said_dose(fact: Order | DoseRow) -> dict[str, Any]:
    """Give the members that say the dose, or that nobody knows it."""
    if fact.dose is None:
        return {"dose": None, "dose_known": False}
    times = {"times_per_day": fact.times_per_day} if fact.times_per_day else {}
    return {"dose": dict(fact.dose), **times}


# ---- orders of an EHR


def plan_orders(
    orders: Sequence[Order | End],
    fills: Sequence[Fill],
    known: Sequence[Course],
    person: Person,
    today: date,
    withdrawn: Collection[UUID] = (),
) -> dict[str, Plan]:
    """Join the orders of one medicine to one course, in the order in which they were written.

    The first starts it; a later one restarts it, or changes it where the one before still held.
    What ended on a day stops from the next: the end of a FHIR period is part of it. What ended
    and does not say when closes the course on an unknown day, unless a later order goes on.
    An end stops the course that runs then. A fill goes into the course of its medicine; neither
    orders anything, so that they begin none.
    withdrawn: courses that were entered in error; no order brings one of them back.
    Gives a plan for each order, end and fill, by its key.
    """
    lines = _lines(known)
    by_medicine: dict[Medicine, list[Order | End]] = defaultdict(list)
    # What ends as another begins ends first.
    for one in sorted(orders, key=lambda one: (_place(person, one.at), isinstance(one, Order))):
        by_medicine[_medicine(one)].append(one)
    plans: dict[str, Plan] = {}
    for medicine, several in by_medicine.items():
        try:
            line = _line_of(lines, medicine, several, person, withdrawn)
        except Skipped as reason:
            plans |= {one.key: Plan(skipped=reason) for one in several}
            continue
        if line.new is not None:
            lines.append(line)
        ended_before: bool | None = None
        for place, one in enumerate(several):
            if isinstance(one, End):
                plans[one.key] = _plan_end(one, line, person)
                if plans[one.key].skipped is None:
                    ended_before = True
                continue
            later = next(
                (next_ for next_ in several[place + 1 :] if isinstance(next_, Order)), None
            )
            plans[one.key], ended_before = _plan(
                one, later, line, person, today, ended_before=ended_before
            )
    return plans | {one.key: _plan_fill(one, lines, person) for one in fills}


def _plan_end(end: End, line: _Line, person: Person) -> Plan:
    """Stop the course of an end, where it runs on that day."""
    day, event_id = _day(person, end.at), uuid5(person.id, end.key)
    stored = next((one for one in line.events if one.id == str(event_id)), None)
    if stored is None:
        stops = (one for one in line.events if one.kind == "stop" and one.day == day)
        if (there := next(stops, None)) is not None:
            return Plan(there=UUID(there.id))
        epoch = line.now(day)
        if epoch is None or not (epoch.running or epoch.hold):
            return Plan(skipped=Skipped("not_running", "its course does not run on that day"))
    try:
        body = {"id": event_id, "kind": "stop", **timed("effective", end.at)}
        stop = read(DoseEventIn, body)
    except Skipped as reason:
        return Plan(skipped=reason)
    if stored is None:
        line.events.append(_placed(stop, line.id, person, len(line.events)))
    return Plan((Step(line.id, line.new, stop),))


def _plan_fill(fill: Fill, lines: Sequence[_Line], person: Person) -> Plan:
    line = _known_line(lines, _medicine(fill), fill, person)
    if line is None:
        words = "no course of its medicine is known; import its order too"
        return Plan(skipped=Skipped("course_unknown", words))
    quantity = fill.quantity and {
        "quantity": fill.quantity["amount"],
        "unit": fill.quantity["unit"],
    }
    body = {
        "id": uuid5(person.id, fill.key),
        "dispensed_on": _day(person, fill.at),
        "days_supply": fill.days_supply,
        "product": fill.text,
        **(quantity or {}),
    }
    try:
        handed = read(DispenseIn, {name: one for name, one in body.items() if one is not None})
    except Skipped as reason:
        return Plan(skipped=reason)
    lacks = ("quantity_unknown", " ".join(fill.unconfirmed)) if fill.unconfirmed else None
    return Plan(fill=handed, into=line.id, course=line.new, words=lacks)


def _medicine(fact: Order | End | Fill) -> Medicine:
    if fact.code is not None:
        return fact.code["system"], fact.code["code"]
    return None, (fact.text or "").casefold()


def _line_of(
    lines: Sequence[_Line],
    medicine: Medicine,
    several: Sequence[Order | End],
    person: Person,
    withdrawn: Collection[UUID],
) -> _Line:
    """Give the course of a medicine, one that still runs first, or a new one.

    Raises:
        Skipped: nothing that begins a course is among them, or the medicine is not one.
    """
    if (known := _known_line(lines, medicine, several[0], person)) is not None:
        return known
    order = next((one for one in several if isinstance(one, Order)), None)
    if order is None:
        raise Skipped("course_unknown", "no course of its medicine is known")
    said = {"code": order.code} if order.code else {"text": order.text}
    course_id = _course_id(person, medicine)
    if course_id in withdrawn:
        course_id = uuid5(course_id, order.key)
    course = read(MedicationIn, {"id": course_id, "kind": "drug", **said})
    return _Line(course_id, order.text or "", None, medicine, new=course)


def _known_line(
    lines: Sequence[_Line], medicine: Medicine, fact: Order | End | Fill, person: Person
) -> _Line | None:
    system, code = medicine
    course_id = _course_id(person, medicine)
    found = [
        line
        for line in lines
        if line.id == course_id
        or (system is not None and line.code == medicine)
        or (system is None and line.code == (None, None) and line.name.casefold() == code)
    ]
    day = _day(person, fact.at)
    return max(found, key=lambda line: line.is_open(day), default=None)


def _course_id(person: Person, medicine: Medicine) -> UUID:
    system, code = medicine
    return uuid5(person.id, f"course:{system or ''}|{code}")


def _plan(
    order: Order,
    later: Order | None,
    line: _Line,
    person: Person,
    today: date,
    *,
    ended_before: bool | None,
) -> tuple[Plan, bool | None]:
    """Plan one order, and say whether it leaves the course ended.

    ended_before: whether the order before it left it ended; None where there was none.
    """
    day = _day(person, order.at)
    event_id = uuid5(person.id, order.key)
    stored = next((one for one in line.events if one.id == str(event_id)), None)
    same = next(
        (one for one in line.events if one.kind in SETS_A_DOSE and _same(one, day, order)), None
    )
    there = UUID(same.id) if same is not None and stored is None else None
    goes_on = later is not None or any(
        one.day is not None and one.day > day and one.kind in SETS_A_DOSE for one in line.events
    )
    steps: list[Step] = []
    try:
        if there is None:
            kind = stored.kind if stored else _kind(order, line, day, ended_before)
            event = read(
                DoseEventIn,
                {
                    "id": event_id,
                    "kind": kind,
                    **timed("effective", order.at),
                    **_said_dose(order),
                },
            )
            steps.append(Step(line.id, line.new, event, order.unconfirmed))
        stop, ended = _stop(order, later, person, today, goes_on=goes_on)
        if stop is not None:
            stop = stop.model_copy(update={"id": uuid5(event_id, "stop")})
            steps.append(Step(line.id, line.new, stop))
    except Skipped as reason:
        return Plan(skipped=reason), ended_before
    stop_id = uuid5(event_id, "stop")
    held = {one.id: one for one in line.events}
    goes_on_again = not order.ended and str(stop_id) in held
    for number, step in enumerate(steps):
        placed = _placed(step.event, line.id, person, len(held) + number)
        before = held.get(placed.id)
        held[placed.id] = replace(placed, seq=before.seq) if before else placed
    if goes_on_again:
        del held[str(stop_id)]
    line.events = list(held.values())
    words = None
    if order.unconfirmed:
        words = ("dose_unknown", " ".join(order.unconfirmed))
    again = stop_id if goes_on_again else None
    return Plan(tuple(steps), there=there, words=words, goes_on=again), ended


def _kind(order: Order, line: _Line, day: date, ended_before: bool | None) -> str:
    """Say what an order does: it starts, changes or restarts the course."""
    if order.as_needed:
        return "prn_on"
    if ended_before is not None:
        return "restart" if ended_before else "change"
    earlier = [one for one in line.events if one.day is None or one.day <= day]
    if not earlier:
        return "start"
    epoch = line.now(day)
    return "change" if epoch is not None and epoch.running else "restart"


def _stop(
    order: Order, later: Order | None, person: Person, today: date, *, goes_on: bool
) -> tuple[DoseEventIn | None, bool]:
    """Give the stop of an order that ended, if it needs one, and whether it leaves an end."""
    if not order.ended:
        return None, False
    ends = order.ends
    on = None
    if ends is not None:
        on = _day(person, ends) if isinstance(ends, datetime) else ends + timedelta(days=1)
    if ends is None or on is None or not _day(person, order.at) < on <= today:
        undated = None if goes_on else read(DoseEventIn, {"kind": "stop"})
        return undated, True
    if later is not None and _day(person, later.at) <= on:
        return None, False
    at = ends if isinstance(ends, datetime) else on
    return read(DoseEventIn, {"kind": "stop", **timed("effective", at)}), True


# ---- rows of a file


def plan_rows(rows: Sequence[DoseRow], known: Sequence[Course], person: Person) -> dict[str, Plan]:
    """Join each row to the open course of its ingredient, else to a new uncoded one.

    A row that says the same day, kind and dose as an event that is there is that event. Only
    an exact name or brand joins a course: a misspelling stands for several drugs too easily.
    Gives a plan for each row, by its key.
    """
    lines = _lines(known)
    plans: dict[str, Plan] = {}
    for row in sorted(rows, key=lambda one: _place(person, one.at)):
        if row.key not in plans:
            try:
                plans[row.key] = _plan_row(row, lines, person)
            except Skipped as reason:
                plans[row.key] = Plan(skipped=reason)
    return plans


def _plan_row(row: DoseRow, lines: list[_Line], person: Person) -> Plan:
    day = _day(person, row.at)
    meant = _ingredients(row.drug)
    of_it = [
        line
        for line in lines
        if line.name.casefold() == row.drug.casefold()
        or (line.reference_id is not None and {line.reference_id} == meant)
    ]
    there = next(
        (
            one
            for line in of_it
            for one in line.events
            if one.kind == row.kind and _same_row(one, day, row)
        ),
        None,
    )
    if there is not None:
        return Plan(there=UUID(there.id))
    opened = [line for line in of_it if line.is_open(day)]
    if len(opened) > 1:
        raise Skipped("course_ambiguous", "two courses of this ingredient are open")
    words = None
    if opened:
        line = opened[0]
    elif of_it and row.kind not in BEGINS:
        line = of_it[-1]
    else:
        line = _uncoded(row, person)
        lines.append(line)
        words = ("uncoded", _candidates(row.drug))
    event = read(DoseEventIn, _event_of(row, uuid5(line.id, row.key)))
    line.events.append(_placed(event, line.id, person, len(line.events)))
    return Plan((Step(line.id, line.new, event, row.unconfirmed),), words=words)


def _same_row(event: doses.DoseEvent, day: date, row: DoseRow) -> bool:
    if row.kind in SETS_A_DOSE:
        return _same(event, day, row)
    return event.day == day


def _event_of(row: DoseRow, event_id: UUID) -> dict[str, Any]:
    reason = {"reason": row.reason, "reason_text": row.reason_text}
    said = row.dose is not None or row.kind in SETS_A_DOSE
    return {
        "id": event_id,
        "kind": row.kind,
        **timed("effective", row.at),
        **(_said_dose(row) if said else {}),
        **{name: value for name, value in reason.items() if value is not None},
    }


def _uncoded(row: DoseRow, person: Person) -> _Line:
    course_id = uuid5(person.id, f"course:{row.key}")
    course = read(MedicationIn, {"id": course_id, "kind": "drug", "text": row.drug})
    return _Line(course_id, row.drug, None, (None, None), new=course)


def _ingredients(drug: str) -> set[str]:
    """Give what an exact name stands for; nothing where it is only like one."""
    found = reference.resolve(text=drug).candidates
    return {one.substance.reference_id for one in found if one.score == 1}


def _candidates(drug: str) -> str:
    names = [one.substance.reference_id for one in reference.resolve(text=drug).candidates]
    return f"a text names no drug for sure; may be {', '.join(names) or 'none that we know'}"
