"""The patient's own view; only a patient's own token has one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.core.actor import Actor
from app.core.errors import NotFound
from app.core.openapi import Route
from app.core.web import Reading
from app.identity.deps import Require
from app.me import service
from app.me.schemas import MeOut, MyPlanOut, TasksOut
from app.patients.routes import only_known

router = APIRouter(prefix="/v1/me", tags=["me"], route_class=Route)
Patient = Annotated[Actor, Depends(Require("patient"))]
no_parameters = Depends(only_known())


@router.get("", response_model=MeOut, dependencies=[no_parameters])
async def show_me(actor: Patient, read: Reading) -> Response:
    """Give the first screen in one call."""
    return await read(service.show, actor, own(actor))


@router.get("/plan", response_model=MyPlanOut, dependencies=[no_parameters])
async def show_my_plan(actor: Patient, read: Reading) -> Response:
    """Give why, what to expect and when, and when the plan is looked at again."""
    return await read(service.plan, actor, own(actor))


@router.get("/tasks", response_model=TasksOut, dependencies=[no_parameters])
async def show_my_tasks(actor: Patient, read: Reading) -> Response:
    """Give what to fill in, and when."""
    return await read(service.tasks, actor, own(actor))


def own(actor: Actor) -> UUID:
    """Give the one patient whose token it is.

    Raises:
        NotFound: a token that names none.
    """
    if actor.patient_id is None:
        raise NotFound()
    return actor.patient_id
