"""One domain of a follow-up alone, on the version of the whole."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.core.wire import ChangeReason, canonical, read
from app.followups.domains.base import Domain
from app.followups.schemas import FollowUpIn
from app.followups.service import FOLLOW_UP
from app.journal import service as journal
from app.patients import records
from app.patients import service as patients
from app.patients.records import Place

_WHOLE = ("domains", "assessments", "note")
"""What an answer says of the rest of the follow-up."""


def show(work: Work, patient_id: UUID, follow_up_id: UUID, name: str) -> Answer:
    """Give one domain of a follow-up, with what every record says.

    Raises:
        NotFound: no such follow-up of this patient for this caller, or it lacks the domain.
    """
    return _alone(records.show(work, FOLLOW_UP, patient_id, follow_up_id), name)


def put(
    work: Work,
    patient_id: UUID,
    follow_up_id: UUID,
    name: str,
    data: Domain,
    reason: ChangeReason | None,
    named: frozenset[int] | None,
) -> Answer:
    """Store one domain of a follow-up in full; the others stay as they are.

    One that is not there is added without If-Match; the same content again changes nothing.

    Raises:
        NotFound: no such follow-up of this patient for this caller.
        PreconditionRequired, StaleVersion: the domain is there, and no version of the
            follow-up is named, or an old one.
        Invalid: see `service.record`; another's follow-up is changed without a reason, or one
            that was entered in error.
    """
    person = patients.get(work, patient_id)
    row = records.find(work, FOLLOW_UP, patient_id, follow_up_id)
    sent = _said(orjson.loads(canonical(data)))
    known = journal.body_at(work, follow_up_id, row.version).get(name)
    if known is None:
        records.require_standing(row)
        if named is not None:
            journal.require_version(row.version, named)
        whole = journal.patched(work, FollowUpIn, follow_up_id, row.version, {name: sent})
        place = Place(follow_up_id, row.version + 1, row)
        answer = records.keep_version(work, FOLLOW_UP, person, whole, place)
        return _alone(answer, name, created=True)
    if _said(orjson.loads(canonical(read(type(data), orjson.dumps(known))))) == sent:
        return _alone(journal.answer_at(work, follow_up_id, row.version), name)
    patch = {name: _patch(known, sent)}
    if reason is not None:
        patch["change_reason"] = reason.model_dump(exclude_none=True)
    return _alone(records.correct(work, FOLLOW_UP, patient_id, follow_up_id, patch, named), name)


def _said(content: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the members that are null: in a merge patch, which keeps it, they say nothing."""
    return {
        name: _said(value) if isinstance(value, Mapping) else value
        for name, value in content.items()
        if value is not None
    }


def _patch(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Write the merge patch (RFC 7396) that turns one object into the other."""
    patch: dict[str, Any] = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            patch[name] = _patch(before, value)
        else:
            patch[name] = value
    return patch


def _alone(answer: Answer, name: str, *, created: bool = False) -> Answer:
    """Leave out of a follow-up's answer what is not this domain's."""
    whole = orjson.loads(answer.body)
    if name not in whole:
        raise NotFound()
    others = {*FollowUpIn.domain_types(), *_WHOLE} - {name}
    told = {member: value for member, value in whole.items() if member not in others}
    return Answer(
        orjson.dumps(told),
        answer.record_id,
        answer.version,
        answer.sequence,
        created=created,
    )
