"""What each dose event stands between: the numbers before and after, and what else went on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.clinical.baseline import write_day, write_number
from app.clinical.decision_points import Clock, DecisionPoint
from app.clinical.dose_response import Comparison, Confounder, compare
from app.clinical.dose_timing import onset_days
from app.clinical.doses import DoseEvent
from app.clinical.measure import Measure
from app.clinical.medications import by_id
from app.stats.gaps import Cadence, cadence
from app.stats.two_phases import Phase
from app.trends.blocks import Ids
from app.trends.courses import Line, Step
from app.trends.params import Params
from app.trends.readings import Series
from app.trends.taking import Adherence

Json = dict[str, Any]

COMPARED = frozenset({"start", "restart", "change", "stop", "hold", "resume"})
MADE_FOR_DAYS = 42
"""The weeks of the decision points were made for medicines that take six weeks to full effect."""


@dataclass(frozen=True, slots=True)
class Around:
    """Everything that could stand beside a dose event, of all courses."""

    lines: Sequence[Line]
    series: Sequence[Series]
    contexts: Sequence[Confounder]
    params: Params
    _cadences: dict[str, Cadence] = field(default_factory=dict)

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
                yield self._told(measure, line, event, step, found)

    def _cadence(self, series: Series) -> Cadence:
        code = series.measure.code
        if code not in self._cadences:
            days = [float(one.day.toordinal()) for one in series.points]
            self._cadences[code] = cadence(days)
        return self._cadences[code]

    def _told(
        self, measure: Measure, line: Line, event: DoseEvent, step: Step, found: Comparison
    ) -> Json:
        ids = Ids(self.params.records)
        before = line.taking.between(*found.before_window)
        after = line.taking.between(*found.after_window)
        others = self._confounders(event, found, after)
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


def clock_of(line: Line) -> Clock | None:
    """Find the start or the last raise of a course that runs; None when there is none."""
    since: date | None = None
    lowered: date | None = None
    was_on = False
    for epoch in line.line.epochs:
        if epoch.on and epoch.from_day is not None:
            if not was_on or epoch.direction == "raise":
                since, lowered = epoch.from_day, None
            elif epoch.direction == "lower":
                lowered = epoch.from_day
        was_on = (epoch.on or epoch.hold) and not epoch.ended_on_unknown_day
    if since is None or not was_on:
        return None
    known = by_id(line.course.reference_id) if line.course.reference_id else None
    kinds = {known.reference_id, *known.classes} if known else ()
    return Clock(since, lowered, fits=onset_days(None, kinds).full == MADE_FOR_DAYS)


def decision(measure: str, line: Line, clock: Clock, one: DecisionPoint, as_of: date) -> Json:
    """Write one decision point."""
    return {
        "measure": measure,
        "medication_id": str(line.course.id),
        "clock_days": (as_of - clock.since).days,
        "point": one.point,
        "window": {"from": one.opens_on, "to": one.closes_on},
        "observed": one.observed and {"day": one.observed.day, "value": one.observed.value},
        "improvement_percent": one.improvement_percent,
        "result": one.result,
        "reasons": list(one.reasons),
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
