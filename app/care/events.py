"""Therapy sessions and life events: what a reader of the numbers has to see beside them."""

from datetime import date
from uuid import UUID

from app.care.models import LifeEvent, TherapySession
from app.care.schemas import LifeEventIn, TherapySessionIn
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Fault, Invalid
from app.patients import days, records
from app.patients.records import Kind, Place
from app.patients.service import Person


def record_session(work: Work, patient_id: UUID, data: TherapySessionIn) -> Answer:
    """Store one therapy session; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: before the birth, or beyond the tolerance for a device's clock.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, THERAPY_SESSION, patient_id, data)


def record_event(work: Work, patient_id: UUID, data: LifeEventIn) -> Answer:
    """Store one life event; see `record_session`. Its days have to be in order."""
    return records.post(work, LIFE_EVENT, patient_id, data)


def _keep_session(work: Work, person: Person, data: TherapySessionIn, place: Place) -> Answer:
    found = [*days.faults(person, work.now, {"/occurred_at": data.occurred_at})]
    if found:
        raise Invalid(faults=found)
    occurred_on = person.day_of(data.occurred_at)
    return records.keep(
        work,
        THERAPY_SESSION,
        person,
        place,
        data,
        columns={
            "modality": data.modality,
            "occurred_at": data.occurred_at,
            "occurred_on": occurred_on,
            "attended": data.attended,
        },
        derived={"occurred_on": occurred_on},
    )


def keep_event(
    work: Work, person: Person, data: LifeEventIn, place: Place, *, assumed_on: date | None = None
) -> Answer:
    """Store one version of a life event.

    assumed_on: from when it is told of where nobody says when it began; None: that is needed,
        unless a version before assumed it.
    """
    if assumed_on is None and isinstance(place.row, LifeEvent):
        assumed_on = place.row.from_on
    from_on = data.from_on or assumed_on
    found = [
        *days.faults(person, work.now, {"/from_on": data.from_on, "/to_on": data.to_on}),
        *days.faults_of_order("/to_on", data.from_on, data.to_on),
    ]
    if from_on is None:
        found.append(Fault("/from_on", "required", "the first day of it"))
    if found:
        raise Invalid(faults=found)
    return records.keep(
        work,
        LIFE_EVENT,
        person,
        place,
        data,
        columns={
            "kind": data.kind,
            "label": data.label,
            "from_on": from_on,
            "to_on": data.to_on,
            "weight": data.weight,
        },
        derived={"from_on": from_on, "from_assumed": data.from_on is None},
    )


THERAPY_SESSION = Kind(
    "therapy_session", TherapySession, TherapySessionIn, _keep_session, order="occurred_at"
)
LIFE_EVENT = Kind("life_event", LifeEvent, LifeEventIn, keep_event, order="from_on")
