"""What is due, overdue, done or waived, for a patient's clinicians."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Reading, Writing
from app.identity.deps import CareTeam, Clinician
from app.monitoring import service
from app.monitoring.schemas import MonitoringOut, WaiverIn, WaiverOut, WaiverPage
from app.patients.routes import only_known

router = APIRouter(
    prefix="/v1/patients/{patient_id}/monitoring", tags=["monitoring"], route_class=Route
)


@router.get("", response_model=MonitoringOut, dependencies=[Depends(only_known())])
async def show_monitoring(patient_id: UUID, actor: Clinician, read: Reading) -> Response:
    """Give what each medicine asks to be measured, worked out from the drug list as it is now."""
    return await read(service.show, actor, patient_id)


@router.put("/{schedule_id}/waiver", status_code=201, response_model=WaiverOut)
async def waive_monitoring(
    patient_id: UUID,
    schedule_id: Annotated[str, Path(max_length=100)],
    data: Body[WaiverIn],
    actor: CareTeam,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Say why a test is not done. The list shows it as waived, with the reason and by whom."""
    return await write(service.waive, actor, patient_id, schedule_id, data, versions.named)


@router.get(
    "/{schedule_id}/waiver/history",
    response_model=WaiverPage,
    dependencies=[Depends(only_known())],
)
async def waiver_history(
    patient_id: UUID,
    schedule_id: Annotated[str, Path(max_length=100)],
    actor: Clinician,
    read: Reading,
) -> Response:
    """Give why a test was not to be done, each time that it was said, the newest first."""
    return await read(service.waiver_history, actor, patient_id, schedule_id)
