"""Reading in an emergency, and the list of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Body, Reading, Writing
from app.identity.deps import CareTeam, Require
from app.patients import break_glass
from app.patients.routes import Paged, only_known
from app.patients.schemas import BreakGlassIn, BreakGlassOut, BreakGlassPage

_known = [Depends(only_known("limit", "cursor"))]
router = APIRouter(prefix="/v1/break-glass", tags=["break-glass"], route_class=Route)
Officer = Annotated[Actor, Depends(Require("privacy_officer"))]


@router.post("", status_code=201, response_model=BreakGlassOut)
async def break_glass_before(data: Body[BreakGlassIn], actor: CareTeam, write: Writing) -> Response:
    """Read one patient's record for an hour without a care relation; the reason is kept."""
    return await write(break_glass.start, actor, data.patient_id, data)


@router.get(
    "", response_model=BreakGlassPage, dependencies=[Depends(only_known("limit", "cursor"))]
)
async def list_broken_glass(
    request: Request, actor: Officer, read: Reading, page: Paged
) -> Response:
    """Give all glass that was broken: who, before whom, why, from when to when."""
    return await read(break_glass.page, actor, page, request.app.state.issuer.secret)


@router.delete("/{patient_id}", response_model=BreakGlassOut)
async def stop_break_glass(patient_id: UUID, actor: CareTeam, write: Writing) -> Response:
    """Stop reading that patient's record before the hour is over."""
    return await write(break_glass.stop, actor, patient_id)
