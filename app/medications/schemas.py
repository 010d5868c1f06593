"""Medication courses, dose events, administrations and dispenses on the wire."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError

from app.clinical.units import UNITS, UnitNotAccepted, Use, read_unit
from app.core.wire import (
    Amount,
    Between,
    ClockTime,
    Code,
    Coding,
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
from app.interactions.schemas import NewFindingOut, SubstanceIn
from app.patients.schemas import Envelope
from app.signals.schemas import OpenedSignal

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


class PartIn(Wire):
    """One strength of several: once a day at a clock time, or so many times a day."""

    dose: DoseIn
    at: ClockTime | None = None
    times_per_day: Count | None = None


class ConfirmationIn(Wire):
    """A prescriber's word that a dose outside the usual is meant, and why."""

    codes: Annotated[list[Code], Field(min_length=1, max_length=20)]
    reason: Line


class DoseEventIn(Identified, OfPatient):
    """One thing done to the dose of a course, on the day or at the moment from which it holds.

    A dose that nobody knows is said: `"dose": null, "dose_known": false`. Several strengths at
    different hours are `parts`; a long-acting injection has `interval_days` between two of them.
    `planned_step_id` names the planned step that this event carried out.
    """

    medication_id: UUID | None = None
    kind: DoseEventKind
    effective_on: Day | None = None
    effective_at: Instant | None = None
    dose: DoseIn | None = None
    dose_known: bool = True
    rate: RateIn | None = None
    parts: Annotated[list[PartIn] | None, Field(min_length=1, max_length=24)] = None
    percent_of_previous: Count | None = None
    times_per_day: Count | None = None
    max_per_day: Count | None = None
    interval_days: Annotated[int | None, Between(1, 366)] = None
    direction: Literal["raise", "lower"] | None = None
    """Of a change whose amount nobody knows."""
    product: Line | None = None
    planned: bool = False
    planned_step_id: UUID | None = None
    reason: DoseReason | None = None
    reason_text: OtherText = None
    confirmation: ConfirmationIn | None = None


class StepsIn(OfPatient):
    """Several dose events of one course, a taper for instance: all are kept, or none."""

    steps: Annotated[list[DoseEventIn], Field(min_length=1, max_length=100)]


ExposureUnit = Annotated[Line, _unit_of("exposure")]


class ExposureIn(Wire):
    """How much of a substance a day or a week, where no dose is ordered: 4 drinks a week."""

    amount: Amount
    unit: ExposureUnit
    per: Literal["d", "wk"]


class MedicationIn(Sealable, SubstanceIn):
    """A course of one drug, supplement or substance, with the event that began it."""

    kind: MedicationKind
    form: Line | None = None
    route: Line | None = None
    indication: Coding | None = None
    prescriber: Line | None = None
    exposure: ExposureIn | None = None
    first_dose_event: DoseEventIn | None = None

    def record_ids(self) -> Iterator[UUID]:
        yield from super().record_ids()
        if self.first_dose_event is not None:
            yield from self.first_dose_event.record_ids()


class AdministrationIn(Identified, OfPatient):
    """One answer to "was it taken?": when it was due, or when it was taken."""

    medication_id: UUID | None = None
    taken: Taken
    at: Instant | None = None
    due_at: Instant | None = None
    dose: DoseIn | None = None
    reason: MissedReason | None = None
    reason_text: OtherText = None


class AdministrationsIn(OfPatient):
    """Several administrations of one course: all are kept, or none."""

    administrations: Annotated[list[AdministrationIn], Field(min_length=1, max_length=100)]


class DispenseIn(Identified, OfPatient):
    """One fill that was handed out; how long it lasts as ordered is said, or not known."""

    medication_id: UUID | None = None
    dispensed_on: Day
    quantity: Amount | None = None
    unit: Annotated[Line, _unit_of("intake")] | None = None
    days_supply: Annotated[int | None, Between(1, 366)] = None
    product: Line | None = None


class DispensesIn(OfPatient):
    """Several fills of one course: all are kept, or none."""

    dispenses: Annotated[list[DispenseIn], Field(min_length=1, max_length=100)]


class ReportedSubstance(Identified):
    """Something that a patient tells of taking; both days belong to the time it was taken."""

    kind: MedicationKind
    substance: SubstanceIn
    from_on: Day | None = None
    to_on: Day | None = None
    dose: DoseIn | None = None
    dose_known: bool = True
    times_per_day: Count | None = None
    exposure: ExposureIn | None = None


# ---- a clinic's own reference


def _known_reference_unit(value: str) -> str:
    if value not in UNITS["reference"] | {"mg"}:
        passes = "one of mg " + " ".join(sorted(UNITS["reference"]))
        raise PydanticCustomError("unit_not_accepted", passes)
    return value


ReferenceUnit = Annotated[str, AfterValidator(_known_reference_unit)]
Names = Annotated[list[Line], Field(max_length=50)]


class ReferenceAmountIn(Wire):
    value: Amount
    unit: ReferenceUnit


class ReferenceRangeIn(Wire):
    low: Amount
    high: Amount
    unit: ReferenceUnit


class SpanIn(Wire):
    low: Amount
    high: Amount


class OwnMedicationIn(Identified):
    """A medicine of the clinic's own reference, with where its facts are from."""

    natural_key: ClassVar[str | None] = "code"

    id: None = None
    code: Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    name: Line
    kind: Literal["drug", "supplement", "exposure"] = "drug"
    brands: Names = []
    synonyms: Names = []
    classes: Names = []
    rxnorm: Annotated[str | None, Field(max_length=20, pattern=r"^[0-9]+$")] = None
    atc: Annotated[
        list[Annotated[str, Field(pattern=r"^[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}$")]],
        Field(max_length=20),
    ] = []
    forms: Names = []
    usual_start: ReferenceAmountIn | None = None
    usual_range: ReferenceRangeIn | None = None
    max_daily: ReferenceAmountIn | None = None
    half_life_hours: SpanIn | None = None
    onset_weeks: SpanIn | None = None
    notes: Note | None = None
    sources: Annotated[list[Line], Field(min_length=1, max_length=20)]


class OwnMedicationOut(Wire):
    """An entry of the clinic's. `origin` says whose it is."""

    model_config = ConfigDict(extra="allow")

    code: str
    reference_id: str
    name: str
    display: str
    origin: Literal["clinic"]
    sources: list[str]
    version: int


class MedicationOut(Envelope):
    kind: MedicationKind
    name: str | None = None
    reference_id: str | None = None
    """The substance of our reference that a code or an id names; null: it is uncoded."""
    new_findings: list[NewFindingOut] = []
    """Interactions that this version of the record brought to light, as in `opened_signals`."""
    opened_signals: list[OpenedSignal] = []


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
    new_findings: list[NewFindingOut] = []
    opened_signals: list[OpenedSignal] = []


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


class DispenseOut(Envelope):
    medication_id: UUID
    dispensed_on: date
    quantity: str | None = None
    unit: str | None = None
    days_supply: int | None = None


class DispensePage(Wire):
    items: list[DispenseOut]
    next: str | None


class DispenseItems(Wire):
    items: list[DispenseOut]
