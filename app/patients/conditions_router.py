"""Diagnoses and problems of a patient."""

from uuid import UUID

from fastapi import APIRouter, Response

from app.core.openapi import Route
from app.core.web import Body, Writing
from app.identity.deps import Clinician
from app.patients import conditions
from app.patients.routes import add_record_routes
from app.patients.schemas import ConditionIn, ConditionOut, ConditionPage

router = APIRouter(
    prefix="/v1/patients/{patient_id}/conditions", tags=["conditions"], route_class=Route
)


@router.post("", status_code=201, response_model=ConditionOut)
async def record_condition(
    patient_id: UUID, data: Body[ConditionIn], actor: Clinician, write: Writing
) -> Response:
    """Record one diagnosis or problem."""
    return await write(conditions.record, actor, patient_id, data)


add_record_routes(router, conditions.KIND, ConditionOut, ConditionPage)
