"""Between HTTP and the services: strict bodies, `Write`, `Read`, and their answers.

A route is one call: `return await write(service.record, actor, patient_id, data)`. `write`
answers after the COMMIT that holds the record, `read` after its access row is durable.
Every dependency here is `async def`: a plain one would cost a trip to the thread pool.
"""

import asyncio
import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar
from uuid import UUID

from fastapi import Depends, Request, Response
from pydantic import BaseModel

from app.core.actor import PART_2, REDISCLOSURE_NOTICE, Actor, Trace
from app.core.answer import Answer
from app.core.db import Call, Reader, Service, Work, Writer
from app.core.errors import (
    AccessLogUnavailable,
    BodyTooLarge,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    Invalid,
    MalformedJson,
    PreconditionRequired,
    TitrateError,
    UnsupportedMediaType,
)
from app.core.wire import Identified, canonical, parse_json, read, uuid_of

MOST_BODY = 1024 * 1024
MERGE_PATCH = "application/merge-patch+json"
JSON = ("application/json", MERGE_PATCH)
_KEY = re.compile(r"^[\x21-\x7e]{1,255}$")
_ETAG = re.compile(r'^(W/)?"(\d{1,9})"$')

T = TypeVar("T", bound=BaseModel)


# ---- bodies


async def raw_body(
    request: Request, most: int = MOST_BODY, accepted: Collection[str] = JSON
) -> bytes:
    """Read the body as bytes, refusing another media type or too large a one.

    Who asks comes before what is sent: a stranger's body is not even read.
    """
    request.app.state.verified.actor(request)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise UnsupportedMediaType(None if accepted is JSON else f"one of {', '.join(accepted)}")
    length = request.headers.get("content-length", "")
    if length.isdigit():
        if int(length) > most:
            raise BodyTooLarge()
        raw = await request.body()
    else:
        raw = await _counted_body(request, most)
    if not raw:
        raise MalformedJson("a body is needed")
    return raw


async def _counted_body(request: Request, most: int) -> bytes:
    """Read a body of unannounced length, and stop when it is too much."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise BodyTooLarge()
    return bytes(raw)


def path_patient(request: Request) -> UUID | None:
    """Give the patient that the path names, if it names one."""
    return uuid_of(request.path_params.get("patient_id"))


class StrictBody:
    """A dependency that reads one model; `app.openapi` writes its schema into the document."""

    def __init__(self, model: type[BaseModel]) -> None:
        self.model = model

    async def __call__(self, request: Request) -> BaseModel:
        return read(self.model, await raw_body(request), path_patient(request))


async def merge_patch(request: Request) -> dict[str, Any]:
    """Read a JSON Merge Patch (RFC 7396): an object."""
    patch = parse_json(await raw_body(request))
    if not isinstance(patch, dict):
        raise Invalid("an object", pointer="")
    return patch


Patch = Annotated[dict[str, Any], Depends(merge_patch)]


if TYPE_CHECKING:
    Body: TypeAlias = Annotated[T, "strict"]
else:

    class Body:
        """`data: Body[FollowUpIn]` in a route: the strict reader as its dependency."""

        def __class_getitem__(cls, model: type[BaseModel]) -> Any:
            return Annotated[model, Depends(StrictBody(model))]


# ---- versions


@dataclass(frozen=True, slots=True)
class Versions:
    """The versions that If-Match names; none when the header is absent."""

    named: frozenset[int] | None


async def if_match(request: Request) -> Versions:
    """Read If-Match: strong or weak tags, one or a list; `*` would defeat its purpose."""
    header = request.headers.get("if-match")
    if header is None:
        return Versions(None)
    tags = [_ETAG.match(tag.strip()) for tag in header.split(",")]
    if not all(tags):
        raise PreconditionRequired('If-Match names versions: "3"')
    return Versions(frozenset(int(tag[2]) for tag in tags if tag))


IfMatch = Annotated[Versions, Depends(if_match)]


# ---- write and read


def trace_of(request: Request) -> Trace:
    route = request.scope.get("route")
    return Trace(request.state.request_id, request.method, getattr(route, "name", "unknown"))


class Write:
    """Hands one call to the writer and answers after its COMMIT."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def __call__(self, service: Service, actor: Actor, *args: Any) -> Response:
        request = self._request
        request.app.state.reserve.require()
        call = Call(service, actor, args, trace_of(request))
        if request.method == "POST":
            self._use_key(call)
        await submit(request, call)
        if call.error is not None:
            # What broke was taken back whole, its access row too.
            request.state.logged = call.error.status != TitrateError.status
            raise call.error
        return noticed(respond(request, call.value), call.trace)

    def _use_key(self, call: Call) -> None:
        request = self._request
        sent = [argument for argument in call.args if isinstance(argument, Identified)]
        key = request.headers.get("idempotency-key")
        if key is None:
            if any(
                data.id is None and getattr(data, data.natural_key or "", None) is None
                for data in sent
            ):
                raise IdempotencyKeyMissing()
            return
        key = key.strip('"')
        if not _KEY.match(key):
            raise IdempotencyKeyInvalid()
        template = request.scope["route"].path
        scope = "|".join(
            (str(call.actor.user_id), call.actor.client, request.method, template, key)
        )
        content = b"".join(canonical(data) for data in sent)
        call.key = (
            sha256(scope.encode()).hexdigest(),
            sha256(request.scope["path"].encode() + b"|" + content).hexdigest(),
        )


