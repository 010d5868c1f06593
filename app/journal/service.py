"""Keeps every version of every record, and reads them back: replay, history, the page of a list."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from typing import Any, NamedTuple, TypeVar
from uuid import UUID, uuid5

import orjson
from pydantic import BaseModel
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    ScalarSelect,
    Select,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

from app.core import wire
from app.core.answer import Answer
from app.core.base import Owned, Record
from app.core.db import Call, Work
from app.core.errors import (
    AlreadyExists,
    Erased,
    IdempotencyKeyReused,
    NotFound,
    PreconditionRequired,
    StaleVersion,
    TitrateError,
)
from app.core.pagination import Page, join, read_cursor, write_cursor
from app.core.questions import Asked, Lookup, Question, among
from app.core.scope import LINKS, OPEN_TO
from app.core.types import Id, UtcDateTime
from app.core.wire import Identified, canonical, content_of, in_order
from app.journal import chain
from app.journal.chain import Head
from app.journal.models import (
    Access,
    ChainHead,
    Entry,
    IdempotencyKey,
    RefusedEdit,
    SealedRecord,
)

M = TypeVar("M", bound=BaseModel)
ERASED = "erased"
"""The action of the last version of what was erased: a tombstone without content."""
REFUSED = "refused_edit"
ANY_SEALED = "any sealed"
"""What this transaction knows: whether the clinic has sealed records at all."""
SEALED_FOR = "sealed for"
"""Where this transaction knows whose what is being sealed is, if not the caller's."""
SUBSTANCE_USE, PSYCHOTHERAPY = "substance_use", "psychotherapy_notes"
PRIVATE = "private_notes"
EXPORT = "EXPORT"
"""The method of a trace whose answer leaves the house as a whole."""
ACTIONS = {
    "POST": "C",
    "PUT": "U",
    "PATCH": "U",
    "DELETE": "D",
    "GET": "R",
    "CLI": "C",
    EXPORT: "E",
}


class Version(NamedTuple):
    """What the registry of ids knows of one version."""

    clinic_id: UUID
    record_id: UUID
    version: int
    type: str
    patient_id: UUID | None
    actor_id: UUID
    recorded_at: datetime
    action: str
    fingerprint: str


_VERSION = (
    Entry.clinic_id,
    Entry.record_id,
    Entry.version,
    Entry.type,
    Entry.patient_id,
    Entry.actor_id,
    Entry.recorded_at,
    Entry.action,
    Entry.fingerprint,
)

# ---- heads: locked first, moved by each row, written last


def begin_chains(session: Session, clinic_id: UUID) -> None:
    """Give a new clinic the heads of its two chains."""
    for kind in ("access", "journal"):
        session.add(ChainHead(clinic_id=clinic_id, kind=kind, sequence=0, hash=chain.GENESIS))


_HEADS = (
    select(ChainHead.clinic_id, ChainHead.kind, ChainHead.sequence, ChainHead.hash)
    .where(among(ChainHead.clinic_id, bindparam("clinics")))
    .order_by(ChainHead.clinic_id, ChainHead.kind)
    .with_for_update()
)
_ACCESS_HEADS = _HEADS.where(ChainHead.kind == literal_column("'access'"))


@cache
def _opening(heads: Select[Any]) -> Select[Any]:
    """Lock heads, and open the transaction to their clinics by the same statement (PostgreSQL).

    The heads depend on the opening, so the database cannot look at them before it.
    """
    ids = cast(bindparam("clinics"), ARRAY(Uuid))
    clinics = func.array_to_string(ids, literal_column("','"))
    told = func.set_config(literal_column(f"'{OPEN_TO}'"), clinics, literal_column("true"))
    opened = select(told.label("told")).cte("opened")
    locked = heads.where(opened.c.told.is_not(None)).correlate(opened).lateral("heads")
    return select(*locked.c).select_from(opened).join(locked, true())


def lock(session: Session, works: Sequence[tuple[Call, Work]]) -> Asked:
    """Lock the heads of the batch's clinics in one order; a read needs the access log's only."""
    clinics = {work.actor.clinic_id for _call, work in works}
    statement = _HEADS if any(call.writes for call, _work in works) else _ACCESS_HEADS
    if session.get_bind().dialect.name == "postgresql":
        statement = _opening(statement)
    return Asked(statement, {"clinics": clinics})


