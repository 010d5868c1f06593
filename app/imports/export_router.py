"""Everything of one patient, to take away."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import Clinician
from app.imports import export
from app.imports.export import Format
from app.patients.routes import only_known

router = APIRouter(prefix="/v1/patients/{patient_id}/export", tags=["imports"], route_class=Route)


@router.get(
    "",
    response_model=None,
    responses={
        200: {
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "application/zip": {"schema": {"type": "string", "format": "binary"}},
            }
        }
    },
    dependencies=[Depends(only_known("format"))],
)
async def export_patient(
    patient_id: UUID,
    actor: Clinician,
    read: Reading,
    format: Annotated[Format, Query(description="csv: a zip with a table for each kind")] = "json",
) -> Response:
    """Give every record of the patient as it is now, and the series of its numbers."""
    return await read(export.export, actor, patient_id, format)
