"""A router for each domain of a follow-up: `PUT` and `GET {p}/follow-ups/{id}/{domain}`."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import create_model

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.core.wire import ChangeReason
from app.followups import one_domain
from app.followups.domains.base import Domain
from app.followups.schemas import DomainOut, FollowUpIn, FollowUpOut
from app.identity.deps import Clinician, ClinicianOrPatient


def _router(name: str, domain: type[Domain]) -> APIRouter:
    """Make the router of one domain; its path has hyphens where its member has underscores."""
    path = "/{record_id}/" + name.replace("_", "-")
    router = APIRouter(
        prefix="/v1/patients/{patient_id}/follow-ups", tags=["follow-ups"], route_class=Route
    )
    body: Any = create_model(
        f"{domain.__name__}In",
        __base__=domain,
        __doc__=domain.__doc__,
        change_reason=(ChangeReason | None, None),
    )
    member: Any = (FollowUpOut.model_fields[name].annotation, ...)
    out: Any = create_model(f"{domain.__name__}DomainOut", __base__=DomainOut, **{name: member})

    @router.put(path, name=f"put_follow_up_{name}", response_model=out)
    async def put(
        patient_id: UUID,
        record_id: UUID,
        data: Body[body],
        actor: Clinician,
        versions: IfMatch,
        write: Writing,
    ) -> Response:
        """Store this domain in full, on the follow-up's version that was read."""
        reason = data.change_reason
        alone = domain.model_construct(
            data.model_fields_set - {"change_reason"},
            **{one: getattr(data, one) for one in domain.model_fields},
        )
        return await write(
            one_domain.put, actor, patient_id, record_id, name, alone, reason, versions.named
        )

    @router.get(path, name=f"show_follow_up_{name}", response_model=out)
    async def show(
        patient_id: UUID, record_id: UUID, actor: ClinicianOrPatient, read: Reading
    ) -> Response:
        """Give this domain as it is now, with the follow-up's version."""
        return await read(one_domain.show, actor, patient_id, record_id, name)

    return router


routers = tuple(_router(name, domain) for name, domain in FollowUpIn.domain_types().items())
