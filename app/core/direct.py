"""Calls a route's dependencies one after the other, where FastAPI's solver has nothing to solve.

A route stays declared, and documented, as any other. What its dependencies need is mostly the
request alone, and the path names records by UUID; then the solver's generality costs as much
as all the rest before the writer, so it is passed by. Any other route keeps it.
"""

from collections.abc import Awaitable, Callable, Coroutine
from inspect import iscoroutinefunction
from typing import Any
from uuid import UUID

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant

from app.core.errors import Fault, InvalidParameter

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Ask = Callable[..., Awaitable[Any]]


def handler(dependant: Dependant) -> Handler | None:
    """Make the handler of a route; None where it needs FastAPI's solver."""
    own = dependant.call
    steps = [_step(one) for one in dependant.dependencies]
    known = [step for step in steps if step is not None]
    names = [field.name for field in dependant.path_params]
    if (
        own is None
        or len(known) < len(steps)
        or _asks_for_more(dependant)
        or dependant.request_param_name
        or any(field.field_info.annotation is not UUID for field in dependant.path_params)
    ):
        return None
    endpoint: Ask = own

    async def handle(request: Request) -> Response:
        given: dict[str, Any] = {}
        for name, ask, parameter in known:
            answer = await ask(**{parameter: request})
            if name is not None:
                given[name] = answer
        for one in names:
            given[one] = _uuid(request, one)
        response: Response = await endpoint(**given)
        return response

    return handle


def _step(one: Dependant) -> tuple[str | None, Ask, str] | None:
    call, parameter = one.call, one.request_param_name
    if call is None or parameter is None or one.path_params or _asks_for_more(one):
        return None
    if one.dependencies or not (
        iscoroutinefunction(call) or iscoroutinefunction(type(call).__call__)
    ):
        return None
    return one.name, call, parameter


def _asks_for_more(one: Dependant) -> bool:
    """Say whether it wants anything but the request, its path and its dependencies."""
    return bool(
        one.query_params
        or one.header_params
        or one.cookie_params
        or one.body_params
        or one.websocket_param_name
        or one.http_connection_param_name
        or one.response_param_name
        or one.background_tasks_param_name
        or one.security_scopes_param_name
    )


def _uuid(request: Request, name: str) -> UUID:
    try:
        return UUID(request.path_params[name])
    except ValueError:
        fault = Fault(f"/path/{name}", "uuid-parsing", "a UUID")
        raise InvalidParameter(faults=[fault]) from None
