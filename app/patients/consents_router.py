"""Consents: a patient's word on who may see sealed records."""

from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from app.core.openapi import Route
from app.core.web import Body, IfMatch, Patch, Reading, Writing
from app.identity.deps import CareTeamOrPatient
from app.patients import consents, records
from app.patients.routes import Paged, only_known
from app.patients.schemas import ConsentIn, ConsentOut, ConsentPage

router = APIRouter(
    prefix="/v1/patients/{patient_id}/consents", tags=["consents"], route_class=Route
)


@router.post("", status_code=201, response_model=ConsentOut)
async def record_consent(
    patient_id: UUID, data: Body[ConsentIn], actor: CareTeamOrPatient, write: Writing
) -> Response:
    """Keep a consent, or with `given: false` that it is taken back; it holds at once."""
    return await write(consents.record, actor, patient_id, data)


@router.get("", response_model=ConsentPage, dependencies=[Depends(only_known("limit", "cursor"))])
async def list_consents(
    request: Request, patient_id: UUID, actor: CareTeamOrPatient, read: Reading, page: Paged
) -> Response:
    """Give the consents that the caller recorded; to the patient, all."""
    secret = request.app.state.issuer.secret
    return await read(
        lambda work, patient_id: records.page(work, consents.KIND, patient_id, page, secret),
        actor,
        patient_id,
    )


@router.get("/{record_id}", response_model=ConsentOut)
async def show_consent(
    patient_id: UUID, record_id: UUID, actor: CareTeamOrPatient, read: Reading
) -> Response:
    return await read(
        lambda work, patient_id: records.show(work, consents.KIND, patient_id, record_id),
        actor,
        patient_id,
    )


@router.get("/{record_id}/history", response_model=ConsentPage)
async def consent_history(
    patient_id: UUID, record_id: UUID, actor: CareTeamOrPatient, read: Reading
) -> Response:
    return await read(
        lambda work, patient_id: records.history(work, consents.KIND, patient_id, record_id),
        actor,
        patient_id,
    )


@router.patch("/{record_id}", response_model=ConsentOut)
async def change_consent(
    patient_id: UUID,
    record_id: UUID,
    patch: Patch,
    actor: CareTeamOrPatient,
    versions: IfMatch,
    write: Writing,
) -> Response:
    """Change a consent: `given: false` takes it back at once."""
    return await write(
        lambda work, patient_id: records.correct(
            work, consents.KIND, patient_id, record_id, patch, versions.named
        ),
        actor,
        patient_id,
    )
