"""What the house knows, kind by kind, and what a clinic adds for itself."""

from typing import Annotated, Any, get_args
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Query, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Write, Writing
from app.identity.deps import AnyMember, Require
from app.measurements import own_reference
from app.measurements.own_reference import Kind as OwnKind
from app.medications import own, own_entries, reference
from app.medications.own_schemas import OwnEntryOut
from app.medications.reference import Kind
from app.medications.schemas import OwnMedicationIn, OwnMedicationOut
from app.patients.routes import only_known

router = APIRouter(prefix="/v1/reference", tags=["reference"], route_class=Route)

EntryId = Annotated[str, Path(max_length=100)]
Keeper = Annotated[Actor, Depends(Require("prescriber", "administrator"))]
"""Whoever answers for what the clinic calls known."""


@router.get(
    "/medications",
    response_model=None,
    dependencies=[Depends(only_known("text", "system", "code"))],
)
async def look_up_medication(
    actor: AnyMember,
    read: Reading,
    text: Annotated[str | None, Query(min_length=2, max_length=200)] = None,
    system: Annotated[str | None, Query(max_length=200)] = None,
    code: Annotated[str | None, Query(max_length=200)] = None,
) -> Response:
    """Find candidates by name, brand or misspelling, or what a code stands for; none is picked.

    Without a question it gives every entry in short, the clinic's own last.
    """
    return await read(reference.look_up, actor, text, system, code)


@router.post("/medications", status_code=201, response_model=OwnMedicationOut)
async def register_medication(
    data: Body[OwnMedicationIn], actor: Keeper, write: Writing
) -> Response:
    """Add a medicine of the clinic's own. Its `code` is its key, and names it in a course."""
    return await _register(write, actor, own.MEDICATIONS, data)


@router.get("/medications/{reference_id}", response_model=None)
async def show_reference_medication(
    reference_id: EntryId, actor: AnyMember, read: Reading
) -> Response:
    """Give what the reference says of one medicine, with source and what was verified."""
    return await read(reference.show, actor, reference_id)


@router.patch("/medications/{reference_id}", response_model=OwnMedicationOut)
async def redefine_medication(
    reference_id: EntryId, patch: Patch, actor: Keeper, versions: IfMatch, write: Writing
) -> Response:
    """Change a medicine of the clinic's own, by a merge patch on the version read."""
    return await write(
        own_reference.redefine, actor, own.MEDICATIONS, reference_id, patch, versions.named
    )


async def _register(write: Write, actor: Actor, kind: OwnKind[Any], data: Any) -> Response:
    response = await write(own_reference.register, actor, kind, data)
    if response.status_code == 201:
        response.headers["Location"] = f"{router.prefix}/{kind.name}/{quote(data.code)}"
    return response


def _add_routes(kind: Kind) -> None:
    @router.get(
        f"/{kind}",
        name=f"list_reference_{kind}",
        response_model=None,
        dependencies=[Depends(only_known())],
    )
    async def list_(actor: AnyMember, read: Reading) -> Response:
        return await read(reference.list_kind, actor, kind)

    @router.get(f"/{kind}/{{entry_id}}", name=f"show_reference_{kind}", response_model=None)
    async def show(entry_id: EntryId, actor: AnyMember, read: Reading) -> Response:
        return await read(reference.show_kind, actor, kind, entry_id)


def _add_own_routes(kind: OwnKind[Any]) -> None:
    body = kind.body

    @router.post(
        f"/{kind.name}",
        name=f"register_reference_{kind.name}",
        status_code=201,
        response_model=OwnEntryOut,
    )
    async def register(
        data: Body[body],  # type: ignore[valid-type]  # the body of this kind
        actor: Keeper,
        write: Writing,
    ) -> Response:
        """Add an entry of the clinic's own beside the house's; its `code` is its key."""
        return await _register(write, actor, kind, data)

    @router.patch(
        f"/{kind.name}/{{entry_id}}",
        name=f"redefine_reference_{kind.name}",
        response_model=OwnEntryOut,
    )
    async def redefine(
        entry_id: EntryId, patch: Patch, actor: Keeper, versions: IfMatch, write: Writing
    ) -> Response:
        """Change an entry of the clinic's own, by a merge patch on the version read."""
        return await write(own_reference.redefine, actor, kind, entry_id, patch, versions.named)


for _kind in get_args(Kind):
    _add_routes(_kind)
for _own in own_entries.OTHERS.values():
    _add_own_routes(_own)