async def submit(request: Request, call: Call) -> None:
    """Wait for a call without blocking the loop; the writer's thread delivers it."""
    writer: Writer = request.app.state.writer
    request.state.logged = True
    done = asyncio.get_running_loop().create_future()
    call.done = done
    writer.submit(call)
    await done


async def log_refusal(request: Request, refusal: TitrateError) -> None:
    """Leave the access row of a known caller whom no service has seen: wrong role, bad body."""
    actor: Actor | None = getattr(request.state, "actor", None)
    if actor is None or getattr(request.state, "logged", False):
        return
    args = (path_patient(request) or actor.patient_id, refusal)
    call = Call(_only_logged, actor, args, trace_of(request), writes=False)
    await submit(request, call)


class Read:
    """Runs a reading service, and shows its answer once the access row is durable."""

    def __init__(self, request: Request) -> None:
        self._request = request

    async def __call__(self, service: Service, actor: Actor, *args: Any) -> Response:
        request = self._request
        reader: Reader = request.app.state.reader
        asked = Call(service, actor, args, trace_of(request), writes=False)
        await reader(asked)
        outcome: Answer | TitrateError = asked.error or asked.value
        call = Call(_only_logged, actor, (asked.patient_id, outcome), asked.trace, writes=False)
        await submit(request, call)
        if call.error is None:
            return noticed(respond(request, call.value), call.trace)
        if call.error is not outcome and call.error.status >= 500:
            raise AccessLogUnavailable() from call.error
        raise call.error


def _only_logged(_work: Work, _patient_id: UUID | None, outcome: Answer | TitrateError) -> Answer:
    if isinstance(outcome, TitrateError):
        raise outcome
    return outcome


def noticed(response: Response, trace: Trace) -> Response:
    """Say with a disclosure of substance-use records that it may not be passed on."""
    if trace.purpose == PART_2:
        response.headers["X-Redisclosure-Notice"] = REDISCLOSURE_NOTICE
    return response


def respond(request: Request, answer: Answer) -> Response:
    """Write an answer as HTTP: status, ETag, Location, the link to the next page."""
    headers: dict[str, str] = {}
    tag = answer.version if answer.etag is None else answer.etag
    if tag is not None:
        headers["ETag"] = f'"{tag}"'
    if answer.unchanged:
        return Response(status_code=304, headers=headers)
    if answer.attachment is not None:
        headers["Content-Disposition"] = f'attachment; filename="{answer.attachment}"'
    if answer.created:
        at_collection = request.method == "POST" and answer.record_id is not None
        path = request.scope["path"]
        headers["Location"] = f"{path}/{answer.record_id}" if at_collection else path
    if answer.replayed:
        headers["Idempotent-Replayed"] = "true"
    if answer.next is not None:
        url = request.url.include_query_params(cursor=answer.next)
        headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return Response(
        answer.body,
        status_code=201 if answer.created else 200,
        headers=headers,
        media_type=answer.media_type,
    )


async def writing(request: Request) -> Write:
    return Write(request)


async def reading(request: Request) -> Read:
    return Read(request)


Writing = Annotated[Write, Depends(writing)]
Reading = Annotated[Read, Depends(reading)]
