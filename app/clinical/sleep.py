"""The arithmetic of a sleep diary: time in bed, sleep time, efficiency, midsleep, regularity.

Terms as in the Consensus Sleep Diary (Carney CE 2012, Sleep 35:287-302): SOL is the time from
trying to sleep to sleep, WASO the time awake between falling asleep and the final awakening.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from math import atan2, cos, fsum, hypot, log, sin, sqrt, tau

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

    midsleep: half of the way from falling asleep to the final awakening (Roenneberg 2003,
        J Biol Rhythms 18:80-90), in real time also where the clock was changed.
    flags: `DQ_IMPLAUSIBLE` when the entries contradict each other. Nobody can say which of
        them is wrong, so no number is derived, and what was sent stays out of statistics.
    """

    time_in_bed_min: float | None = None
    total_sleep_time_min: float | None = None
    efficiency_pct: float | None = None
    terminal_wake_min: float | None = None
    midsleep: datetime | None = None
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
        midsleep=_midsleep(of, latency_min),
    )


def _midsleep(of: Moments, latency_min: float | None) -> datetime | None:
    trying = _minutes(of.tried_to_sleep, of.final_awakening)
    if trying is None or latency_min is None or of.final_awakening is None:
        return None
    return _earlier(of.final_awakening, (trying - latency_min) / 2)


def _earlier(moment: datetime, minutes: float) -> datetime:
    """Go back in real time, and give the clock time of the same zone."""
    back = timedelta(minutes=minutes)
    if moment.tzinfo is None:
        return moment - back
    return (moment.astimezone(UTC) - back).astimezone(moment.tzinfo)


def hours_from_midnight(moment: datetime, day: date) -> float:
    """Place a clock time against the midnight that begins a day: 23:30 the evening before is -0.5.

    The clock's hours, not real ones: regularity is a matter of what the clock says.
    """
    wall = moment.replace(tzinfo=None)
    return (wall - datetime.combine(day, time.min)).total_seconds() / 3600


@dataclass(frozen=True, slots=True)
class Regularity:
    """How far midsleep moves from night to night: the circular standard deviation, in minutes.

    n: nights with a midsleep. midsleep_sd_min: None with TOO_FEW_NIGHTS below `LEAST_NIGHTS`, and
    with AROUND_THE_CLOCK where the nights cancel out: then there is no mean to differ from.
    """

    n: int
    midsleep_sd_min: float | None
    mean_midsleep_h: float | None
    codes: tuple[str, ...] = ()


LEAST_NIGHTS = 7
"""A week (trend specification 2.9): an SD of fewer nights says little."""


def regularity(midsleeps_h: Sequence[float]) -> Regularity:
    """Give the circular standard deviation of midsleep over nights, in any order.

    On the clock 23:50 and 00:10 are twenty minutes apart, whichever day each belongs to.

    midsleeps_h: hours from the midnight of each waking day (`hours_from_midnight`); one a night.

    Fisher NI (1993), Statistical Analysis of Circular Data, for sqrt(-2 ln R).
    A common measure of variability from night to night: Bei B 2016, Sleep Med Rev 28:108-124.
    The Sleep Regularity Index (Phillips 2017, Sci Rep 7:3216) needs sleep and wake around the
    clock, which a diary does not have.
    """
    n = len(midsleeps_h)
    if n < LEAST_NIGHTS:
        return Regularity(n, None, None, ("TOO_FEW_NIGHTS",))
    angles = [hours / 24 * tau for hours in midsleeps_h]
    east, north = fsum(map(cos, angles)) / n, fsum(map(sin, angles)) / n
    together = min(hypot(east, north), 1.0)
    if together < LEAST_TOGETHER:
        return Regularity(n, None, None, ("AROUND_THE_CLOCK",))
    spread = sqrt(-2 * log(together))
    return Regularity(n, spread / tau * 24 * 60, atan2(north, east) / tau * 24)


LEAST_TOGETHER = 1e-9

DISAGREE_FROM_MIN = 60.0
"""Minutes of total sleep time between diary and device that are pointed out: a choice of this
product, the smallest difference of the measure."""


def disagrees(diary_min: float | None, device_min: float | None) -> bool | None:
    """Say whether two total sleep times of one night lie far apart; None where one lacks."""
    if diary_min is None or device_min is None:
        return None
    return abs(diary_min - device_min) >= DISAGREE_FROM_MIN


def _minutes(begin: datetime | None, end: datetime | None) -> float | None:
    if begin is None or end is None:
        return None
    if begin.tzinfo is not None and end.tzinfo is not None:
        # Two moments of one zone are subtracted by their clocks; in UTC by real time.
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
    return (end - begin).total_seconds() / 60
