"""The caseload: one row a patient, who needs somebody first."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from app.caseload import service
from app.caseload.schemas import CaseloadPage, Need, StatusWord
from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import CareTeam
from app.patients.routes import Paged, only_known

router = APIRouter(prefix="/v1/caseload", tags=["caseload"], route_class=Route)
Order = Literal["need", "last_seen_on", "next_visit_on"]
Why = Annotated[Need | None, Query(description="those of whom this holds today")]
Status = Annotated[StatusWord | None, Query(description="of the primary measure, today")]


@router.get(
    "",
    response_model=CaseloadPage,
    dependencies=[Depends(only_known("sort", "need", "status", "limit", "cursor"))],
)
async def show_caseload(
    request: Request,
    actor: CareTeam,
    page: Paged,
    read: Reading,
    sort: Order = "need",
    need: Why = None,
    status: Status = None,
) -> Response:
    """Give the caller's patients, the most pressing first; each against the day it is for them."""
    secret: bytes = request.app.state.issuer.secret
    return await read(service.show, actor, sort, need, status, page, secret)
