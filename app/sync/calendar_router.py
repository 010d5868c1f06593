"""The address of the patient's calendar, and the calendar behind it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.core.actor import Actor
from app.core.openapi import Route
from app.core.web import Reading, Writing
from app.core.wire import Wire
from app.identity import service as identity
from app.identity.deps import Require
from app.sync import calendar
from app.sync.calendar import MEDIA_TYPE, Address

router = APIRouter(tags=["me"], route_class=Route)
Patient = Annotated[Actor, Depends(Require("patient"))]
CALENDARS = "/v1/calendars/"


class CalendarAddressOut(Wire):
    """Whoever has it reads the reminders, and nothing else."""

    url: str


class ByAddress(Require):
    """Lets in whoever knows the address, as the patient whose it is; no token is asked for."""

    async def __call__(self, request: Request) -> Actor:
        """Give the patient as the caller, and leave the address with the request."""
        secret = request.app.state.issuer.secret
        address = calendar.read_address(secret, request.path_params["address"])
        request.state.address = address
        request.state.actor = Actor(
            address.clinic_id,
            identity.patient_user(address.clinic_id, address.patient_id),
            "patient",
            "calendar",
            "-",
            address.patient_id,
        )
        actor: Actor = request.state.actor
        return actor


@router.get("/v1/me/calendar-address", response_model=CalendarAddressOut)
async def show_calendar_address(request: Request, actor: Patient, read: Reading) -> Response:
    """Give the secret address of my reminders."""
    return await read(calendar.show_address, actor, actor.patient_id, *_keys(request))


@router.delete("/v1/me/calendar-address", response_model=CalendarAddressOut)
async def revoke_calendar_address(request: Request, actor: Patient, write: Writing) -> Response:
    """Close the address that I handed out, and give a new one."""
    return await write(calendar.take_back, actor, actor.patient_id, *_keys(request))


def _keys(request: Request) -> tuple[bytes, str]:
    return request.app.state.issuer.secret, f"{str(request.base_url).rstrip('/')}{CALENDARS}"


@router.get(
    CALENDARS + "{address}.ics",
    response_class=Response,
    responses={200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}},
)
async def show_calendar(
    request: Request,
    address: str,
    actor: Annotated[Actor, Depends(ByAddress("patient"))],
    read: Reading,
) -> Response:
    """Give the reminders behind an address, as iCalendar."""
    known: Address = request.state.address
    return await read(calendar.show, actor, known.patient_id, known)