def hold(
    works: Sequence[tuple[Call, Work]], locked: Iterable[Sequence[Any]]
) -> dict[tuple[UUID, str], Head]:
    """Take the heads that `lock` found; the batch's calls move them from here on."""
    heads = {
        (UUID(str(clinic_id)), kind): Head(number, hash_)
        for clinic_id, kind, number, hash_ in locked
    }
    memories = {work.actor.clinic_id: work.memory for _call, work in works}
    for (clinic_id, kind), head in heads.items():
        memories[clinic_id]["head", kind] = head
    return heads


def head(work: Work) -> Head | None:
    """Give the journal's head of the caller's clinic, where this transaction holds it."""
    found: Head | None = work.memory.get(("head", "journal"))
    return found


def forget_answers(work: Work, sent: Collection[UUID], standing: Collection[str]) -> None:
    """Forget what this transaction knew of records that were sent since, so that it asks anew.

    standing: what of other rooms' memory still holds; anything else is forgotten too.
    """
    for key in list(work.memory):
        name, *of = key if isinstance(key, tuple) else (key,)
        holds = of[0] not in sent if name == "versions" else name == "head" or name in standing
        if not holds:
            del work.memory[key]


def moved(
    heads: Mapping[tuple[UUID, str], Head],
) -> Iterable[tuple[type[Owned], dict[str, Any]]]:
    """Give the heads as rows to write."""
    for (clinic_id, kind), head in heads.items():
        yield (
            ChainHead,
            {
                "clinic_id": clinic_id,
                "kind": kind,
                "sequence": head.sequence,
                "hash": head.hash,
            },
        )


_VERSIONS = Lookup(Entry, _VERSION, Entry.record_id)


def recall(works: Sequence[tuple[Call, Work]]) -> Iterator[Question]:
    """Ask once for all ids that the batch's bodies bring along."""
    asked: list[tuple[UUID, Work]] = [
        (record_id, work)
        for call, work in works
        for argument in call.args
        if hasattr(argument, "record_ids")
        for record_id in argument.record_ids()
    ]

    def learn(rows: list[list[Any]]) -> None:
        found: dict[tuple[str, str], list[Version]] = defaultdict(list)
        for row in rows:
            found[row[0], row[1]].append(_version(row))
        for record_id, work in asked:
            known = found.get((str(work.actor.clinic_id), str(record_id)), ())
            work.memory["versions", record_id] = tuple(sorted(known, key=lambda one: one.version))

    if asked:
        yield Question(_VERSIONS, {record_id for record_id, _ in asked}, learn)


def _version(row: Sequence[Any]) -> Version:
    """Read a version from JSON values: ids and moments are text there."""
    clinic_id, record_id, version, type_, patient_id, actor_id, recorded_at, action, print_ = row
    return Version(
        UUID(clinic_id),
        UUID(record_id),
        version,
        type_,
        UUID(patient_id) if patient_id else None,
        UUID(actor_id),
        datetime.fromisoformat(recorded_at),
        action,
        print_,
    )


# ---- the journal


def versions(work: Work, record_id: UUID) -> tuple[Version, ...]:
    """Give what is known of an id in this clinic, oldest version first."""

    def ask() -> tuple[Version, ...]:
        statement = select(*_VERSION).where(Entry.record_id == record_id).order_by(Entry.version)
        return tuple(Version(*row) for row in work.all(statement))

    return work.remember(("versions", record_id), ask)


def sent_before(
    work: Work,
    type_: str,
    patient_id: UUID | None,
    data: Identified,
    record_id: UUID | None = None,
    *,
    refuse_other_content: bool = True,
) -> Answer | None:
    """Give the record as it is now if this author sent the same content under this id before.

    None when the id is free, or, for a PUT, when the content is new.

    Raises:
        AlreadyExists: the id is taken by other content, another patient or another type.
        Erased: it was here, and is no more.
    """
    record_id = record_id or data.id
    if record_id is None or not (known := versions(work, record_id)):
        return None
    if any(one.type != type_ or one.patient_id != patient_id for one in known):
        raise AlreadyExists()
    if known[-1].action == ERASED:
        raise Erased()
    print_, author = fingerprint(data), work.actor.user_id
    own = next((one for one in known if (one.fingerprint, one.actor_id) == (print_, author)), None)
    if own is not None:
        try:
            return answer_at(work, record_id, known[-1].version)
        except NotFound:
            # A system may not read what is sealed; what it sent itself it may be told again.
            return answer_at(replace(work, hidden=None), record_id, own.version)
    if refuse_other_content:
        raise AlreadyExists()
    return None


