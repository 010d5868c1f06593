"""The intake, the treatment plan and its reviews, therapy sessions, life events."""

from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.care import events, intake, plan
from app.care.intake_schemas import IntakeIn, IntakeOut, IntakePage
from app.care.schemas import (
    LifeEventIn,
    LifeEventOut,
    LifeEventPage,
    PlanReviewIn,
    PlanReviewOut,
    PlanReviewPage,
    TherapySessionIn,
    TherapySessionOut,
    TherapySessionPage,
    TreatmentPlanIn,
    TreatmentPlanOut,
    TreatmentPlanPage,
)
from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.identity.deps import Clinician, ClinicianOrPatient
from app.patients.routes import add_record_routes, only_known

router = APIRouter(prefix="/v1/patients/{patient_id}", tags=["care"], route_class=Route)
reviews_router = APIRouter(
    prefix="/v1/patients/{patient_id}/treatment-plan/reviews", tags=["care"], route_class=Route
)
sessions_router = APIRouter(
    prefix="/v1/patients/{patient_id}/therapy-sessions", tags=["care"], route_class=Route
)
events_router = APIRouter(
    prefix="/v1/patients/{patient_id}/life-events", tags=["care"], route_class=Route
)
no_parameters = Depends(only_known())


@router.put("/intake", status_code=201, response_model=IntakeOut)
async def put_intake(
    patient_id: UUID, data: Body[IntakeIn], actor: Clinician, versions: IfMatch, write: Writing
) -> Response:
    """Keep the first appointment: all of it is kept, or nothing. A change names its version."""
    return await write(intake.record, actor, patient_id, data, versions.named)


@router.get("/intake", response_model=IntakeOut, dependencies=[no_parameters])
async def show_intake(patient_id: UUID, actor: ClinicianOrPatient, read: Reading) -> Response:
    """Give the first appointment as it is now."""
    return await read(intake.show, actor, patient_id)


@router.get("/intake/history", response_model=IntakePage, dependencies=[no_parameters])
async def intake_history(patient_id: UUID, actor: ClinicianOrPatient, read: Reading) -> Response:
    """Give every version of it, the newest first."""
    return await read(intake.history, actor, patient_id)


@router.put("/treatment-plan", status_code=201, response_model=TreatmentPlanOut)
async def put_treatment_plan(
    patient_id: UUID,
    data: Body[TreatmentPlanIn],
    actor: Clinician,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Keep what was agreed. A change names the version that was read, and is the next version."""
    return await write(plan.agree, actor, patient_id, data, versions.named)


@router.get("/treatment-plan", response_model=TreatmentPlanOut, dependencies=[no_parameters])
async def show_treatment_plan(
    patient_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    """Give the plan, with the day on which it is looked at again as it stands now."""
    return await read(plan.show, actor, patient_id)


@router.get(
    "/treatment-plan/history", response_model=TreatmentPlanPage, dependencies=[no_parameters]
)
async def treatment_plan_history(
    patient_id: UUID, actor: ClinicianOrPatient, read: Reading
) -> Response:
    """Give every version of the plan, the newest first."""
    return await read(plan.history, actor, patient_id)


@reviews_router.post("", status_code=201, response_model=PlanReviewOut)
async def record_plan_review(
    patient_id: UUID, data: Body[PlanReviewIn], actor: Clinician, write: Writing
) -> Response:
    """Keep one look at the plan; the next review moves."""
    return await write(plan.review, actor, patient_id, data)


add_record_routes(reviews_router, plan.REVIEW, PlanReviewOut, PlanReviewPage, can_delete=False)


@sessions_router.post("", status_code=201, response_model=TherapySessionOut)
async def record_therapy_session(
    patient_id: UUID, data: Body[TherapySessionIn], actor: Clinician, write: Writing
) -> Response:
    """Record one session of a therapy, attended or missed."""
    return await write(events.record_session, actor, patient_id, data)


add_record_routes(sessions_router, events.THERAPY_SESSION, TherapySessionOut, TherapySessionPage)


@events_router.post("", status_code=201, response_model=LifeEventOut)
async def record_life_event(
    patient_id: UUID, data: Body[LifeEventIn], actor: ClinicianOrPatient, write: Writing
) -> Response:
    """Record something in a life that bears on the numbers."""
    return await write(events.record_event, actor, patient_id, data)


add_record_routes(events_router, events.LIFE_EVENT, LifeEventOut, LifeEventPage)
