"""Keeps a batch of one patient as one unit: each item stands or falls alone, one commit for all.

Items are collected like any call's rows and are not visible to questions until they are sent.
Most items are new records that ask about nothing of this batch; they are sent together. One
that reads what an item before it may have left (an edit, a delete, an id or a side effect that
stands in the batch already) has what was collected sent first, within the same transaction.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import inspect, select

from app.assessments import service as assessments
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import (
    AlreadyExists,
    Erased,
    Forbidden,
    Invalid,
    PreconditionRequired,
    TitrateError,
)
from app.core.wire import Identified
from app.followups import service as followups
from app.followups import side_effects
from app.followups.domains.side_effects import SideEffectIn
from app.followups.schemas import CheckInIn
from app.journal import service as journal
from app.journal.service import Version
from app.medications import administrations
from app.medications import service as medications
from app.medications.schemas import AdministrationIn
from app.patients import records
from app.patients import service as patients
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.sync.schemas import Item, Items, Result, rejected, within_body

KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        followups.CHECK_IN,
        assessments.KIND,
        side_effects.KIND,
        administrations.ADMINISTRATION,
    )
}
STANDING = frozenset({"member", "person", "cares", "course", journal.ANY_SEALED})
"""What was learnt about the caller and the patient, which no item changes."""
SKEW_FLAGGED_S = followups.CLOCK_SKEW_FLAGGED_S


@dataclass(slots=True)
class Kept:
    """What became of the items of one patient, and the notice that a risk answer asks for."""

    results: list[Result] = field(default_factory=list)
    safety_notice: dict[str, Any] | None = None


def receive(work: Work, patient_id: UUID | None, sent: Items) -> Kept:
    """Keep the items of one patient, in their order, and say what became of each.

    Raises:
        NotFound: no such patient for this caller; then nothing is tried.
    """
    kept = Kept()
    if patient_id is None:
        return kept
    patients.get(work, patient_id)
    unit = _Unit(work)
    answered: list[UUID] = []
    began = work.now
    for place, item in enumerate(sent.items):
        # Each item has its own moment, as if it had come alone: what came with which is told by it.
        work.now = began + timedelta(microseconds=place)
        mark = unit.mark()
        try:
            result, answer = _try(unit, item, sent)
            unit.take()
        except TitrateError as refusal:
            unit.drop(mark)
            result, answer = rejected(item.index, item.id, within_body(refusal)), None
        kept.results.append(result)
        if answer is not None and b'"safety_notice":' in answer.body:
            kept.safety_notice = orjson.loads(answer.body)["safety_notice"]
        if result.status == "duplicate":
            answered.append(item.id)
    unit.finish()
    if kept.safety_notice is None and work.actor.source == "patient":
        kept.safety_notice = _notice_before(work, answered)
    return kept


def _notice_before(work: Work, record_ids: list[UUID]) -> dict[str, Any] | None:
    """Give the notice of what was taken before: the answer that held it may never have come."""
    for _sequence, answer in journal.answers_known_at(work, record_ids) if record_ids else ():
        if "safety_notice" in answer:
            notice: dict[str, Any] = answer["safety_notice"]
            return notice
    return None


class _Unit:
    """What the items so far have left, and what of it is not sent yet."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self._rows: list[tuple[type[Any], dict[str, Any]]] = []
        self._changes: list[Any] = []
        self._ids: set[UUID] = set()

    def mark(self) -> tuple[int, str]:
        """Remember where the journal stands before an item."""
        head = journal.head(self.work)
        assert head is not None, "a unit is a writing call"
        return head.sequence, head.hash

    def take(self) -> None:
        """Keep what an item left."""
        added = self.work.added
        self._rows += added
        # Records and journal entries have versions; what only belongs to one names no other.
        self._ids.update(row.get("record_id") or row["id"] for _, row in added if "version" in row)
        self._changes += self.work.changes
        added.clear()
        self.work.changes.clear()

    def drop(self, mark: tuple[int, str]) -> None:
        """Take back what a refused item did, and what it may have made of the known answers."""
        head = journal.head(self.work)
        assert head is not None
        head.sequence, head.hash = mark
        self.work.added.clear()
        self.work.changes.clear()
        self.send(refused=True)

    def holds(self, item: Item) -> bool:
        """Say whether an item names a record that is not sent yet."""
        if item.id in self._ids:
            return True
        return item.body is not None and any(one in self._ids for one in item.body.record_ids())

    def send(self, *, refused: bool = False) -> None:
        """Send what was kept, so that the next question sees it; still nothing is committed.

        refused: an item was, and the summary in memory may have its numbers.
        """
        sent = set(self._ids)
        self.finish()
        self.work.send()
        journal.forget_answers(self.work, sent, STANDING if refused else {*STANDING, "summary"})

    def finish(self) -> None:
        """Hand what was kept back to the call. Of a row written by its key, the last one counts."""
        kept: list[tuple[type[Any], dict[str, Any]]] = []
        last: dict[tuple[Any, ...], tuple[type[Any], dict[str, Any]]] = {}
        for model, row in self._rows:
            if getattr(model, "upserted", False):
                last[_key(model, row)] = (model, row)
            else:
                kept.append((model, row))
        self.work.added[:] = [*kept, *last.values()]
        self.work.changes[:] = self._changes
        self._rows.clear()
        self._changes.clear()
        self._ids.clear()


