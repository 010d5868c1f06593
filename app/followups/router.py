"""Follow-ups, check-ins and side effects."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.core.wire import Day
from app.followups import causality, nights, service, side_effects, vocabulary
from app.followups.domains.side_effects import SideEffectIn
from app.followups.schemas import (
    CausalityOut,
    CheckInIn,
    CheckInOut,
    CheckInPage,
    FollowUpIn,
    FollowUpOut,
    FollowUpPage,
    NightsOut,
    SideEffectOut,
    SideEffectPage,
    TermPage,
)
from app.identity.deps import AnyMember, Clinician, ClinicianOrPatient
from app.patients.routes import Paged, Status, add_record_routes, only_known

ListParameters = Depends(only_known("limit", "cursor", "status", "domain"))
WithDomain = Annotated[
    str | None, Query(max_length=40, description="those that carry it: `sleep`, `mood-cognition`")
]


def _secret(request: Request) -> bytes:
    secret: bytes = request.app.state.issuer.secret
    return secret


router = APIRouter(
    prefix="/v1/patients/{patient_id}/follow-ups", tags=["follow-ups"], route_class=Route
)
check_ins_router = APIRouter(
    prefix="/v1/patients/{patient_id}/check-ins", tags=["check-ins"], route_class=Route
)
side_effects_router = APIRouter(
    prefix="/v1/patients/{patient_id}/side-effects", tags=["side-effects"], route_class=Route
)


@router.post("", status_code=201, response_model=FollowUpOut)
async def record_follow_up(
    patient_id: UUID, data: Body[FollowUpIn], actor: Clinician, write: Writing
) -> Response:
    """Log one visit, call or message: all of it is kept, or nothing."""
    return await write(service.record, actor, patient_id, data)


add_record_routes(router, service.FOLLOW_UP, FollowUpOut, FollowUpPage, has_list=False)


@router.get("", response_model=FollowUpPage, dependencies=[ListParameters])
async def list_follow_ups(
    request: Request,
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    page: Paged,
    status: Status = None,
    domain: WithDomain = None,
) -> Response:
    """Give visits, calls and messages, the oldest first."""
    return await read(
        service.page, actor, patient_id, service.FOLLOW_UP, page, _secret(request), status, domain
    )


@check_ins_router.post("", status_code=201, response_model=CheckInOut)
async def record_check_in(
    patient_id: UUID, data: Body[CheckInIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Log how it goes, in the patient's own words and numbers."""
    return await write(service.check_in, actor, patient_id, data)


@check_ins_router.put("/{record_id}", response_model=CheckInOut)
async def put_check_in(
    patient_id: UUID,
    record_id: UUID,
    data: Body[CheckInIn],
    actor: ClinicianOrPatient,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Store a check-in at the id that the device made; a change names the version it read."""
    return await write(service.put_check_in, actor, patient_id, record_id, data, versions.named)


add_record_routes(check_ins_router, service.CHECK_IN, CheckInOut, CheckInPage, has_list=False)


@check_ins_router.get("", response_model=CheckInPage, dependencies=[ListParameters])
async def list_check_ins(
    request: Request,
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    page: Paged,
    status: Status = None,
    domain: WithDomain = None,
) -> Response:
    """Give the patient's own follow-ups, the oldest first."""
    return await read(
        service.page, actor, patient_id, service.CHECK_IN, page, _secret(request), status, domain
    )


@side_effects_router.post("", status_code=201, response_model=SideEffectOut)
async def record_side_effect(
    patient_id: UUID, data: Body[SideEffectIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Record one episode of a side effect. What is serious opens a signal at once."""
    return await write(side_effects.record, actor, patient_id, data)


add_record_routes(side_effects_router, side_effects.KIND, SideEffectOut, SideEffectPage)


@side_effects_router.get(
    "/{record_id}/causality", response_model=CausalityOut, dependencies=[Depends(only_known())]
)
async def show_causality(
    patient_id: UUID, record_id: UUID, actor: Clinician, read: Reading
) -> Response:
    """Set an episode's days and severities against every medicine's dose; computed now."""
    return await read(causality.show, actor, patient_id, record_id)


nights_router = APIRouter(
    prefix="/v1/patients/{patient_id}/nights", tags=["follow-ups"], route_class=Route
)


@nights_router.get("", response_model=NightsOut, dependencies=[Depends(only_known("from", "to"))])
async def show_nights(
    patient_id: UUID,
    actor: ClinicianOrPatient,
    read: Reading,
    from_: Annotated[Day | None, Query(alias="from", description="first day of waking")] = None,
    to: Annotated[Day | None, Query(description="last day of waking")] = None,
) -> Response:
    """Give diary and device nights side by side, and how regular they are; by default 28 days."""
    return await read(nights.show, actor, patient_id, from_, to)


terms_router = APIRouter(prefix="/v1/reference/side-effects", tags=["reference"], route_class=Route)


@terms_router.get("", response_model=TermPage, dependencies=[Depends(only_known("text"))])
async def list_side_effect_terms(
    actor: AnyMember,
    read: Reading,
    text: Annotated[
        str | None, Query(min_length=2, max_length=200, description="a word; the nearest terms")
    ] = None,
) -> Response:
    """Give the vocabulary of side effects, or the terms that a word may mean; none is picked."""
    return await read(vocabulary.show, actor, text)
