"""The whole list of a patient, derived."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.core.wire import Day, Instant
from app.identity.deps import Clinician
from app.medications import regimen
from app.patients.routes import only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/regimen", tags=["medications"], route_class=Route
)


@router.get("", response_model=None, dependencies=[Depends(only_known("as_of", "known_at"))])
async def show_regimen(
    patient_id: UUID,
    actor: Clinician,
    read: Reading,
    as_of: Annotated[Day | None, Query(description="what had happened by then")] = None,
    known_at: Annotated[Instant | None, Query(description="what was known then")] = None,
) -> Response:
    """Give every course with its dose epochs, phase and clock."""
    return await read(regimen.show, actor, patient_id, as_of, known_at)
