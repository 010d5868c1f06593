"""Who may see a patient's record."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.identity.deps import Require
from app.patients import care_team
from app.patients.routes import only_known
from app.patients.schemas import CareTeamIn, CareTeamOut, CareTeamPage

router = APIRouter(
    prefix="/v1/patients/{patient_id}/care-team", tags=["patients"], route_class=Route
)
Setter = Annotated[Actor, Depends(Require("prescriber", "care_team", "administrator"))]
Viewer = Annotated[
    Actor, Depends(Require("prescriber", "care_team", "system", "patient", "administrator"))
]


@router.get("", response_model=CareTeamOut, dependencies=[Depends(only_known())])
async def show_care_team(patient_id: UUID, actor: Viewer, read: Reading) -> Response:
    """Give who may see the record, and since when."""
    return await read(care_team.show, actor, patient_id)


@router.get("/history", response_model=CareTeamPage, dependencies=[Depends(only_known())])
async def care_team_history(patient_id: UUID, actor: Viewer, read: Reading) -> Response:
    """Give each team that was set, the newest first: who could see the record, and when."""
    return await read(care_team.history, actor, patient_id)


@router.put("", response_model=CareTeamOut)
async def set_care_team(
    patient_id: UUID, data: Body[CareTeamIn], actor: Setter, versions: IfMatch, write: Writing
) -> Response:
    """Set who may see the record; who is left out sees it no more, at once."""
    return await write(care_team.place, actor, patient_id, data, versions.named)
