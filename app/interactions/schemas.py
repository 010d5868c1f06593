"""Interactions on the wire: the stateless check, the patient's list, the acknowledgement."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.clinical import interactions as rules
from app.core.wire import Amount, Between, Code, Coding, Day, Line, OfPatient, OtherText, Wire
from app.patients.schemas import Author, Envelope

Severity = Literal["contraindicated", "major", "moderate", "minor"]
State = Literal["open", "acknowledged", "overridden", "resolved"]
Pregnancy = Literal[
    "pregnant", "not_pregnant", "trying", "breastfeeding", "unknown", "not_applicable", "other"
]
Smoking = Literal["never", "former", "current", "unknown", "other"]


# ---- what is sent


class SubstanceIn(Wire):
    """What names a substance: a code, an id of our reference, a text; at least one of them."""

    code: Coding | None = None
    reference_id: Code | None = None
    text: Line | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.code is None and self.reference_id is None and self.text is None:
            raise PydanticCustomError("required", "at least one of code, reference_id and text")
        return self


class FactsIn(Wire):
    """What is known of the person; absent is not known. `egfr` in mL/min/1.73 m2."""

    pregnancy: Pregnancy | None = None
    pregnancy_text: OtherText = None
    smoking: Smoking | None = None
    smoking_text: OtherText = None
    age_years: Annotated[int | None, Between(0, 130)] = None
    egfr: Amount | None = None

    def known(self, events: tuple[rules.Event, ...]) -> rules.Facts:
        """Give the facts as the rules read them; no rule can read `other`."""
        return rules.Facts(
            age_years=self.age_years,
            pregnancy=None if self.pregnancy == "other" else self.pregnancy,
            smoking=None if self.smoking == "other" else self.smoking,
            egfr=self.egfr,
            events=events,
        )


class EventIn(Wire):
    """Something that happened to the person on a day and that a rule asks for."""

    kind: Literal[
        "smoking_stopped",
        "smoking_started",
        "sodium_or_water_loss",
        "sedatives_stopped_abruptly",
    ]
    on: Day


class InteractionCheckIn(Wire):
    """A list of substances, of nobody in particular."""

    substances: Annotated[list[SubstanceIn], Field(min_length=1, max_length=100)]
    facts: FactsIn = FactsIn()
    events: Annotated[list[EventIn], Field(max_length=100)] = []


class AcknowledgementIn(OfPatient):
    """What a named person says of a finding; `reason` is the text beside every code."""

    state: Literal["acknowledged", "overridden"]
    reason_code: Literal[
        "benefit_outweighs_risk",
        "monitoring_in_place",
        "not_taking",
        "wrong_record",
        "resolved",
        "other",
    ]
    reason: Line


# ---- what is kept


class FindingBody(Wire):
    """A finding as one version of it stands in the journal."""

    rule: dict[str, Any]
    severity: Severity
    facts_key: str
    state: State
    medication_ids: list[str]
    doses: dict[str, Any]
    first_seen_at: datetime
    resolved_at: datetime | None
    signal_id: UUID | None
    acknowledgement: dict[str, Any] | None


# ---- what is answered


class RuleOut(Wire):
    """Which rule, in which version."""

    id: str
    version: int


class ReferenceOut(Wire):
    """What the answer rests on."""

    version: str
    date: date


class CandidateOut(Wire):
    """What a text may mean, and how it was matched; `display` in tall-man letters."""

    reference_id: str
    by: str
    display: str | None = None


class SubstanceOut(Wire):
    """A substance of a finding.

    `name` where a code or an id identifies it, `text` and `candidate` where only a name does.
    `clear_on`: it is stopped, and its wash-out is surely over on this day.
    """

    medication_id: UUID | None = None
    fact: str | None = None
    name: str | None = None
    reference_id: str | None = None
    text: str | None = None
    code: Coding | None = None
    candidate: CandidateOut | None = None
    stopped: bool | None = None
    clear_on: date | None = None


class RuleFindingOut(Wire):
    """A rule that holds; `management` is for prescribers and is absent for anybody else."""

    rule: RuleOut
    severity: Severity
    substances: list[SubstanceOut]
    facts: list[str]
    mechanism: str
    effect: str
    management: str | None = None
    onset: str
    evidence: str
    sources: list[str]


class AcknowledgementOut(AcknowledgementIn):
    """Who said it, and when."""

    by: Author
    at: datetime


class KeptFindingOut(RuleFindingOut):
    """A finding of a patient.

    `id` and `first_seen_at` are null while nothing was recorded since time alone made it true.
    """

    id: UUID | None
    state: State
    first_seen_at: datetime | None
    signal_id: UUID | None
    acknowledgement: AcknowledgementOut | None


class ResolvedFindingOut(Wire):
    """A finding that held once; `resolved_at` is null while only time has ended it."""

    id: UUID
    rule: RuleOut
    severity: Severity
    substances: list[SubstanceOut]
    state: Literal["resolved"]
    first_seen_at: datetime
    resolved_at: datetime | None
    signal_id: UUID | None
    acknowledgement: AcknowledgementOut | None


class NewFindingOut(Wire):
    """What a write brought to light, in short; the whole stands in the patient's interactions."""

    id: UUID
    rule: RuleOut
    severity: Severity
    medication_ids: list[UUID]
    state: Literal["open"]
    signal_id: UUID | None


class ReadAsOut(Wire):
    """What only a name speaks for, with all that the name was read as; it may be something else."""

    medication_id: UUID | None = None
    text: str | None = None
    code: Coding | None = None
    candidates: list[CandidateOut]


class NotCheckedOut(Wire):
    """What no rule could look at, or not at all of it, and why."""

    substance: SubstanceOut
    why: str


class FactMissingOut(Wire):
    """A rule whose substances are there and that waits for a fact nobody told."""

    rule: RuleOut
    severity: Severity
    fact: str
    substances: list[SubstanceOut]


class InteractionCheckOut(Wire):
    """What was found, what was and was not checked; never that there is no interaction."""

    reference: ReferenceOut
    statement: str
    checked: int
    checked_by_name: int
    """How many of the checked only a name speaks for; each stands under `read_as`."""
    findings: list[RuleFindingOut]
    possible: list[RuleFindingOut]
    read_as: list[ReadAsOut]
    not_checked: list[NotCheckedOut]
    facts_missing: list[FactMissingOut]


class InteractionsOut(Wire):
    """The same for a patient's list as it is now."""

    checked_at: datetime
    reference: ReferenceOut
    statement: str
    checked: int
    checked_by_name: int
    findings: list[KeptFindingOut]
    resolved: list[ResolvedFindingOut]
    possible: list[RuleFindingOut]
    read_as: list[ReadAsOut]
    not_checked: list[NotCheckedOut]
    facts_missing: list[FactMissingOut]


class DoseSeenOut(Wire):
    """A dose a day."""

    amount: str
    unit: str


class FindingOut(Envelope):
    """One version of a stored finding."""

    rule: RuleOut
    severity: Severity
    facts_key: str
    state: State
    medication_ids: list[UUID]
    doses: dict[str, DoseSeenOut]
    """The known daily dose of each substance, the highest that stood behind the finding."""
    first_seen_at: datetime
    resolved_at: datetime | None
    signal_id: UUID | None
    acknowledgement: AcknowledgementOut | None


class FindingPage(Wire):
    """Versions of a finding, newest first."""

    items: list[FindingOut]
    next: str | None
