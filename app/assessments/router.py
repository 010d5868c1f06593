"""Filled-in instruments of a patient, and the instruments that the house knows."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from app.assessments import service
from app.assessments.schemas import (
    AssessmentIn,
    AssessmentOut,
    AssessmentPage,
    InstrumentOut,
    InstrumentPage,
)
from app.core.openapi import Route
from app.core.web import Body, Reading, Writing
from app.identity.deps import AnyMember, ClinicianOrPatient
from app.patients.routes import add_record_routes, only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/assessments", tags=["assessments"], route_class=Route
)
instruments_router = APIRouter(prefix="/v1/instruments", tags=["reference"], route_class=Route)

"""Anybody of the clinic: a questionnaire is no patient's data."""


@router.post("", status_code=201, response_model=AssessmentOut)
async def record_assessment(
    patient_id: UUID, data: Body[AssessmentIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Score a filled-in instrument. A risk answer opens a signal, whatever the total says."""
    return await write(service.record, actor, patient_id, data)


add_record_routes(router, service.KIND, AssessmentOut, AssessmentPage)


@instruments_router.get("", response_model=InstrumentPage, dependencies=[Depends(only_known())])
async def list_instruments(actor: AnyMember, read: Reading) -> Response:
    """Give every questionnaire, without wording that its licence keeps."""
    return await read(service.list_instruments, actor)


@instruments_router.get("/{instrument_id}", response_model=InstrumentOut)
async def show_instrument(
    instrument_id: Annotated[str, Path(max_length=60)], actor: AnyMember, read: Reading
) -> Response:
    return await read(service.show_instrument, actor, instrument_id)
