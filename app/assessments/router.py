"""Filled-in instruments of a patient, and the instruments that the house knows."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from app.assessments import service
from app.assessments.schemas import (
    AssessmentIn,
    AssessmentOut,
    AssessmentPage,
    InstrumentOut,
    InstrumentPage,
    InstrumentTextIn,
    InstrumentTextOut,
)
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Writing
from app.identity.deps import AnyMember, Clinician, ClinicianOrPatient
from app.patients.routes import add_record_routes, only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/assessments", tags=["assessments"], route_class=Route
)
instruments_router = APIRouter(prefix="/v1/instruments", tags=["reference"], route_class=Route)

"""Anybody of the clinic: a questionnaire is no patient's data."""
InstrumentId = Annotated[str, Path(max_length=60)]


@router.post("", status_code=201, response_model=AssessmentOut)
async def record_assessment(
    patient_id: UUID, data: Body[AssessmentIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Score a filled-in instrument. A risk answer opens a signal, whatever the total says."""
    return await write(service.record, actor, patient_id, data)


add_record_routes(router, service.KIND, AssessmentOut, AssessmentPage)


@instruments_router.get("", response_model=InstrumentPage, dependencies=[Depends(only_known())])
async def list_instruments(actor: AnyMember, read: Reading) -> Response:
    """Give every questionnaire: without wording that its licence keeps, with the clinic's own."""
    return await read(service.list_instruments, actor)


@instruments_router.post("", status_code=201, response_model=InstrumentTextOut)
async def complete_instrument(
    data: Body[InstrumentTextIn], actor: Clinician, write: Writing
) -> Response:
    """Add the clinic's own wording to an instrument. Its `instrument` is its key."""
    response = await write(service.complete, actor, data)
    if response.status_code == 201:
        location = f"{instruments_router.prefix}/{quote(data.instrument)}"
        response.headers["Location"] = location
    return response


@instruments_router.get("/{instrument_id}", response_model=InstrumentOut)
async def show_instrument(instrument_id: InstrumentId, actor: AnyMember, read: Reading) -> Response:
    return await read(service.show_instrument, actor, instrument_id)


@instruments_router.patch("/{instrument_id}", response_model=InstrumentTextOut)
async def reword_instrument(
    instrument_id: InstrumentId, patch: Patch, actor: Clinician, versions: IfMatch, write: Writing
) -> Response:
    """Change the clinic's own wording by a merge patch on the version read."""
    return await write(service.reword, actor, instrument_id, patch, versions.named)
