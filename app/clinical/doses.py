"""From dose events to dose epochs: what one course ordered, day by day (trend specification, 3).

A *dose epoch* is a maximal stretch at one daily dose. An event with `unconfirmed` codes and a
planned step make none. An unknown dose is an epoch with `tdd` None, never 0; a stop is 0 and is
told apart from a hold. What was ordered is not what was taken: that is `adherence`.
Days are local calendar days; amounts are Decimal throughout.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise, takewhile
from typing import Literal

from app.clinical.units import UnitsNotComparable, convert

Kind = Literal["start", "change", "stop", "restart", "hold", "resume", "prn_on", "prn_off"]
Direction = Literal["raise", "lower"]

ZERO = Decimal(0)
MOST = Decimal(1_000_000_000)
"""In the daily unit. No dose is as much: percents of percents are what comes to it."""

# A first event of these kinds says that the course was on before the record began.
_CONTINUES = frozenset({"change", "stop", "hold", "prn_off"})
_ENDS = frozenset({"stop", "hold", "prn_off"})

# The unit of one intake -> the daily unit it adds up to; a rate is kept as it is.
_DAILY = {
    "mg": "mg/d",
    "ug": "mg/d",
    "ng": "mg/d",
    "g": "mg/d",
    "mmol": "mmol/d",
    "[iU]": "[iU]/d",
    "ug/h": "ug/h",
    "mg/h": "ug/h",
}
_INTAKE_OF = {"mg/d": "mg", "ug/d": "ug", "mmol/d": "mmol", "[iU]/d": "[iU]"}


@dataclass(frozen=True, slots=True)
class DosePart:
    """One strength at its hour: so much, so many times a day, in the unit of its event.

    at: the clock time, if said; then it is once a day.
    """

    amount: Decimal
    times_per_day: Decimal | int
    at: dt.time | None = None


@dataclass(frozen=True, slots=True)
class DoseEvent:
    """One thing that happened to the order of a course, or is planned to.

    day: None is possible for a start ("before the record") and a stop ("stopped, day unknown").
    seq: the journal's number; it orders events of one day and time.
    amount, unit: one intake in `mg ug g ...`, or a patch's rate in `ug/h mg/h`.
    parts: several strengths at different hours; then `amount` and `times_per_day` are None.
    interval_days: days between two long-acting injections; then `times_per_day` is None.
    max_per_day: most intakes a day of an as-needed medicine.
    product: what was dispensed (brand, maker), if said.
    planned_step: id of the planned step that this event carried out, if it names one.

    Raises:
        ValueError: an amount, count, interval or percent that is not above 0 (a stop is a `stop`,
            never a dose of 0), two ways of saying the dose at once, an amount without a unit, a
            kind that needs a day has none.
        TypeError: a float or a bool where an exact number belongs.
    """

    id: str
    medication_id: str
    day: date | None
    seq: int
    kind: Kind
    time: dt.time | None = None
    amount: Decimal | None = None
    unit: str | None = None
    times_per_day: Decimal | int | None = None
    parts: tuple[DosePart, ...] = ()
    interval_days: int | None = None
    percent_of_previous: Decimal | None = None
    max_per_day: Decimal | int | None = None
    dose_known: bool = True
    planned: bool = False
    unconfirmed: tuple[str, ...] = ()
    reason: str | None = None
    direction_stated: Direction | None = None
    product: str | None = None
    planned_step: str | None = None

    def __post_init__(self) -> None:
        numbers = [self.amount, self.times_per_day, self.interval_days, self.percent_of_previous]
        numbers += [self.max_per_day, *(p.amount for p in self.parts)]
        numbers += [part.times_per_day for part in self.parts]
        for number in numbers:
            if isinstance(number, float | bool):
                raise TypeError("a dose is exact: Decimal or int")
            if number is not None and not number > 0:
                raise ValueError("a dose, a count, an interval and a percent are above 0")
        ways = [self.amount, self.percent_of_previous, self.parts or None]
        if sum(way is not None for way in ways) > 1:
            raise ValueError("amount, parts and percent_of_previous exclude each other")
        if (self.amount is not None or self.parts) and self.unit is None:
            raise ValueError("an amount has a unit")
        if self.times_per_day is not None and self.interval_days is not None:
            raise ValueError("times_per_day and interval_days exclude each other")
        if self.day is None and self.kind not in ("start", "stop"):
            raise ValueError("only a start and a stop can have an unknown day")

    @property
    def place(self) -> tuple[date, bool, dt.time, int, str]:
        """Where it stands in the line: day, date-only first, time, journal number, id."""
        return (
            self.day or date.min,
            self.time is not None,
            self.time or dt.time.min,
            self.seq,
            self.id,
        )

    @property
    def counts(self) -> bool:
        """It was done, and nothing about it waits for a confirmation: it makes an epoch."""
        return not self.planned and not self.unconfirmed

    @property
    def statement(self) -> tuple[object, ...]:
        """What was said of the dose, however much that comes to."""
        return (
            self.kind,
            self.amount,
            self.unit,
            self.times_per_day,
            self.parts,
            self.interval_days,
            self.percent_of_previous,
            self.max_per_day,
        )


@dataclass(frozen=True, slots=True)
class DoseEpoch:
    """A maximal stretch [from_day, to_day) at one dose.

    from_day: None = on since before the record.
    to_day: None = still so; with STOP_DAY_UNKNOWN in `codes`: it ended, nobody knows when.
    tdd: total daily dose in `unit` (`mg/d`, `mmol/d`, `[iU]/d`; a patch's `ug/h`); 0 when stopped
        or on hold; None when unknown or as needed.
    known: the dose is known (an as-needed one: the amount of one use).
    per_use, max_daily: of an as-needed medicine, one use and the most a day, in the mass of `unit`.
    averaged: amount over the interval of a long-acting injection.
    percent: the percent the order was given in.
    direction: against the dose before; out of a hold, against the dose before the hold; as stated
        when the numbers are not known. None at a first start and at an equal dose.
    records: ids of all events that made it, those overtaken on the same day included.
    """

    from_day: date | None
    to_day: date | None
    tdd: Decimal | None
    unit: str | None
    known: bool
    prn: bool = False
    hold: bool = False
    per_use: Decimal | None = None
    max_daily: Decimal | None = None
    averaged: bool = False
    percent: Decimal | None = None
    direction: Direction | None = None
    records: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()

    @property
    def ended_on_unknown_day(self) -> bool:
        """The course was stopped inside this epoch and the day is not known."""
        return "STOP_DAY_UNKNOWN" in self.codes

    @property
    def on(self) -> bool:
        """Something is ordered: an unknown dose and as needed count as on, hold and stop not."""
        return self.tdd is None or self.tdd > 0

    @property
    def running(self) -> bool:
        """On, and open: the epoch that counts as what is ordered now."""
        return self.on and self.to_day is None and not self.ended_on_unknown_day

    def days(self, as_of: date) -> int | None:
        """Whole days of it up to and including `as_of`; None when an end is not known."""
        if self.from_day is None or self.ended_on_unknown_day:
            return None
        end = as_of + timedelta(days=1)
        return max((min(self.to_day or end, end) - self.from_day).days, 0)


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader of the line has to know: a reason code, its day, the records behind it."""

    code: str
    day: date | None
    records: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A step that was agreed; it changes no epoch, the event that carried it out does.

    tdd: what it would be if the plan is followed step by step; None when that is not known.
    overdue: its day has gone by, and nothing says that it was done.
    done_by: id of the event that carried it out: the one that names it, or one of its day that
        says the same.
    """

    event: DoseEvent
    tdd: Decimal | None
    unit: str | None
    overdue: bool
    done_by: str | None = None


@dataclass(frozen=True, slots=True)
class DoseLine:
    """One course up to a day: its epochs, what is planned, every event, and the notes.

    events: all of them in line order, also planned, unconfirmed and later than `as_of`.
    """

    as_of: date
    epochs: tuple[DoseEpoch, ...]
    planned: tuple[PlannedStep, ...]
    events: tuple[DoseEvent, ...]
    notes: tuple[Note, ...]

    @property
    def now(self) -> DoseEpoch | None:
        """The last epoch, or None before the first event; ask it whether it is `running`."""
        return self.epochs[-1] if self.epochs else None


def dose_line(events: Iterable[DoseEvent], *, as_of: date, unit: str | None = None) -> DoseLine:
    """Turn the events of one course into its dose line; the order of the input does not matter.

    unit: the daily unit to state doses in (`ug/d` for a medicine dosed in micrograms); by default
        that of the first event with a strength: `mg/d`, `mmol/d`, `[iU]/d`, or `ug/h`.

    Rules: events stand in the order of `DoseEvent.place`; the last one of a day sets its dose. A
    percent is of the last dose that was on. Resume without a dose goes back to the dose before
    the hold; restart without a dose is an unknown dose: nothing is assumed. An undated stop
    closes the course, or, if a restart has no dated stop before it, the stretch before that.
    A change while held or stopped is taken as it stands and noted (CHANGE_WHILE_OFF).

    A first event that is a change, stop, hold or prn_off is preceded by an unknown dose since
    before the record (START_NOT_RECORDED).

    Codes: SAME_DAY_EVENTS, DOSE_UNKNOWN, DOSE_WITHOUT_STRENGTH, DOSE_UNIT_CONFLICT,
    DOSE_OUT_OF_RANGE, PLANNED_NOT_CONFIRMED, PRODUCT_CHANGED, STOP_DAY_UNKNOWN, CHANGE_WHILE_OFF,
    RESUME_WITHOUT_HOLD.

    Raises:
        ValueError: events of more than one medication.
    """
    listed = sorted(events, key=lambda event: event.place)
    if len({event.medication_id for event in listed}) > 1:
        raise ValueError("a dose line is of one course")
    counted = [e for e in listed if e.counts]
    stated_in = unit or _course_unit([*counted, *listed])
    placed = _placed(counted)
    steps = _walk(takewhile(lambda e: e.day is None or e.day <= as_of, placed), stated_in)
    planned = _planned(listed, as_of, stated_in)
    notes = [Note(code, s.event.day, (s.event.id,)) for s in steps for code in s.state.codes]
    notes += _same_day(steps)
    notes += [
        Note("PLANNED_NOT_CONFIRMED", p.event.day, (p.event.id,)) for p in planned if p.overdue
    ]
    return DoseLine(
        as_of=as_of,
        epochs=_epochs(steps, placed[0] if placed else None, stated_in),
        planned=planned,
        events=tuple(listed),
        notes=tuple(sorted(notes, key=lambda n: (n.day or date.min, n.code, n.records))),
    )


def presumed(events: Iterable[DoseEvent]) -> list[DoseEvent]:
    """Read events for what has to see every medicine that may be taken, not for dose statistics.

    What waits for a confirmation counts as taken at a dose nobody knows; an unconfirmed end does
    not count as one.
    """
    return [
        _at_an_unknown_dose(event) if event.unconfirmed else event
        for event in events
        if not (event.unconfirmed and event.kind in _ENDS)
    ]


def _at_an_unknown_dose(event: DoseEvent) -> DoseEvent:
    return replace(
        event,
        unconfirmed=(),
        dose_known=False,
        amount=None,
        unit=None,
        parts=(),
        times_per_day=None,
        interval_days=None,
        percent_of_previous=None,
    )


def epoch_on(epochs: Sequence[DoseEpoch], day: date) -> DoseEpoch | None:
    """Return the epoch that holds on this day.

    None before the first epoch, and inside an epoch that ended on an unknown day: on none of its
    days but the first is it sure that it still ran.
    """
    for epoch in epochs:
        begun = epoch.from_day is None or epoch.from_day <= day
        if epoch.ended_on_unknown_day:
            if epoch.from_day == day:
                return epoch
        elif begun and (epoch.to_day is None or day < epoch.to_day):
            return epoch
    return None


def stated_dose(
    event: DoseEvent, earlier: Iterable[DoseEvent], *, unit: str | None = None
) -> DoseEpoch:
    """Read the dose one event would set after the earlier ones, as an epoch without an end.

    Planned steps and unconfirmed events among `earlier` are counted as they are given: leave out
    those that do not hold. `earlier` must stand before the event.
    """
    line = _placed([*sorted(earlier, key=lambda e: e.place), event])
    steps = _walk(line, unit or _course_unit(line))
    state = next(step.state for step in steps if step.event is event)
    return _epoch(state, event.day, (event.id,))


# --- the walk along the events -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _State:
    """What is ordered after an event; `before` is the last state that was on."""

    tdd: Decimal | None
    unit: str | None
    known: bool
    prn: bool = False
    hold: bool = False
    per_use: Decimal | None = None
    max_daily: Decimal | None = None
    averaged: bool = False
    percent: Decimal | None = None
    direction: Direction | None = None
    product: str | None = None
    closed: bool = False
    before: "_State | None" = None
    codes: tuple[str, ...] = ()

    @property
    def on(self) -> bool:
        return not self.closed and (self.tdd is None or self.tdd > 0)

    @property
    def same(self) -> tuple[object, ...]:
        return (self.tdd, self.unit, self.known, self.prn, self.hold, self.per_use, self.max_daily)


@dataclass(frozen=True, slots=True)
class _Step:
    event: DoseEvent
    state: _State


@dataclass(slots=True)
class _Stretch:
    """An epoch in the making."""

    day: date | None
    state: _State
    records: list[str] = field(default_factory=list)


def _placed(line: list[DoseEvent]) -> list[DoseEvent]:
    """Put undated stops where they belong; undated starts already stand first."""
    dated = [event for event in line if event.kind != "stop" or event.day is not None]
    undated = [event for event in line if event.kind == "stop" and event.day is None]
    placed: list[DoseEvent] = []
    off = True
    for event in dated:
        if event.kind == "restart" and not off and undated:
            placed.append(undated.pop(0))
        placed.append(event)
        off = event.kind in ("stop", "hold")
    return placed + undated


def _course_unit(line: Iterable[DoseEvent]) -> str | None:
    return next((_DAILY[e.unit] for e in line if e.unit in _DAILY), None)


def _walk(line: Iterable[DoseEvent], unit: str | None) -> list[_Step]:
    steps: list[_Step] = []
    state = None
    for event in line:
        if state is None and _goes_on(event):
            state = _before_the_record(unit)
        state = _next(state, event, unit)
        steps.append(_Step(event, state))
    return steps


def _goes_on(first: DoseEvent) -> bool:
    return first.kind in _CONTINUES and first.day is not None


def _before_the_record(unit: str | None) -> _State:
    return _State(None, unit, known=False, codes=("START_NOT_RECORDED",))


def _next(old: _State | None, event: DoseEvent, unit: str | None) -> _State:
    last_on = (old if old.on else old.before) if old else None
    product = event.product or (old.product if old else None)
    lower: Direction | None = "lower" if old and old.on else None
    off = _State(ZERO, unit, known=True, direction=lower, product=product, before=last_on)
    says_dose = bool(event.amount or event.parts or event.percent_of_previous)
    match event.kind:
        case "stop" if event.day is None:
            return replace(off, closed=True, codes=("STOP_DAY_UNKNOWN",))
        case "stop":
            return off
        case "prn_off" if not says_dose and event.dose_known:
            return off
        case "hold":
            return replace(off, hold=True)
        case "resume" if not says_dose and event.dose_known:
            return _resumed(old, unit, product)
        case "prn_on":
            new = _as_needed(event, unit)
        case _:
            new = _ordered(event, last_on, unit)
    codes = [*new.codes]
    if old and not old.on and event.kind == "change":
        codes.append("CHANGE_WHILE_OFF")
    if old and old.product and event.product and event.product != old.product:
        codes.append("PRODUCT_CHANGED")
    compared = last_on if old and old.hold else old
    direction = _direction(compared, new, event)
    return replace(new, codes=tuple(codes), product=product, direction=direction)


def _resumed(old: _State | None, unit: str | None, product: str | None) -> _State:
    if old and old.hold and old.before:
        codes = () if old.before.known else ("DOSE_UNKNOWN",)
        return replace(old.before, product=product, direction=None, codes=codes)
    if old and old.on:
        return replace(old, direction=None, codes=("RESUME_WITHOUT_HOLD",))
    unknown = ("DOSE_UNKNOWN", "RESUME_WITHOUT_HOLD")
    return _State(None, unit, known=False, product=product, codes=unknown)


def _as_needed(event: DoseEvent, unit: str | None) -> _State:
    amount = _in_daily_unit(event.amount, event.unit, unit)
    most = amount * event.max_per_day if amount is not None and event.max_per_day else None
    return _State(
        None,
        unit,
        known=amount is not None,
        prn=True,
        per_use=amount,
        max_daily=most,
        codes=() if amount is not None else (_why_unknown(event, unit),),
    )


def _ordered(event: DoseEvent, last_on: _State | None, unit: str | None) -> _State:
    """Read a scheduled dose; unknown, with the reason, whenever a part of it is not said."""
    tdd: Decimal | None = None
    pct = event.percent_of_previous
    if not event.dose_known:
        pass
    elif pct is not None:
        if last_on and last_on.tdd is not None:
            tdd = last_on.tdd * pct / 100
    elif event.parts:
        total = sum((part.amount * part.times_per_day for part in event.parts), ZERO)
        tdd = _in_daily_unit(total, event.unit, unit)
    elif (amount := _in_daily_unit(event.amount, event.unit, unit)) is not None:
        if event.unit in ("ug/h", "mg/h"):
            tdd = amount
        elif event.times_per_day is not None:
            tdd = amount * event.times_per_day
        elif event.interval_days is not None:
            tdd = amount / event.interval_days
    if tdd is not None and tdd > MOST:
        return _State(None, unit, known=False, percent=pct, codes=("DOSE_OUT_OF_RANGE",))
    return _State(
        tdd,
        unit,
        known=tdd is not None,
        averaged=event.interval_days is not None and tdd is not None,
        percent=pct,
        codes=() if tdd is not None else (_why_unknown(event, unit),),
    )


def _in_daily_unit(amount: Decimal | None, unit: str | None, daily: str | None) -> Decimal | None:
    """Express an intake so that, times a count, it is in the course's daily unit."""
    if amount is None or unit is None or daily is None:
        return None
    try:
        return convert(amount, unit, _INTAKE_OF.get(daily, daily))
    except UnitsNotComparable:
        return None


def _why_unknown(event: DoseEvent, unit: str | None) -> str:
    if event.unit is None or not event.dose_known:
        return "DOSE_UNKNOWN"
    if event.unit not in _DAILY:
        return "DOSE_WITHOUT_STRENGTH"
    comparable = _in_daily_unit(Decimal(1), event.unit, unit) is not None
    return "DOSE_UNKNOWN" if comparable else "DOSE_UNIT_CONFLICT"


def _direction(old: _State | None, new: _State, event: DoseEvent) -> Direction | None:
    if old and old.tdd is not None and new.tdd is not None and not old.closed:
        if new.tdd == old.tdd:
            return None
        return "raise" if new.tdd > old.tdd else "lower"
    if event.percent_of_previous is not None and event.percent_of_previous != 100:
        return "raise" if event.percent_of_previous > 100 else "lower"
    return event.direction_stated


def _epochs(
    steps: Sequence[_Step], first: DoseEvent | None, unit: str | None
) -> tuple[DoseEpoch, ...]:
    """first: the first event of all, also when it is later than the steps."""
    stretches: list[_Stretch] = []
    if first and _goes_on(first):
        stretches.append(_Stretch(None, _before_the_record(unit), [first.id]))
    closing: list[str] = []
    for i, step in enumerate(steps):
        closing.append(step.event.id)
        following = steps[i + 1].event if i + 1 < len(steps) else None
        if following and _overtakes(following, step.event):
            continue
        last = stretches[-1] if stretches else None
        if last and _continues(last.state, step.state):
            codes = tuple(dict.fromkeys((*last.state.codes, *step.state.codes)))
            last.state = replace(last.state, codes=codes)
            last.records += closing
        elif not step.state.closed:
            stretches.append(_Stretch(step.event.day, step.state, closing))
        closing = []
    epochs = [_epoch(s.state, s.day, tuple(s.records)) for s in stretches]
    ended = [
        replace(one, to_day=None if one.ended_on_unknown_day else following.from_day)
        for one, following in pairwise(epochs)
    ]
    return tuple(ended + epochs[-1:])


def _overtakes(following: DoseEvent, event: DoseEvent) -> bool:
    """The last event of a day sets its dose; of two starts before the record, too."""
    if event.day is None:
        return event.kind == "start" and following.kind == "start" and following.day is None
    return following.day == event.day


def _continues(last: _State, new: _State) -> bool:
    """Equal doses are one epoch; that two unknown doses are equal is not known.

    A stop on an unknown day belongs to the epoch that it closes.
    """
    if new.closed:
        return last.on
    equal = last.same == new.same and (new.known or new.prn)
    return equal and "STOP_DAY_UNKNOWN" not in last.codes


def _epoch(state: _State, day: date | None, records: tuple[str, ...]) -> DoseEpoch:
    return DoseEpoch(
        from_day=day,
        to_day=None,
        tdd=state.tdd,
        unit=state.unit,
        known=state.known,
        prn=state.prn,
        hold=state.hold,
        per_use=state.per_use,
        max_daily=state.max_daily,
        averaged=state.averaged,
        percent=state.percent,
        direction=state.direction,
        records=records,
        codes=state.codes,
    )


def _same_day(steps: Sequence[_Step]) -> list[Note]:
    by_day: dict[date, list[str]] = {}
    for step in steps:
        if step.event.day is not None:
            by_day.setdefault(step.event.day, []).append(step.event.id)
    return [Note("SAME_DAY_EVENTS", d, tuple(ids)) for d, ids in by_day.items() if len(ids) > 1]


def _planned(listed: list[DoseEvent], as_of: date, unit: str | None) -> tuple[PlannedStep, ...]:
    """Read the plan as if it were followed; a percent step is of the step before it.

    A step that was carried out is read as it was written; those after it start from what was
    done.
    """
    if not any(e.planned for e in listed):
        return ()
    open_or_done = [e for e in listed if not e.unconfirmed]
    done = _carried_out(open_or_done)
    as_done = [e for e in open_or_done if e.id not in done]
    states = {step.event.id: step.state for step in _walk(_placed(as_done), unit)}
    if done:
        as_written = [e for e in open_or_done if e.id not in done.values()]
        written = {step.event.id: step.state for step in _walk(_placed(as_written), unit)}
        states |= {step: written[step] for step in done}
    return tuple(
        PlannedStep(
            step,
            states[step.id].tdd,
            states[step.id].unit,
            overdue=step.id not in done and step.day is not None and step.day < as_of,
            done_by=done.get(step.id),
        )
        for step in open_or_done
        if step.planned
    )


def _carried_out(listed: Iterable[DoseEvent]) -> dict[str, str]:
    """Give the ids of planned steps that were done, with that of the event that did each."""
    events = list(listed)
    steps = [e for e in events if e.planned]
    done = {e.planned_step: e.id for e in events if e.counts and e.planned_step}
    for event in events if steps else ():
        if event.counts and event.id not in done.values():
            same = [e for e in steps if e.day == event.day and e.statement == event.statement]
            for step in same[:1]:
                done.setdefault(step.id, event.id)
    return {step.id: done[step.id] for step in steps if step.id in done}
