"""A patient's word on who may see what needs a consent of its own (docs/decisions/0008)."""

from uuid import UUID

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid
from app.identity import service as identity
from app.patients import records
from app.patients.models import Consent
from app.patients.records import Kind, Place
from app.patients.schemas import ConsentIn
from app.patients.service import Person


def record(work: Work, patient_id: UUID, data: ConsentIn) -> Answer:
    """Keep a consent, or that one is taken back; for each class and recipient the last counts.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: the recipient is no user of the clinic, the caller, or the clinic's own machine.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, KIND, patient_id, data)


def keep(work: Work, person: Person, data: ConsentIn, place: Place) -> Answer:
    """Keep one version of a consent. The consent itself would tell: it is sealed as well.

    Nobody opens a class to themselves; nor to our own machine, whose reading everybody sees.
    """
    actor = work.actor
    if data.recipient_id not in identity.people(work, [data.recipient_id]):
        raise Invalid("a user of this clinic", pointer="/recipient_id")
    if data.given and data.recipient_id == actor.user_id:
        raise Invalid("recorded by the patient or by somebody else", pointer="/recipient_id")
    if data.recipient_id == identity.built_in_user(actor.clinic_id, "system"):
        raise Invalid("a system of its own, added as a user", pointer="/recipient_id")
    if isinstance(place.row, Consent) and place.row.recipient_id != data.recipient_id:
        raise Invalid("for somebody else, a consent of its own", pointer="/recipient_id")
    return records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "category": data.category,
            "recipient_id": data.recipient_id,
            "given": data.given,
            "until": data.until,
            "recorded_at": work.now,
        },
    )


KIND = Kind("consent", Consent, ConsentIn, keep, order="recorded_at")
