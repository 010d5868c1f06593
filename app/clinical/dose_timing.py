"""How long a dose needs before it can be read, and the clock of the decision points.

Trend specification 3.4 to 3.6. Half-lives, onset weeks and minimum effective doses come in as
numbers of the reference; days are local calendar days.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Literal

from app.clinical.doses import DoseEpoch

Phase = Literal["settling", "early", "assessable", "after_stop"]


@dataclass(frozen=True, slots=True)
class SteadyState:
    """Days to 97 % of steady state, and to wash out; HALF_LIFE_ASSUMED: no half-life is known."""

    days: int
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Onset:
    """Days until an effect may show and until it may be full.

    basis: `reference` (the medicine's own), `class` (a default of its class), `assumed`.
    """

    early: int
    full: int
    basis: Literal["reference", "class", "assumed"]
    codes: tuple[str, ...] = ()


def ss_days(half_life_h: Decimal | int | float | None) -> SteadyState:
    """Return ceil(5 half-lives) in days; give the longest half-life, active metabolite included."""
    if half_life_h is None:
        return SteadyState(7, ("HALF_LIFE_ASSUMED",))
    return SteadyState(ceil(5 * Decimal(str(half_life_h)) / 24))


# Defaults per class from memory (trend specification 3.4), by ids and classes of the reference.
_CLASS_ONSET: tuple[tuple[frozenset[str], tuple[int, int]], ...] = (
    (frozenset({"clonidine", "guanfacine", "atomoxetine"}), (14, 42)),
    (frozenset({"buspirone"}), (14, 28)),
    (frozenset({"ssri", "snri", "mirtazapine"}), (14, 42)),
    (frozenset({"antipsychotic", "mood_stabiliser"}), (7, 21)),
    (frozenset({"stimulant", "hypnotic"}), (1, 7)),
)


def onset_days(
    onset_weeks: tuple[Decimal | int | float, Decimal | int | float] | None,
    kinds: Collection[str] = (),
) -> Onset:
    """Return 7 x the reference's [early, full] weeks, else the default of the class.

    kinds: the medicine's reference id and classes; the first class default that fits is used.
    """
    if onset_weeks is not None:
        early, full = (ceil(7 * Decimal(str(weeks))) for weeks in onset_weeks)
        return Onset(early, full, "reference")
    for names, (early, full) in _CLASS_ONSET:
        if names & set(kinds):
            return Onset(early, full, "class")
    return Onset(14, 42, "assumed", ("ONSET_ASSUMED",))


def phase(day: date, epoch: DoseEpoch, *, ss_days: int, onset_early: int) -> Phase | None:
    """Say what a reading on this day can tell about the epoch's dose.

    `settling` before steady state, `early` before the first effect may show, then `assessable`;
    `after_stop` (stop and hold) until `ss_days` = wash-out are over. None: washed out, as needed,
    or the first or last day of the epoch is not known.

    Raises:
        ValueError: the day lies outside the epoch.
    """
    if epoch.prn or epoch.from_day is None or epoch.ended_on_unknown_day:
        return None
    if day < epoch.from_day or (epoch.to_day is not None and day >= epoch.to_day):
        raise ValueError("the day lies outside the epoch")
    days = (day - epoch.from_day).days
    if not epoch.on:
        return "after_stop" if days < ss_days else None
    if days < ss_days:
        return "settling"
    return "early" if days < onset_early else "assessable"


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """Days [from_day, to_day) of an epoch in one phase."""

    phase: Phase
    from_day: date
    to_day: date


def phases(
    epoch: DoseEpoch, *, as_of: date, ss_days: int, onset_early: int
) -> tuple[PhaseSpan, ...]:
    """Cut an epoch, up to and including `as_of`, into its phases; see `phase`.

    Empty where no day of it has a phase; what follows a wash-out has none.
    """
    if epoch.from_day is None:
        return ()
    end = min(epoch.to_day or date.max, as_of + timedelta(1))
    edges = sorted({0, ss_days, onset_early})
    starts = [epoch.from_day + timedelta(days) for days in edges]
    found: list[PhaseSpan] = []
    for first, following in pairwise([*starts, date.max]):
        last = min(following, end)
        if first >= last:
            continue
        word = phase(first, epoch, ss_days=ss_days, onset_early=onset_early)
        if found and found[-1].phase == word:
            found[-1] = replace(found[-1], to_day=last)
        elif word is not None:
            found.append(PhaseSpan(word, first, last))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Clock:
    """The clock of the decision points.

    since: the start of this run, or the last raise before a response.
    days: days since then with the medicine on, an unknown dose counted as on; None with a code
        (NOT_RUNNING, START_UNKNOWN, STOP_DAY_UNKNOWN) when it cannot be said.
    adequate_days: of these, days known to be at or above the minimum effective dose; None with
        NO_MINIMUM_DOSE when the reference has none.
    unknown_days: of these, days at an unknown dose.
    """

    since: date | None
    days: int | None
    adequate_days: int | None
    unknown_days: int
    codes: tuple[str, ...] = ()


def dose_clock(
    epochs: Sequence[DoseEpoch],
    *,
    as_of: date,
    minimum_effective: Decimal | None = None,
    response_on: date | None = None,
) -> Clock:
    """Count days since the start or the last raise; a hold pauses it, a stop ends it.

    minimum_effective: in the unit of the epochs. response_on: a raise after it does not set the
    clock back. As-needed days do not count.
    """
    begun = [e for e in epochs if e.from_day is None or e.from_day <= as_of]
    run: list[DoseEpoch] = []
    for epoch in begun:
        stopped = not epoch.on and not epoch.hold
        run = [] if stopped or epoch.prn or epoch.ended_on_unknown_day else [*run, epoch]
    if not run:
        unknown = bool(begun) and begun[-1].ended_on_unknown_day
        code = "STOP_DAY_UNKNOWN" if unknown else "NOT_RUNNING"
        return Clock(None, None, None, 0, (code,))
    raised = [
        i
        for i, epoch in enumerate(run)
        if epoch.direction == "raise"
        and epoch.from_day is not None
        and (response_on is None or epoch.from_day <= response_on)
    ]
    counted = run[raised[-1] if raised else 0 :]
    since = counted[0].from_day
    if since is None:
        return Clock(None, None, None, 0, ("START_UNKNOWN",))
    on = [(e, _nights(e, as_of)) for e in counted if e.on]
    adequate = None
    if minimum_effective is not None:
        adequate = sum(n for e, n in on if e.tdd is not None and e.tdd >= minimum_effective)
    return Clock(
        since=since,
        days=sum(n for _, n in on),
        adequate_days=adequate,
        unknown_days=sum(n for e, n in on if e.tdd is None),
        codes=() if minimum_effective is not None else ("NO_MINIMUM_DOSE",),
    )


def _nights(epoch: DoseEpoch, as_of: date) -> int:
    """Days of the epoch that have passed before `as_of`."""
    assert epoch.from_day is not None  # only the first epoch of a run can lack it
    return (min(epoch.to_day or as_of, as_of) - epoch.from_day).days
