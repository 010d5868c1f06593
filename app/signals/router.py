"""What must not be missed, for a patient's clinicians."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.identity.deps import CareTeam, Clinician
from app.signals import service
from app.signals.schemas import SignalMove, SignalOut, SignalPage

router = APIRouter(prefix="/v1/patients/{patient_id}/signals", tags=["signals"], route_class=Route)


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