def _key(model: type[Any], row: dict[str, Any]) -> tuple[Any, ...]:
    return (model, *(row[column.key] for column in inspect(model).primary_key))


def _try(unit: _Unit, item: Item, sent: Items) -> tuple[Result, Answer | None]:
    work = unit.work
    if unit.holds(item):
        unit.send()
    person = patients.get(work, item.patient_id)
    kind = KINDS[item.type]
    known = journal.versions(work, item.id)
    if not known:
        if item.body is None or item.base_version is not None:
            # It came before what it changes: sent again after it, it will do.
            return Result(item.index, item.id, "conflict"), None
        if _reads_the_batch(item.body):
            unit.send()
        answer = _keep(work, person, kind, item, sent, Place(item.id))
        return Result(item.index, item.id, "created", answer.version), answer
    last = known[-1]
    if any(one.type != kind.name or one.patient_id != person.id for one in known):
        raise AlreadyExists()
    if last.action == journal.ERASED:
        raise Erased()
    if _is_there(work, item, known):
        return Result(item.index, item.id, "duplicate", last.version), None
    unit.send()
    if item.base_version is None and item.body is None:
        raise PreconditionRequired("base_version: the version that was read")
    if item.base_version != last.version or last.action == "withdrawn":
        if item.body is not None:
            journal.keep_refused(work, person.id, item.id, item.base_version, item.body)
        server = journal.show(work, kind.name, person.id, item.id).body
        return Result(item.index, item.id, "conflict", last.version, server=server), None
    if known[0].actor_id != work.actor.user_id:
        raise Forbidden("another's record is corrected at its own address, with a reason")
    if item.body is None:
        named = frozenset({last.version})
        answer = records.withdraw(work, kind, person.id, item.id, named, None)
    else:
        row = work.first(select(kind.model).where(kind.model.id == item.id, *kind.rows(person.id)))
        answer = _keep(work, person, kind, item, sent, Place(item.id, last.version + 1, row))
    return Result(item.index, item.id, "updated", answer.version), answer


def _is_there(work: Work, item: Item, known: tuple[Version, ...]) -> bool:
    """Say whether this was done already: the same content by this author, or the same delete.

    An edit made on the current version is an edit, though it goes back to an older content.
    """
    last = known[-1]
    if item.body is None:
        return last.action == "withdrawn"
    print_ = journal.fingerprint(item.body)
    if item.base_version == last.version and last.fingerprint != print_:
        return False
    return any(one.fingerprint == print_ and one.actor_id == work.actor.user_id for one in known)


def _reads_the_batch(body: Identified) -> bool:
    """Say whether keeping this asks about side effects that an item before it may have told of."""
    if isinstance(body, CheckInIn):
        return body.side_effects is not None
    return isinstance(body, SideEffectIn)


def _keep(
    work: Work, person: Person, kind: Kind[Any], item: Item, sent: Items, place: Place
) -> Answer:
    body = item.body
    clock = {
        name: moment
        for name, moment in (("client_time", item.client_time), ("sent_at", sent.sent_at))
        if moment is not None
    }
    if isinstance(body, CheckInIn):
        return records.keep_version(work, kind, person, body.model_copy(update=clock), place)
    if isinstance(body, AdministrationIn):
        if body.medication_id is None:
            raise Invalid("the course that it belongs to", pointer="/medication_id")
        medications.require_courses(work, person.id, [body.medication_id], "/medication_id")
    extra: dict[str, Any] = dict((item.sample and {"sample": item.sample.model_dump()}) or {})
    if item.client_time is not None:
        extra["client_time"] = item.client_time
    if sent.sent_at is not None:
        skew = (work.now - sent.sent_at).total_seconds()
        extra |= {"clock_skew_s": skew, "clock_skewed": abs(skew) > SKEW_FLAGGED_S}
    return records.keep_version(
        work, kind, person, body, Place(place.record_id, place.version, place.row, extra)
    )
