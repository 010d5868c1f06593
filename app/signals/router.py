"""What must not be missed, for a patient's clinicians."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Writing
from app.identity.deps import AnyMember, CareTeam, Clinician, Require
from app.signals import notice, service
from app.signals.notice import SafetyNoticeIn, SafetyNoticeOut
from app.signals.schemas import SignalMove, SignalOut, SignalPage

router = APIRouter(prefix="/v1/patients/{patient_id}/signals", tags=["signals"], route_class=Route)
notice_router = APIRouter(
    prefix="/v1/reference/safety-notice", tags=["reference"], route_class=Route
)
Keeper = Annotated[Actor, Depends(Require("prescriber", "administrator"))]
"""Whoever answers for what the clinic tells its patients."""


@router.get("", response_model=SignalPage)
async def list_signals(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give every signal of a patient, open ones first, the newest first."""
    return await read(service.page, actor, patient_id)


@router.get("/{signal_id}", response_model=SignalOut)
async def show_signal(
    patient_id: UUID, signal_id: UUID, actor: Clinician, read: Reading
) -> Response:
    return await read(service.show, actor, patient_id, signal_id)


@router.get("/{signal_id}/history", response_model=SignalPage)
async def signal_history(
    patient_id: UUID, signal_id: UUID, actor: Clinician, read: Reading
) -> Response:
    """Give every version of a signal, newest first."""
    return await read(service.history, actor, patient_id, signal_id)


@router.patch("/{signal_id}", response_model=SignalOut)
async def move_signal(
    patient_id: UUID,
    signal_id: UUID,
    data: Body[SignalMove],
    actor: CareTeam,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Acknowledge a signal, or close it with what was done; by a named person, never deleted."""
    return await write(service.move, actor, patient_id, signal_id, data, versions.named)


@notice_router.get("", response_model=SafetyNoticeOut)
async def show_safety_notice(actor: AnyMember, read: Reading) -> Response:
    """Give what a patient is told who answers about a risk: the clinic's words, or the house's."""
    return await read(notice.show, actor)


@notice_router.post("", status_code=201, response_model=SafetyNoticeOut)
async def set_safety_notice(data: Body[SafetyNoticeIn], actor: Keeper, write: Writing) -> Response:
    """Say in the clinic's own words whom to call; that nobody watches is said before them."""
    response = await write(notice.set_first, actor, data)
    if response.status_code == 201:
        response.headers["Location"] = notice_router.prefix
    return response


@notice_router.patch("", response_model=SafetyNoticeOut)
async def change_safety_notice(
    patch: Patch, actor: Keeper, versions: IfMatch, write: Writing
) -> Response:
    """Change the clinic's own words, by a merge patch on the version read."""
    return await write(notice.change, actor, patch, versions.named)
