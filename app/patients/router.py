"""People: register, find, show, correct."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Writing
from app.core.wire import Day
from app.identity.deps import Clinician, ClinicianOrPatient
from app.patients import service
from app.patients.routes import Paged, only_known
from app.patients.schemas import PatientIn, PatientOut, PatientPage

router = APIRouter(prefix="/v1/patients", tags=["patients"], route_class=Route)


@router.post("", status_code=201, response_model=PatientOut)
async def register_patient(data: Body[PatientIn], actor: Clinician, write: Writing) -> Response:
    """Add a person. Whoever adds one has the care relation."""
    return await write(service.register, actor, data)


@router.get(
    "",
    response_model=PatientPage,
    dependencies=[Depends(only_known("identifier", "name", "birth_date", "limit", "cursor"))],
)
async def search_patients(
    request: Request,
    actor: ClinicianOrPatient,
    read: Reading,
    page: Paged,
    identifier: Annotated[str | None, Query(max_length=401, description="[system|]value")] = None,
    name: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    birth_date: Annotated[Day | None, Query()] = None,
) -> Response:
    """Find the caller's patients, by family and given name."""
    secret = request.app.state.issuer.secret
    return await read(service.search, actor, identifier, name, birth_date, page, secret)


@router.get("/{patient_id}", response_model=PatientOut)
async def show_patient(patient_id: UUID, actor: ClinicianOrPatient, read: Reading) -> Response:
    return await read(service.show, actor, patient_id)


@router.get("/{patient_id}/history", response_model=PatientPage)
async def patient_history(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    return await read(service.history, actor, patient_id)


@router.patch("/{patient_id}", response_model=PatientOut)
async def correct_patient(
    patient_id: UUID, patch: Patch, actor: Clinician, versions: IfMatch, write: Writing
) -> Response:
    """Change what is known of a person by a merge patch on the version that was read."""
    return await write(service.correct, actor, patient_id, patch, versions.named)
