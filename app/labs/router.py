"""Lab values and vital signs of a patient."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Body, Writing
from app.identity.deps import Clinician
from app.labs import service
from app.labs.schemas import LabIn, LabOut, LabPage
from app.patients.routes import add_record_routes

router = APIRouter(prefix="/v1/patients/{patient_id}/labs", tags=["labs"], route_class=Route)


@router.post("", status_code=201, response_model=LabOut)
async def record_lab(
    patient_id: UUID, data: Body[LabIn], actor: Clinician, write: Writing
) -> Response:
    """Store one result. A critical value opens a signal before this answers."""
    return await write(service.record, actor, patient_id, data)


add_record_routes(router, service.KIND, LabOut, LabPage)
