"""The first appointment on the wire, in one body; what nobody asked is absent, never a no."""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from app.assessments.schemas import AssessmentWithin
from app.care.schemas import Many, Weight, Words
from app.core.wire import (
    Amount,
    Between,
    Code,
    Day,
    Identified,
    Instant,
    Line,
    Note,
    OfPatient,
    OtherText,
    Wire,
)
from app.interactions.schemas import Pregnancy, Smoking, SubstanceIn
from app.labs.schemas import LabIn
from app.medications.schemas import (
    Count,
    DoseIn,
    DoseReason,
    ExposureIn,
    ExposureUnit,
    MedicationKind,
)
from app.patients.schemas import ConditionIn, Envelope
from app.signals.schemas import OpenedSignal

MOST = 1000
"""Of anything that is counted over a life."""
Answer = Literal["no", "yes", "unknown", "not_asked", "other"]


class Evaluation(Wire):
    """The psychiatric evaluation in words."""

    history: Note | None = None
    mental_state: Note | None = None
    formulation: Note | None = None


class PastTrial(Wire):
    """A medicine that was tried before: how much, how long, how it was taken, what came of it."""

    substance: SubstanceIn
    highest_dose: DoseIn | None = None
    times_per_day: Count | None = None
    from_on: Day | None = None
    to_on: Day | None = None
    weeks: Annotated[int | float | None, Between(0, 5200)] = None
    adherence: Literal["good", "partial", "poor", "unknown", "other"] | None = None
    adherence_text: OtherText = None
    outcome: (
        Literal[
            "remission", "response", "partial_response", "no_response", "worse", "unknown", "other"
        ]
        | None
    ) = None
    outcome_text: OtherText = None
    side_effects: Many[Code] = []
    stop_reason: DoseReason | None = None
    stop_reason_text: OtherText = None
    note: Note | None = None


class PsychiatricHistory(Wire):
    """What there was before: episodes, stays, medicines and therapies that were tried."""

    past_episodes: Annotated[int | None, Between(0, MOST)] = None
    hospitalisations: Annotated[int | None, Between(0, MOST)] = None
    first_episode_age_years: Annotated[int | None, Between(0, 130)] = None
    past_trials: Many[PastTrial] = []
    past_therapies: Many[Line] = []
    note: Note | None = None


class Relative(Wire):
    """Who of the family had what."""

    relation: Line
    condition: Line


class Allergy(Wire):
    """What is not tolerated, and how that showed."""

    substance: SubstanceIn
    reaction: Line | None = None


class IntakeExposure(Identified):
    """A substance that is taken without an order; `amount`, `unit` and `per` come together.

    It becomes a course, `kind` substance unless another is said.
    """

    kind: MedicationKind = "substance"
    substance: SubstanceIn
    amount: Amount | None = None
    unit: ExposureUnit | None = None
    per: Literal["d", "wk"] | None = None
    from_on: Day | None = None
    to_on: Day | None = None

    @model_validator(mode="after")
    def _amount_in_a_unit(self) -> Self:
        said = [self.amount, self.unit, self.per]
        if any(one is None for one in said) and any(one is not None for one in said):
            raise PydanticCustomError("one_of", "amount, unit and per together, or none of them")
        return self

    def measured(self) -> ExposureIn | None:
        """Give the amount with its unit, as a course keeps it."""
        if self.amount is None or self.unit is None or self.per is None:
            return None
        return ExposureIn(amount=self.amount, unit=self.unit, per=self.per)


class IntakeFacts(Wire):
    """What the rules may ask of a person; absent is not asked."""

    pregnancy: Pregnancy | None = None
    pregnancy_text: OtherText = None
    smoking: Smoking | None = None
    smoking_text: OtherText = None


class Lifestyle(Wire):
    """How a person lives; absent is not asked."""

    exercise_days_per_week: Annotated[int | None, Between(0, 7)] = None
    shift_work: bool | None = None
    diet: Note | None = None
    sleep_habits: Note | None = None
    living_situation: Note | None = None
    occupation: Line | None = None
    note: Note | None = None


