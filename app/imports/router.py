"""Files in, one result an entry: what `titrate import` does, over HTTP."""

import asyncio
from collections import Counter
from typing import Annotated, Any, get_args

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.actor import Actor
from app.core.answer import Answer
from app.core.errors import Invalid, MalformedJson
from app.core.openapi import Route
from app.core.web import raw_body, respond
from app.identity.deps import Require
from app.imports import service
from app.imports.results import Status
from app.imports.schemas import ImportOut
from app.imports.service import Format, Result, Sent, Unreadable
from app.patients.routes import only_known

MOST_BYTES = 5 * 1024 * 1024
FORMATS: dict[str, Format] = {
    "application/fhir+json": "fhir",
    "text/csv": "csv",
    "x-application/hl7-v2+er7": "hl7v2",
}
"""What a file is, by its media type."""
FILE = "body"
"""The name of the file in the results: it has no other."""
Importer = Annotated[Actor, Depends(Require("prescriber", "administrator", "system"))]

router = APIRouter(prefix="/v1/imports", tags=["imports"], route_class=Route)


@router.post(
    "",
    response_model=ImportOut,
    dependencies=[Depends(only_known("create_patients", "system", "dry_run"))],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {name: {"schema": {"type": "string"}} for name in FORMATS},
        }
    },
)
async def import_file(
    request: Request,
    actor: Importer,
    create_patients: Annotated[
        bool, Query(description="make a patient of whoever is not known yet")
    ] = False,
    system: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            description="the system of identifiers that come without one",
        ),
    ] = None,
    dry_run: Annotated[
        bool, Query(description="say what would be done, and store nothing")
    ] = False,
) -> Response:
    """Read one file of FHIR R4, CSV or HL7 v2; sent again, it changes nothing.

    New patients are seen by the clinic's prescribers. Doses that nobody could be asked about
    wait for a prescriber, as those of any system do.
    """
    request.app.state.reserve.require()
    content = await raw_body(request, MOST_BYTES, tuple(FORMATS))
    format_ = FORMATS[request.headers["content-type"].partition(";")[0].strip().lower()]

    def run() -> list[Result]:
        return list(
            service.import_files(
                request.app.state.writer,
                actor,
                [Sent(FILE, content)],
                format=format_,
                create_patients=create_patients,
                system=system,
                care_team=None,
                dry_run=dry_run,
                progress=lambda _done, _total: None,
                request_id=request.state.request_id,
            )
        )

    request.state.logged = True
    try:
        results = await asyncio.to_thread(run)
    except Unreadable as failure:
        request.state.logged = False
        if format_ == "fhir" and failure.place is not None and failure.place.startswith("line"):
            raise MalformedJson(str(failure)) from None
        raise Invalid(str(failure), pointer="") from None
    counts: Counter[str] = Counter(one.status for one in results)
    told: dict[str, Any] = {
        "format": format_,
        "dry_run": dry_run,
        "counts": {name: counts[name] for name in get_args(Status)},
        "results": [one.told() for one in results],
    }
    return respond(request, Answer(orjson.dumps(told)))
