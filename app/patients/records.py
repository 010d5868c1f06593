"""What every record of a patient shares: sent twice is once, corrected, withdrawn, listed.

A slice says how one version of its record is kept (`Kind.keep`) and taken back
(`Kind.forget`); the order of rules and refusals stands here, once.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import ColumnElement, select

from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import Fault, Forbidden, Invalid, NotFound
from app.core.ids import uuid7
from app.core.pagination import Page
from app.core.wire import ChangeReason, Identified, faults_of
from app.journal import service as journal
from app.patients import service as patients
from app.patients.service import Person

B = TypeVar("B", bound=Identified)
REASON_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version goes: a new record, or the next version of the row that is there."""

    record_id: UUID
    version: int = 1
    row: Record | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Members that every kind's answer gains here, such as the reason of a change."""


@dataclass(frozen=True, slots=True)
class Kind(Generic[B]):
    """One kind of record: its name in the journal, its table, its body, how it is kept."""

    name: str
    model: type[Record]
    body: type[B]
    keep: Callable[[Work, Person, B, Place], Answer]
    """Store one version (row, measurements, journal) and give its answer; rules first."""
    forget: Callable[[Work, Person, Record, Answer], None] = lambda work, person, row, answer: None
    """Take back what a withdrawn record asserted elsewhere: its measurements."""
    order: str = "id"
    """The column that orders its lists, before the id."""
    only: ColumnElement[bool] | None = None
    """Which rows are of this kind, where two kinds share a table."""
    leave: Callable[[Work, Person, Record, str | None], Mapping[str, Any]] = (
        lambda work, person, row, reason: {}
    )
    """Say what a withdrawal changes elsewhere, for its answer, before it is written."""

    def rows(self, patient_id: UUID) -> tuple[ColumnElement[bool], ...]:
        """Give what holds for a patient's rows of this kind."""
        of_patient = self.model.patient_id == patient_id
        return (of_patient,) if self.only is None else (of_patient, self.only)


def keep(
    work: Work,
    kind: Kind[Any],
    person: Person,
    place: Place,
    data: Identified,
    *,
    columns: Mapping[str, Any],
    derived: Mapping[str, Any] | None = None,
) -> Answer:
    """Write the row and the journal of one version; for a slice's own `keep`."""
    status = "active" if place.version == 1 else "corrected"
    common = {"version": place.version, "status": status, **columns}
    if place.row is None:
        work.put_rows(
            kind.model,
            [{"id": place.record_id, "patient_id": person.id, **common}],
        )
    else:
        work.change(place.row, **common)
    with _sealed_as(work, [columns.get("medication_id")]):
        return journal.record(
            work,
            kind.name,
            "created" if place.version == 1 else "corrected",
            record_id=place.record_id,
            patient_id=person.id,
            version=place.version,
            data=data,
            derived={**(derived or {}), **place.extra},
            status=status,
        )


def keep_version(work: Work, kind: Kind[B], person: Person, data: B, place: Place) -> Answer:
    """Keep one version; what a sealed record brings along, a signal too, is sealed with it."""
    of = [place.record_id] if place.version > 1 else []
    with _sealed_as(
        work, [*of, getattr(data, "medication_id", None)], getattr(data, "confidential", None)
    ):
        return kind.keep(work, person, data, place)


def _sealed_as(
    work: Work, record_ids: Sequence[UUID | None], category: str | None = None
) -> AbstractContextManager[None]:
    """Seal what is kept meanwhile as it says itself, or as what it is said of: its course."""
    known = None
    if category is None:
        known = journal.seal_among(work, [one for one in record_ids if one is not None])
    if known is None:
        return journal.sealing(work, category or work.sealed_as)
    return journal.sealing(work, known.category, known.author_id)


def post(work: Work, kind: Kind[B], patient_id: UUID, data: B) -> Answer:
    """Store a new record; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller.
        AlreadyExists: the id is taken by other content.
    """
    person = patients.get(work, patient_id)
    known = journal.sent_before(work, kind.name, patient_id, data)
    return known or keep_version(work, kind, person, data, Place(data.id or uuid7()))


def put(
    work: Work,
    kind: Kind[B],
    patient_id: UUID,
    record_id: UUID,
    data: B,
    named: frozenset[int] | None,
) -> Answer:
    """Store a record at its id: new without If-Match, changed only on the version read.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: the id in the body is not that in the path, or it was entered in error.
        AlreadyExists: the id belongs to another patient or another kind of record.
        PreconditionRequired, StaleVersion: there is another version, and none or an old one named.
    """
    person = patients.get(work, patient_id)
    if data.id not in (None, record_id):
        raise Invalid("the id of the path", pointer="/id")
    if not journal.versions(work, record_id):
        return keep_version(work, kind, person, data, Place(record_id))
    known = journal.sent_before(
        work, kind.name, patient_id, data, record_id, refuse_other_content=False
    )
    last = journal.versions(work, record_id)[-1]
    # An edit made on the current version is one, though it goes back to an older content.
    goes_back = last.version in (named or ()) and last.fingerprint != journal.fingerprint(data)
    if known is not None and not goes_back:
        return known
    row = _standing(work, kind, patient_id, record_id)
    journal.require_version(row.version, named)
    return keep_version(work, kind, person, data, Place(record_id, row.version + 1, row))


