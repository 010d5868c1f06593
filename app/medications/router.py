"""Courses, and under each its dose events, administrations and dispenses."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, RootModel

from app.core.answer import Answer
from app.core.openapi import Route
from app.core.web import (
    Body,
    IfMatch,
    Patch,
    Reading,
    StrictBody,
    Writing,
    path_patient,
    raw_body,
)
from app.core.wire import Day, OfPatient, parse_json, read
from app.identity.deps import Clinician, ClinicianOrPatient
from app.medications import administrations, dispenses, of_course, service
from app.medications.schemas import (
    AdministrationIn,
    AdministrationItems,
    AdministrationOut,
    AdministrationPage,
    AdministrationsIn,
    DispenseIn,
    DispenseItems,
    DispenseOut,
    DispensePage,
    DispensesIn,
    DoseEventIn,
    DoseEventItems,
    DoseEventOut,
    DoseEventPage,
    MedicationIn,
    MedicationOut,
    MedicationPage,
    StepsIn,
)
from app.patients import records
from app.patients.records import Kind
from app.patients.routes import Paged, Status, only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/medications", tags=["medications"], route_class=Route
)
DOSE_EVENTS = "/{medication_id}/dose-events"
ADMINISTRATIONS = "/{medication_id}/administrations"
DISPENSES = "/{medication_id}/dispenses"
Reason = Annotated[str | None, Query(max_length=200)]


# ---- courses


@router.post("", status_code=201, response_model=MedicationOut)
async def record_medication(
    patient_id: UUID, data: Body[MedicationIn], actor: Clinician, write: Writing
) -> Response:
    """Begin a course; its first dose event is kept with it."""
    return await write(service.record, actor, patient_id, data)


@router.get(
    "",
    response_model=MedicationPage,
    dependencies=[Depends(only_known("limit", "cursor", "status", "active_on"))],
)
async def list_medications(
    request: Request,
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    page: Paged,
    status: Status = None,
    active_on: Annotated[Day | None, Query(description="those with a running dose then")] = None,
) -> Response:
    secret = request.app.state.issuer.secret
    return await read(service.page, actor, patient_id, page, secret, status == "all", active_on)


@router.get("/{record_id}", response_model=MedicationOut)
async def show_medication(
    patient_id: UUID, record_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    return await read(_course(records.show, record_id), actor, patient_id)


@router.get("/{record_id}/history", response_model=MedicationPage)
async def medication_history(
    patient_id: UUID, record_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    return await read(_course(records.history, record_id), actor, patient_id)


@router.patch("/{record_id}", response_model=MedicationOut)
async def correct_medication(
    patient_id: UUID,
    record_id: UUID,
    patch: Patch,
    actor: Clinician,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Correct a course; its dose events are corrected under dose-events."""
    return await write(
        _course(records.correct, record_id, patch, versions.named), actor, patient_id
    )


@router.delete("/{record_id}", response_model=MedicationOut)
async def withdraw_medication(
    patient_id: UUID,
    record_id: UUID,
    actor: Clinician,
    versions: IfMatch,
    write: Writing,
    reason: Reason = None,
) -> Response:
    """Mark a course as entered in error: no reading uses it, or its dose events, again."""
    return await write(
        _course(records.withdraw, record_id, versions.named, reason), actor, patient_id
    )


def _course(act: Callable[..., Answer], record_id: UUID, *args: Any) -> Callable[..., Answer]:
    return lambda work, patient_id: act(work, service.MEDICATION, patient_id, record_id, *args)


# ---- what stands under a course


class OneOrMany(StrictBody):
    """Reads one record, or several under the one member of another body."""

    def __init__(
        self, either: type[BaseModel], one: type[BaseModel], many: type[BaseModel]
    ) -> None:
        super().__init__(either)
        self.one, self.many = one, many
        (self.member,) = many.model_fields.keys() - OfPatient.model_fields.keys()

    async def __call__(self, request: Request) -> BaseModel:
        raw = await raw_body(request)
        sent = parse_json(raw)
        is_many = isinstance(sent, dict) and self.member in sent
        return read(self.many if is_many else self.one, raw, path_patient(request))


class DoseEventsIn(RootModel[DoseEventIn | StepsIn]):
    """One dose event, or the steps of a plan."""


class OneOrMoreAdministrationsIn(RootModel[AdministrationIn | AdministrationsIn]):
    """One administration, or several."""


class OneOrMoreDispensesIn(RootModel[DispenseIn | DispensesIn]):
    """One fill, or several."""


