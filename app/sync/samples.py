"""Doses as a phone's health store tells of them: HealthKit's dose events, Open mHealth's points.

The store makes its samples anew after a reinstall and sends them from several devices, so a
sample is known by its source and its id there, never by when it came. Permission is asked a
medicine at a time: what the store does not say is unknown, and never "not taken".
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID, uuid5

from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from app.clinical.units import UnitNotAccepted, read_unit
from app.core.errors import Invalid
from app.core.wire import Code, Identified, Instant, Line, OfPatient, Wire, exact
from app.medications.schemas import AdministrationIn, DoseIn, Taken

Number = Annotated[
    Decimal,
    Field(ge=0, le=1_000_000),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1_000_000}, mode="validation"),
]
"""A quantity as a store has it: a skipped dose may carry 0, a third of a tablet all its digits."""
LogStatus = Literal[
    "taken", "skipped", "snoozed", "notInteracted", "notificationNotSent", "notLogged"
]
"""HKMedicationDoseEvent.LogStatus (iOS 26)."""
TAKEN: dict[LogStatus, Taken] = {"taken": "yes", "skipped": "no"}


class Theirs(BaseModel):
    """A part of somebody else's shape: what we do not read is left aside."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class HealthKitDose(Theirs):
    """One HKMedicationDoseEvent; `source` is the bundle identifier of the app that wrote it."""

    uuid: Code
    source: Code
    log_status: Annotated[LogStatus, Field(alias="logStatus")]
    start_date: Annotated[Instant | None, Field(alias="startDate")] = None
    scheduled_date: Annotated[Instant | None, Field(alias="scheduledDate")] = None
    dose_quantity: Annotated[Number | None, Field(alias="doseQuantity")] = None
    unit: Line | None = None


class Provenance(Theirs):
    """Where a data point comes from, and its id there."""

    source_name: Code
    source_data_point_id: Code | None = None


class Header(Theirs):
    """The header of an Open mHealth data point (omh:header)."""

    id: Code
    acquisition_provenance: Provenance


class TimeInterval(Theirs):
    """A stretch of time; its beginning counts."""

    start_date_time: Instant


class TimeFrame(Theirs):
    """When it was: a moment or a stretch (omh:time-frame)."""

    date_time: Instant | None = None
    time_interval: TimeInterval | None = None


class Quantity(Theirs):
    """A number and a unit (omh:unit-value)."""

    value: Number
    unit: Line


class Intake(Theirs):
    """One intake. Open mHealth publishes no schema for it: the time frame and the dose are
    theirs, `taken` is ours.
    """

    effective_time_frame: TimeFrame
    taken: Taken
    dose: Quantity | None = None


class DataPoint(Theirs):
    """An Open mHealth data point with one intake."""

    header: Header
    body: Intake


class SampleIn(Identified, OfPatient):
    """An administration as a health store has it; which course it belongs to, the app knows."""

    medication_id: UUID
    health_kit: HealthKitDose | None = None
    open_mhealth: DataPoint | None = None


class Sample(Wire):
    """A sample's name in its store, and what was said there of the amount."""

    source: Literal["health_kit", "open_mhealth"]
    source_name: str
    sample_id: str
    quantity: str | None = None


def is_sample(body: Any) -> bool:
    """Say whether the body of an administration is a health store's."""
    return isinstance(body, dict) and bool({"health_kit", "open_mhealth"} & set(body))


def read_sample(patient_id: UUID, data: SampleIn) -> tuple[UUID, AdministrationIn, Sample]:
    """Give the id that this sample always has, and what it says in our words.

    Raises:
        Invalid: neither or both shapes, or no time at all.
    """
    kit, point = data.health_kit, data.open_mhealth
    if (kit is None) == (point is None):
        raise Invalid("either health_kit or open_mhealth", pointer="/health_kit")
    if kit is not None:
        name = Sample(
            source="health_kit",
            source_name=kit.source,
            sample_id=kit.uuid,
            quantity=_said(kit.dose_quantity, kit.unit),
        )
        told = _administration(
            data.medication_id,
            TAKEN.get(kit.log_status, "unknown"),
            kit.start_date,
            kit.scheduled_date,
            _dose(kit.dose_quantity, kit.unit),
        )
    else:
        assert point is not None
        body, provenance = point.body, point.header.acquisition_provenance
        frame = body.effective_time_frame
        interval = frame.time_interval
        at = frame.date_time or (interval.start_date_time if interval else None)
        name = Sample(
            source="open_mhealth",
            source_name=provenance.source_name,
            sample_id=provenance.source_data_point_id or point.header.id,
            quantity=_said(body.dose.value, body.dose.unit) if body.dose else None,
        )
        dose = _dose(body.dose.value, body.dose.unit) if body.dose else None
        told = _administration(data.medication_id, body.taken, at, None, dose)
    record_id = uuid5(patient_id, f"{name.source}|{name.source_name}|{name.sample_id}")
    return record_id, told, name


def _administration(
    medication_id: UUID,
    taken: Taken,
    at: datetime | None,
    due_at: datetime | None,
    dose: DoseIn | None,
) -> AdministrationIn:
    if at is None and due_at is None:
        raise Invalid("when it was taken, or due", pointer="/health_kit/startDate")
    said: dict[str, Any] = {"at": at, "due_at": due_at, "dose": dose}
    return AdministrationIn(
        medication_id=medication_id,
        taken=taken,
        **{name: value for name, value in said.items() if value is not None},
    )


def _said(amount: Decimal | None, unit: str | None) -> str | None:
    return f"{exact(amount):f} {unit or ''}".strip() if amount is not None else None


def _dose(amount: Decimal | None, unit: str | None) -> DoseIn | None:
    """Give a dose where amount and unit are ones of ours; a `count` is no known amount."""
    if amount is None or unit is None:
        return None
    try:
        return DoseIn.model_validate(
            {"amount": f"{exact(amount):f}", "unit": read_unit(unit, "intake")}
        )
    except (UnitNotAccepted, ValidationError):
        return None