def correct(
    work: Work,
    kind: Kind[B],
    patient_id: UUID,
    record_id: UUID,
    patch: Mapping[str, Any],
    named: frozenset[int] | None,
) -> Answer:
    """Make the next version by a merge patch on the one that was read.

    Raises:
        NotFound, PreconditionRequired, StaleVersion.
        PatientMismatch: the patch names another patient.
        Invalid: the result is not valid, another's record is changed without a reason, or it was
            entered in error.
    """
    person = patients.get(work, patient_id)
    row = _standing(work, kind, patient_id, record_id)
    content = dict(patch)
    reason = _reason(work, record_id, content.pop("change_reason", None))
    journal.require_version(row.version, named)
    data = journal.patched(work, kind.body, record_id, row.version, content, patient_id)
    if data.id not in (None, record_id):
        raise Invalid("the id of the path", pointer="/id")
    extra = {"change_reason": reason.model_dump(exclude_none=True)} if reason else {}
    return keep_version(work, kind, person, data, Place(record_id, row.version + 1, row, extra))


def renew(
    work: Work, kind: Kind[B], patient_id: UUID, record_id: UUID, data: B, reason: ChangeReason
) -> Answer:
    """Make a whole new body the next version; its source corrected it, and names no version.

    Raises:
        NotFound: no such patient for this caller, or no such record of the patient.
    """
    person = patients.get(work, patient_id)
    row = _standing(work, kind, patient_id, record_id)
    extra = {"change_reason": reason.model_dump(exclude_none=True)}
    return keep_version(work, kind, person, data, Place(record_id, row.version + 1, row, extra))


def withdraw(
    work: Work,
    kind: Kind[B],
    patient_id: UUID,
    record_id: UUID,
    named: frozenset[int] | None,
    reason: str | None,
) -> Answer:
    """Mark a record as entered in error: it is kept, and no list or number uses it again.

    Done again, it is as it is.
    """
    person = patients.get(work, patient_id)
    row = find(work, kind, patient_id, record_id)
    if row.status == "entered_in_error":
        return journal.answer_at(work, record_id, row.version)
    journal.require_version(row.version, named)
    version = row.version + 1
    data = journal.patched(work, kind.body, record_id, row.version, {})
    answer = journal.record(
        work,
        kind.name,
        "withdrawn",
        record_id=record_id,
        patient_id=patient_id,
        version=version,
        data=data,
        derived={
            **({"withdrawn_because": reason} if reason else {}),
            **kind.leave(work, person, row, reason),
        },
        status="entered_in_error",
    )
    kind.forget(work, person, row, answer)
    work.change(row, version=version, status="entered_in_error")
    return answer


def show(work: Work, kind: Kind[Any], patient_id: UUID, record_id: UUID) -> Answer:
    """Give one record as it is now."""
    patients.get(work, patient_id)
    return journal.show(work, kind.name, patient_id, record_id)


def history(work: Work, kind: Kind[Any], patient_id: UUID, record_id: UUID) -> Answer:
    """Give all versions of one record, newest first."""
    patients.get(work, patient_id)
    return journal.history(work, kind.name, patient_id, record_id)


def page(
    work: Work,
    kind: Kind[Any],
    patient_id: UUID,
    page_: Page,
    secret: bytes,
    *where: Any,
    with_errors: bool = False,
) -> Answer:
    """Give one page of a patient's records of a kind, oldest first."""
    patients.get(work, patient_id)
    model = kind.model
    return journal.page(
        work,
        model,
        getattr(model, kind.order),
        page_,
        *kind.rows(patient_id),
        *where,
        secret=secret,
        with_errors=with_errors,
    )


def find(work: Work, kind: Kind[Any], patient_id: UUID, record_id: UUID) -> Record:
    """Give the row of a record that this caller may change.

    Raises:
        NotFound: no such record of this kind and patient.
        Forbidden: it names what the caller must not know of, and would be changed blindly.
    """
    model = kind.model
    row: Record | None = work.first(
        select(model).where(model.id == record_id, *kind.rows(patient_id))
    )
    if row is None:
        raise NotFound()
    if not journal.is_shown_whole(work, patient_id, record_id, row.version):
        raise Forbidden("somebody changes it who may see all of it")
    return row


def _standing(work: Work, kind: Kind[Any], patient_id: UUID, record_id: UUID) -> Record:
    """Give the row of a record that may be changed."""
    row = find(work, kind, patient_id, record_id)
    require_standing(row)
    return row


def require_standing(row: Record) -> None:
    """Let a change through, unless the record was entered in error.

    Raises:
        Invalid: it was: no change, of whatever kind, brings back what somebody took away.
    """
    if row.status == "entered_in_error":
        detail = "a record that stands; one entered in error is recorded anew under a new id"
        raise Invalid(faults=[Fault("/status", "entered-in-error", detail)])


def _reason(work: Work, record_id: UUID, sent: Any) -> ChangeReason | None:
    """Read the reason of a change; needed for another's record and for one's own after a day."""
    if sent is not None:
        try:
            return ChangeReason.model_validate(sent)
        except ValidationError as failure:
            raise Invalid(faults=faults_of(failure, "/change_reason")) from None
    first = journal.versions(work, record_id)[0]
    if first.actor_id != work.actor.user_id or work.now - first.recorded_at > REASON_AFTER:
        raise Invalid("say why: {code, text?}", pointer="/change_reason")
    return None
