"""The arithmetic of one night's sleep diary: time in bed, sleep time, efficiency.

Terms as in the Consensus Sleep Diary (Carney CE 2012, Sleep 35:287-302): SOL is the time from
trying to sleep to sleep, WASO the time awake between falling asleep and the final awakening.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

IMPLAUSIBLE = "DQ_IMPLAUSIBLE"
LONGEST_NIGHT_MIN = 24 * 60
"""More time in bed than a day means that the clock times are out of order."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The four moments of a night, in their order; None where it was not said.

    All of one kind: with a zone, or all without, and then a night that changes the clock is
    an hour out.
    """

    into_bed: datetime | None
    tried_to_sleep: datetime | None
    final_awakening: datetime | None
    out_of_bed: datetime | None


@dataclass(frozen=True, slots=True)
class Night:
    """What a diary night gives, in minutes and percent; a number whose inputs lack is None.

    flags: `DQ_IMPLAUSIBLE` when the entries contradict each other. Nobody can say which of
        them is wrong, so no number is derived, and what was sent stays out of statistics.
    """

    time_in_bed_min: float | None = None
    total_sleep_time_min: float | None = None
    efficiency_pct: float | None = None
    terminal_wake_min: float | None = None
    flags: tuple[str, ...] = ()


def moments(woke_on: date, zone: tzinfo | None, clock: Mapping[str, time]) -> Moments:
    """Put the clock times of a night on their days, back and forth from the day of waking.

    clock: local clock times by the names of `Moments`, any of them absent.

    The final awakening lies on `woke_on`; getting up is the next such time, trying to sleep
    and going to bed are the last such times before. A clock time that occurs twice in the
    autumn night is its first occurrence, one that the spring night skips is an hour later
    (PEP 495, fold 0).
    """
    wall: dict[str, datetime] = {}
    latest = first = None
    for name in ("final_awakening", "out_of_bed"):
        if name in clock:
            at = datetime.combine(woke_on, clock[name])
            if latest is not None and at < latest:
                at += timedelta(days=1)
            wall[name] = latest = at
            first = first or at
    bound = first or datetime.combine(woke_on, time.max)
    for name in ("tried_to_sleep", "into_bed"):
        if name in clock:
            at = datetime.combine(bound.date(), clock[name])
            if at > bound:
                at -= timedelta(days=1)
            wall[name] = bound = at
    names = ("into_bed", "tried_to_sleep", "final_awakening", "out_of_bed")
    return Moments(*(wall[name].replace(tzinfo=zone) if name in wall else None for name in names))


def night(of: Moments, *, latency_min: float | None, waso_min: float | None) -> Night:
    """Derive the numbers of one night, in real time also where the clock was changed.

    latency_min (SOL) and waso_min are minutes as the patient estimates them, None when not
    said: unknown, never 0. Then sleep time and efficiency are None.

    TST = (final awakening - trying to sleep) - SOL - WASO; SE = 100 TST / TIB. The entries
    contradict each other when TIB is not above 0 or is above a day, TST is below 0 or above TIB.
    """
    in_bed = _minutes(of.into_bed, of.out_of_bed)
    trying = _minutes(of.tried_to_sleep, of.final_awakening)
    asleep = None
    if trying is not None and latency_min is not None and waso_min is not None:
        asleep = trying - latency_min - waso_min
    if in_bed is not None and not 0 < in_bed <= LONGEST_NIGHT_MIN:
        return Night(flags=(IMPLAUSIBLE,))
    if asleep is not None and not 0 <= asleep <= (in_bed or LONGEST_NIGHT_MIN):
        return Night(flags=(IMPLAUSIBLE,))
    return Night(
        time_in_bed_min=in_bed,
        total_sleep_time_min=asleep,
        efficiency_pct=None if asleep is None or in_bed is None else 100 * asleep / in_bed,
        terminal_wake_min=_minutes(of.final_awakening, of.out_of_bed),
    )


def _minutes(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    if begin.tzinfo is not None and end.tzinfo is not None:
        # Two moments of one zone are subtracted by their clocks; in UTC by real time.
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    return (end - begin).total_seconds() / 60
