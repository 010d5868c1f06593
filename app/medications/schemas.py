"""Medication courses, dose events and administrations on the wire."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.clinical.units import UNITS, UnitNotAccepted, Use, read_unit
from app.core.wire import Amount, Code, Coding, Day, Identified, Instant, Line, Wire
from app.interactions.schemas import SubstanceIn
from app.patients.schemas import Envelope

MedicationKind = Literal["drug", "supplement", "substance"]
DoseEventKind = Literal["start", "change", "stop", "restart", "hold", "resume", "prn_on", "prn_off"]
DoseReason = Literal[
    "initial",
    "partial_response",
    "no_response",
    "side_effect",
    "interaction",
    "lab_result",
    "taper",
    "switch",
    "adherence",
    "cost_or_supply",
    "pregnancy",
    "patient_choice",
    "patient_request",
    "remission",
    "other",
]
Taken = Literal["yes", "no", "partial", "unknown"]
MissedReason = Literal[
    "forgot", "side_effect", "felt_well", "ran_out", "cost", "afraid", "asleep", "other"
]


def _unit_of(use: Use) -> AfterValidator:
    def check(text: str) -> str:
        try:
            return read_unit(text, use)
        except UnitNotAccepted as refusal:
            passes = "one of " + " ".join(sorted(UNITS[use]))
            if refusal.suggestion:
                passes += f"; did you mean {refusal.suggestion}?"
            raise PydanticCustomError("unit_not_accepted", passes) from None

    return AfterValidator(check)


def _number(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


Count = Annotated[
    Amount,
    PlainSerializer(_number, when_used="json"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0}),
]
"""An exact number above 0 that is no dose, answered as a JSON number: times a day, a percent."""


class DoseIn(Wire):
    """One intake. `mcg` is read as `ug`, `unit` as `[iU]`; nothing else is guessed."""

    amount: Amount
    unit: Annotated[Line, _unit_of("intake")]


class RateIn(Wire):
    """What a patch or a pump gives an hour."""

    amount: Amount
    unit: Annotated[Line, _unit_of("rate")]


class ConfirmationIn(Wire):
    """A prescriber's word that a dose outside the usual is meant, and why."""

    codes: Annotated[list[Code], Field(min_length=1, max_length=20)]
    reason: Line


class DoseEventIn(Identified):
    """One thing done to the dose of a course, on the day or at the moment from which it holds.

    A dose that nobody knows is said: `"dose": null, "dose_known": false`.
    """

    medication_id: UUID | None = None
    kind: DoseEventKind
    effective_on: Day | None = None
    effective_at: Instant | None = None
    dose: DoseIn | None = None
    dose_known: bool = True
    rate: RateIn | None = None
    percent_of_previous: Count | None = None
    times_per_day: Count | None = None
    max_per_day: Count | None = None
    planned: bool = False
    reason: DoseReason | None = None
    reason_text: Line | None = None
    confirmation: ConfirmationIn | None = None


class StepsIn(Wire):
    """Several dose events of one course, a taper for instance: all are kept, or none."""

    steps: Annotated[list[DoseEventIn], Field(min_length=1, max_length=100)]


class MedicationIn(Identified, SubstanceIn):
    """A course of one drug, supplement or substance, with the event that began it."""

    kind: MedicationKind
    form: Line | None = None
    route: Line | None = None
    indication: Coding | None = None
    prescriber: Line | None = None
    first_dose_event: DoseEventIn | None = None

    def record_ids(self) -> Iterator[UUID]:
        yield from super().record_ids()
        if self.first_dose_event is not None:
            yield from self.first_dose_event.record_ids()


class AdministrationIn(Identified):
    """One answer to "was it taken?": when it was due, or when it was taken."""

    medication_id: UUID | None = None
    taken: Taken
    at: Instant | None = None
    due_at: Instant | None = None
    dose: DoseIn | None = None
    reason: MissedReason | None = None
    reason_text: Line | None = None


class AdministrationsIn(Wire):
    """Several administrations of one course: all are kept, or none."""

    administrations: Annotated[list[AdministrationIn], Field(min_length=1, max_length=100)]


class ReportedSubstance(Identified):
    """Something that a patient tells of taking; both days belong to the time it was taken."""

    kind: MedicationKind
    substance: SubstanceIn
    from_on: Day | None = None
    to_on: Day | None = None
    dose: DoseIn | None = None
    dose_known: bool = True
    times_per_day: Count | None = None


class MedicationOut(Envelope):
    kind: MedicationKind
    name: str | None = None
    reference_id: str | None = None
    """The substance of our reference that a code or an id names; null: it is uncoded."""


class MedicationPage(Wire):
    items: list[MedicationOut]
    next: str | None


class DoseOut(Wire):
    amount: str
    unit: str


class DoseEventOut(Envelope):
    medication_id: UUID
    kind: DoseEventKind
    effective_on: date | None = None
    """The local day; null for an end at an unknown day."""
    effective_at: datetime | None = None
    dose: DoseOut | None = None
    unconfirmed: list[str] = []
    """Codes that nobody has confirmed; until then it counts in no dose."""


class DoseEventPage(Wire):
    items: list[DoseEventOut]
    next: str | None


class DoseEventItems(Wire):
    items: list[DoseEventOut]


class AdministrationOut(Envelope):
    medication_id: UUID
    taken: Taken
    day: date | None = None
    reported_in: UUID | None = None


class AdministrationPage(Wire):
    items: list[AdministrationOut]
    next: str | None


class AdministrationItems(Wire):
    items: list[AdministrationOut]
