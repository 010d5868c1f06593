"""Side effects against one course: what their timing adds up to, and what a person must judge.

Trend specification 6.4. The points are part of Naranjo's questions and never called his score.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.clinical import terms
from app.clinical.baseline import Point
from app.clinical.causality import Course, naranjo, timing
from app.clinical.dose_response import Confounder
from app.clinical.doses import DoseEpoch
from app.clinical.measures import SIDE_EFFECTS
from app.clinical.medications import by_id
from app.trends.blocks import Ids
from app.trends.courses import Line
from app.trends.params import Params
from app.trends.readings import Series

Json = dict[str, Any]

NOT_ASSESSED = (
    "placebo",
    "drug_level",
    "previous_reports",
    "objective_evidence",
    "earlier_exposure",
)
QUIET_DAYS = 28
"""Without a rating for so long, the next one at 1 or more is a new onset."""
COMPATIBLE, POSSIBLE = 3, 1


@dataclass(frozen=True, slots=True)
class Effects:
    """All side effects of a patient, and what else could stand behind them."""

    lines: Sequence[Line]
    series: Sequence[Series]
    contexts: Sequence[Confounder]
    params: Params

    def of(self, line: Line) -> list[Json]:
        """Time every side effect of the window against one course that was on at its onset."""
        found = []
        for series in self.series:
            if series.measure.code.startswith(SIDE_EFFECTS) and (told := self._timed(line, series)):
                found.append(told)
        return found

    def _timed(self, line: Line, series: Series) -> Json | None:
        inside = [one for one in series.points if one.day <= self.params.to_day]
        epochs, ss_days = line.line.epochs, line.steady.days
        onsets = [one for one in _onsets(inside) if one.day >= self.params.from_day]
        onset = _on_course(onsets, epochs)
        if onset is None:
            return None
        at = timing(onset.day, epochs)
        if not epochs or (at.days_since_start is not None and at.days_since_start < -QUIET_DAYS):
            return None
        reach = max(14, ss_days + 7)
        severities = [(one.day, int(one.value)) for one in inside]
        known = by_id(line.course.reference_id) if line.course.reference_id else None
        name = series.measure.code.removeprefix(SIDE_EFFECTS)
        term = terms.term(name) if terms.is_known(name) else None
        answers = naranjo(term, onset.day, severities, Course(known, epochs, ss_days), {})
        items: list[Json] = []

        def add(name: str, points: int) -> None:
            items.append({"item": name, "points": points, "records": list(onset.records)})

        begun = [day for day in (at.days_since_start, at.days_since_raise) if day is not None]
        if at.predates_drug:
            add("predates_drug", -1)
        elif any(0 <= day <= reach for day in begun):
            add("after_start_or_raise", 2)
        for number, name, points in (
            (3, "eased_after_lowering_or_stop", 1),
            (4, "came_back_after_restart", 2),
            (8, "followed_the_dose", 1),
        ):
            if answers.reply(number) == "yes":
                add(name, points)
        if answers.reply(4) == "no":
            add("did_not_come_back_after_restart", -1)
        others = self._others(line, onset.day, reach)
        if others:
            add("alternative_cause", -1)
        points = sum(item["points"] for item in items)
        both = any(one.day < onset.day for one in inside) and inside[-1].day > onset.day
        return {
            "measure": series.measure.code,
            "onset": onset.day,
            "temporal_points": points,
            "plausibility": _word(points, both_sides=both),
            "days_since_start": at.days_since_start,
            "days_since_raise": at.days_since_raise,
            "days_since_lowering": at.days_since_lowering,
            "days_since_stop": at.days_since_stop,
            "predates_drug": at.predates_drug,
            "window": {"from": onset.day - timedelta(QUIET_DAYS), "to": inside[-1].day},
            **Ids(self.params.records).of(
                [one for one in inside if one.day >= onset.day - timedelta(QUIET_DAYS)]
            ),
            "items": items,
            "alternatives": [
                {"kind": one.kind, "id": one.id, "day": one.day, "label": one.label}
                for one in others
            ],
            "not_assessed": list(NOT_ASSESSED),
            "basis": "T6.4",
        }

    def _others(self, line: Line, onset: date, reach: int) -> list[Confounder]:
        """List what else began in the days before the onset; its absence proves nothing."""
        first = onset - timedelta(reach)
        events = [
            Confounder("dose_event", event.id, event.day, f"{other.course.name}: {event.kind}")
            for other in self.lines
            if other is not line
            for event in other.counted
            if event.day is not None and first <= event.day <= onset
        ]
        contexts = [
            one for one in self.contexts if one.day is not None and first <= one.day <= onset
        ]
        return [*events, *contexts]


def _onsets(points: Sequence[Point]) -> Iterator[Point]:
    """Give each onset: a rating of 1 or more after a zero, or after 28 days without any."""
    before: Point | None = None
    for one in points:
        quiet = before is None or before.value < 1 or (one.day - before.day).days >= QUIET_DAYS
        if one.value >= 1 and quiet:
            yield one
        before = one


def _on_course(onsets: Sequence[Point], epochs: Sequence[DoseEpoch]) -> Point | None:
    """Choose the first onset on a course, so that what came back later is seen as coming back.

    Where all came before it, the newest.
    """
    first = epochs[0].from_day if epochs else None
    later = [one for one in onsets if first is None or one.day >= first]
    return next(iter(later or onsets[-1:]), None)


def _word(points: int, *, both_sides: bool) -> str:
    if points >= COMPATIBLE:
        return "compatible"
    if points >= POSSIBLE:
        return "possible"
    return "unlikely" if both_sides else "not_assessable"
