"""What else is taken, and the facts of a person that interactions depend on."""

from typing import Literal

from app.core.wire import OtherText, Wire
from app.followups.domains.base import Domain, Many
from app.medications.schemas import ReportedSubstance


class Facts(Wire):
    """Facts that a rule asks for; absent is not asked."""

    smoking: Literal["never", "former", "current", "unknown", "other"] | None = None
    smoking_text: OtherText = None
    pregnancy: (
        Literal[
            "pregnant",
            "not_pregnant",
            "trying",
            "breastfeeding",
            "unknown",
            "not_applicable",
            "other",
        ]
        | None
    ) = None
    pregnancy_text: OtherText = None


class Interactions(Domain):
    """Whether the list was gone through, what came to light, what changed in the person."""

    list_reviewed: bool | None = None
    reported: Many[ReportedSubstance] = []
    facts: Facts | None = None
