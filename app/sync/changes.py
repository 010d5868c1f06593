"""Which changes a caller may follow."""

from functools import partial
from uuid import UUID

from sqlalchemy import ColumnElement

from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Work
from app.journal import changes
from app.monitoring import service as monitoring
from app.patients import service as patients
from app.patients import sight
from app.signals import service as signals

PATH = "/v1/changes"
STAFF = CLINICIANS | {"system"}
NOT_FOR_PATIENTS = frozenset({signals.TYPE, monitoring.WAIVER.name})


def of_patient(work: Work, patient_id: UUID, since: str, limit: int, secret: bytes) -> Answer:
    """Give the changes of one patient's record since a cursor.

    Raises:
        NotFound: no such patient for this caller.
        InvalidCursor, CursorExpired: see `app.journal.changes`.
    """
    patients.get(work, patient_id)
    path = f"/v1/patients/{patient_id}/changes"
    where = _of_patient(work, patient_id)
    return changes.page(work, path, where, since, limit, secret, _consented(work))


def _consented(work: Work) -> changes.Consented | None:
    """Give what says what consents opened to this caller; a patient's own sight needs none."""
    return partial(sight.consented_at, work) if work.actor.role in STAFF else None


def _of_patient(work: Work, patient_id: UUID) -> ColumnElement[bool]:
    """Keep to what this caller may read of a patient: a signal is there for the clinic alone."""
    is_patient = work.actor.role not in STAFF
    return changes.of_patient(patient_id, NOT_FOR_PATIENTS if is_patient else ())


def of_clinic(work: Work, patient_id: UUID | None, since: str, limit: int, secret: bytes) -> Answer:
    """Give the changes of all patients whom the caller may see, and of the clinic's reference.

    patient_id: a patient's own, where that is the caller.

    Who comes to care for a patient later finds what was before under the patient's own changes.
    """
    actor = work.actor
    if actor.role in CLINICIANS:
        where: ColumnElement[bool] | None = changes.of_patients(
            patients.cared_for_by(actor.user_id)
        )
    elif patient_id is not None:
        where = _of_patient(work, patient_id)
    else:
        where = None
    return changes.page(work, PATH, where, since, limit, secret, _consented(work))
