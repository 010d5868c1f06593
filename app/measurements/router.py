"""The measures that exist: the house's, and the clinic's own."""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Writing
from app.identity.deps import AnyMember, Clinician
from app.measurements import definitions
from app.measurements.schemas import MeasureIn, MeasureOut, MeasurePage
from app.patients.routes import only_known

router = APIRouter(prefix="/v1/reference/measures", tags=["reference"], route_class=Route)

"""Anybody of the clinic: what a measure means is no patient's data."""
MeasureCode = Annotated[str, Path(max_length=100)]


@router.post("", status_code=201, response_model=MeasureOut)
async def register_measure(data: Body[MeasureIn], actor: Clinician, write: Writing) -> Response:
    """Give a number a meaning, also where it was recorded before. Its `code` is its key."""
    response = await write(definitions.register, actor, data)
    if response.status_code == 201:
        response.headers["Location"] = f"{router.prefix}/{quote(data.code)}"
    return response


@router.get("", response_model=MeasurePage, dependencies=[Depends(only_known())])
async def list_measures(actor: AnyMember, read: Reading) -> Response:
    """Give the house's measures, then the clinic's. Any `side_effects.<term>` is one too."""
    return await read(definitions.list_measures, actor)


@router.get("/{code}", response_model=MeasureOut)
async def show_measure(code: MeasureCode, actor: AnyMember, read: Reading) -> Response:
    return await read(definitions.show_measure, actor, code)


@router.patch("/{code}", response_model=MeasureOut)
async def redefine_measure(
    code: MeasureCode, patch: Patch, actor: Clinician, versions: IfMatch, write: Writing
) -> Response:
    """Change what a measure of the clinic means, by a merge patch on the version read."""
    return await write(definitions.redefine, actor, code, patch, versions.named)
