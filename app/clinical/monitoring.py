"""What the medicines taken ask to be measured, and what of it is due on a day.

The list is worked out from the drug list when it is read, so it never lags behind. Schedules
and sources: `monitoring_schedules`.

What the reference leaves open is a choice of this product: a baseline counts from 30 days
before the first dose on, any other test from a quarter of its interval early (14 days at most);
a later one covers what was missed before it. A pharmacist or psychiatrist reviews the schedules
before anyone relies on them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from app.clinical.doses import DoseEpoch
from app.clinical.limits import Judged, judge, timing_valid
from app.clinical.medications import Substance
from app.clinical.monitoring_schedules import (
    AfterResult,
    Schedule,
    of_age,
    schedules_for,
    step_of,
)

CRITICAL_VALUE = "CRITICAL_VALUE"
BASELINE_COUNTS_DAYS = 30
EARLY_SHARE = 4
MOST_EARLY_DAYS = 14

State = Literal["review", "overdue", "due", "upcoming", "done", "conditional", "unknown"]
Reason = Literal["baseline", "after_start", "periodic", "after_dose_change", "after_result"]


@dataclass(frozen=True, slots=True)
class Treatment:
    """One medicine that is taken now.

    first_dose_on: start of the present stretch, which a stop ends and a hold does not; None when
        it began before the record. dose_changes: days of it on which the dose changed.
    """

    substance: Substance
    first_dose_on: date | None
    dose_changes: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """A test that was done: a number in `unit`, or a text ("negative"), or neither known."""

    day: date
    value: Decimal | None = None
    unit: str | None = None
    text: str | None = None
    hours_since_dose: Decimal | None = None
    record_id: str | None = None


@dataclass(frozen=True, slots=True)
class Last:
    """The newest result with what it is worth; `judged` is None for a text."""

    result: Result
    judged: Judged | None


@dataclass(frozen=True, slots=True)
class Due:
    """One schedule on one day.

    for_: reference ids of the medicines that ask for it. n: results on or before the day.
    state: `review` where the newest value of the treatment is critical: what follows is decided
        by a clinician, and such a test is never called done.
    due_on: day of the first thing not done; None when all is done, when no day is known, and in
        a review, unless the reference says by the value when to test again.
    code: CRITICAL_VALUE; or why no day is known: CONDITION_NOT_RECORDED, AGE_UNKNOWN,
        START_UNKNOWN, NEVER_DONE (taken since before the record, no result in it), NO_CODE (the
        reference has no code by which a result could be told); or why the newest result does
        not count: TIMING_UNKNOWN, TIMING_OUTSIDE_WINDOW.
    overdue_days: None unless overdue.
    """

    schedule: Schedule
    for_: tuple[str, ...]
    state: State
    reason: Reason | None
    code: str | None
    due_on: date | None
    overdue_days: int | None
    last: Last | None
    n: int


# ---- what is taken


def treatment_of(
    substance: Substance, courses: Iterable[Sequence[DoseEpoch]], on: date
) -> Treatment | None:
    """Give the present stretch on one medicine from the dose epochs of its courses.

    A hold goes on; a stop ends a stretch, unless another course of the medicine was running on
    that day. A course of no epoch is one of which no dose event is told: it may be taken since
    before the record. None when nothing runs on this day.
    """
    stretches = [one for epochs in courses for one in _stretches(epochs, on)]
    current = [one for one in stretches if one.last is None or one.last > on]
    if not current:
        return None
    joined = list(current)
    while more := [
        one
        for one in stretches
        if one not in joined and any(one.reaches(other) for other in joined)
    ]:
        joined += more
    first = None if any(one.first is None for one in joined) else min(_known(joined))
    changes = sorted({day for one in joined for day in one.starts if day != first})
    return Treatment(substance, first, tuple(changes))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Days [first, last) of one course without a stop, and the days on which a dose began."""

    first: date | None
    last: date | None
    starts: tuple[date, ...]

    def reaches(self, later: "_Stretch") -> bool:
        return later.first is not None and (self.last is None or self.last >= later.first)


def _known(stretches: Iterable[_Stretch]) -> Iterator[date]:
    return (one.first for one in stretches if one.first is not None)


def _stretches(epochs: Sequence[DoseEpoch], on: date) -> Iterator[_Stretch]:
    if not epochs:
        yield _Stretch(None, None, ())
    held: list[DoseEpoch] = []
    for epoch in epochs:
        if epoch.from_day is not None and epoch.from_day > on:
            break
        if (epoch.on or epoch.hold) and not epoch.ended_on_unknown_day:
            held.append(epoch)
        elif held:
            yield _stretch(held)
            held = []
    if held:
        yield _stretch(held)


def _stretch(held: Sequence[DoseEpoch]) -> _Stretch:
    starts = [epoch.from_day for epoch in held if epoch.on and epoch.from_day is not None]
    return _Stretch(held[0].from_day, held[-1].to_day, tuple(starts))


