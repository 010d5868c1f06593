"""Around every request: its id, the headers that keep it private, one log line, no leak."""

import time

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import AddressTooLong, HeadersTooLarge, RateLimited, TitrateError
from app.core.limits import Gate, Left
from app.core.log import logger
from app.core.metrics import Metrics
from app.core.problems import problem, request_id_of
from app.core.web import log_refusal

PRIVATE = [
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
]


UNBOUNDED = ("/livez", "/readyz", "/metrics", "/oauth/", "/.well-known/")
"""Health and tokens are answered however much there is to do."""


MOST_ADDRESS, MOST_HEADERS = 8 * 1024, 16 * 1024


def refuse_too_long(scope: Scope) -> None:
    """Let a request through whose address and headers have a size that some client needs.

    Raises:
        AddressTooLong, HeadersTooLarge: it has not; the server itself would read any.
    """
    if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_ADDRESS:
        raise AddressTooLong()
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEADERS:
        raise HeadersTooLarge()


class AroundRequests:
    """Plain ASGI, since it stands on every hot path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._gate = Gate()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent = caller = b""
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                sent = sent or value
            elif name == b"authorization":
                caller = value
        request_id = request_id_of(sent.decode("latin-1"))
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()
        status = 500
        is_bounded = not scope["path"].startswith(UNBOUNDED)

        async def send_private(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                # The page of the API's own documentation brings its own scripts.
                headers = PRIVATE[:3] if scope["path"] == "/docs" else PRIVATE
                own = [(b"x-request-id", request_id.encode())]
                left: Left | None = scope["state"].get("left")
                if left is not None and status != RateLimited.status:
                    own += [(k.lower().encode(), v.encode()) for k, v in left.headers().items()]
                message["headers"] = [*message["headers"], *headers, *own]
            await send(message)

        try:
            refuse_too_long(scope)
            if is_bounded:
                await self._gate.enter(caller)
        except TitrateError as refusal:
            await problem(Request(scope), refusal)(scope, receive, send_private)
            self._count(scope, status, started)
            return
        try:
            await self._app(scope, receive, send_private)
        except Exception:
            logger.exception("a bug", extra={"fields": {"request_id": request_id}})
            await log_refusal(Request(scope), TitrateError())
            if status == 500:
                await problem(Request(scope), TitrateError())(scope, receive, send_private)
        finally:
            if is_bounded:
                self._gate.leave(caller)
            self._count(scope, status, started)

    @staticmethod
    def _count(scope: Scope, status: int, started: float) -> None:
        route: str = getattr(scope.get("route"), "path", "unknown")
        seconds = time.perf_counter() - started
        metrics: Metrics = scope["app"].state.metrics
        metrics.count(scope["method"], route, status, seconds)
        fields = {
            "request_id": scope["state"]["request_id"],
            "method": scope["method"],
            "route": route,
            "status": status,
            "ms": round(seconds * 1000, 1),
        }
        logger.debug("request", extra={"fields": fields})
