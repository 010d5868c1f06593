"""Interactions: the stateless check, and what a named person says of a finding.

The patient's list itself is read in `app.medications`, which knows the courses.
"""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.identity.deps import AnyMember, CareTeam, ClinicianOrPatient
from app.interactions import service
from app.interactions.schemas import (
    AcknowledgementIn,
    FindingOut,
    FindingPage,
    InteractionCheckIn,
    InteractionCheckOut,
)

router = APIRouter(
    prefix="/v1/patients/{patient_id}/interactions", tags=["interactions"], route_class=Route
)
check_router = APIRouter(prefix="/v1/interactions", tags=["interactions"], route_class=Route)


@check_router.post("/check", response_model=InteractionCheckOut)
async def check_interactions(
    data: Body[InteractionCheckIn], actor: AnyMember, read: Reading
) -> Response:
    """Check a list of substances of nobody in particular; nothing of it is stored."""
    return await read(service.check, actor, data)


@router.get("/{finding_id}", response_model=FindingOut)
async def show_interaction(
    patient_id: UUID, finding_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    """Give a stored finding as it is now, also when it is gone."""
    return await read(service.show_finding, actor, patient_id, finding_id)


@router.get("/{finding_id}/history", response_model=FindingPage)
async def interaction_history(
    patient_id: UUID, finding_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    """Give every version of a stored finding, newest first."""
    return await read(service.history, actor, patient_id, finding_id)


@router.put("/{finding_id}/acknowledgement", status_code=201, response_model=FindingOut)
async def acknowledge_interaction(
    patient_id: UUID,
    finding_id: UUID,
    data: Body[AcknowledgementIn],
    actor: CareTeam,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Answer for a finding; the same again changes nothing, other words name the version read."""
    return await write(service.acknowledge, actor, patient_id, finding_id, data, versions.named)
