"""What a patient's own app shows: facts, and words that the clinic wrote."""

from datetime import date
from typing import Any
from uuid import UUID

from app.care.schemas import Goal, Modality
from app.clinical.tasks import Kind, Reason
from app.core.wire import Wire


class NamedMeasure(Wire):
    """A number that is followed, by its code and in words."""

    measure: str
    label: str


class ReviewOut(Wire):
    """When the plan is looked at again; `overdue` from midnight of the patient's own zone."""

    due: date
    days_left: int
    overdue: bool


class TaskOut(Wire):
    """One thing to fill in.

    `measures`: what a check-in asks for. `expires_on`: the last day on which it counts; null:
    until it is done. `instead_of`: the longer form that this short one may spare. A proxy is told
    that and when something is to be filled in; what it is, and why, is null.
    """

    kind: Kind
    instrument: str | None
    title: str | None
    items_count: int | None
    instead_of: str | None
    measures: list[NamedMeasure]
    reason: Reason | None
    is_open: bool
    opens_on: date
    due_on: date
    expires_on: date | None
    missed_in_a_row: int
    last_on: date | None


class TasksOut(Wire):
    """What is open first; `reason` says why there is nothing."""

    as_of: date
    items: list[TaskOut]
    reason: str | None


class SignOut(Wire):
    """What may be noticed, and around which day."""

    week: int
    around_on: date
    sign: str
    source: str | None


class MyGoalOut(Goal):
    """A goal, with its measure in words."""

    label: str | None


class MyTherapyOut(Wire):
    """A therapy beside the medicine, and how often."""

    modality: Modality
    modality_text: str | None
    every_days: int | None


class MyPlanOut(Wire):
    """Why, what to expect and when, when it is looked at again, what to fill in before that."""

    as_of: date
    version: int
    agreed_on: date
    decision_shared: bool | None
    why: str
    goals: list[MyGoalOut]
    expected: list[SignOut]
    measured_by: list[NamedMeasure]
    therapy: list[MyTherapyOut]
    next_review: ReviewOut
    fill_in_before: list[TaskOut]


class MeOut(Wire):
    """The first screen: who, the day it is there, the next review, what is open."""

    patient: dict[str, Any]
    patient_id: UUID
    as_of: date
    next_review: ReviewOut | None
    open_tasks: list[TaskOut]
    reason: str | None
