"""Writes every error as RFC 9457 problem+json, and nothing of the input with it."""

import re

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import ValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from app.core.errors import Fault, InvalidParameter, TitrateError, Unauthenticated
from app.core.ids import uuid7
from app.core.web import log_refusal
from app.core.wire import faults_of

MEDIA_TYPE = "application/problem+json"
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_BY_STATUS = {
    404: ("not-found", "There is no such thing here"),
    405: ("method-not-allowed", "This path does not take that method"),
    406: ("not-acceptable", "None of the accepted formats is made here"),
}


def request_id_of(sent: str | None) -> str:
    """Take the client's request id if it is a plain one, else make our own."""
    return sent if sent and _REQUEST_ID.match(sent) else str(uuid7())


def problem(request: Request, error: TitrateError) -> Response:
    body = error.told() | {"request_id": getattr(request.state, "request_id", "-")}
    if (version := getattr(error, "current_version", None)) is not None:
        body["current_version"] = version
    return Response(
        orjson.dumps(body),
        status_code=error.status,
        headers=error.headers(),
        media_type=MEDIA_TYPE,
    )


def install(app: FastAPI) -> None:
    """Give the app its three writers of errors."""

    @app.exception_handler(TitrateError)
    async def ours(request: Request, error: TitrateError) -> Response:
        await log_refusal(request, error)
        return problem(request, error)

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> Response:
        faults = [
            Fault(
                "/" + "/".join(str(part) for part in one["loc"]),
                str(one["type"]).replace("_", "-"),
                str(one["msg"]),
            )
            for one in error.errors()
        ]
        return await ours(request, InvalidParameter(faults=faults))

    @app.exception_handler(ValidationError)
    async def queries(request: Request, error: ValidationError) -> Response:
        return await ours(request, InvalidParameter(faults=faults_of(error, "/query")))

    @app.exception_handler(StarletteHTTPException)
    async def framework(request: Request, error: StarletteHTTPException) -> Response:
        if error.status_code == 405 and request.scope["path"].startswith("/v1/"):
            # Who asks comes before what is asked.
            try:
                request.app.state.verified.actor(request)
            except Unauthenticated as stranger:
                return problem(request, stranger)
        code, title = _BY_STATUS.get(error.status_code, ("invalid-parameter", "Not accepted"))
        translated = TitrateError()
        translated.status, translated.code, translated.title = error.status_code, code, title  # type: ignore[misc]  # one instance speaks for the framework
        answer = problem(request, translated)
        for name, value in (error.headers or {}).items():
            answer.headers[name] = value
        if error.status_code == 405:
            answer.headers["Allow"] = ", ".join(sorted(_methods_of_the_path(request)))
        return answer


def _methods_of_the_path(request: Request) -> set[str]:
    """Give the methods of all routes of the path; the framework knows of the first route's."""
    path = request.scope["path"]
    return {
        method
        for route in request.app.routes
        if isinstance(route, APIRoute) and route.path_regex.match(path)
        for method in route.methods or ()
    }