def fingerprint(data: BaseModel) -> str:
    """Identify the content of a body, whatever its order, spacing or way to write a number."""
    return sha256(canonical(data)).hexdigest()


def record(
    work: Work,
    type_: str,
    action: str,
    *,
    record_id: UUID,
    patient_id: UUID | None,
    version: int,
    data: BaseModel,
    derived: Mapping[str, Any] | None = None,
    status: str = "active",
) -> Answer:
    """Keep one version: what was sent, and what is answered, in the transaction of its effect.

    The answer is the body as sent, the members that every record has, and `derived`, which
    overrides both: a received total stands beside the computed one because of it. What
    belongs to the clinic and to no patient has a `patient_id` of None.
    """
    actor = work.actor
    content = content_of(data)
    body = in_order(content)
    answer = {
        "id": record_id,
        "version": version,
        "status": status,
        **({"patient_id": patient_id} if patient_id else {}),
        **content,
        "recorded_at": work.now,
        "author": {"role": actor.role, "id": actor.user_id},
        "source": actor.source,
        **(derived or {}),
    }
    text = orjson.dumps(answer)
    category = getattr(data, "confidential", None) or (work.sealed_as if version == 1 else None)
    if category is not None and patient_id is not None:
        seal(work, patient_id, record_id, category)
    locked: Head = work.memory["head", "journal"]
    entry = {
        "record_id": record_id,
        "version": version,
        "patient_id": patient_id,
        "type": type_,
        "action": action,
        "actor_id": actor.user_id,
        "actor_role": actor.role,
        "recorded_at": work.now,
        "fingerprint": sha256(body).hexdigest(),
        "body": body.decode(),
        "answer": text.decode(),
    }
    link = chain.extend(locked, chain.content_of(entry))
    work.put_rows(Entry, [entry | link_of(link)])
    return Answer(text, record_id, version, link.sequence, created=version == 1)


# ---- what only some may know of


class Seal(NamedTuple):
    """The class of consent that a record needs, and who sees it without one."""

    category: str
    author_id: UUID


def seal(work: Work, patient_id: UUID, record_id: UUID, category: str) -> None:
    """Keep a record from all who lack consent to its class; nothing here opens it again.

    Sent again or corrected by another, it stays with its first author. What is kept within
    `sealing` is the author's of what it belongs to: whoever wrote a course sees what was taken.
    """
    if seal_among(work, [record_id]) is not None:
        return
    made = Seal(category, work.memory.get(SEALED_FOR) or work.actor.user_id)
    work.put_rows(
        SealedRecord, [{"record_id": record_id, "patient_id": patient_id, **made._asdict()}]
    )
    work.memory["sealed", record_id] = made
    work.memory[ANY_SEALED] = True


@contextmanager
def sealing(work: Work, category: str | None, author_id: UUID | None = None) -> Iterator[None]:
    """Seal whatever is kept meanwhile: what a record brings along is sealed as it is.

    author_id: who sees it without a consent; left out, who does so already, or the caller.
    """
    before, work.sealed_as = work.sealed_as, category
    author = work.memory.get(SEALED_FOR)
    work.memory[SEALED_FOR] = author_id or author
    try:
        yield
    finally:
        work.sealed_as, work.memory[SEALED_FOR] = before, author


def any_sealed(clinic_id: Any) -> Any:
    """Ask, inside another question, whether a clinic has sealed records at all."""
    return exists().where(SealedRecord.clinic_id == clinic_id)


def seal_among(work: Work, record_ids: Collection[UUID]) -> Seal | None:
    """Give the seal that one of some records has; None where all are open.

    Nothing is asked in a clinic that has none sealed, which the question of who calls has told.
    """
    made = (work.memory.get(("sealed", one)) for one in record_ids)
    known: Seal | None = next((one for one in made if one is not None), None)
    if known is None and record_ids and work.memory.get(ANY_SEALED):
        row = work.first(
            select(SealedRecord.category, SealedRecord.author_id).where(
                SealedRecord.record_id.in_(record_ids)
            )
        )
        known = None if row is None else Seal(*row)
    return known


