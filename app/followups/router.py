"""Follow-ups, check-ins and side effects."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Writing
from app.followups import service, side_effects
from app.followups.domains.side_effects import SideEffectIn
from app.followups.schemas import (
    CheckInIn,
    CheckInOut,
    CheckInPage,
    FollowUpIn,
    FollowUpOut,
    FollowUpPage,
    SideEffectOut,
    SideEffectPage,
)
from app.identity.deps import Clinician, ClinicianOrPatient
from app.patients.routes import add_record_routes

router = APIRouter(
    prefix="/v1/patients/{patient_id}/follow-ups", tags=["follow-ups"], route_class=Route
)
check_ins_router = APIRouter(
    prefix="/v1/patients/{patient_id}/check-ins", tags=["check-ins"], route_class=Route
)
side_effects_router = APIRouter(
    prefix="/v1/patients/{patient_id}/side-effects", tags=["side-effects"], route_class=Route
)


@router.post("", status_code=201, response_model=FollowUpOut)
async def record_follow_up(
    patient_id: UUID, data: Body[FollowUpIn], actor: Clinician, write: Writing
) -> Response:
    """Log one visit, call or message: all of it is kept, or nothing."""
    return await write(service.record, actor, patient_id, data)


add_record_routes(router, service.FOLLOW_UP, FollowUpOut, FollowUpPage)


@check_ins_router.post("", status_code=201, response_model=CheckInOut)
async def record_check_in(
    patient_id: UUID, data: Body[CheckInIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Log how it goes, in the patient's own words and numbers."""
    return await write(service.check_in, actor, patient_id, data)


@check_ins_router.put("/{record_id}", response_model=CheckInOut)
async def put_check_in(
    patient_id: UUID,
    record_id: UUID,
    data: Body[CheckInIn],
    actor: ClinicianOrPatient,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Store a check-in at the id that the device made; a change names the version it read."""
    return await write(service.put_check_in, actor, patient_id, record_id, data, versions.named)


add_record_routes(check_ins_router, service.CHECK_IN, CheckInOut, CheckInPage)


@side_effects_router.post("", status_code=201, response_model=SideEffectOut)
async def record_side_effect(
    patient_id: UUID, data: Body[SideEffectIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Record one episode of a side effect. What is serious opens a signal at once."""
    return await write(side_effects.record, actor, patient_id, data)


add_record_routes(side_effects_router, side_effects.KIND, SideEffectOut, SideEffectPage)
