"""What must not be missed, for a patient's clinicians."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import Clinician
from app.signals import service
from app.signals.schemas import SignalPage

router = APIRouter(prefix="/v1/patients/{patient_id}/signals", tags=["signals"], route_class=Route)


@router.get("", response_model=SignalPage)
async def list_signals(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give every signal of a patient, open ones first, the newest first."""
    return await read(service.page, actor, patient_id)