def category_among(work: Work, record_ids: Collection[UUID]) -> str | None:
    """Give the class of consent that one of some records needs; None where all are open."""
    found = seal_among(work, record_ids)
    return None if found is None else found.category


def is_open(record_id: Any) -> ColumnElement[bool]:
    """Keep to what is open to the whole team, for numbers that stand for everybody."""
    shown: ColumnElement[bool] = record_id.not_in(select(SealedRecord.record_id).correlate(None))
    return shown


def hidden_from(work: Work, consented: Mapping[str, Collection[UUID]]) -> Select[UUID]:
    """Ask for the records that a caller must not know of.

    consented: the patients whose records of a class the caller may see, by class.

    What one wrote oneself one may read, unless one is a system: what it read would reach others.
    A patient's own record is open to the patient, but for the notes of a psychotherapy.
    """
    actor = work.actor
    if actor.role == "patient":
        return (
            select(SealedRecord.record_id)
            .where(SealedRecord.category == PSYCHOTHERAPY, SealedRecord.author_id != actor.user_id)
            .correlate(None)
        )
    shown: list[ColumnElement[bool]] = [
        (SealedRecord.category == category) & SealedRecord.patient_id.in_(patient_ids)
        for category, patient_ids in consented.items()
    ]
    if actor.role != "system":
        shown.append(SealedRecord.author_id == actor.user_id)
    hidden = select(SealedRecord.record_id).correlate(None)
    return hidden.where(not_(or_(*shown))) if shown else hidden


def disclosed_to(work: Work, consented: Collection[UUID]) -> frozenset[UUID]:
    """Give the patients of whom this caller may see substance-use records (42 CFR Part 2)."""
    found = work.all(
        select(SealedRecord.patient_id)
        .where(
            SealedRecord.category == SUBSTANCE_USE,
            SealedRecord.patient_id.in_(consented) | (SealedRecord.author_id == work.actor.user_id),
        )
        .distinct()
    )
    return frozenset(found)


# ---- links


def link_of(link: chain.Link) -> dict[str, Any]:
    """Give the columns that a link is."""
    return {
        "sequence": link.sequence,
        "salt": link.salt,
        "commitment": link.commitment,
        "previous_hash": link.previous_hash,
        "hash": link.hash,
    }


def shown(work: Work, patient_id: UUID | None, text: str) -> str | None:
    """Give an answer as this caller may read it; None where all of it is of a hidden record.

    An open record may name a sealed one: a check-in the course that was taken. Whoever must not
    know of that finds the record without the entry that names it.
    """
    hidden = hidden_of(work, patient_id)
    if not any(record_id in text for record_id in hidden):
        return text
    told = orjson.loads(text)
    if not hidden.isdisjoint(str(told.get(name)) for name in LINKS):
        return None
    return orjson.dumps(_without(told, hidden)).decode()


def is_shown_whole(work: Work, patient_id: UUID, record_id: UUID, version: int) -> bool:
    """Say whether this caller may read all of a record."""
    if work.hidden is None:
        return True
    text = text_at(work, record_id, version)
    return shown(work, patient_id, text) == text


def hidden_of(work: Work, patient_id: UUID | None) -> frozenset[str]:
    """Give the ids of a patient's records that this caller must not know of."""
    hidden = work.hidden
    if hidden is None or patient_id is None:
        return frozenset()

    def ask() -> frozenset[str]:
        found = work.all(
            select(SealedRecord.record_id).where(
                SealedRecord.patient_id == patient_id, SealedRecord.record_id.in_(hidden)
            )
        )
        return frozenset(map(str, found))

    return work.remember(("hidden", patient_id, work.actor.user_id), ask)


def opened_to(work: Work, patient_id: UUID) -> frozenset[str]:
    """Give the ids of a patient's sealed records that this caller may see all the same."""
    if work.hidden is None:
        return frozenset()
    found = work.all(
        select(SealedRecord.record_id).where(
            SealedRecord.patient_id == patient_id, SealedRecord.record_id.not_in(work.hidden)
        )
    )
    return frozenset(map(str, found))


