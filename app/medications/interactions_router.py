"""A patient's interactions: the courses of this room, read by the rules of the room below."""

from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import ClinicianOrPatient
from app.interactions.schemas import InteractionsOut
from app.medications import substances
from app.patients.routes import only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/interactions", tags=["interactions"], route_class=Route
)


@router.get("", response_model=InteractionsOut, dependencies=[Depends(only_known())])
async def list_interactions(patient_id: UUID, actor: ClinicianOrPatient, read: Reading) -> Response:
    """Check the whole list as it is now; say what was found, and what was not checked."""
    return await read(substances.interactions_now, actor, patient_id)