class Stressor(Identified):
    """A burden that the patient names; it becomes a life event."""

    label: Line
    from_on: Day | None = None
    to_on: Day | None = None
    weight: Weight = None


class RiskIn(Wire):
    """What was asked about danger. `unknown` and `not_asked` do not count as asked."""

    suicidal_ideation: (
        Literal["none", "passive", "active", "plan", "attempt", "unknown", "not_asked", "other"]
        | None
    ) = None
    suicidal_ideation_text: OtherText = None
    suicide_attempt_history: Answer | None = None
    suicide_attempt_history_text: OtherText = None
    self_harm_history: Answer | None = None
    self_harm_history_text: OtherText = None
    harm_to_others: Answer | None = None
    harm_to_others_text: OtherText = None
    firearms_access: Answer | None = None
    firearms_access_text: OtherText = None
    note: Note | None = None

    @classmethod
    @cache
    def questions(cls) -> tuple[str, ...]:
        """Give the members that are questions, in their order."""
        return tuple(name for name in cls.model_fields if f"{name}_text" in cls.model_fields)


class Education(Wire):
    """What was explained, and whether it was understood."""

    topic: Line
    given_on: Day | None = None
    understood: bool | None = None


class Option(Wire):
    """A treatment that was talked about, with what speaks for it and against."""

    name: Line
    reasons_for: Many[Line] = []
    reasons_against: Many[Line] = []


class Decision(Wire):
    """What was chosen; `shared`: together with the patient."""

    chosen: Words
    shared: bool | None = None
    why: Note | None = None


class IntakeIn(Identified, OfPatient):
    """The first appointment: all of it is kept, or nothing."""

    occurred_at: Instant
    presenting_problem: Note | None = None
    evaluation: Evaluation | None = None
    psychiatric_history: PsychiatricHistory | None = None
    medical_history: Many[Line] = []
    family_history: Many[Relative] = []
    substance_history: Note | None = None
    allergies: Many[Allergy] = []
    exposures: Many[IntakeExposure] = []
    facts: IntakeFacts | None = None
    lifestyle: Lifestyle | None = None
    stressors: Many[Stressor] = []
    risk: RiskIn | None = None
    conditions: Many[ConditionIn] = []
    assessments: Many[AssessmentWithin] = []
    labs: Many[LabIn] = []
    education: Many[Education] = []
    options: Many[Option] = []
    decision: Decision | None = None
    note: Note | None = None

    def nested(self) -> Iterator[tuple[str, Identified]]:
        """Give the records that it brings along, each with its place in the body."""
        for name in ("conditions", "exposures", "stressors", "labs", "assessments"):
            for number, one in enumerate(getattr(self, name)):
                yield f"/{name}/{number}", one

    def record_ids(self) -> Iterator[UUID]:
        """Give its own id and those of the records that it brings."""
        yield from super().record_ids()
        for _, record in self.nested():
            yield from record.record_ids()


class BroughtOut(Wire):
    """Where a part of the intake went on as a record of its own; `linked`: it was there before.

    withdrawn: it was marked as entered in error at its own address, and stays so.
    """

    at: str
    type: str
    id: UUID
    linked: bool
    withdrawn: bool = False


class RiskAsked(Wire):
    """Which questions were asked and answered, and which were not."""

    asked: list[str]
    not_asked: list[str]


class IntakeOut(Envelope):
    """`records`: what became of its parts, each at its place in the body."""

    occurred_at: datetime
    occurred_on: date
    presenting_problem: str | None = None
    assessments: list[dict[str, Any]] = []
    risk_asked: RiskAsked
    records: list[BroughtOut]
    opened_signals: list[OpenedSignal]


class IntakePage(Wire):
    """All versions of an intake, the newest first."""

    items: list[IntakeOut]
    next: str | None