def _without(value: Any, hidden: Collection[str]) -> Any:
    """Leave out of every list the entries that name a hidden record.

    What names one by itself stays: the signal of a risk in a private answer says which it was.
    """
    if isinstance(value, dict):
        return {name: _without(member, hidden) for name, member in value.items()}
    if isinstance(value, list):
        return [_without(entry, hidden) for entry in value if not _names(entry, hidden)]
    return value


def _names(entry: Any, hidden: Collection[str]) -> bool:
    said = entry.values() if isinstance(entry, dict) else (entry,)
    return any(isinstance(one, str) and one in hidden for one in said)


def answer_at(work: Work, record_id: UUID, version: int) -> Answer:
    """Give a record as it was answered at one version, byte for byte."""
    text = _text(work, Entry.answer, record_id, version)
    return Answer(text.encode(), record_id, version, replayed=True)


def _text(work: Work, column: Any, record_id: UUID, version: int) -> str:
    found = work.first(
        select(column, Entry.version).where(Entry.record_id == record_id, Entry.version == version)
    )
    if found is None:
        raise NotFound()
    text: str | None = found[0]
    if text is None:
        raise Erased()
    return text


def show(work: Work, type_: str, patient_id: UUID | None, record_id: UUID) -> Answer:
    """Give a record as it is now.

    Raises:
        NotFound: no such record of this type and patient.
        Erased: it was here, and is no more.
    """
    found = work.first(
        select(Entry.answer, Entry.version)
        .where(Entry.record_id == record_id, Entry.type == type_, Entry.patient_id == patient_id)
        .order_by(Entry.version.desc())
    )
    if found is None:
        raise NotFound()
    if found.answer is None:
        raise Erased()
    text = shown(work, patient_id, found.answer)
    if text is None:
        raise NotFound()
    return Answer(text.encode(), record_id, found.version)


def body_at(work: Work, record_id: UUID, version: int) -> dict[str, Any]:
    """Give what was sent at one version, for a merge patch."""
    body: dict[str, Any] = orjson.loads(_text(work, Entry.body, record_id, version))
    return body


def text_at(work: Work, record_id: UUID, version: int) -> str:
    """Give the stored answer of one version as text."""
    return answer_at(work, record_id, version).body.decode()


def require_version(current: int, named: frozenset[int] | None) -> None:
    """Let a change through only when it was made on the version that is there.

    Raises:
        PreconditionRequired: no version was named.
        StaleVersion: another version is current.
    """
    if named is None:
        raise PreconditionRequired()
    if current not in named:
        raise StaleVersion(current)


def patched(
    work: Work,
    model: type[M],
    record_id: UUID,
    version: int,
    patch: Mapping[str, Any],
    patient_id: UUID | None = None,
) -> M:
    """Apply a JSON Merge Patch (RFC 7396) to what was sent, and read the result strictly.

    Raises:
        PatientMismatch: the patch names another patient than the path.
        Invalid: the result is not a valid body.
    """
    merged = _merge(body_at(work, record_id, version), patch)
    # The standard library writes a lone surrogate as it came, for the strict reader to refuse.
    return wire.read(model, json.dumps(merged).encode(), patient_id)


def _merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge(merged.get(name), value)
    return merged


def history(work: Work, type_: str, patient_id: UUID | None, record_id: UUID) -> Answer:
    """Give all versions of a record, newest first; then the edits of it that were refused.

    Raises:
        NotFound: no such record of this type and patient.
        Erased: it was here, and is no more.
    """
    texts = work.all(
        select(Entry.answer)
        .where(Entry.record_id == record_id, Entry.type == type_, Entry.patient_id == patient_id)
        .order_by(Entry.version.desc())
    )
    if not texts:
        raise NotFound()
    if texts[0] is None:
        raise Erased()
    refused = work.all(
        select(Entry.answer)
        .join(
            RefusedEdit,
            (RefusedEdit.clinic_id == Entry.clinic_id) & (RefusedEdit.id == Entry.record_id),
        )
        .where(RefusedEdit.record_id == record_id, Entry.answer.is_not(None))
        .order_by(Entry.sequence.desc())
    )
    told = [shown(work, patient_id, text) for text in (*texts, *refused)]
    return join([text for text in told if text is not None], None)


