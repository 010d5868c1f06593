"""The named parts of a questionnaire's score: subscales, counted marks, coded hours, levels."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.clinical.measure import Operator, Threshold

MINUTES_A_DAY = 24 * 60
Rule = Literal["sum", "max", "count", "percent_in_bed", "level"]


@dataclass(frozen=True, slots=True)
class Level:
    """Reached when one of `items` is answered 1 or more; not while `unless` is answered 0."""

    value: int
    items: tuple[int, ...]
    unless: int | None


@dataclass(frozen=True, slots=True)
class Component:
    """One part of a score.

    rule: `sum` or `max` of its items; `count` of those at or above `marks`; `percent_in_bed` of
        minutes asleep, minute of the day to bed and up (the three items, in this order);
        `level`, the highest one reached.
    recode: item -> limits; the item counts as the number of limits that it meets.
    cut: limits on the result, which counts as the number of limits that it meets.
    """

    name: str
    items: tuple[int, ...]
    rule: Rule
    recode: Mapping[int, tuple[Threshold, ...]]
    cut: tuple[Threshold, ...]
    marks: Mapping[int, int]
    levels: tuple[Level, ...]


def read_component(entry: Mapping[str, Any]) -> Component:
    """Build one component from its entry in an instrument's file; limits are like `"> 15"`."""
    return Component(
        name=entry["name"],
        items=tuple(entry["items"]),
        rule=entry["rule"],
        recode={item: _limits(limits) for item, limits in entry.get("recode", {}).items()},
        cut=_limits(entry.get("cut", ())),
        marks=entry.get("marks", {}),
        levels=tuple(
            Level(level["value"], tuple(level["items"]), level.get("unless"))
            for level in entry.get("levels", ())
        ),
    )


def _limits(texts: Collection[str]) -> tuple[Threshold, ...]:
    limits = []
    for text in texts:
        sign, _, value = text.partition(" ")
        operator: Operator = sign  # type: ignore[assignment] # checked by the files' schema test
        limits.append(Threshold(operator, float(value)))
    return tuple(limits)


def value_of(
    component: Component, answers: Mapping[int, int], missing: Collection[int]
) -> float | None:
    """Score one component; None when an item that it needs has no answer.

    answers: item -> value, reversed items already turned, only values that the item allows.
    missing: items that should have been answered and were not.

    The highest level is reached whatever else is missing; a lower one is said only when nothing
    is, for the missing answer may be the worse one.
    """
    lacking = any(item in missing for item in component.items)
    if component.rule == "level":
        highest = max(level.value for level in component.levels)
        reached = max(
            (level.value for level in component.levels if _holds(level, answers)), default=0
        )
        return None if lacking and reached < highest else reached
    values = [
        _met(component.recode[item], answers[item]) if item in component.recode else answers[item]
        for item in component.items
        if item in answers
    ]
    if not values or lacking:
        return None
    result = _combined(component, values, answers)
    return result if result is None or not component.cut else _met(component.cut, result)


def _holds(level: Level, answers: Mapping[int, int]) -> bool:
    if level.unless is not None and answers.get(level.unless) == 0:
        return False
    return any(answers.get(item, 0) >= 1 for item in level.items)


def _combined(component: Component, values: list[int], answers: Mapping[int, int]) -> float | None:
    if component.rule == "max":
        return max(values)
    if component.rule == "count":
        return sum(
            answers[item] >= level for item, level in component.marks.items() if item in answers
        )
    if component.rule == "percent_in_bed":
        asleep, to_bed, up = values
        in_bed = (up - to_bed) % MINUTES_A_DAY
        return 100 * asleep / in_bed if in_bed else None
    return sum(values)


def _met(limits: Collection[Threshold], value: float) -> int:
    return sum(limit.met(value) for limit in limits)


def range_of(component: Component, allowed: Mapping[int, tuple[int, int]]) -> tuple[int, int]:
    """Give the lowest and the highest value of a component.

    allowed: item -> (lowest, highest) answer.
    """
    if component.cut:
        return 0, len(component.cut)
    if component.rule == "level":
        return 0, max(level.value for level in component.levels)
    if component.rule == "count":
        return 0, len(component.marks)
    ends = [
        (0, len(component.recode[item])) if item in component.recode else allowed[item]
        for item in component.items
    ]
    combine = max if component.rule == "max" else sum
    return combine([low for low, _ in ends]), combine([high for _, high in ends])