@router.post(DOSE_EVENTS, status_code=201, response_model=DoseEventOut | DoseEventItems)
async def record_dose_events(
    patient_id: UUID,
    medication_id: UUID,
    data: Annotated[DoseEventIn | StepsIn, Depends(OneOrMany(DoseEventsIn, DoseEventIn, StepsIn))],
    actor: Clinician,
    write: Writing,
) -> Response:
    """Store what was done to the dose, in whatever order it arrives; all steps or none."""
    return await write(service.record_dose_events, actor, patient_id, medication_id, data)


@router.put(DOSE_EVENTS + "/{record_id}", response_model=DoseEventOut)
async def put_dose_event(
    patient_id: UUID,
    medication_id: UUID,
    record_id: UUID,
    data: Body[DoseEventIn],
    actor: Clinician,
    versions: IfMatch,
    write: Writing,
) -> Response:
    return await write(
        service.put_dose_event, actor, patient_id, medication_id, record_id, data, versions.named
    )


@router.post(
    ADMINISTRATIONS, status_code=201, response_model=AdministrationOut | AdministrationItems
)
async def record_administrations(
    patient_id: UUID,
    medication_id: UUID,
    data: Annotated[
        AdministrationIn | AdministrationsIn,
        Depends(OneOrMany(OneOrMoreAdministrationsIn, AdministrationIn, AdministrationsIn)),
    ],
    actor: ClinicianOrPatient,
    write: Writing,
) -> Response:
    """Store what was taken or missed; all of several or none."""
    return await write(administrations.record, actor, patient_id, medication_id, data)


@router.post(DISPENSES, status_code=201, response_model=DispenseOut | DispenseItems)
async def record_dispenses(
    patient_id: UUID,
    medication_id: UUID,
    data: Annotated[
        DispenseIn | DispensesIn, Depends(OneOrMany(OneOrMoreDispensesIn, DispenseIn, DispensesIn))
    ],
    actor: Clinician,
    write: Writing,
) -> Response:
    """Store what was handed out; all of several or none. It says nothing of what was taken."""
    return await write(dispenses.record, actor, patient_id, medication_id, data)


def _add_routes(path: str, kind: Kind[Any], out: type[BaseModel], page: type[BaseModel]) -> None:
    """Add the list, GET, history, PATCH and DELETE of one kind of record of a course."""
    noun = kind.name
    list_parameters = Depends(only_known("limit", "cursor", "status"))

    @router.get(path, name=f"list_{noun}s", response_model=page, dependencies=[list_parameters])
    async def list_(
        request: Request,
        patient_id: UUID,
        medication_id: UUID,
        actor: ClinicianOrPatient,
        read: Reading,
        page_: Paged,
        status: Status = None,
    ) -> Response:
        ask = (kind, page_, request.app.state.issuer.secret, status == "all")
        return await read(of_course.page_of_course, actor, patient_id, medication_id, *ask)

    @router.get(path + "/{record_id}", name=f"show_{noun}", response_model=out)
    async def show(
        patient_id: UUID,
        medication_id: UUID,
        record_id: UUID,
        actor: ClinicianOrPatient,
        read: Reading,
    ) -> Response:
        ask = (kind, record_id, records.show)
        return await read(of_course.in_course, actor, patient_id, medication_id, *ask)

    @router.get(path + "/{record_id}/history", name=f"{noun}_history", response_model=page)
    async def history(
        patient_id: UUID,
        medication_id: UUID,
        record_id: UUID,
        actor: ClinicianOrPatient,
        read: Reading,
    ) -> Response:
        ask = (kind, record_id, records.history)
        return await read(of_course.in_course, actor, patient_id, medication_id, *ask)

    @router.patch(path + "/{record_id}", name=f"correct_{noun}", response_model=out)
    async def correct(
        patient_id: UUID,
        medication_id: UUID,
        record_id: UUID,
        patch: Patch,
        actor: Clinician,
        versions: IfMatch,
        write: Writing,
    ) -> Response:
        ask = (kind, record_id, records.correct, patch, versions.named)
        return await write(of_course.in_course, actor, patient_id, medication_id, *ask)

    @router.delete(path + "/{record_id}", name=f"withdraw_{noun}", response_model=out)
    async def withdraw(
        patient_id: UUID,
        medication_id: UUID,
        record_id: UUID,
        actor: Clinician,
        versions: IfMatch,
        write: Writing,
        reason: Reason = None,
    ) -> Response:
        ask = (kind, record_id, records.withdraw, versions.named, reason)
        return await write(of_course.in_course, actor, patient_id, medication_id, *ask)


_add_routes(DOSE_EVENTS, service.DOSE_EVENT, DoseEventOut, DoseEventPage)
_add_routes(ADMINISTRATIONS, administrations.ADMINISTRATION, AdministrationOut, AdministrationPage)
_add_routes(DISPENSES, dispenses.DISPENSE, DispenseOut, DispensePage)
