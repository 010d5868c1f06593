"""Item-level risk: what is shown to a person whatever any total says."""

from dataclasses import dataclass

from app.clinical.instruments import Instrument, Score

SUICIDAL_IDEATION_ITEM = "suicidal_ideation_item"
SAFETY_NOTICE = (
    "Nobody reads this in real time. If you are in danger, or may harm yourself or somebody "
    "else, call your local emergency number now."
)
"""Until a clinic has words of its own. It names no telephone number: it cannot know one."""


@dataclass(frozen=True, slots=True)
class RiskFinding:
    """A risk item at or above its level; `action` is for prescribers only."""

    code: str
    instrument: str
    item: int
    measure: str
    value: int
    at_least: int
    action: str


def risk_findings(instrument: Instrument, score: Score) -> tuple[RiskFinding, ...]:
    """Read the risk items from the answers as they came, in item order.

    No total, band, proration or range check takes a finding away: an answer above what the item
    allows is still an answer above its level. An unanswered item is no finding and no all-clear.
    """
    return tuple(
        RiskFinding(
            code=SUICIDAL_IDEATION_ITEM,
            instrument=instrument.id,
            item=risk.index,
            measure=f"{instrument.id}.{risk.index}",
            value=score.answers[risk.index],
            at_least=risk.at_least,
            action=risk.action,
        )
        for risk in instrument.risk_items
        if score.answers.get(risk.index, risk.at_least - 1) >= risk.at_least
    )
