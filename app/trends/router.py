"""A patient's trends: is it working, is it safe, how sure are we."""

from dataclasses import replace
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import Clinician, ClinicianOrPatient
from app.patients.routes import only_known
from app.trends import brief, decision, history, params, service
from app.trends.params import Asked
from app.trends.schemas import TrendsOut

router = APIRouter(prefix="/v1/patients/{patient_id}/trends", tags=["trends"], route_class=Route)


digest_router = APIRouter(
    prefix="/v1/patients/{patient_id}/digest", tags=["trends"], route_class=Route
)
brief_router = APIRouter(
    prefix="/v1/patients/{patient_id}/visit-brief", tags=["trends"], route_class=Route
)
history_router = APIRouter(
    prefix="/v1/patients/{patient_id}/treatment-history", tags=["trends"], route_class=Route
)
decision_router = APIRouter(
    prefix="/v1/patients/{patient_id}/decision", tags=["trends"], route_class=Route
)


async def asked_for(request: Request) -> Asked:
    return params.read(
        request.query_params.multi_items(),
        request.headers.get("accept"),
        request.headers.get("if-none-match"),
    )


AS_TEXT = {"schema": {"type": "string"}}
FORMS: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": AS_TEXT, "image/svg+xml": AS_TEXT}},
    304: {"description": "Nothing has changed since the ETag in If-None-Match"},
}


@router.get("", response_model=TrendsOut, responses=FORMS, openapi_extra=params.described())
async def read_trends(
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    asked: Annotated[Asked, Depends(asked_for)],
) -> Response:
    """Give series over dose epochs: baseline, change, states, trend and gaps of each measure."""
    return await read(service.read, actor, patient_id, asked)


@digest_router.get(
    "",
    response_model=TrendsOut,
    responses={304: FORMS[304]},
    openapi_extra=params.described(),
)
async def read_digest(
    patient_id: UUID,
    actor: Clinician,
    read: Reading,
    asked: Annotated[Asked, Depends(asked_for)],
) -> Response:
    """Give what changed since the last visit, or since a day: the report's first three parts."""
    asked = replace(asked, parts=("summary", "risk", "digest"), format="json")
    return await read(service.read, actor, patient_id, asked)


@brief_router.get("", dependencies=[Depends(only_known())])
async def read_visit_brief(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give one page before the visit: risk, medicines, effects, domains, interactions, plan."""
    return await read(brief.show, actor, patient_id)


@history_router.get("", dependencies=[Depends(only_known())])
async def read_treatment_history(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give what was tried, and whether each was a fair trial."""
    return await read(history.show, actor, patient_id)


@decision_router.get("", dependencies=[Depends(only_known())])
async def read_decision(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give the options that stand open, with reasons; a list for prescribers, never an order."""
    return await read(decision.show, actor, patient_id)