def keep_refused(
    work: Work, patient_id: UUID, record_id: UUID, base_version: int | None, data: Identified
) -> None:
    """Keep an edit that was made on another version, beside the history of what it would change.

    The same one again is kept once.
    """
    refused_id = uuid5(record_id, f"{work.actor.user_id}:{fingerprint(data)}")
    current = versions(work, record_id)[-1].version
    if versions(work, refused_id):
        return
    record(
        work,
        REFUSED,
        "refused",
        record_id=refused_id,
        patient_id=patient_id,
        version=1,
        data=data,
        derived={
            "id": record_id,
            "version": current,
            "status": "refused",
            "base_version": base_version,
        },
    )
    work.put_rows(
        RefusedEdit, [{"record_id": record_id, "id": refused_id, "patient_id": patient_id}]
    )


def page(
    work: Work,
    model: type[Record],
    time: Any,
    page_: Page,
    *where: ColumnElement[bool],
    secret: bytes,
    with_errors: bool = False,
) -> Answer:
    """Give one page of a patient's records in the order (time, id), as stored JSON text."""
    statement = (
        select(Entry.answer, Entry.patient_id, model.id, time.label("time"))
        .join(
            model,
            (Entry.clinic_id == model.clinic_id)
            & (Entry.record_id == model.id)
            & (Entry.version == model.version),
        )
        .where(*where)
        .order_by(time, model.id)
        .limit(page_.limit + 1)
    )
    if not with_errors:
        statement = statement.where(model.status != "entered_in_error")
    name = model.__tablename__  # type: ignore[attr-defined]
    if page_.cursor:
        at, last_id = read_cursor(secret, name, page_.cursor)
        position = tuple_(
            literal(_position(time.type, at), time.type), literal(UUID(last_id), model.id.type)
        )
        statement = statement.where(tuple_(time, model.id) > position)
    rows = work.all(statement)
    next_cursor = None
    if len(rows) > page_.limit:
        rows = rows[: page_.limit]
        last = rows[-1]
        at = last.time.isoformat() if isinstance(last.time, date) else str(last.time)
        next_cursor = write_cursor(secret, name, at, str(last.id))
    told = [shown(work, row.patient_id, row.answer) for row in rows]
    return join([text for text in told if text is not None], next_cursor)


def _position(type_: TypeEngine[Any], text: str) -> UUID | date:
    """Read where a page ended: an id, a moment or a day, by the column that orders the list."""
    if isinstance(type_, Id):
        return UUID(text)
    if isinstance(type_, UtcDateTime):
        return datetime.fromisoformat(text)
    return date.fromisoformat(text)


def patient_sequence(work: Work, patient_id: UUID, known_at: datetime | None = None) -> int:
    """Give the largest journal sequence of a patient's own records, 0 before the first."""
    statement = select(Entry.sequence).where(Entry.patient_id == patient_id)
    if known_at is not None:
        statement = statement.where(Entry.recorded_at <= known_at)
    found: int | None = work.first(statement.order_by(Entry.sequence.desc()))
    return found or 0


def newest_entry(
    clinic_id: Any, patient_id: Any, known_at: datetime | None = None
) -> tuple[ScalarSelect[int], ScalarSelect[datetime]]:
    """Ask, inside another question, for the newest of a patient's own entries and its moment."""
    where = [Entry.clinic_id == clinic_id, Entry.patient_id == patient_id]
    if known_at is not None:
        where.append(Entry.recorded_at <= known_at)

    def of_newest(column: Any) -> Any:
        newest = select(column).where(*where).order_by(Entry.sequence.desc()).limit(1)
        return newest.scalar_subquery()

    return of_newest(Entry.sequence), of_newest(Entry.recorded_at)


