"""The treatment plan, its reviews, therapy sessions and life events on the wire."""

from datetime import date, datetime
from typing import Annotated, Literal, Self, TypeVar
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from app.clinical.followup import Phase, Why
from app.core.wire import (
    Between,
    Code,
    Day,
    Identified,
    Instant,
    Line,
    Note,
    OfPatient,
    OtherText,
    Sealable,
    Wire,
)
from app.patients.schemas import Envelope

T = TypeVar("T")
Many = Annotated[list[T], Field(max_length=100)]
Words = Annotated[Note, Field(min_length=1)]

Modality = Literal[
    "cognitive_behavioural_therapy",
    "trauma_informed",
    "mindfulness_based",
    "solution_focused",
    "motivational_interviewing",
    "psychodynamic",
    "skills_based",
    "other",
]
Homework = Literal["done", "partly", "not_done", "none_set", "other"]
LifeEventKind = Literal[
    "stressor",
    "illness",
    "hospital",
    "travel",
    "loss",
    "relationship",
    "work",
    "substance",
    "positive",
    "other",
]
Outcome = Literal[
    "unchanged",
    "dose_raise_agreed",
    "dose_lower_agreed",
    "switch_agreed",
    "stop_agreed",
    "referred",
    "other",
]
Weight = Annotated[int | None, Between(1, 3)]


# ---- the treatment plan


class Goal(Wire):
    """What the patient wants, in the patient's words, and the number by which it is told."""

    id: UUID | None = None
    patient_words: Words
    measure: Code | None = None
    target: Annotated[int | float | None, Between(-100_000, 100_000)] = None
    due_on: Day | None = None


class ExpectedSign(Wire):
    """What may be noticed in which week after the plan was agreed, in the clinic's words."""

    week: Annotated[int, Between(0, 260)]
    sign: Words
    source: Line | None = None


class TherapyPart(Wire):
    """A therapy beside the medicine, and how often."""

    modality: Modality
    modality_text: OtherText = None
    every_days: Annotated[int | None, Between(1, 366)] = None


class TreatmentPlanIn(Identified, OfPatient):
    """What was agreed: why, towards what, what to expect, how it is measured and looked at again.

    `phase`: that of the treatment from `agreed_on` on, where it is no longer its start; guideline
    intervals of that phase then count.
    """

    agreed_on: Day
    decision_shared: bool | None = None
    why: Words
    goals: Many[Goal] = []
    measured_by: Many[Code] = []
    expected: Many[ExpectedSign] = []
    review_interval_days: Annotated[int | None, Between(1, 730)] = None
    phase: Phase | None = None
    therapy: Many[TherapyPart] = []
    note: Note | None = None

    @model_validator(mode="after")
    def _each_goal_once(self) -> Self:
        ids = [goal.id for goal in self.goals if goal.id is not None]
        if len(set(ids)) < len(ids):
            raise PydanticCustomError("out_of_range", "an id of its own for every goal")
        return self


class AskingOut(Wire):
    """What asks for a day: the medicine it is about, the week of a decision point."""

    code: Why
    medication_id: UUID | None = None
    week: int | None = None


class ReviewRuleOut(Wire):
    """The entry of the reference, with what of it was seen."""

    id: str
    version: str
    source: str
    verified: str


class VisitOut(AskingOut):
    """The same with its rule; null for the plan's own interval."""

    rule: ReviewRuleOut | None = None


class NextReviewOut(Wire):
    """Worked out when it is read, in the patient's own days; `reasons` says what is not known.

    `why` and `reasons` are for the clinic; a patient's token gets the day alone.
    """

    due: date
    days_left: int
    overdue: bool
    why: list[VisitOut] | None = None
    reasons: list[str] | None = None


class TreatmentPlanOut(Envelope):
    """The plan as it was sent, and when it is looked at again."""

    agreed_on: date
    why: str
    goals: list[Goal] = []
    measured_by: list[str] = []
    expected: list[ExpectedSign] = []
    review_interval_days: int | None = None
    therapy: list[TherapyPart] = []
    next_review: NextReviewOut


class TreatmentPlanVersion(Envelope):
    """One version of a plan, as it was answered; nothing is worked out of it."""

    agreed_on: date
    why: str


class TreatmentPlanPage(Wire):
    """All versions of a plan, the newest first."""

    items: list[TreatmentPlanVersion]
    next: str | None


class PlanReviewIn(Identified, OfPatient):
    """One look at the plan, and what came of it."""

    reviewed_at: Instant
    outcome: Outcome
    outcome_text: OtherText = None
    note: Note | None = None


class ReviewDueOut(Wire):
    """The next review as it was worked out at this one; the plan's own is worked out anew."""

    due: date
    why: list[AskingOut]


class PlanReviewOut(Envelope):
    """A review with the version of the plan that was looked at."""

    reviewed_at: datetime
    reviewed_on: date
    outcome: Outcome
    outcome_text: str | None = None
    note: str | None = None
    plan_version: int
    next_review: ReviewDueOut


class PlanReviewPage(Wire):
    """Reviews, the oldest first."""

    items: list[PlanReviewOut]
    next: str | None


# ---- the timeline beside the medicines


class TherapySessionIn(Sealable):
    """One session: attended or missed, and what became of the homework."""

    modality: Modality
    modality_text: OtherText = None
    occurred_at: Instant
    attended: bool
    duration_min: Annotated[int | None, Between(1, 1440)] = None
    homework: Homework | None = None
    homework_text: OtherText = None
    note: Note | None = None


class TherapySessionOut(Envelope):
    """A session with its day in the zone of the patient."""

    modality: Modality
    occurred_at: datetime
    occurred_on: date
    attended: bool
    homework: Homework | None = None
    note: str | None = None


class TherapySessionPage(Wire):
    """Sessions, the oldest first."""

    items: list[TherapySessionOut]
    next: str | None


class LifeEventIn(Sealable):
    """Something that happened, from its first to its last day; weight 1 little to 3 much."""

    kind: LifeEventKind
    kind_text: OtherText = None
    label: Line
    from_on: Day | None = None
    to_on: Day | None = None
    weight: Weight = None
    note: Note | None = None


class LifeEventOut(Envelope):
    """`from_assumed`: nobody said when it began; it is told of from this day on."""

    kind: LifeEventKind
    label: str
    from_on: date
    from_assumed: bool
    to_on: date | None = None
    weight: int | None = None
    note: str | None = None


class LifeEventPage(Wire):
    """Life events by their first day."""

    items: list[LifeEventOut]
    next: str | None
