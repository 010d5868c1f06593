"""What was taken, missed or taken in part, as somebody reported it; never from what was ordered."""

from collections.abc import Collection
from datetime import date
from functools import partial
from uuid import UUID, uuid5

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Invalid
from app.journal import service as journal
from app.medications import repository, rules
from app.medications.models import Administration
from app.medications.of_course import (
    post_all,
    require_course,
    require_courses,
    require_same_course,
    within,
)
from app.medications.schemas import AdministrationIn, AdministrationsIn
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person


def record(
    work: Work, patient_id: UUID, medication_id: UUID, data: AdministrationIn | AdministrationsIn
) -> Answer:
    """Store one administration, or all of several or none.

    Raises:
        NotFound: no such patient for this caller, or no such course of this patient.
        Invalid: it has no time, or one that cannot be.
        AlreadyExists: an id is taken by other content.
    """
    require_course(work, patient_id, medication_id)
    if isinstance(data, AdministrationIn):
        return records.post(work, ADMINISTRATION, patient_id, within(data, medication_id))
    return post_all(
        work, ADMINISTRATION, patient_id, medication_id, data.administrations, "/administrations"
    )


def administer(
    work: Work,
    person: Person,
    data: AdministrationIn,
    medication_id: UUID,
    reported_in: UUID,
    default_day: date,
    *,
    place: int = 0,
    pointer: str = "",
) -> Answer:
    """Keep an administration that a follow-up brought; what stands as sent is left as it is.

    Without an id it gets one made of the follow-up's and its place there, so that a replay is
    the same record and a correction of the follow-up its next version.
    default_day: the day it belongs to when it says no time.

    Raises:
        Invalid: no course of this patient, or a time that cannot be.
        AlreadyExists: the id is taken by something that this follow-up did not bring.
    """
    require_courses(work, person.id, [medication_id], f"{pointer}/medication_id")
    data = within(data, medication_id, pointer)
    keep = partial(_keep, reported_in=reported_in, default_day=default_day, pointer=pointer)
    record_id = data.id or uuid5(reported_in, f"administrations/{place}")
    # A follow-up that is new has brought nothing before: no need to ask.
    may_be_known = data.id is not None or journal.versions(work, reported_in)
    known = journal.versions(work, record_id) if may_be_known else ()
    if not known:
        return keep(work, person, data, Place(record_id))
    row = repository.administration(work, person.id, record_id)
    if row is None:
        raise AlreadyExists(pointer=f"{pointer}/id")
    is_dated = data.at is not None or data.due_at is not None
    same = known[-1].fingerprint == journal.fingerprint(data)
    same = same and (is_dated or row.day == default_day)
    if same and row.status != "entered_in_error":
        return journal.answer_at(work, record_id, row.version)
    if row.reported_in != reported_in:
        raise AlreadyExists(pointer=f"{pointer}/id")
    return keep(work, person, data, Place(record_id, row.version + 1, row))


def forget_reported(
    work: Work, person: Person, reported_in: UUID, kept: Collection[UUID | None] = ()
) -> None:
    """Withdraw what a follow-up brought and, corrected or withdrawn itself, no longer says."""
    for row in repository.reported(work, person.id, reported_in):
        if row.id not in kept:
            named = frozenset({row.version})
            records.withdraw(work, ADMINISTRATION, person.id, row.id, named, None)


def _keep(
    work: Work,
    person: Person,
    data: AdministrationIn,
    place: Place,
    *,
    reported_in: UUID | None = None,
    default_day: date | None = None,
    pointer: str = "",
) -> Answer:
    row = place.row
    if isinstance(row, Administration):
        require_same_course(row, data)
        reported_in = row.reported_in
        default_day = default_day or (row.day if row.at is None else None)
    moment = data.due_at or data.at
    day = person.day_of(moment) if moment else default_day
    if day is None:
        raise Invalid("at or due_at", pointer=f"{pointer}/at")
    rules.refuse(rules.faults_of_administration(person, work.now, data), pointer)
    return records.keep(
        work,
        ADMINISTRATION,
        person,
        place,
        data,
        columns={
            "medication_id": data.medication_id,
            "taken": data.taken,
            "day": day,
            "at": moment,
            "reported_in": reported_in,
        },
        derived={"day": day, **({"reported_in": reported_in} if reported_in else {})},
    )


ADMINISTRATION = Kind("administration", Administration, AdministrationIn, _keep, order="day")
