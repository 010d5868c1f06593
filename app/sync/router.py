"""What phones send."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Request, Response

from app.core.actor import Actor
from app.core.answer import Answer
from app.core.db import Call
from app.core.errors import NotFound, Unauthenticated, Unavailable
from app.core.openapi import Route
from app.core.web import StrictBody, raw_body, respond, submit, trace_of
from app.identity.deps import ClinicianOrPatient
from app.sync import service
from app.sync.schemas import (
    MOST_BYTES,
    Batch,
    Item,
    Items,
    SyncIn,
    SyncOut,
    read_batch,
    rejected,
)
from app.sync.service import SKEW_FLAGGED_S, Kept

router = APIRouter(prefix="/v1/sync", tags=["sync"], route_class=Route)


class BatchBody(StrictBody):
    """Reads a batch: the envelope as a whole, each item by itself."""

    async def __call__(self, request: Request) -> Batch:  # type: ignore[override]  # not a model
        """Read the request's body."""
        raw = await raw_body(request, MOST_BYTES)
        # As much as a hundred ordinary bodies: the loop goes on meanwhile.
        return await asyncio.to_thread(read_batch, raw)


@router.post("", response_model=SyncOut)
async def sync(
    request: Request,
    batch: Annotated[Batch, Depends(BatchBody(SyncIn))],
    actor: ClinicianOrPatient,
) -> Response:
    """Take what a phone did, offline for weeks, twice, out of order: one result an item."""
    request.app.state.reserve.require()
    groups: dict[UUID | None, list[Item]] = defaultdict(list)
    for item in batch.items:
        groups[item.patient_id].append(item)
    if not groups:
        groups[actor.patient_id] = []
    many = await asyncio.gather(
        *(
            _receive(request, actor, patient_id, items, batch.sent_at)
            for patient_id, items in groups.items()
        )
    )
    results = sorted(
        [*batch.refused, *(one for kept in many for one in kept.results)],
        key=lambda result: result.index,
    )
    told: dict[str, object] = {"results": [result.told() for result in results]}
    if batch.sent_at is not None:
        skew = (request.app.state.clock() - batch.sent_at).total_seconds()
        told["clock_skew_s"] = skew
        if abs(skew) > SKEW_FLAGGED_S:
            told["flags"] = ["clock_skew"]
    notice = next((kept.safety_notice for kept in many if kept.safety_notice), None)
    if notice is not None:
        told["safety_notice"] = notice
    return respond(request, Answer(orjson.dumps(told)))


async def _receive(
    request: Request,
    actor: Actor,
    patient_id: UUID | None,
    items: Sequence[Item],
    sent_at: datetime | None,
) -> Kept:
    """Hand one patient's items to the writer as one unit; should it break, one by one."""
    call = Call(service.receive, actor, (patient_id, Items(items, sent_at)), trace_of(request))
    await submit(request, call)
    error = call.error
    if error is None:
        kept: Kept = call.value
        return kept
    if isinstance(error, Unavailable | Unauthenticated):
        raise error
    if isinstance(error, NotFound) or len(items) == 1:
        return Kept([rejected(item.index, item.id, error) for item in items])
    alone = [await _receive(request, actor, patient_id, [item], sent_at) for item in items]
    return Kept(
        [result for kept in alone for result in kept.results],
        next((kept.safety_notice for kept in alone if kept.safety_notice), None),
    )
