"""From raw readings to one point a day: what counts, what does not and why (trend-spec 2)."""

import math
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


@dataclass(frozen=True, slots=True)
class Shown:
    """One day's point with what it was made of, or one reading that does not count."""

    day: date
    value: float
    n_raw: int
    source: str
    records: tuple[str, ...]
    excluded: str | None = None


@dataclass(slots=True)
class Series:
    """One measure, one point a day. `codes` tells what to know of it: code -> records.

    raw: counted readings behind the points, by their place in `points`.
    """

    measure: Measure
    points: list[Point] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)
    codes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def within(self, first: date, last: date) -> "Series":
        """Cut to the days from first to last, both included."""
        kept = [i for i, point in enumerate(self.points) if first <= point.day <= last]
        cut = slice(kept[0], kept[-1] + 1) if kept else slice(0)
        shown = [one for one in self.shown if first <= one.day <= last]
        present = {record for one in shown for record in one.records}
        codes = {
            code: [record for record in records if record in present]
            for code, records in self.codes.items()
        }
        return Series(
            self.measure,
            self.points[cut],
            self.raw[cut],
            shown,
            {code: records for code, records in codes.items() if records},
        )


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
                record = str(one.record_id)
                series.shown.append(Shown(day, one.value, 1, one.source, (record,), reason))
                series.codes[reason].append(record)
                continue
            key = (one.at, one.value, one.source)
            if key not in known:
                known.add(key)
                kept.append(one)
        if kept:
            _add(series, day, kept)
    return series


def _add(series: Series, day: date, kept: Sequence[Reading]) -> None:
    made = day_value(series.measure, [one.value for one in kept])
    records = tuple(str(one.record_id) for one in kept)
    for code in made.reasons:
        series.codes[code] += records
    series.points.append(Point(day, made.value, records))
    series.raw.append(made.n_raw)
    series.shown.append(Shown(day, made.value, made.n_raw, kept[-1].source, records))


def _excluded(measure: Measure, one: Reading) -> str | None:
    if one.flags:
        return one.flags.split(maxsplit=1)[0]
    if implausible(measure, one.value):
        return "DQ_IMPLAUSIBLE"
    return "DQ_UNLIKELY" if unlikely(measure, one.value) else None


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
