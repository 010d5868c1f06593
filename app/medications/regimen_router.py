"""The whole list, derived; and what the house knows of medicines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from app.core.openapi import Route
from app.core.web import Reading
from app.core.wire import Day, Instant
from app.identity.deps import AnyMember, Clinician
from app.medications import reference as known
from app.medications import regimen
from app.patients.routes import only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/regimen", tags=["medications"], route_class=Route
)
reference_router = APIRouter(
    prefix="/v1/reference/medications", tags=["reference"], route_class=Route
)


@router.get("", response_model=None, dependencies=[Depends(only_known("as_of", "known_at"))])
async def show_regimen(
    patient_id: UUID,
    actor: Clinician,
    read: Reading,
    as_of: Annotated[Day | None, Query(description="what had happened by then")] = None,
    known_at: Annotated[Instant | None, Query(description="what was known then")] = None,
) -> Response:
    """Give every course with its dose epochs, phase and clock."""
    return await read(regimen.show, actor, patient_id, as_of, known_at)


@reference_router.get(
    "", response_model=None, dependencies=[Depends(only_known("text", "system", "code"))]
)
async def look_up_medication(
    actor: AnyMember,
    read: Reading,
    text: Annotated[str | None, Query(min_length=2, max_length=200)] = None,
    system: Annotated[str | None, Query(max_length=200)] = None,
    code: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Find candidates by name, brand or misspelling, or what a code stands for; none is picked."""
    return await read(known.look_up, actor, text, system, code)


@reference_router.get("/{reference_id}", response_model=None)
async def show_reference_medication(reference_id: str, actor: AnyMember, read: Reading) -> Response:
    """Give what the reference says of one medicine, with source and what was verified."""
    return await read(known.show, actor, reference_id)
