"""The patient's own view; only a patient's own token has one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.actor import Actor
from app.core.errors import NotFound
from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import Require
from app.me import progress, service
from app.me.schemas import MeOut, MyPlanOut, TasksOut
from app.patients.routes import only_known
from app.trends import params
from app.trends.params import Asked
from app.trends.router import FORMS, asked_for
from app.trends.schemas import TrendsOut

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=Route)
Patient = Annotated[Actor, Depends(Require("patient"))]
PatientOrProxy = Annotated[Actor, Depends(Require("patient", "proxy"))]
"""A proxy sees who it is and when there is something to fill in; no plan, no number, no note."""
no_parameters = Depends(only_known())


@router.get("", response_model=MeOut, dependencies=[no_parameters])
async def show_me(actor: PatientOrProxy, read: Reading) -> Response:
    """Give the first screen in one call."""
    return await read(service.show, actor, own(actor))


@router.get("/plan", response_model=MyPlanOut, dependencies=[no_parameters])
async def show_my_plan(actor: Patient, read: Reading) -> Response:
    """Give why, what to expect and when, and when the plan is looked at again."""
    return await read(service.plan, actor, own(actor))


@router.get("/tasks", response_model=TasksOut, dependencies=[no_parameters])
async def show_my_tasks(actor: PatientOrProxy, read: Reading) -> Response:
    """Give what to fill in, and when."""
    return await read(service.tasks, actor, own(actor))


@router.get(
    "/progress", response_model=TrendsOut, responses=FORMS, openapi_extra=params.described()
)
async def show_my_progress(
    actor: Patient, read: Reading, asked: Annotated[Asked, Depends(asked_for)]
) -> Response:
    """Give own numbers over time, and in plain words what has changed since the beginning."""
    return await read(progress.show, actor, own(actor), asked)


def own(actor: Actor) -> UUID:
    """Give the one patient whose token it is.

    Raises:
        NotFound: a token that names none.
    """
    if actor.patient_id is None:
        raise NotFound()
    return actor.patient_id
