"""Item-level risk: what is shown to a person whatever any total says."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Literal

from app.clinical.instruments import Instrument, all_instruments
from app.clinical.measure import RiskDue, RiskItem
from app.clinical.scoring import Score

SUICIDAL_IDEATION_ITEM = "suicidal_ideation_item"
SUICIDALITY = "suicidality"
SUICIDAL_IDEATION = "suicidal_ideation"
"""The question of the first appointment that asks for this topic."""
RiskTopic = Literal["suicidality", "mania", "other"]
CODES = {
    "suicidality": SUICIDAL_IDEATION_ITEM,
    "mania": "mania_threshold",
    "other": "risk_item",
}
"""Topic of a risk item -> code of the signal that it opens."""
SIDE_EFFECTS = "side_effects"
URGENCY: tuple[RiskDue | None, ...] = ("immediate", "same_day", None)
NOBODY_WATCHES = "Nobody reads this in real time."
"""Said to every patient who answers about a risk, before the words of the clinic."""
IN_DANGER = (
    "If you are in danger, or may harm yourself or somebody else, call your local emergency "
    "number now."
)
"""Until a clinic has words of its own. It names no telephone number: it cannot know one."""


@dataclass(frozen=True, slots=True)
class RiskFinding:
    """A risk item at or above its level; `action` is for prescribers only.

    item: its number, or `total` where the rule looks at the whole scale.
    due: until when somebody looks; None where the rule sets no time.
    """

    code: str
    topic: str
    instrument: str
    version: int
    item: int | str
    measure: str
    value: float
    at_least: int
    due: RiskDue | None
    action: str


def risk_findings(instrument: Instrument, score: Score) -> tuple[RiskFinding, ...]:
    """Read the risk items from the answers as they came, the most urgent first.

    No total, band, proration or range check takes a finding away: an answer above what the item
    allows is still an answer above its level, and answers that already reach the level of a
    total need not be complete. An unanswered item is no finding and no all-clear.
    """
    found: dict[int | str, RiskFinding] = {}
    for risk in instrument.risk_items:
        value = _value(instrument, score, risk)
        if value is None or value < risk.at_least or risk.index in found:
            continue
        if risk.unless is not None and score.answers.get(risk.unless) == 0:
            continue
        found[risk.index] = RiskFinding(
            code=CODES[risk.topic],
            topic=risk.topic,
            instrument=instrument.id,
            version=instrument.version,
            item=risk.index,
            measure=f"{instrument.id}.{risk.index}",
            value=value,
            at_least=risk.at_least,
            due=risk.due,
            action=risk.action,
        )
    return tuple(sorted(found.values(), key=lambda one: (URGENCY.index(one.due), one.measure)))


def _value(instrument: Instrument, score: Score, risk: RiskItem) -> float | None:
    if risk.index != "total":
        return score.answers.get(risk.index)
    so_far = [value for item, value in score.answers.items() if item in instrument.summed]
    if score.total_trended is not None:
        return score.total_trended
    known = (score.total_received, sum(so_far) if so_far else None)
    return max((value for value in known if value is not None), default=None)


def asks_about_risk(instrument: Instrument, answered: Collection[int]) -> bool:
    """Say whether a form asked what a person has to see, whatever the answer is.

    answered: the items with an answer; none where only a total came.
    """
    return any(risk.index == "total" or risk.index in answered for risk in instrument.risk_items)


@cache
def topics() -> Mapping[str, str]:
    """Give measure -> topic for every number that says that a risk was asked about."""
    found: dict[str, str] = {}
    for instrument in all_instruments():
        found |= topics_of(instrument)
    return MappingProxyType(found)


def topics_of(instrument: Instrument) -> dict[str, str]:
    """Give measure -> topic of one instrument; the one item of a short form is its total."""
    items = len(instrument.item_measures)
    return {
        f"{instrument.id}.{risk.index if items else 'total'}": risk.topic
        for risk in instrument.risk_items
    }
