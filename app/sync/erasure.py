"""A wish to be forgotten: received, held on a legal basis, or done by a named person.

What a patient made goes on one officer's word. Everything, the clinic's own record with it,
needs a second person and the reason why no duty to keep it holds any more (hazard H19).
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self
from uuid import UUID

import orjson
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Mapper

from app.caseload import service as caseload
from app.core.answer import Answer
from app.core.base import Base, Owned
from app.core.db import Work
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.ids import uuid7
from app.core.pagination import Page
from app.core.wire import Identified, Line, Note, Wire
from app.identity import service as identity
from app.journal import erasure
from app.journal import service as journal
from app.journal.erasure import REQUEST, Target
from app.journal.models import ErasureRequest
from app.measurements import service as measurements
from app.patients import service as patients

Covers = Literal["patient_made", "everything"]
LISTED = ("id", "patient_id", "covers", "records", "legal_basis")
"""What is kept of a request that was done, to do it again in a restored record."""
LINKS = ("id", "record_id")
"""Columns by which a row belongs to a record."""
KEPT = frozenset(
    {
        "journal",
        "access_log",
        "erasure_requests",
        "patients",
        "users",
        "care_relations",
        "sealed_records",
    }
)
"""Tables whose rows of a patient stay: without content, or without any from the beginning.

A seal stays, so that the tombstone behind it is seen by nobody who could not see the record.
"""


class ErasureIn(Identified):
    """What is to go: the patient's own entries, some of them, or everything."""

    patient_id: UUID
    covers: Covers = "patient_made"
    records: Annotated[list[UUID], Field(max_length=100)] = []
    reason: Note | None = None

    @model_validator(mode="after")
    def _some_or_everything(self) -> Self:
        if self.records and self.covers == "everything":
            raise PydanticCustomError("one_of", "records only with patient_made")
        return self


class ErasureMove(Wire):
    """`held` says on which legal basis; `done` of everything, why no duty to keep it holds."""

    patient_id: UUID
    state: Literal["held", "done"]
    legal_basis: Line | None = None


def receive(work: Work, patient_id: UUID, data: ErasureIn) -> Answer:
    """Note the wish; nothing is erased by it.

    Raises:
        NotFound: no such patient in the clinic, or not the caller's own.
        AlreadyExists: the id is taken by other content.
    """
    if work.actor.patient_id not in (None, patient_id) or not patients.is_known(work, patient_id):
        raise NotFound()
    known = journal.sent_before(work, REQUEST, patient_id, data)
    if known is not None:
        return known
    request_id = data.id or uuid7()
    work.add(
        ErasureRequest,
        id=request_id,
        patient_id=patient_id,
        version=1,
        status="active",
        covers=data.covers,
        state="received",
        received_by=work.actor.user_id,
    )
    return journal.record(
        work,
        REQUEST,
        "created",
        record_id=request_id,
        patient_id=patient_id,
        version=1,
        data=data,
        derived={"covers": data.covers, "state": "received"},
    )


def show(work: Work, request_id: UUID) -> Answer:
    """Give one request."""
    row = _find(work, request_id, None)
    return journal.show(work, REQUEST, row.patient_id, request_id)


def history(work: Work, request_id: UUID) -> Answer:
    """Give every state of one request, newest first: who moved it, when, on which basis."""
    row = _find(work, request_id, None)
    return journal.history(work, REQUEST, row.patient_id, request_id)


def page(work: Work, page_: Page, secret: bytes) -> Answer:
    """Give the clinic's requests in the order of their ids."""
    return journal.page(work, ErasureRequest, ErasureRequest.id, page_, secret=secret)


def _find(work: Work, request_id: UUID, patient_id: UUID | None) -> ErasureRequest:
    row: ErasureRequest | None = work.first(
        select(ErasureRequest).where(ErasureRequest.id == request_id)
    )
    if row is None or patient_id not in (None, row.patient_id):
        raise NotFound()
    return row


def hold(
    work: Work, patient_id: UUID, request_id: UUID, data: ErasureMove, named: frozenset[int] | None
) -> Answer:
    """Say on which legal basis the record is kept for now.

    Raises:
        NotFound, PreconditionRequired, StaleVersion.
        Invalid: no basis, or it is done already.
    """
    row = _open(work, patient_id, request_id, named)
    if data.legal_basis is None:
        raise Invalid("the basis on which it is kept", pointer="/legal_basis")
    return _move(work, row, data, {})