# ---- what is due


def due(
    treatments: Iterable[Treatment],
    results: Mapping[str, Sequence[Result]],
    *,
    on: date,
    age_years: int | None = None,
    own: Iterable[Schedule] = (),
) -> tuple[Due, ...]:
    """Say for each schedule of the medicines taken what is due on a day, the most pressing first.

    results: by measure code (`labs.<loinc>`, `aims.total`), in any order; those after the day
        are left out. A level drawn outside its hours, or at an hour that nobody recorded, is
        shown as the last with its reason, and does not count as done (decision rules, E:
        "accepted if recorded").
    own: a clinic's schedules beside the house's.
    A schedule whose stretch has not begun or is over for every medicine is not in the list.
    """
    taken = tuple(treatments)
    found = []
    for one in schedules_for((t.substance for t in taken), age_years, own):
        asking = tuple(t for t in taken if one.is_for(t.substance))
        done = sorted(
            (r for code in one.measures for r in results.get(code, ()) if r.day <= on),
            key=lambda result: result.day,
        )
        state = _due(one, asking, done, on, age_years)
        if state is not None:
            found.append(state)
    return tuple(sorted(found, key=_pressing))


_ORDER: tuple[State, ...] = (
    "review",
    "overdue",
    "due",
    "unknown",
    "upcoming",
    "done",
    "conditional",
)


def _pressing(one: Due) -> tuple[int, bool, date, str]:
    urgent = one.schedule.priority != "required"
    return _ORDER.index(one.state), urgent, one.due_on or date.max, one.schedule.id


def _due(
    schedule: Schedule,
    asking: Sequence[Treatment],
    done: Sequence[Result],
    on: date,
    age_years: int | None,
) -> Due | None:
    for_ = tuple(sorted({one.substance.reference_id for one in asking}))
    last = _last(schedule, done[-1]) if done else None

    def made(
        state: State,
        next_: "_Next | None" = None,
        code: str | None = None,
        late: int | None = None,
    ) -> Due:
        reason, day = (next_.reason, next_.day) if next_ else (None, None)
        return Due(schedule, for_, state, reason, code, day, late, last, len(done))

    may_hold = _why_conditional(schedule, age_years)
    in_force = [one for one in asking if _in_force(schedule, one, on)]
    if not in_force and may_hold is None:
        return None
    is_critical = _is_critical(last, _counts_from(asking))
    if is_critical and schedule.after_result is None:
        return made("review", code=CRITICAL_VALUE)
    if may_hold is not None:
        return made("conditional", code=may_hold)
    if not schedule.measures:
        return made("unknown", code="NO_CODE")
    valid = [r for r in done if timing_valid(schedule.limits, r.hours_since_dose)]
    next_ = min(_nexts(schedule, in_force, valid, on), key=lambda one: one.day, default=None)
    doubt = CRITICAL_VALUE if is_critical else _why_not_counted(schedule, done)
    if next_ is None:
        code = _why_no_day(schedule, in_force, valid)
        if code is None:
            return made("review" if is_critical else "done", code=doubt)
        return made("due" if code == "NEVER_DONE" else "unknown", code=doubt or code)
    if next_.day < on:
        return made("overdue", next_, doubt, late=(on - next_.day).days)
    if next_.day - timedelta(days=next_.early) <= on:
        return made("due", next_, doubt)
    if is_critical:
        return made("review", next_, doubt)
    since = _counts_from(in_force)
    return made("done" if any(one.day >= since for one in valid) else "upcoming", next_, doubt)


def _why_conditional(schedule: Schedule, age_years: int | None) -> str | None:
    """Say why it is open whether the schedule holds at all; None where it does."""
    if schedule.condition is not None:
        return "CONDITION_NOT_RECORDED"
    return "AGE_UNKNOWN" if of_age(schedule, age_years) is None else None


def _is_critical(last: Last | None, since: date) -> bool:
    """Say whether the newest result is critical, and of these treatments."""
    if last is None or last.judged is None:
        return False
    return last.judged.critical and last.result.day >= since


def _why_not_counted(schedule: Schedule, done: Sequence[Result]) -> str | None:
    """Say why the newest result does not count; None where it does, or there is none."""
    if not done:
        return None
    timed = timing_valid(schedule.limits, done[-1].hours_since_dose)
    return {True: None, None: "TIMING_UNKNOWN", False: "TIMING_OUTSIDE_WINDOW"}[timed]


def _why_no_day(
    schedule: Schedule, in_force: Sequence[Treatment], valid: Sequence[Result]
) -> str | None:
    if all(one.first_dose_on is not None for one in in_force):
        return None
    if _windowed(schedule) or schedule.then_every_days is None:
        return "START_UNKNOWN"
    return None if valid else "NEVER_DONE"


def _last(schedule: Schedule, result: Result) -> Last:
    if result.value is None:
        return Last(result, None)
    hours = result.hours_since_dose
    return Last(result, judge(schedule.limits, result.value, result.unit, hours_since_dose=hours))


