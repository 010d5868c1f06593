"""Scores a filled-in questionnaire by the rule of its instrument, and keeps all that was sent."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from app.clinical.components import value_of
from app.clinical.instruments import Instrument
from app.clinical.measure import SLACK, Band, find_band, implausible

ScoreFlag = Literal[
    "total_mismatch",
    "total_prorated",
    "total_out_of_range",
    "item_out_of_range",
    "items_missing",
    "items_absent",
]


class UnknownItem(ValueError):
    """An answer names an item that the instrument does not have, or a list has another length."""


@dataclass(frozen=True, slots=True)
class Score:
    """What a filled form gives; every number that came in is still in it.

    answers: item -> value as received, also values that the item does not have.
    parts: component -> value, and `raw`, the sum before it was turned into another scale; only
        those that can be computed.
    total_computed: from the answers by the instrument's rule, prorated where allowed; None when
        too much is missing, an answer is outside its item, or there is no total.
    total_received: the total that was sent, whatever it is.
    total_trended: the number to follow: the computed total, else the received one when there
        are no items at all (or none can give a total) and it lies in the range; else None.
    items_trended: the answers that are followed by themselves: those inside their item. Empty
        for a one-item instrument, whose total says the same.
    """

    answers: Mapping[int, int]
    parts: Mapping[str, float]
    total_computed: float | None
    total_received: float | None
    total_trended: float | None
    items_trended: Mapping[int, int]
    flags: tuple[ScoreFlag, ...]
    band: Band | None


def score(
    instrument: Instrument,
    answers: Mapping[int, int] | Sequence[int | None],
    total_received: Decimal | float | None = None,
) -> Score:
    """Score a form; nothing that was sent is dropped, and what disagrees is flagged.

    answers: item -> value with unanswered items absent, or the values of all items in order
        with None for an unanswered one; empty when only a total is known. As the form prints
        them: reversed items are turned here, once.

    The computed total wins over a sent one. With answers there but no total to compute (too many
    missing, or one outside its item) the sent total is kept and not trended: nobody knows what
    its sender did with the gap. Prorated totals are rounded half up.

    Raises:
        UnknownItem: an item number, or the length of the list, is not the instrument's.
    """
    given = _answers(instrument, answers)
    received = None if total_received is None else _number(float(total_received))
    valid = {i: v for i, v in given.items() if v in instrument.items[i - 1].allowed}
    flags: list[ScoreFlag] = []
    if not given:
        flags.append("items_absent")
    elif unanswered(instrument, given):
        flags.append("items_missing")
    if len(valid) < len(given):
        flags.append("item_out_of_range")

    parts = _parts(instrument, valid)
    computed = None
    if given and len(valid) == len(given):
        computed = _total(instrument, valid, parts)
    if computed is not None and unanswered(instrument, given) & set(instrument.summed):
        flags.append("total_prorated")
    beyond = computed is not None and _beyond(instrument, computed)
    if beyond or (received is not None and _beyond(instrument, received)):
        flags.append("total_out_of_range")
    if beyond:
        computed = None
    if received is not None and computed is not None and abs(received - computed) > SLACK:
        flags.append("total_mismatch")
    trended = computed
    if received is not None and (not given or instrument.method == "score_only"):
        trended = None if _beyond(instrument, received) else received
    return Score(
        answers=given,
        parts=parts,
        total_computed=computed,
        total_received=received,
        total_trended=trended,
        items_trended=valid if instrument.item_measures else {},
        flags=tuple(flags),
        band=_band(instrument, trended, parts, valid),
    )


def unanswered(instrument: Instrument, answers: Mapping[int, int]) -> set[int]:
    """Give the items that should have been answered and were not."""
    missing = instrument.missing
    lacking = {item.index for item in instrument.items} - answers.keys() - missing.optional
    for group in missing.either:
        if any(item in answers for item in group):
            lacking -= set(group)
    for item, condition in missing.asked_if.items():
        if answers.get(condition, 1) < 1:
            lacking.discard(item)
    return lacking


def _answers(
    instrument: Instrument, answers: Mapping[int, int] | Sequence[int | None]
) -> dict[int, int]:
    n = len(instrument.items)
    if isinstance(answers, Mapping):
        if strange := [index for index in answers if not 1 <= index <= n]:
            raise UnknownItem(f"{instrument.id} has no item {strange[0]}")
        return dict(sorted(answers.items()))
    if answers and len(answers) != n:
        raise UnknownItem(f"{instrument.id} has {n} items, {len(answers)} answers came")
    return {i: value for i, value in enumerate(answers, start=1) if value is not None}


def _parts(instrument: Instrument, answers: Mapping[int, int]) -> dict[str, float]:
    """Score the components, and the sum before it is turned into another scale."""
    turned = {item: turn(instrument, item, value) for item, value in answers.items()}
    lacking = unanswered(instrument, answers)
    parts = {
        component.name: value
        for component in instrument.components
        if (value := value_of(component, turned, lacking)) is not None
    }
    rescaled = instrument.multiply != 1 or instrument.t_scores is not None
    if rescaled and (raw := _sum(instrument, turned, lacking)) is not None:
        parts["raw"] = raw
    return parts


def _total(
    instrument: Instrument, answers: Mapping[int, int], parts: Mapping[str, float]
) -> float | None:
    if instrument.method == "components":
        if len(parts) < len(instrument.components):
            return None
        return _number(sum(parts.values()))
    if instrument.method != "sum":
        return None
    turned = {item: turn(instrument, item, value) for item, value in answers.items()}
    raw = _sum(instrument, turned, unanswered(instrument, answers))
    if raw is None:
        return None
    return raw * instrument.multiply if instrument.t_scores is None else instrument.t_scores[raw]


def _sum(instrument: Instrument, turned: Mapping[int, int], lacking: Collection[int]) -> int | None:
    """Sum the items; unanswered ones prorated: round_half_up(sum * k / answered)."""
    values = [turned[item] for item in instrument.summed if item in turned]
    gap = sum(item in lacking for item in instrument.summed)
    if not values or gap > instrument.missing.most:
        return None
    answered = len(values)
    return (2 * sum(values) * (answered + gap) + answered) // (2 * answered)


def turn(instrument: Instrument, item: int, value: int) -> int:
    """Turn the answer of a reversed item around; any other answer stays. Twice changes nothing."""
    if item not in instrument.reverse_items:
        return value
    allowed = instrument.items[item - 1].allowed
    return min(allowed) + max(allowed) - value


def _beyond(instrument: Instrument, total: float) -> bool:
    """Say whether a number cannot be the total, or there is none that it could be."""
    return instrument.total is None or implausible(instrument.total, total)


def _band(
    instrument: Instrument,
    total: float | None,
    parts: Mapping[str, float],
    answers: Mapping[int, int],
) -> Band | None:
    place = instrument.band_item
    if place is None:
        value = total
    else:
        value = parts.get(place) if isinstance(place, str) else answers.get(place)
    return None if value is None else find_band(instrument.bands, value)


def _number(value: float) -> float:
    return int(value) if float(value).is_integer() else value
