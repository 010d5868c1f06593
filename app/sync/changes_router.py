"""What changed since: one patient's record, or all that the caller may see."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.openapi import Route
from app.core.pagination import MOST
from app.core.web import Reading
from app.core.wire import Instant, Wire
from app.identity.deps import ClinicianOrPatient
from app.journal.changes import DEFAULT_LIMIT
from app.patients.routes import only_known
from app.sync import changes

router = APIRouter(tags=["changes"], route_class=Route)
Since = Annotated[str, Query(max_length=500, description="`next` of the last answer")]
Limit = Annotated[int, Query(ge=1, le=MOST)]
_known = [Depends(only_known("since", "limit"))]


class Change(Wire):
    """One version of one record. `erase`: a reader drops it, nothing of it is to be shown."""

    seq: int
    patient_id: UUID | None
    type: str
    id: UUID
    version: int
    op: Literal["create", "update", "erase"]
    at: Instant


class Changes(Wire):
    """`next` is there always: what to ask with the next time."""

    items: list[Change]
    next: str
    has_more: bool


@router.get("/v1/patients/{patient_id}/changes", response_model=Changes, dependencies=_known)
async def patient_changes(
    request: Request,
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    since: Since = "",
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Follow one patient's record: every commit once, in order."""
    secret = request.app.state.issuer.secret
    return await read(changes.of_patient, actor, patient_id, since, limit, secret)


@router.get(changes.PATH, response_model=Changes, dependencies=_known)
async def list_changes(
    request: Request,
    actor: ClinicianOrPatient,
    read: Reading,
    since: Since = "",
    limit: Limit = DEFAULT_LIMIT,
) -> Response:
    """Follow all that the caller may see: every commit once, in order."""
    secret = request.app.state.issuer.secret
    return await read(changes.of_clinic, actor, actor.patient_id, since, limit, secret)
