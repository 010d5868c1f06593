"""How a patient's app joins, and how a phone is shut out."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import ConfigDict

from app.core.openapi import Route
from app.core.web import Body, Reading, Writing
from app.core.wire import Instant, Line, Wire
from app.identity.deps import CareTeam, CareTeamOrPatient
from app.patients import enrolment
from app.patients.routes import only_known

router = APIRouter(prefix="/v1/patients/{patient_id}", tags=["devices"], route_class=Route)


class CodeOut(Wire):
    """Shown once; whoever brings it joins a device."""

    code: str
    role: Literal["patient", "proxy"]
    user_id: UUID
    expires_at: Instant


class DeviceOut(Wire):
    model_config = ConfigDict(extra="allow")

    id: UUID
    name: str | None = None
    joined_at: Instant | None = None
    used_at: Instant | None = None
    revoked_at: Instant | None


class DevicePage(Wire):
    items: list[DeviceOut]
    next: Line | None


@router.post("/enrolment-codes", status_code=201, response_model=CodeOut)
async def make_enrolment_code(
    patient_id: UUID, data: Body[enrolment.CodeIn], actor: CareTeam, write: Writing
) -> Response:
    """Make a code that joins one device of the patient, or of a named proxy."""
    return await write(enrolment.make_code, actor, patient_id, data)


@router.get("/devices", response_model=DevicePage, dependencies=[Depends(only_known())])
async def list_devices(patient_id: UUID, actor: CareTeamOrPatient, read: Reading) -> Response:
    """Give the devices that joined."""
    return await read(enrolment.devices_of, actor, patient_id)


@router.delete("/devices/{device_id}", response_model=DeviceOut)
async def revoke_device(
    patient_id: UUID, device_id: UUID, actor: CareTeamOrPatient, write: Writing
) -> Response:
    """Shut a device out at once."""
    return await write(
        lambda work, patient_id: enrolment.revoke(work, patient_id, device_id), actor, patient_id
    )
