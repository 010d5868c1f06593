"""Writes the OpenAPI document: strict bodies, problem+json, stable operation ids."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import Match
from starlette.types import Scope

from app.core import direct
from app.core.problems import MEDIA_TYPE
from app.core.web import MERGE_PATCH, StrictBody, if_match, merge_patch, writing
from app.core.wire import Identified

REF = "#/components/schemas/{model}"  # as Pydantic's ref_template wants it
PROBLEM: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "code", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "current_version": {"type": "integer"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON Pointer (RFC 6901)"},
                    "code": {"type": "string"},
                    "detail": {"type": "string", "description": "what would pass"},
                },
            },
        },
    },
}
REFUSALS = {
    400: "Not JSON, a wrong parameter, or no Idempotency-Key where one is needed",
    401: "No valid token",
    403: "The token may not do that",
    404: "Absent, or not yours",
    409: "The id is taken by other content, or the same request is on its way",
    410: "Erased",
    412: "If-Match names an old version",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Well-formed, and wrong",
    428: "If-Match is missing",
    429: "Too many requests: see Retry-After",
    503: "Not now: see Retry-After; nothing was stored",
    507: "No room; nothing was stored",
}
IF_MATCH: dict[str, Any] = {
    "name": "If-Match",
    "in": "header",
    "description": 'The version that was read, as its ETag says it: `"3"`',
    "schema": {"type": "string", "pattern": r'^(W/)?"\d{1,9}"(, ?(W/)?"\d{1,9}")*$'},
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Needed where the body has no `id`: the same key again gives the same answer",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]+$"},
}
PARTS = "titrate.path_parts"
BODIES: set[type[BaseModel]] = set()
"""The models of all strict bodies, filled as the routes are declared."""


class Route(APIRoute):
    """A route that is called directly, and whose strict body stands in the document."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.operation_id = self.name
        self.unique_id = self.name
        self.asks = [one.call for one in self.dependant.dependencies]
        self.strict_body = next(
            (call.model for call in self.asks if isinstance(call, StrictBody)), None
        )
        if self.strict_body is not None:
            BODIES.add(self.strict_body)
        self._parts = self.path_format.split("/")
        # The last word tells most routes apart: /v1/patients/{patient_id}/labs/{record_id}.
        self._at = max(n for n, part in enumerate(self._parts) if "{" not in part)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as any route does; one of other words or another length is passed by at once."""
        if scope.get("root_path"):
            return super().matches(scope)
        parts = scope.get(PARTS)
        if parts is None:
            parts = scope[PARTS] = scope["path"].split("/")
        if len(parts) != len(self._parts) or parts[self._at] != self._parts[self._at]:
            return Match.NONE, {}
        return super().matches(scope)

    def get_route_handler(self) -> direct.Handler:
        return direct.handler(self.dependant) or super().get_route_handler()

    def describe(self, operation: dict[str, Any]) -> None:
        """Add what FastAPI cannot know: the strict body, its headers, every problem."""
        if self.strict_body is not None:
            content = {"application/json": {"schema": _reference(self.strict_body.__name__)}}
            operation["requestBody"] = {"required": True, "content": content}
        elif merge_patch in self.asks:
            content = {MERGE_PATCH: {"schema": {"type": "object"}}}
            operation["requestBody"] = {"required": True, "content": content}
        headers = list(self._headers())
        if headers:
            operation.setdefault("parameters", []).extend(headers)
        responses = operation["responses"]
        self._add_the_other_success(responses)
        for status in sorted(set(self._refusals())):
            responses[str(status)] = _problem_answer(REFUSALS[status])
        responses["default"] = _problem_answer("What went wrong")

    def _headers(self) -> Iterator[dict[str, Any]]:
        if if_match in self.asks:
            # A PUT may make the record: then there is no version to name.
            yield IF_MATCH | {"required": self.methods != {"PUT"}}
        if self._keeps_a_key():
            yield IDEMPOTENCY_KEY

    def _keeps_a_key(self) -> bool:
        return (
            self.methods == {"POST"}
            and writing in self.asks
            and self.strict_body is not None
            and issubclass(self.strict_body, Identified)
        )

    def _add_the_other_success(self, responses: dict[str, Any]) -> None:
        """Sent again, what makes a record answers 200; a PUT may make it or change it."""
        if self._keeps_a_key() or self.methods == {"PUT"}:
            made = responses.get("201") or responses["200"]
            responses["201"] = made | {"description": "Stored; Location names it"}
            responses["200"] = made | {"description": "Changed, or there already"}

    def _refusals(self) -> Iterator[int]:
        yield from (400, 401, 403, 422, 429, 503)
        if self.param_convertors:
            yield from (404, 410)
        if self.methods != {"GET"}:
            yield from (404, 409, 507)
        if self.strict_body is not None or merge_patch in self.asks:
            yield from (413, 415)
        if if_match in self.asks:
            yield from (412, 428)


def _reference(name: str) -> dict[str, str]:
    return {"$ref": REF.format(model=name)}


def _problem_answer(description: str) -> dict[str, Any]:
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}


def document(app: FastAPI) -> dict[str, Any]:
    """Write the document, once."""
    if app.openapi_schema is None:
        written = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        components = written.setdefault("components", {})
        _add_schemas(components.setdefault("schemas", {}))
        components["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        routes = {route.unique_id: route for route in app.routes if isinstance(route, Route)}
        for path, operations in written["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                route = routes.get(operation["operationId"])
                if route is not None:
                    route.describe(operation)
                if path.startswith("/v1"):
                    operation["security"] = [{"bearer": []}]
        app.openapi_schema = written
    return app.openapi_schema


def _add_schemas(schemas: dict[str, Any]) -> None:
    bodies = sorted(BODIES, key=lambda model: model.__name__)
    _, definitions = models_json_schema(
        [(model, "validation") for model in bodies], ref_template=REF
    )
    sent = definitions.get("$defs", {})
    for model in bodies:
        if model.__name__ not in sent:
            sent[model.__name__] = model.model_json_schema(ref_template=REF)
    for schema in sent.values():
        # Generators of clients take a member with a default for one that must be sent.
        for member in schema.get("properties", {}).values():
            member.pop("default", None)
    schemas.update(sent)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = PROBLEM
