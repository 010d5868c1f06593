"""The routes that every collection of a patient has, and the parameters of its lists."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from app.core.errors import InvalidParameter
from app.core.pagination import DEFAULT_LIMIT, MOST, Page
from app.core.web import IfMatch, Patch, Reading, Writing
from app.identity.deps import Clinician, ClinicianOrPatient
from app.patients import records
from app.patients.records import Kind


async def page_of(
    limit: Annotated[int, Query(ge=1, le=MOST)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(min_length=1, max_length=500)] = None,
) -> Page:
    return Page(limit, cursor)


Paged = Annotated[Page, Depends(page_of)]
Status = Annotated[Literal["all"] | None, Query(description="also those entered in error")]


def only_known(*names: str) -> Callable[[Request], Awaitable[None]]:
    """Make a dependency that refuses a query parameter which nobody would read."""

    async def check(request: Request) -> None:
        for name in request.query_params:
            if name not in names:
                raise InvalidParameter("is not a parameter here", pointer=f"/query/{name[:64]}")

    return check


def add_record_routes(
    router: APIRouter,
    kind: Kind[Any],
    out: type[BaseModel],
    page: type[BaseModel],
    *,
    can_delete: bool = True,
    has_list: bool = True,
) -> None:
    """Add the list, GET, PATCH, DELETE and history of one kind to its router.

    has_list: False where the list has parameters of its own.
    """
    noun = kind.name
    if has_list:
        _add_list(router, kind, page)

    @router.get("/{record_id}", name=f"show_{noun}", response_model=out)
    async def show(
        patient_id: UUID, record_id: UUID, actor: ClinicianOrPatient, read: Reading
    ) -> Response:
        return await read(
            lambda work, patient_id: records.show(work, kind, patient_id, record_id),
            actor,
            patient_id,
        )

    @router.get("/{record_id}/history", name=f"{noun}_history", response_model=page)
    async def history(
        patient_id: UUID, record_id: UUID, actor: ClinicianOrPatient, read: Reading
    ) -> Response:
        return await read(
            lambda work, patient_id: records.history(work, kind, patient_id, record_id),
            actor,
            patient_id,
        )

    @router.patch("/{record_id}", name=f"correct_{noun}", response_model=out)
    async def correct(
        patient_id: UUID,
        record_id: UUID,
        patch: Patch,
        actor: Clinician,
        versions: IfMatch,
        write: Writing,
    ) -> Response:
        return await write(
            lambda work, patient_id: records.correct(
                work, kind, patient_id, record_id, patch, versions.named
            ),
            actor,
            patient_id,
        )

    if not can_delete:
        return

    @router.delete("/{record_id}", name=f"withdraw_{noun}", response_model=out)
    async def withdraw(
        patient_id: UUID,
        record_id: UUID,
        actor: Clinician,
        versions: IfMatch,
        write: Writing,
        reason: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        return await write(
            lambda work, patient_id: records.withdraw(
                work, kind, patient_id, record_id, versions.named, reason
            ),
            actor,
            patient_id,
        )


def _add_list(router: APIRouter, kind: Kind[Any], page: type[BaseModel]) -> None:
    list_parameters = Depends(only_known("limit", "cursor", "status"))

    @router.get("", name=f"list_{kind.name}s", response_model=page, dependencies=[list_parameters])
    async def list_(
        request: Request,
        patient_id: UUID,
        actor: ClinicianOrPatient,
        read: Reading,
        page_: Paged,
        status: Status = None,
    ) -> Response:
        def ask(work: Any, patient_id: UUID) -> Any:
            return records.page(
                work,
                kind,
                patient_id,
                page_,
                request.app.state.issuer.secret,
                with_errors=status == "all",
            )

        return await read(ask, actor, patient_id)
