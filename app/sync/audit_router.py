"""Who saw what, for those who may ask; and whether the chains hold."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Reading
from app.core.wire import Instant, Wire
from app.identity.deps import Require
from app.patients.routes import Paged, only_known
from app.sync import audit

router = APIRouter(tags=["audit"], route_class=Route)
Officer = Annotated[Actor, Depends(Require("administrator", "privacy_officer"))]
Patient = Annotated[Actor, Depends(Require("patient"))]


class Viewer(Wire):
    """Who it was."""

    id: UUID
    role: str
    name: str | None


class Receipt(Wire):
    """Somebody was shown something; `action` R a read, E an export."""

    at: Instant
    by: Viewer
    action: Literal["R", "E"]
    operation: str
    record_id: UUID | None
    purpose: str


class ReceiptPage(Wire):
    """The newest first."""

    items: list[Receipt]
    next: str | None


class AccessPage(Wire):
    """The newest first."""

    items: list[dict[str, Any]]
    next: str | None


class Chain(Wire):
    """`rows` hold from the first on; `broken_at` is the first sequence that does not."""

    kind: Literal["access", "journal"]
    rows: int
    holds: bool
    broken_at: int | None


class Verification(Wire):
    """`signed_head`: keep it elsewhere; given back as `head`, it finds a tail written anew."""

    holds: bool
    chains: list[Chain]
    signed_head: str


@router.get(
    "/v1/me/receipts",
    response_model=ReceiptPage,
    dependencies=[Depends(only_known("limit", "cursor"))],
)
async def list_receipts(request: Request, actor: Patient, read: Reading, page: Paged) -> Response:
    """Who saw what I sent."""
    secret = request.app.state.issuer.secret
    return await read(audit.receipts, actor, actor.patient_id, page, secret)


@router.get(
    "/v1/access-log",
    response_model=AccessPage,
    dependencies=[Depends(only_known("limit", "cursor", "patient_id", "actor_id"))],
)
async def read_access_log(
    request: Request,
    actor: Officer,
    read: Reading,
    page: Paged,
    patient_id: UUID | None = None,
    actor_id: UUID | None = None,
) -> Response:
    """Every request on a patient's data: who, what, when, why, outcome; no values."""
    secret = request.app.state.issuer.secret
    return await read(audit.access_log, actor, patient_id, actor_id, page, secret)


@router.get(
    "/v1/journal/verify",
    response_model=Verification,
    dependencies=[Depends(only_known("head"))],
)
async def verify_journal(
    request: Request,
    actor: Officer,
    read: Reading,
    head: Annotated[str | None, Query(max_length=2000, description="an exported head")] = None,
) -> Response:
    """Find what was edited, removed, moved or written anew in the journal and the access log."""
    return await read(audit.verify, actor, request.app.state.issuer, head)
