"""Who may see a patient's record: the care team, as it is now and as it was set.

Whoever registers a patient is the first team. From then on a team is set as a whole; every
version of it stands in the journal. Somebody must be left who can see the record.
"""

from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import delete, select

from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Fault, Invalid, NotFound
from app.core.pagination import join
from app.identity import service as identity
from app.journal import service as journal
from app.patients import service as patients
from app.patients.models import CareRelation
from app.patients.schemas import CareTeamIn

TYPE = "care_team"


def team_id(patient_id: UUID) -> UUID:
    """Give the id of a patient's one care team."""
    return uuid5(patient_id, TYPE)


def show(work: Work, patient_id: UUID) -> Answer:
    """Give who may see the record, those who have longest first.

    Raises:
        NotFound: no such patient for this caller; an administrator may ask of any in the clinic.
    """
    _require(work, patient_id)
    known = journal.versions(work, team_id(patient_id))
    version = known[-1].version if known else None
    rows = work.all(
        select(CareRelation.user_id, CareRelation.since)
        .where(CareRelation.patient_id == patient_id)
        .order_by(CareRelation.since, CareRelation.user_id)
    )
    people = identity.people(work, [row.user_id for row in rows])
    members = [
        {"user_id": row.user_id, "since": row.since, **people.get(row.user_id, {})} for row in rows
    ]
    body = {"patient_id": patient_id, "version": version, "members": members}
    return Answer(orjson.dumps(body), version=version)


def history(work: Work, patient_id: UUID) -> Answer:
    """Give each team that was set, the newest first; none before the first.

    Raises:
        NotFound: see `show`.
    """
    _require(work, patient_id)
    record_id = team_id(patient_id)
    if not journal.versions(work, record_id):
        return join([], None)
    return journal.history(work, TYPE, patient_id, record_id)


def place(work: Work, patient_id: UUID, data: CareTeamIn, named: frozenset[int] | None) -> Answer:
    """Set who may see the record from now on. Who is left out sees it no more, at once.

    Raises:
        NotFound: see `show`.
        Invalid: a member is no active clinician, nor a system, of this clinic.
        PreconditionRequired, StaleVersion: it was set before, and no version or an old one named.
    """
    _require(work, patient_id)
    record_id = team_id(patient_id)
    known = journal.versions(work, record_id)
    if known:
        if known[-1].fingerprint == journal.fingerprint(data):
            return journal.answer_at(work, record_id, known[-1].version)
        journal.require_version(known[-1].version, named)
    wanted = list(dict.fromkeys(one.user_id for one in data.members))
    people = identity.people(work, wanted)
    faults = [
        Fault(f"/members/{at}/user_id", "not-a-clinician", "an active clinician of this clinic")
        for at, one in enumerate(data.members)
        if not _may_care(people.get(one.user_id))
    ]
    if faults:
        raise Invalid(faults=faults)
    present = set(
        work.all(select(CareRelation.user_id).where(CareRelation.patient_id == patient_id))
    )
    for user_id in wanted:
        if user_id not in present:
            work.add(CareRelation, patient_id=patient_id, user_id=user_id, since=work.now)
    work.change_where(
        delete(CareRelation).where(
            CareRelation.patient_id == patient_id, CareRelation.user_id.not_in(wanted)
        )
    )
    version = len(known) + 1
    return journal.record(
        work,
        TYPE,
        "created" if version == 1 else "corrected",
        record_id=record_id,
        patient_id=patient_id,
        version=version,
        data=data,
        derived={"members": [{"user_id": one, **people[one]} for one in wanted]},
        status="active" if version == 1 else "corrected",
    )


def _require(work: Work, patient_id: UUID) -> None:
    """Let in who may see the patient, and the clinic's administrator, who sees nothing else."""
    if work.actor.role != "administrator":
        patients.get(work, patient_id)
    elif not patients.is_known(work, patient_id):
        raise NotFound()


def _may_care(person: dict[str, Any] | None) -> bool:
    return bool(person and person["active"] and person["role"] in {*CLINICIANS, "system"})
