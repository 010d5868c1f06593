"""What the intake asks about danger: which answers are positive, and which count as asked.

A positive answer opens a signal in the same request. `unknown` and `not_asked` are no answer:
they are neither a no nor a sign that anybody asked.
"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from app.care.intake_schemas import RiskIn
from app.clinical.safety import SUICIDAL_IDEATION, SUICIDAL_IDEATION_ITEM
from app.core.db import Work
from app.patients.service import Person
from app.signals import service as signals

NOT_ANSWERED = frozenset({"unknown", "not_asked"})
NEGATIVE = frozenset({"none", "no"})
OF_SUICIDE = frozenset(
    {
        SUICIDAL_IDEATION_ITEM,
        "risk_suicidal_ideation",
        "risk_suicide_attempt_history",
        "risk_self_harm_history",
    }
)
"""Codes of the signals that say, while they are open, that suicide is a risk."""


def answers(risk: RiskIn | None) -> dict[str, str]:
    """Give what was sent, by question; absent is not asked."""
    if risk is None:
        return {}
    return {name: said for name in RiskIn.questions() if (said := getattr(risk, name)) is not None}


def told(risk: RiskIn | None) -> dict[str, list[str]]:
    """Say which questions were asked and answered, and which were not."""
    said = answers(risk)
    asked = [name for name, answer in said.items() if answer not in NOT_ANSWERED]
    return {
        "asked": asked,
        "not_asked": [name for name in RiskIn.questions() if name not in asked],
    }


def facts(risk: RiskIn | None) -> dict[str, str]:
    """Give what says that suicide was asked about; no answer is none."""
    said = answers(risk).get(SUICIDAL_IDEATION)
    return {} if said is None or said in NOT_ANSWERED else {SUICIDAL_IDEATION: said}


def open_signals(
    work: Work, person: Person, record_id: UUID, risk: RiskIn | None
) -> Iterator[dict[str, Any]]:
    """Open one signal for each positive answer that has none yet; a correction closes none."""
    for name, answer in answers(risk).items():
        if answer in NEGATIVE | NOT_ANSWERED:
            continue
        evidence = {"question": name, "answer": answer, "record_id": str(record_id)}
        key = f"{record_id}:risk.{name}:{answer}"
        opened = signals.open_once(work, person, key, f"risk_{name}", evidence)
        if opened is not None:
            yield opened


def of_suicide(work: Work, patient_id: UUID) -> bool:
    """Say whether a signal of suicide risk is open."""
    return not OF_SUICIDE.isdisjoint(signals.open_codes(work, patient_id))
