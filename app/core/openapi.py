"""Writes the OpenAPI document: strict bodies, problem+json, stable operation ids."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.core import direct
from app.core.problems import MEDIA_TYPE
from app.core.web import StrictBody

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


BODIES: set[type[BaseModel]] = set()
"""The models of all strict bodies, filled as the routes are declared."""


class Route(APIRoute):
    """A route that is called directly, and whose strict body stands in the document."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.operation_id = self.name
        self.unique_id = self.name
        self.strict_body = next(
            (
                dependency.call.model
                for dependency in self.dependant.dependencies
                if isinstance(dependency.call, StrictBody)
            ),
            None,
        )
        if self.strict_body is not None:
            content = {"application/json": {"schema": _reference(self.strict_body)}}
            self.openapi_extra = {"requestBody": {"required": True, "content": content}}
            BODIES.add(self.strict_body)

    def get_route_handler(self) -> direct.Handler:
        return direct.handler(self.dependant) or super().get_route_handler()


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REF.format(model=model.__name__)}


def document(app: FastAPI) -> dict[str, Any]:
    """Write the document, once."""
    if app.openapi_schema is None:
        written = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        schemas = written.setdefault("components", {}).setdefault("schemas", {})
        bodies = sorted(BODIES, key=lambda model: model.__name__)
        _, definitions = models_json_schema(
            [(model, "validation") for model in bodies], ref_template=REF
        )
        schemas.update(definitions.get("$defs", {}))
        for model in bodies:
            schemas.setdefault(model.__name__, model.model_json_schema(ref_template=REF))
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas["Problem"] = PROBLEM
        written["components"]["securitySchemes"] = {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        }
        problem = {
            "description": "What went wrong, as RFC 9457 problem+json",
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF.format(model="Problem")}}},
        }
        for path, operations in written["paths"].items():
            for operation in operations.values():
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = problem
                if path.startswith("/v1"):
                    operation["security"] = [{"bearer": []}]
        app.openapi_schema = written
    return app.openapi_schema
