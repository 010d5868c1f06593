"""Takes the content of records out of the journal, and leaves their places in the chain.

Body, answer, salt and fingerprint go; the commitment stays and says nothing by itself. Each
record ends in a tombstone, so that followers drop it and its id is never free again.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, update

from app.core.db import Work
from app.journal import chain
from app.journal.models import Entry, IdempotencyKey
from app.journal.service import ERASED, REFUSED, link_of

REQUEST = "erasure_request"
DIARY = frozenset(
    {"check_in", "assessment", "side_effect", "administration", "life_event", REFUSED}
)
"""What a patient makes. A consent stays, as the ground on which something was shown; and a signal
that a diary opened is the clinic's, who had to see it.
"""
OWN = frozenset({"patient", "proxy"})
AT_ONCE = 500


class Target(NamedTuple):
    """One record to erase, and its last version."""

    record_id: UUID
    type: str
    version: int


def targets(
    work: Work, patient_id: UUID, only: Collection[UUID], *, patient_made: bool
) -> list[Target]:
    """Give a patient's records that are there to erase, in the order in which they came.

    only: these alone, where it names any.
    patient_made: those alone that the patient made, whoever corrected them since.
    """
    rows = work.all(
        select(Entry.record_id, Entry.type, Entry.version, Entry.actor_role, Entry.action)
        .where(Entry.patient_id == patient_id, Entry.type != REQUEST)
        .order_by(Entry.sequence)
    )
    first = {row.record_id: row for row in reversed(rows)}
    last = {row.record_id: row for row in rows}
    return [
        Target(record_id, row.type, row.version)
        for record_id, row in last.items()
        if row.action != ERASED
        and (not only or record_id in only)
        and (not patient_made or (row.type in DIARY and first[record_id].actor_role in OWN))
    ]


def erase(work: Work, patient_id: UUID, some: Sequence[Target]) -> None:
    """Take their content away at every version, and leave a tombstone of each."""
    for ids in in_parts([one.record_id for one in some]):
        work.change_where(
            update(Entry)
            .where(Entry.patient_id == patient_id, Entry.record_id.in_(ids), Entry.action != ERASED)
            .values(body=None, answer=None, salt=None, fingerprint="")
        )
        work.change_where(
            update(IdempotencyKey).where(IdempotencyKey.record_id.in_(ids)).values(fingerprint="")
        )
    for one in some:
        entry = {
            "record_id": one.record_id,
            "version": one.version + 1,
            "patient_id": patient_id,
            "type": one.type,
            "action": ERASED,
            "actor_id": work.actor.user_id,
            "actor_role": work.actor.role,
            "recorded_at": work.now,
            "fingerprint": "",
            "body": None,
            "answer": None,
        }
        link = chain.extend(work.memory["head", "journal"], chain.content_of(entry))
        work.put_rows(Entry, [entry | link_of(link)])


def in_parts(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    """Give ids some at a time: a statement takes only so many."""
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