@dataclass(frozen=True, slots=True)
class _Next:
    """A day on which the test is wanted; a result from `early` days before it counts for it."""

    day: date
    early: int
    reason: Reason


def _windowed(schedule: Schedule) -> bool:
    return schedule.from_days > 0 or schedule.until_days is not None


def _in_force(schedule: Schedule, treatment: Treatment, on: date) -> bool:
    start = treatment.first_dose_on
    if start is None:
        return True
    days = (on - start).days
    return days >= schedule.from_days and (
        schedule.until_days is None or days < schedule.until_days
    )


def _nexts(
    schedule: Schedule, in_force: Sequence[Treatment], valid: Sequence[Result], on: date
) -> Iterator[_Next]:
    """The first wanted day of each medicine that no result covers; what the last result asks."""
    newest = valid[-1].day if valid else None
    for treatment in in_force:
        for one in _wanted(schedule, treatment, newest, on):
            if newest is None or newest < one.day - timedelta(days=one.early):
                yield one
                break
    if schedule.after_result is not None:
        again = _again(schedule.after_result, _counts(schedule, valid, _counts_from(in_force)))
        if again is not None:
            yield _Next(again, 0, "after_result")


def _counts_from(in_force: Iterable[Treatment]) -> date:
    """The first day whose results belong to these treatments; the earliest where one is open."""
    starts = [one.first_dose_on for one in in_force]
    known = [day for day in starts if day is not None]
    if len(known) < len(starts):
        return date.min
    return min(known) - timedelta(days=BASELINE_COUNTS_DAYS)


def _wanted(
    schedule: Schedule, treatment: Treatment, newest: date | None, on: date
) -> Iterator[_Next]:
    """Days on which one medicine wants the test, in order, up to the first after today."""
    days = [
        _Next(change + timedelta(days=offset), offset // EARLY_SHARE, "after_dose_change")
        for change in treatment.dose_changes
        for offset in schedule.after_dose_change_days
    ]
    start, every = treatment.first_dose_on, schedule.then_every_days
    if start is not None:
        horizon = (on - start).days + (every or 0) + MOST_EARLY_DAYS
        days += [
            _Next(start + timedelta(days=day), early, reason)
            for day, early, reason in _grid(schedule, horizon)
        ]
    elif every is not None and newest is not None and not _windowed(schedule):
        days.append(_Next(newest + timedelta(days=every), _early(every), "periodic"))
    yield from sorted(days, key=lambda one: (one.day, one.early))


def _grid(schedule: Schedule, horizon: int) -> Iterator[tuple[int, int, Reason]]:
    """Days from the first dose: the baseline, the offsets, then the period up to the horizon."""
    if schedule.baseline:
        yield 0, BASELINE_COUNTS_DAYS, "baseline"
    before = 0
    for day in schedule.offsets_days:
        yield day, _early(day - before), "after_start"
        before = day
    every = schedule.then_every_days
    if every is None:
        return
    begins_later = schedule.from_days > 0 and not schedule.offsets_days
    day = schedule.from_days if begins_later else before + every
    while day <= horizon and (schedule.until_days is None or day < schedule.until_days):
        yield day, _early(every), "periodic"
        day += every


def _early(interval: int) -> int:
    return min(interval // EARLY_SHARE, MOST_EARLY_DAYS)


def _counts(schedule: Schedule, valid: Iterable[Result], since: date) -> list[tuple[date, Decimal]]:
    """The values of a test in the unit of its limits, in order, without those not comparable."""
    judged = [
        (r.day, judge(schedule.limits, r.value, r.unit)) for r in valid if r.value is not None
    ]
    return [(day, one.value) for day, one in judged if one.value is not None and day >= since]


def _again(rule: AfterResult, counts: Sequence[tuple[date, Decimal]]) -> date | None:
    """When the last value asks for the next test; None when it asks for nothing special.

    Clozapine label: a first low count is repeated within 24 h; while it is low, three times a
    week or daily; after a count below 1.0 weekly for four weeks from the recovery.
    """
    if not counts:
        return None
    day, value = counts[-1]
    step = step_of(rule, value)
    if step is not None:
        is_first = len(counts) < 2 or counts[-2][1] >= rule.recovered_at
        return day + timedelta(days=step.first_within_days if is_first else step.within_days)
    low = [i for i, (_, count) in enumerate(counts) if count < rule.recovered_at]
    if not low:
        return None
    episode = [counts[low[-1]][1]]
    for i in reversed(low[:-1]):
        if i != low[-1] - len(episode):
            break
        episode.append(counts[i][1])
    recovered_on, again = counts[low[-1] + 1][0], day + timedelta(days=7)
    is_watched = (again - recovered_on).days <= rule.weekly_for_days
    return again if is_watched and min(episode) < rule.weekly_after_below else None