def erase(
    work: Work, patient_id: UUID, request_id: UUID, data: ErasureMove, named: frozenset[int] | None
) -> Answer:
    """Take the content out of the record. The request is done once the files are written anew.

    Raises:
        NotFound, PreconditionRequired, StaleVersion.
        Forbidden: everything, by the person who received the request.
        Invalid: everything, or what was held, without saying why it need not be kept any more;
            another request of this patient is held; or done already.
    """
    row = _open(work, patient_id, request_id, named)
    everything = row.covers == "everything"
    if everything and row.received_by == work.actor.user_id:
        raise Forbidden("a second person decides about the clinic's record")
    if data.legal_basis is None and (everything or row.state == "held"):
        raise Invalid("why no duty to keep it holds", pointer="/legal_basis")
    if _is_held(work, patient_id, besides=request_id):
        raise Invalid(
            "the hold on another request of this patient is ended first", pointer="/state"
        )
    body = journal.body_at(work, request_id, 1)
    only = {UUID(one) for one in body.get("records", ())}
    some = erasure.targets(work, patient_id, only, patient_made=not everything)
    if everything:
        _delete_all(work, patient_id)
        patients.forget(work, patient_id)
        identity.close(work, patient_id)
    else:
        _delete_some(work, patient_id, some)
    caseload.forget(work, patient_id)
    erasure.erase(work, patient_id, some)
    return journal.show(work, REQUEST, patient_id, request_id)


def finish(
    work: Work,
    patient_id: UUID,
    request_id: UUID,
    data: ErasureMove,
    named: frozenset[int] | None,
    purged: bool,
) -> Answer:
    """Call it done.

    purged: False where the files have to be written anew by their owner.
    """
    row = _open(work, patient_id, request_id, named)
    # One that was being made while the record was erased would hold what is gone.
    caseload.forget(work, patient_id)
    return _move(work, row, data, {"files_purged": purged})


# ---- after a restore: a backup holds what was erased since


def done(work: Work) -> Answer:
    """Give what was erased, without any content, to be kept outside of the database."""
    ids = work.all(
        select(ErasureRequest.id).where(ErasureRequest.state == "done").order_by(ErasureRequest.id)
    )
    told = journal.answers_known_at(work, ids)
    return Answer(orjson.dumps([{name: one.get(name) for name in LISTED} for _, one in told]))


def receive_again(work: Work, patient_id: UUID, data: ErasureIn) -> int | None:
    """Note what was erased before, where the restored record does not know of it.

    Gives the version to go on from; None where nothing is left to do: it is done in this record
    too, or the patient came after the backup.
    """
    if not patients.is_known(work, patient_id):
        return None
    row = work.first(select(ErasureRequest).where(ErasureRequest.id == data.id))
    if row is None:
        return receive(work, patient_id, data).version
    return None if row.state == "done" else int(row.version)


def _open(
    work: Work, patient_id: UUID, request_id: UUID, named: frozenset[int] | None
) -> ErasureRequest:
    row = _find(work, request_id, patient_id)
    journal.require_version(row.version, named)
    if row.state == "done":
        raise Invalid("nothing more is left to do", pointer="/state")
    return row


def _is_held(work: Work, patient_id: UUID, besides: UUID) -> bool:
    """Say whether what is asked to go has to be kept by the word on another request."""
    found = work.first(
        select(ErasureRequest.id).where(
            ErasureRequest.patient_id == patient_id,
            ErasureRequest.state == "held",
            ErasureRequest.id != besides,
        )
    )
    return found is not None


def _move(work: Work, row: ErasureRequest, data: ErasureMove, more: dict[str, Any]) -> Answer:
    version = row.version + 1
    sent = journal.patched(work, ErasureIn, row.id, row.version, {})
    by = {"at": work.now.isoformat(), "by": str(work.actor.user_id), "role": work.actor.role}
    basis = {"legal_basis": data.legal_basis} if data.legal_basis else {}
    work.change(row, version=version, state=data.state, status="corrected")
    return journal.record(
        work,
        REQUEST,
        data.state,
        record_id=row.id,
        patient_id=row.patient_id,
        version=version,
        data=sent,
        derived={"covers": row.covers, "state": data.state, data.state: by, **basis, **more},
        status="corrected",
    )


# ---- the slices' own rows


def tables() -> list[str]:
    """Give the tables that hold what is erased."""
    return [
        table.name
        for table in Base.metadata.sorted_tables
        if "patient_id" in table.columns or table.name == "patients"
    ]


def _mappers() -> Iterator[Mapper[Any]]:
    """Give the models with rows of a patient, those first that point at others."""
    by_table = {mapper.local_table: mapper for mapper in Base.registry.mappers}
    for table in reversed(Base.metadata.sorted_tables):
        if table in by_table and "patient_id" in table.columns and table.name not in KEPT:
            yield by_table[table]


def _delete_all(work: Work, patient_id: UUID) -> None:
    for mapper in _mappers():
        model: Any = mapper.class_
        work.change_where(delete(model).where(model.patient_id == patient_id))


def _delete_some(work: Work, patient_id: UUID, some: list[Target]) -> None:
    """Delete the rows of some records; where the summary holds a number of theirs, another's."""
    head = journal.head(work)
    assert head is not None
    for one in some:
        measurements.retract(work, one.record_id, head.sequence + 1)
    for ids in erasure.in_parts([one.record_id for one in some]):
        for mapper in _mappers():
            model: type[Owned] = mapper.class_
            links = [getattr(model, name) for name in LINKS if name in mapper.columns]
            if links:
                work.change_where(
                    delete(model).where(
                        model.patient_id == patient_id,  # type: ignore[attr-defined]  # chosen by it
                        or_(*(link.in_(ids) for link in links)),
                    )
                )
