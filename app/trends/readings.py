"""From raw readings to one point a day: what counts, what does not and why (trend-spec 2)."""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from app.clinical.baseline import Point
from app.clinical.measure import Measure, day_value, implausible, unlikely


class Reading(NamedTuple):
    """One number of the series table, as known at the asked moment.

    day: the local day that it was given when it was recorded. flags: space-separated reasons why
    it stays out of statistics, or None.
    """

    measure: str
    day: date
    at: datetime | None
    value: float
    record_id: UUID
    source: str
    medication_id: UUID | None
    flags: str | None


@dataclass(slots=True)
class Series:
    """One measure, one point a day.

    made_of: the counted readings behind each of `points`, by place. left_out: readings that do
    not count, with the reason. codes: what to know of the points: code -> records.
    """

    measure: Measure
    points: list[Point] = field(default_factory=list)
    made_of: list[list[Reading]] = field(default_factory=list)
    left_out: list[tuple[Reading, str]] = field(default_factory=list)
    codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @property
    def n_raw(self) -> int:
        """Count the readings behind the points."""
        return sum(map(len, self.made_of))

    def within(self, first: date, last: date) -> "Series":
        """Cut to the days from first to last, both included."""
        cut = slice(
            bisect_left(self.points, first, key=_day_of),
            bisect_right(self.points, last, key=_day_of),
        )
        made_of = self.made_of[cut]
        left_out = [(one, why) for one, why in self.left_out if first <= one.day <= last]
        points = self.points[cut]
        codes: dict[str, list[str]] = {}
        if self.codes:
            present = {record for point in points for record in point.records}
            present |= {str(one.record_id) for one, _ in left_out}
            for code, records in self.codes.items():
                if found := [record for record in records if record in present]:
                    codes[code] = found
        return Series(self.measure, points, made_of, left_out, codes)


def happened(
    readings: Iterable[Reading], as_of: date, zone: ZoneInfo | None, asked: ZoneInfo
) -> Iterator[Reading]:
    """Give the readings up to a day, in order, on the days of the asked zone.

    zone: the one in which days were given when recorded; None: each record's own offset, which
    stays. A day that is not its moment's (a night belongs to the day of waking) stays too.

    Raises:
        ValueError: a value is not finite; nothing of the kind can have been recorded.
    """
    moves = zone is not None and asked != zone
    for one in readings:
        if not math.isfinite(one.value):
            raise ValueError(f"{one.measure}: a value that is not finite")
        moved = one
        if moves and one.at is not None and one.at.astimezone(zone).date() == one.day:
            moved = one._replace(day=one.at.astimezone(asked).date())
        if moved.day <= as_of:
            yield moved


def series_of(measure: Measure, readings: Sequence[Reading]) -> Series:
    """Bring the readings of one measure to one point a day.

    readings: in order of time, on each day those without a time first. What is flagged, out of
    range or unlikely is shown with its reason and does not count; of readings that agree in time,
    value and source one counts.
    """
    series = Series(measure)
    for day, group in groupby(readings, key=attrgetter("day")):
        kept: list[Reading] = []
        known = set()
        for one in group:
            reason = _excluded(measure, one)
            if reason is not None:
                series.left_out.append((one, reason))
                series.codes[reason].append(str(one.record_id))
            elif (key := (one.at, one.value, one.source)) not in known:
                known.add(key)
                kept.append(one)
        if kept:
            made = day_value(measure, [one.value for one in kept])
            records = tuple([str(one.record_id) for one in kept])
            for code in made.reasons:
                series.codes[code] += records
            series.points.append(Point(day, made.value, records))
            series.made_of.append(kept)
    return series


def _excluded(measure: Measure, one: Reading) -> str | None:
    if one.flags:
        return one.flags.split(maxsplit=1)[0]
    if implausible(measure, one.value):
        return "DQ_IMPLAUSIBLE"
    return "DQ_UNLIKELY" if unlikely(measure, one.value) else None


def _day_of(point: Point) -> date:
    return point.day


def by_measure(readings: Iterable[Reading]) -> Mapping[str, list[Reading]]:
    """Group by measure; on each day those without a time come first, then by time.

    Readings of one day and moment stay in the order in which they were recorded.
    """
    grouped: dict[str, list[Reading]] = defaultdict(list)
    for one in readings:
        grouped[one.measure].append(one)
    for group in grouped.values():
        group.sort(key=_place)
    return grouped


def _place(one: Reading) -> tuple[date, float]:
    return one.day, -math.inf if one.at is None else one.at.timestamp()
