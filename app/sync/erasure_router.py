"""Requests to be forgotten."""

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.core.actor import Actor
from app.core.answer import Answer
from app.core.db import Call
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing, respond, submit, trace_of
from app.core.wire import Wire
from app.identity.deps import Require
from app.journal.purge import purge
from app.patients.routes import Paged, only_known
from app.patients.schemas import Envelope
from app.sync import erasure
from app.sync.erasure import ErasureIn, ErasureMove

no_parameters = Depends(only_known())
router = APIRouter(prefix="/v1/erasure-requests", tags=["erasure"], route_class=Route)
Officer = Annotated[Actor, Depends(Require("privacy_officer", "administrator"))]
OfficerOrPatient = Annotated[Actor, Depends(Require("privacy_officer", "administrator", "patient"))]


class ErasureOut(Envelope):
    """`held` and `done`: who, when. `files_purged` false: the owner of the files has to."""

    covers: erasure.Covers
    state: Literal["received", "held", "done"]
    legal_basis: str | None = None
    held: dict[str, Any] | None = None
    done: dict[str, Any] | None = None
    files_purged: bool | None = None


class ErasurePage(Wire):
    """The clinic's requests."""

    items: list[ErasureOut]
    next: str | None


@router.post("", status_code=201, response_model=ErasureOut)
async def request_erasure(
    data: Body[ErasureIn], actor: OfficerOrPatient, write: Writing
) -> Response:
    """Note a wish to be forgotten. Nothing is erased by it."""
    return await write(erasure.receive, actor, data.patient_id, data)


@router.get("", response_model=ErasurePage, dependencies=[Depends(only_known("limit", "cursor"))])
async def list_erasure_requests(
    request: Request, actor: Officer, read: Reading, page: Paged
) -> Response:
    """Give the clinic's requests."""
    return await read(erasure.page, actor, page, request.app.state.issuer.secret)


@router.get("/{request_id}", response_model=ErasureOut)
async def show_erasure_request(request_id: UUID, actor: Officer, read: Reading) -> Response:
    """Give one request."""
    return await read(lambda work: erasure.show(work, request_id), actor)


@router.get("/{request_id}/history", response_model=ErasurePage, dependencies=[no_parameters])
async def erasure_request_history(request_id: UUID, actor: Officer, read: Reading) -> Response:
    """Give every state of one request: who moved it, when, and on which basis."""
    return await read(lambda work: erasure.history(work, request_id), actor)


@router.patch("/{request_id}", response_model=ErasureOut)
async def move_erasure_request(
    request: Request,
    request_id: UUID,
    data: Body[ErasureMove],
    actor: Officer,
    versions: IfMatch,
) -> Response:
    """Hold it on a legal basis, or do it: content gone, files written anew, chains that verify."""
    if data.state == "held":
        return respond(
            request, await _call(request, erasure.hold, actor, request_id, data, versions)
        )
    await _call(request, erasure.erase, actor, request_id, data, versions)
    purged = await asyncio.to_thread(purge, request.app.state.engine, erasure.tables())
    answer = await _call(request, erasure.finish, actor, request_id, data, versions, purged)
    return respond(request, answer)


async def _call(
    request: Request,
    service: Any,
    actor: Actor,
    request_id: UUID,
    data: ErasureMove,
    versions: Any,
    *more: Any,
) -> Answer:
    args = (data.patient_id, request_id, data, versions.named, *more)
    call = Call(service, actor, args, trace_of(request))
    await submit(request, call)
    if call.error is not None:
        raise call.error
    answer: Answer = call.value
    return answer
