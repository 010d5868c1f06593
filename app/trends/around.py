"""What each dose event stands between: the numbers before and after, and what else went on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.clinical.baseline import write_day, write_number
from app.clinical.decision_points import Clock, DecisionPoint
from app.clinical.dose_response import Comparison, Confounder, compare
from app.clinical.dose_timing import Clock as DoseClock
from app.clinical.dose_timing import dose_clock
from app.clinical.doses import DoseEvent
from app.clinical.measure import Measure
from app.clinical.medications import least_effective
from app.stats.gaps import Cadence, Gap, cadence, spacing
from app.stats.two_phases import Phase
from app.trends.blocks import Ids
from app.trends.courses import Line, Step
from app.trends.params import Params
from app.trends.readings import Series
from app.trends.taking import Adherence

Json = dict[str, Any]

COMPARED = frozenset({"start", "restart", "change", "stop", "hold", "resume"})
MADE_FOR_WEEKS = 6
"""The decision points were made for medicines that take six weeks or more to full effect."""


@dataclass(frozen=True, slots=True)
class Around:
    """Everything that could stand beside a dose event, of all courses."""

    lines: Sequence[Line]
    series: Sequence[Series]
    contexts: Sequence[Confounder]
    params: Params
    _cadences: dict[str, Cadence] = field(default_factory=dict)
    _gaps: dict[str, Sequence[Gap]] = field(default_factory=dict)

    def of(self, line: Line, event: DoseEvent, step: Step) -> list[Json]:
        """Compare every measure before and after one event of the window, in both readings."""
        day = event.day
        if (
            day is None
            or event.kind not in COMPARED
            or event.planned
            or event.unconfirmed
            or not self.params.from_day <= day <= self.params.to_day
        ):
            return []
        return [
            one for series in self.series for one in self._compared(line, event, step, day, series)
        ]

    def _compared(
        self, line: Line, event: DoseEvent, step: Step, day: date, series: Series
    ) -> Iterator[Json]:
        points = series.points
        if not points:
            return
        later = (one.day for one in line.counted if one.day is not None and one.day > day)
        following = min(later, default=None)
        kind = self._cadence(series)
        measure = series.measure
        lags = {
            "immediate": 0,
            "onset_aware": line.steady.days
            if measure.onset_reading == "immediate"
            else line.onset.early,
        }
        for reading, lag in lags.items():
            found = compare(
                measure,
                points,
                day,
                kind,
                reading=reading,  # type: ignore[arg-type]  # the keys above are its two words
                lag=lag,
                window_days=self.params.window,
                next_event_on=following,
                as_of=self.params.as_of,
            )
            if found.before or found.after:
                yield self._told(series, line, event, step, found)

    def _cadence(self, series: Series) -> Cadence:
        code = series.measure.code
        if code not in self._cadences:
            days = [float(one.day.toordinal()) for one in series.points]
            self._cadences[code] = cadence(days)
        return self._cadences[code]

    def _mostly_silent(self, series: Series, found: Comparison) -> bool:
        """Say whether more than half of the days from the first to the last reading are gaps."""
        if not found.before or not found.after:
            return False
        code = series.measure.code
        if code not in self._gaps:
            days = [float(one.day.toordinal()) for one in series.points]
            self._gaps[code] = spacing(days, series.measure.recall_days).gaps
        first, last = found.before[0].day.toordinal(), found.after[-1].day.toordinal()
        silent = sum(
            max(min(gap.first_after, last) - max(gap.last_before, first), 0)
            for gap in self._gaps[code]
        )
        return 2 * silent > last - first

    def _told(
        self, series: Series, line: Line, event: DoseEvent, step: Step, found: Comparison
    ) -> Json:
        measure, ids = series.measure, Ids(self.params.records)
        before = line.taking.between(*found.before_window)
        after = line.taking.between(*found.after_window)
        others = self._confounders(event, found, after)
        if self._mostly_silent(series, found):
            others.append(Confounder("gaps", None, None, "mostly days between readings far apart"))
        numbers = found.numbers
        confounded = bool(others)
        return {
            "measure": measure.code,
            "reading": found.reading,
            "lag": found.lag,
            "window": {"from": found.before_window[0], "to": found.after_window[1]},
            **ids.of([*found.before, *found.after]),
            "before": {
                "n": numbers.before.n,
                "mean": numbers.before.mean,
                "median": numbers.before.median,
                "window": _window(found.before_window),
                **ids.of(found.before),
                "taken_share": before.taken_share,
            },
            "after": {
                "n": numbers.after.n,
                "mean": numbers.after.mean,
                "median": numbers.after.median,
                "window": _window(found.after_window),
                **ids.of(found.after),
                "taken_share": after.taken_share,
            },
            "diff": numbers.diff,
            "oriented": found.oriented,
            "interval": numbers.interval and list(numbers.interval),
            "r": numbers.r,
            "nap": found.nap,
            "verdict": f"confounded: {found.word}" if confounded else found.word,
            "confounded": confounded,
            "assessed_on_taken_dose": after.assessed,
            "reasons": list(found.reasons),
            "confounders": [
                {"kind": one.kind, "id": one.id, "day": one.day, "label": one.label}
                for one in others
            ],
            "text": {"prescriber": _sentence(measure, event, step, found, others)},
            "basis": "T6.1",
        }

    def _confounders(
        self, event: DoseEvent, found: Comparison, after: Adherence
    ) -> list[Confounder]:
        """List what else happened from the first day before to the last day after."""
        first = found.before[0].day if found.before else found.before_window[0]
        last = found.after[-1].day if found.after else found.after_window[1]
        others = [
            Confounder("dose_event", one.id, one.day, f"{line.course.name}: {one.kind}")
            for line in self.lines
            for one in line.line.events
            if one.id != event.id
            and not one.planned
            and one.day is not None
            and first <= one.day <= last
            # The course's own next change ends the window: that day's score came before it.
            and not (one.medication_id == event.medication_id and one.day in (event.day, last))
        ]
        others += [
            one
            for one in self.contexts
            if one.day is not None and one.day <= last and first <= (one.until or one.day)
        ]
        others.sort(key=lambda one: (one.day or date.min, one.label))
        if found.trend_before:
            others.append(Confounder("trend_before", None, None, "moving before the event"))
        if after.assessed is False and after.sentence is not None:
            others.append(Confounder("adherence", None, None, _as_a_part(after.sentence)))
        return others


def _sentence(
    measure: Measure,
    event: DoseEvent,
    step: Step,
    found: Comparison,
    others: Sequence[Confounder],
) -> str:
    """Set the two means side by side, with what else there was; nothing of what brought it about.

    Without a reading on one side there is no difference, and it says so.
    """
    assert event.day is not None
    numbers = found.numbers
    said = f"After {step.before} -> {step.after} on {write_day(event.day, year=True)}: "
    said += f"{measure.label} {_mean(numbers.before)} -> {_mean(numbers.after)}"
    if numbers.diff is not None:
        said += f", difference {write_number(numbers.diff, sign=True)}"
        if numbers.interval is not None:
            low, high = (write_number(end, sign=True) for end in numbers.interval)
            said += f" (95% {low} to {high})"
    names = ", ".join(dict.fromkeys(one.label for one in others))
    return f"{said}; also in this window: {names}." if names else f"{said}."


def _mean(side: Phase) -> str:
    if side.mean is None:
        return "no reading"
    return f"{write_number(side.mean)} (n {side.n})"


def _as_a_part(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:].rstrip(".")


def _window(days: tuple[date, date]) -> Json | None:
    return {"from": days[0], "to": days[1]} if days[0] <= days[1] else None


def clock_of(line: Line, response_on: date | None = None) -> DoseClock:
    """Count the days since the start of a course, or its last raise before a response."""
    return dose_clock(
        line.line.epochs,
        as_of=line.as_of,
        minimum_effective=least_effective(line.known),
        response_on=response_on,
    )


def weeks_of(line: Line, since: date) -> Clock:
    """Say on which days the weeks of the decision points fall, and whether they were made for it.

    Their evidence is of antidepressants; a medicine that nobody coded is read as if it were one.
    """
    lowered: date | None = None
    later = [one for one in line.line.epochs if one.from_day is not None and one.from_day >= since]
    for epoch in later:
        if epoch.on and epoch.direction is not None:
            lowered = epoch.from_day if epoch.direction == "lower" else None
    paused = tuple((one.from_day, one.to_day) for one in later if one.hold and one.from_day)
    known = line.known
    fits = known is None or (
        "antidepressant" in known.classes
        and (known.onset_weeks is None or known.onset_weeks[1] >= MADE_FOR_WEEKS)
    )
    return Clock(since, lowered, fits, paused)


def decision(measure: str, line: Line, clock: DoseClock, one: DecisionPoint) -> Json:
    """Write one decision point. Days on the medicine, and those at an effective dose among them."""
    return {
        "measure": measure,
        "medication_id": str(line.course.id),
        "clock_since": clock.since,
        "clock_days": clock.days,
        "adequate_days": clock.adequate_days,
        "unknown_dose_days": clock.unknown_days,
        "point": one.point,
        "window": {"from": one.opens_on, "to": one.closes_on},
        "observed": one.observed and {"day": one.observed.day, "value": one.observed.value},
        "improvement_percent": one.improvement_percent,
        "result": one.result,
        "reasons": [*one.reasons, *clock.codes],
        "records": list(one.observed.records) if one.observed else [],
        "basis": "B7.1",
    }


def standing(points: Sequence[Json]) -> dict[str, tuple[Json | None, list[Json]]]:
    """Give by measure the newest point that a score has judged, and those after it without one.

    Where a later score has judged, an earlier window without one says nothing any more.
    """
    found: dict[str, tuple[Json | None, list[Json]]] = {}
    for one in sorted(points, key=lambda one: str(one["window"]["from"])):
        judged, unscored = found.get(one["measure"], (None, []))
        if one["result"] in ("due", "missed", "ahead"):
            found[one["measure"]] = judged, [*unscored, one]
        elif one["result"] != "not_applicable":
            found[one["measure"]] = one, []
    return found
