"""Which medicine took the place of which: switches and cross-tapers between two courses.

A link is drawn when a dose event says `switch`, or when both medicines belong to one therapeutic
group. It tells what happened side by side; it says neither why nor with what effect. How near
two events have to be is a choice of this product.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import permutations
from typing import Literal

from app.clinical.doses import DoseEpoch, DoseEvent

GROUPS = (
    "antidepressant",
    "antipsychotic",
    "mood_stabiliser",
    "stimulant",
    "nonstimulant_adhd",
    "benzodiazepine",
    "hypnotic",
    "anxiolytic",
    "opioid_use_disorder",
)
"""Classes of the reference within which one medicine stands in for another."""

GAP_DAYS = 14
"""Between a stop and the start that takes its place."""
SAID_GAP_DAYS = 42
"""The same where an event says `switch`: the longest wash-out, fluoxetine before an MAOI, is 35."""
OVERLAP_DAYS = 56
"""From the start of the new medicine to the first lowering or the stop of the old one."""

Basis = Literal["reason", "group"]


@dataclass(frozen=True, slots=True)
class Switchable:
    """One course as a link sees it: its line, its events, the groups of its medicine.

    substance: what tells the medicine; two courses of one medicine are no switch.
    """

    id: str
    substance: str
    groups: frozenset[str]
    epochs: Sequence[DoseEpoch]
    events: Sequence[DoseEvent]


@dataclass(frozen=True, slots=True)
class Link:
    """One course that took the place of another.

    kind: `switch` (the old one had ended) or `cross_taper` (both were on for a while).
    started_on: of the new one. lowered_on: first lowering of the old one from then on, if any.
    stopped_on: of the old one; None while it still goes on.
    gap_days: days with neither, of a switch; overlap_days: days with both, of a cross-taper, up
        to `as_of` while it goes on.
    basis: what the link rests on; records: the events behind it.
    """

    kind: Literal["switch", "cross_taper"]
    old: str
    new: str
    started_on: date
    lowered_on: date | None
    stopped_on: date | None
    gap_days: int | None
    overlap_days: int | None
    basis: Basis
    group: str | None
    records: tuple[str, ...]


def links(courses: Iterable[Switchable], *, as_of: date) -> tuple[Link, ...]:
    """Link each course with those that it took the place of, by the day of the new start."""
    found = [
        link
        for old, new in permutations(courses, 2)
        if old.substance != new.substance
        for begun in _starts(new)
        if (link := _link(old, new, begun, as_of)) is not None
    ]
    return tuple(sorted(found, key=lambda one: (one.started_on, one.old, one.new)))


def _link(old: Switchable, new: Switchable, begun: DoseEpoch, as_of: date) -> Link | None:
    start = begun.from_day
    assert start is not None, "only dated starts are looked at"
    if not any(_before(epoch, start) for epoch in old.epochs if epoch.on):
        return None
    stop = _stop_near(old, start)
    lowered = _lowered(old, start)
    stopped_on = stop.from_day if stop else None
    if stopped_on is None and lowered is None:
        return None
    behind = [one for one in (stop, lowered, begun) if one is not None]
    records = tuple(dict.fromkeys(record for one in behind for record in one.records))
    said = any(e.reason == "switch" for e in (*old.events, *new.events) if e.id in records)
    group = next((one for one in GROUPS if one in old.groups & new.groups), None)
    if not said and group is None:
        return None
    gap = (start - stopped_on).days if stopped_on and stopped_on <= start else None
    if gap is not None and gap > (SAID_GAP_DAYS if said else GAP_DAYS):
        return None
    crossing = gap is None
    lowered_on = lowered.from_day if crossing and lowered else None
    if crossing and ((lowered_on or stopped_on or start) - start).days > OVERLAP_DAYS:
        return None
    return Link(
        kind="cross_taper" if crossing else "switch",
        old=old.id,
        new=new.id,
        started_on=start,
        lowered_on=lowered_on,
        stopped_on=stopped_on,
        gap_days=gap,
        overlap_days=((stopped_on or as_of) - start).days if crossing else None,
        basis="reason" if said else "group",
        group=group,
        records=records,
    )


def _starts(course: Switchable) -> list[DoseEpoch]:
    """Give the epochs with which the course began, or began again after a stop, on a known day."""
    found, was_on = [], False
    for epoch in course.epochs:
        if epoch.on and not was_on and epoch.from_day is not None:
            found.append(epoch)
        was_on = epoch.on or epoch.hold
    return found


def _before(epoch: DoseEpoch, day: date) -> bool:
    return epoch.from_day is None or epoch.from_day < day


def _stop_near(course: Switchable, start: date) -> DoseEpoch | None:
    """Give the last stop before the day if the course was off then, else the first after it."""
    off = [e for e in course.epochs if not e.on and not e.hold and e.from_day is not None]
    before = [e for e in off if e.from_day and e.from_day <= start]
    if before and (before[-1].to_day is None or before[-1].to_day > start):
        return before[-1]
    return next((e for e in off if e.from_day and e.from_day > start), None)


def _lowered(course: Switchable, start: date) -> DoseEpoch | None:
    """Give the first lowering from the day on that left the medicine on."""
    return next(
        (
            e
            for e in course.epochs
            if e.on and e.direction == "lower" and e.from_day is not None and e.from_day >= start
        ),
        None,
    )
