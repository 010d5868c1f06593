"""Early flags of one measure: has it left the level of a frozen reference window? (trend-spec 5.6)

Two levels: a `notice` is to be looked at; `confirmed` has held, and a worsening of that level
opens a signal. The reference never slides along with the data, or a slow worsening would hide.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from app.clinical.baseline import Baseline, Point
from app.clinical.measure import Measure, band_of, oriented
from app.clinical.response import Relapse, ReliableThreshold
from app.stats import control
from app.stats.control import Mark, Reference
from app.stats.gaps import Cadence, weekly_medians

Level = Literal["notice", "confirmed"]

MOST_SPARSE, DENSE_FROM_N, MOST_DENSE = 8, 21, 42
GAIN_POINTS = {"sparse": 3, "dense": 21}
QUIET = {"sparse": 2, "dense": 1}
"""So many readings in a row without a notice end an episode."""


@dataclass(frozen=True, slots=True)
class Against:
    """One reference window and its limit, in the measure's own unit and direction.

    limit: D in points for visits; H, in standard deviations, for diaries; None when it cannot
    be tested, with the reason. sd, r: of the reference, turned so that larger is worse, as they
    were found; the rule for diaries puts a floor under both. retired_on: a newer reference took
    its place.
    """

    name: str
    mean: float
    n: int
    limit: float | None
    points: tuple[Point, ...]
    reasons: tuple[str, ...] = ()
    daily: bool = False
    retired_on: date | None = None
    sd: float | None = None
    r: float | None = None


@dataclass(frozen=True, slots=True)
class Flag:
    """One episode. `points` made it; k of the last `of` readings lie beyond the limit.

    daily: found by the rule for diaries, in standard deviations.
    active: it holds at the last reading; else it ended with `last_day`.
    read: the readings that the rule went through up to `last_day`, from the reference on.
    """

    code: str
    level: Level
    reference: str
    first_day: date
    last_day: date
    active: bool
    points: tuple[Point, ...]
    k: int
    of: int
    daily: bool = False
    restarted: bool = False
    read: tuple[Point, ...] = ()

    def id_of(self, measure: str) -> str:
        """Name the episode: the same as long as its first day is."""
        return f"{measure}:{self.code}:{self.reference}:{self.first_day.isoformat()}"


@dataclass(frozen=True, slots=True)
class Flags:
    """All episodes, oldest first, and all references, retired ones included."""

    episodes: tuple[Flag, ...]
    references: tuple[Against, ...]
    reasons: tuple[str, ...] = ()

    @property
    def active(self) -> tuple[Flag, ...]:
        """Give those that hold at the last reading."""
        return tuple(one for one in self.episodes if one.active)

    @property
    def confirmed(self) -> frozenset[str]:
        """Give the codes that hold and are confirmed, as the status asks for them."""
        return frozenset(one.code for one in self.active if one.level == "confirmed")


NONE = Flags((), ())
MONDAY = 1
"""The first ordinal day, 1 January of year 1, was a Monday."""


def by_week(points: Sequence[Point]) -> list[Point]:
    """Give each ISO week's median as a point of its last observed day, with all its records."""
    days = [one.day.toordinal() for one in points]
    medians = weekly_medians(days, [one.value for one in points], monday=MONDAY)
    records: dict[int, tuple[str, ...]] = {}
    for one in points:
        week = (one.day.toordinal() - MONDAY) // 7
        records[week] = records.get(week, ()) + one.records
    return [
        Point(date.fromordinal(int(day)), value, records[(int(day) - MONDAY) // 7])
        for day, value in zip(medians.days, medians.values, strict=True)
    ]


def flags(
    measure: Measure,
    points: Sequence[Point],
    baseline: Baseline,
    reference: Sequence[Point],
    threshold: ReliableThreshold,
    cadence: Cadence,
    *,
    relapse: Relapse | None = None,
    new_normal_on: Sequence[date] = (),
) -> Flags:
    """Hold the points against each reference: baseline, what was gained, a new normal.

    points: the window's, one a day in order (weekly medians where the cadence says so).
    reference: the points that the baseline was made of; none for a level that was given.
    new_normal_on: days on which a prescriber called the level of then the new normal.

    Nothing without a direction, a scale or a baseline: no flag is better than a guessed one.
    """
    if oriented(measure, 0.0) is None or measure.trend_use == "change_rating":
        return Flags((), (), ("NO_DIRECTION",))
    if measure.span is None or baseline.level is None:
        return NONE
    watch = _Watch(measure, points, threshold, cadence)
    watch.hold_against_baseline(baseline, reference)
    for day in sorted(new_normal_on):
        watch.hold_against_new_normal(day)
    watch.bands(baseline)
    watch.relapse(relapse)
    watch.episodes.sort(key=lambda one: (one.first_day, one.code, one.reference))
    return Flags(tuple(watch.episodes), tuple(watch.references))


class _Watch:
    """Collects references and episodes of one measure."""

    def __init__(
        self,
        measure: Measure,
        points: Sequence[Point],
        threshold: ReliableThreshold,
        cadence: Cadence,
    ) -> None:
        self._measure = measure
        self._points = points
        self._threshold = threshold
        self._kind = cadence.kind
        self.episodes: list[Flag] = []
        self.references: list[Against] = []

    # ---- references

    def hold_against_baseline(self, baseline: Baseline, reference: Sequence[Point]) -> None:
        name = baseline.rule if baseline.rule.startswith("value:") else "baseline"
        if not reference:
            assert baseline.level is not None
            self._test(name, [], baseline.level, self._points, ())
            return
        made_of = list(reference[-MOST_SPARSE:])
        reasons: tuple[str, ...] = ()
        if self._kind == "dense":
            made_of = list(reference[-MOST_DENSE:])
            later = [one for one in self._points if one.day > made_of[-1].day]
            if len(made_of) < DENSE_FROM_N:
                made_of += later[: DENSE_FROM_N - len(made_of)]
                reasons = ("REFERENCE_EARLY_TREATMENT",)
        elif len(made_of) == 1:
            reasons = ("REFERENCE_N1",)
        self._hold(name, made_of, reasons)

    def hold_against_new_normal(self, day: date) -> None:
        """Take the level from that day on for the reference; the older ones are retired."""
        made_of = [one for one in self._points if one.day >= day][: GAIN_POINTS[self._kind]]
        if len(made_of) < GAIN_POINTS[self._kind]:
            return
        self.references = [
            one if one.retired_on else replace(one, retired_on=day) for one in self.references
        ]
        self.episodes = [
            replace(one, active=False, last_day=min(one.last_day, day))
            for one in self.episodes
            if one.first_day < day
        ]
        self._hold("new_normal", made_of, ())

    def _hold(self, name: str, made_of: Sequence[Point], reasons: tuple[str, ...]) -> None:
        """Test the points after a reference; what was gained becomes the next reference."""
        later = [one for one in self._points if one.day > made_of[-1].day]
        improved_on = self._test(name, made_of, None, later, reasons)
        if improved_on is None:
            return
        after = [one for one in later if one.day > improved_on]
        gained = after[: GAIN_POINTS[self._kind]]
        if len(gained) < GAIN_POINTS[self._kind]:
            return
        if name == "gain":
            self._retire_gain(gained[-1].day)
        self._hold("gain", gained, ())

    def _retire_gain(self, day: date) -> None:
        """Let a newer gain take the place of the one before, which is held against no more."""
        self.references[-1] = replace(self.references[-1], retired_on=day)
        self.episodes = [
            replace(one, active=False, last_day=min(one.last_day, day))
            if one.reference == "gain"
            else one
            for one in self.episodes
            if one.reference != "gain" or one.first_day <= day
        ]

    # ---- rules

    def _test(
        self,
        name: str,
        made_of: Sequence[Point],
        level: float | None,
        later: Sequence[Point],
        reasons: tuple[str, ...],
    ) -> date | None:
        """Add a reference and its episodes; gives the day of a first confirmed improvement."""
        worse = self._values(made_of)
        held = (
            control.reference_of([one.day.toordinal() for one in made_of], worse)
            if made_of
            else Reference(0, self._u(level or 0.0), None, None)
        )
        marks = self._marks(held)
        mean = level if level is not None else sum(one.value for one in made_of) / len(made_of)
        short = self._kind == "dense" and 0 < len(made_of) < DENSE_FROM_N
        reasons += ("REFERENCE_TOO_SHORT",) if short else ()
        self.references.append(
            Against(
                name,
                mean,
                held.n,
                None if short else marks.limit,
                tuple(made_of),
                reasons,
                daily=self._kind == "dense",
                sd=held.sd,
                r=held.r,
            )
        )
        if short or not later:
            return None
        days = [float(one.day.toordinal()) for one in later]
        up = marks.of(days, self._values(later), held)
        down_held = Reference(held.n, -held.mean, held.sd, held.r)
        down = marks.of(days, [-u for u in self._values(later)], down_held)
        lost = "LOSS_OF_GAIN" if name == "gain" else "SUSTAINED_WORSENING"
        soft = "SINGLE_HIGH" if self._kind == "sparse" else "EARLY_SHIFT"
        self._collect(later, up, name, lost, soft)
        self._collect(later, down, name, "SUSTAINED_IMPROVEMENT", None)
        return next(
            (one.day for one, mark in zip(later, down, strict=True) if mark.confirmed), None
        )

    def _marks(self, held: Reference) -> "_Rule":
        span = self._measure.span
        assert span is not None
        if self._kind == "dense":
            rule = control.dense_rule(held, span, self._measure.mcid)
            return _Rule(
                rule.limit,
                lambda days, values, one: control.dense_marks(
                    days, values, control.dense_rule(one, span, self._measure.mcid)
                ),
            )
        reliable = self._threshold.points if self._threshold.registered else None
        limit = control.sparse_limit(held, span, reliable)
        return _Rule(
            limit, lambda days, values, one: control.sparse_marks(days, values, one, limit)
        )

    def _collect(
        self,
        points: Sequence[Point],
        marks: Sequence[Mark],
        name: str,
        code: str,
        soft: str | None,
    ) -> None:
        """Cut the marks into episodes; one that was never confirmed bears the soft code."""
        place = 0
        while place < len(marks):
            if not marks[place].notice:
                place += 1
                continue
            end = _end_of_episode(marks, place, QUIET[self._kind])
            inside = range(place, end + 1)
            confirmed = next((one for one in inside if marks[one].confirmed), None)
            last = marks[-1]
            active = end == len(marks) - 1 and last.notice
            holds = last.confirmed if active else confirmed is not None
            if confirmed is not None and holds:
                self._add(points, marks, name, code, "confirmed", confirmed, end, active)
            elif soft is not None:
                self._add(points, marks, name, soft, "notice", place, end, active)
            place = end + 1

    def _add(
        self,
        points: Sequence[Point],
        marks: Sequence[Mark],
        name: str,
        code: str,
        level: Level,
        first: int,
        end: int,
        active: bool,
    ) -> None:
        looked = range(max(0, end - 2), end + 1)
        self.episodes.append(
            Flag(
                code,
                level,
                name,
                points[first].day,
                points[end].day,
                active,
                tuple(points[one] for one in looked),
                sum(marks[one].notice for one in looked),
                len(looked),
                daily=self._kind == "dense",
                restarted=any(marks[one].restarted for one in range(first, end + 1)),
                read=tuple(points[: end + 1]),
            )
        )

    def bands(self, baseline: Baseline) -> None:
        """Notice two of the last three readings in a worse band than the baseline's."""
        assert baseline.level is not None
        bands = self._measure.bands
        known = band_of(self._measure, baseline.level)
        later = [
            one for one in self._points if baseline.to_day is None or one.day > baseline.to_day
        ]
        if known is None or not later:
            return
        sign = -1 if self._measure.direction == "higher_better" else 1
        worse = {
            one.day
            for one in later
            if (band := band_of(self._measure, one.value)) is not None
            and sign * bands.index(band) > sign * bands.index(known)
        }
        last_three = (later[max(0, place - 2) : place + 1] for place in range(len(later)))
        marks = [
            Mark(sum(one.day in worse for one in inside) >= 2, False, 0.0) for inside in last_three
        ]
        earlier = len(self.episodes)
        self._collect(later, marks, "baseline", "BAND_UP", "BAND_UP")
        self.episodes[earlier:] = [
            replace(one, k=sum(point.day in worse for point in one.points))
            for one in self.episodes[earlier:]
        ]

    def relapse(self, found: Relapse | None) -> None:
        """Add the return of illness after remission, as the states have it (4.4)."""
        if found is None or found.state is None or not self._points:
            return
        sure = found.state in ("relapse", "recurrence")
        day = found.confirmed_day if sure else found.possible_day
        if day is None:
            return
        made = tuple(one for one in self._points if one.day <= day)[-3:]
        self.episodes.append(
            Flag(
                "RELAPSE" if sure else "POSSIBLE_RELAPSE",
                "confirmed" if sure else "notice",
                "remission",
                day,
                self._points[-1].day,
                True,
                made,
                len(made),
                len(made),
                read=tuple(self._points),
            )
        )

    # ---- numbers

    def _u(self, value: float) -> float:
        turned = oriented(self._measure, value)
        assert turned is not None
        return turned

    def _values(self, points: Sequence[Point]) -> list[float]:
        return [self._u(one.value) for one in points]


@dataclass(frozen=True, slots=True)
class _Rule:
    limit: float
    of: Callable[[Sequence[float], Sequence[float], Reference], list[Mark]]


def _end_of_episode(marks: Sequence[Mark], first: int, quiet: int) -> int:
    """Give the place of its last reading with a notice."""
    end = first
    for place in range(first + 1, len(marks)):
        if marks[place].restarted or place - end > quiet:
            break
        if marks[place].notice:
            end = place
    return end