def answers_of(
    work: Work, patient_id: UUID, types: Collection[str], sequence: int
) -> list[tuple[str, dict[str, Any], int]]:
    """Give a patient's records of some types as known at a sequence.

    Each with its type and the sequence of its first version, in the order in which they were
    first recorded; without what was entered in error by then.
    """
    rows = work.all(
        select(Entry.record_id, Entry.type, Entry.answer, Entry.sequence)
        .where(
            Entry.patient_id == patient_id,
            Entry.type.in_(types),
            Entry.sequence <= sequence,
            Entry.answer.is_not(None),
        )
        .order_by(Entry.sequence)
    )
    last = {row.record_id: row for row in rows}
    first = {row.record_id: row.sequence for row in reversed(rows)}
    found = [
        (row.type, orjson.loads(text), first[record_id])
        for record_id, row in last.items()
        if (text := shown(work, patient_id, row.answer)) is not None
    ]
    return [one for one in found if one[1]["status"] != "entered_in_error"]


def answers_known_at(
    work: Work,
    record_ids: Iterable[UUID],
    sequence: int | None = None,
    *,
    with_errors: bool = False,
) -> list[tuple[int, dict[str, Any]]]:
    """Give the last version of some records known at a sequence (None: now), with its sequence.

    What was entered in error by then is left out, unless it is asked for.
    """
    statement = select(Entry.record_id, Entry.sequence, Entry.answer).where(
        Entry.record_id.in_(record_ids), Entry.answer.is_not(None)
    )
    if sequence is not None:
        statement = statement.where(Entry.sequence <= sequence)
    last = {row.record_id: row for row in work.all(statement.order_by(Entry.version))}
    found = [(row.sequence, orjson.loads(row.answer)) for row in last.values()]
    return [one for one in found if with_errors or one[1]["status"] != "entered_in_error"]


def answers_of_this_call(
    work: Work, patient_id: UUID, types: Collection[str]
) -> list[tuple[int, dict[str, Any]]]:
    """Give what this call itself has kept of a patient's records of some types: no query sees it.

    Oldest first, with what it marked as entered in error.
    """
    return [
        (row["sequence"], orjson.loads(row["answer"]))
        for model, row in work.added
        if model is Entry and row["patient_id"] == patient_id and row["type"] in types
    ]


def recorded_at(work: Work, sequence: int) -> datetime | None:
    """Give the moment at which a sequence of the journal was recorded."""
    moment: datetime | None = work.first(
        select(Entry.recorded_at).where(Entry.sequence == sequence)
    )
    return moment


# ---- idempotency keys


def replay(work: Work, key: tuple[str, str]) -> Answer | None:
    """Give the answer that a key got before.

    Raises:
        IdempotencyKeyReused: it was used with another body.
        Erased: what it made was erased, and what it was made of is not known any more.
    """
    scope, print_ = key
    used = work.first(select(IdempotencyKey).where(IdempotencyKey.scope == scope))
    if used is None:
        return None
    if not used.fingerprint:
        raise Erased()
    if used.fingerprint != print_:
        raise IdempotencyKeyReused()
    return answer_at(work, used.record_id, used.version)


def keep_key(work: Work, key: tuple[str, str], answer: Answer) -> None:
    """Keep a key with its effect, in the same transaction: a pointer, never a body."""
    if not answer.created or answer.record_id is None or answer.version is None:
        return
    scope, print_ = key
    work.add(
        IdempotencyKey,
        scope=scope,
        fingerprint=print_,
        record_id=answer.record_id,
        version=answer.version,
        used_at=work.now,
    )


# ---- the access log


def log(work: Work, call: Call) -> None:
    """Leave the one row of a request: who, what, when, outcome; no values."""
    locked: Head | None = work.memory.get(("head", "access"))
    if locked is None:
        return
    refusal: TitrateError | None = call.error
    answer = call.value if isinstance(call.value, Answer) else None
    patient_id = call.patient_id
    status = refusal.status if refusal else 201 if answer and answer.created else 200
    row = {
        "at": work.now,
        "actor_id": work.actor.user_id,
        "actor_role": work.actor.role,
        "client": work.actor.client,
        "patient_id": patient_id,
        "action": ACTIONS.get(work.trace.method, "R"),
        "operation": work.trace.operation,
        "resource_id": answer.record_id if answer else None,
        "purpose": work.trace.purpose,
        "outcome": refusal.code if refusal else "done",
        "status": status,
        "request_id": work.trace.request_id,
    }
    link = chain.extend(locked, chain.content_of(row))
    work.put_rows(Access, [row | link_of(link)])
