"""Why somebody has to look: worked out from days each time it is read (trend-spec 7.2)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.clinical.measures import SIDE_EFFECTS
from app.trends.blocks import Block
from app.trends.courses import Line
from app.trends.digest import Visit
from app.trends.params import Params

Json = dict[str, Any]

SCORE_WITHIN_DAYS = 21
"""After steady state: until then a changed dose wants a score."""
TROUBLESOME = 2
"""The severity of a side effect from which somebody has to have looked at it: moderate."""


@dataclass(frozen=True, slots=True)
class Review:
    """One reason, and the day since which it holds or from which it will."""

    code: str
    due_on: date


def reviews(
    blocks: Sequence[Block],
    courses: Sequence[Line],
    risk: Sequence[Json],
    decisions: Sequence[Json],
    visits: Sequence[Visit],
    params: Params,
) -> list[Review]:
    """List every reason with its day, also those whose day lies ahead of `as_of`."""
    seen_on = max((one.day for one in visits if one.day <= params.as_of), default=date.min)
    return [
        *_of_risk(risk),
        *_of_side_effects(blocks, seen_on),
        *_of_decisions(decisions, params.as_of),
        *_of_doses(blocks, courses, params),
    ]


def due_codes(found: Sequence[Review], as_of: date) -> list[str]:
    """Name the reasons that hold on a day, each once."""
    return list(dict.fromkeys(one.code for one in found if one.due_on <= as_of))


def _of_risk(risk: Sequence[Json]) -> Iterator[Review]:
    for item in risk:
        if item["signal"] is None or item["signal"]["state"] == "open":
            yield Review("RISK_UNREVIEWED", item["day"])


def _of_side_effects(blocks: Sequence[Block], seen_on: date) -> Iterator[Review]:
    """Tell what is moderate or worse at its last rating, and came after the last visit or call."""
    for one in blocks:
        if one.measure.code.startswith(SIDE_EFFECTS) and one.points:
            last = one.points[-1]
            if last.value >= TROUBLESOME and last.day > seen_on:
                yield Review("SIDE_EFFECT_UNREVIEWED", last.day)


def _of_decisions(decisions: Sequence[Json], as_of: date) -> Iterator[Review]:
    for one in decisions:
        opens, closes = one["window"]["from"], one["window"]["to"]
        if one["result"] != "not_applicable" and as_of <= closes:
            yield Review("DECISION_WINDOW_REACHED", opens)


def _of_doses(blocks: Sequence[Block], courses: Sequence[Line], params: Params) -> Iterator[Review]:
    """Tell of changes that no score has followed, and of measures that fell silent before one."""
    scored = max(
        (one.points[-1].day for one in blocks if one.measure.symptom_measure and one.points),
        default=date.min,
    )
    silent = [
        one.points[-1].day for one in blocks if one.points and one.written["status"] == "stale"
    ]
    for line in courses:
        changed = line.set_on()
        if line.course.kind != "drug" or changed is None or changed < params.from_day:
            continue
        if line.line.now is None or not line.line.now.running:
            continue
        steady = changed + timedelta(line.steady.days)
        if scored < steady:
            yield Review("DOSE_CHANGE_WITHOUT_SCORE", steady + timedelta(SCORE_WITHIN_DAYS + 1))
        if any(day < changed for day in silent):
            yield Review("STALE_AFTER_DOSE_CHANGE", changed)
