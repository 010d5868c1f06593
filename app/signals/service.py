"""Opens a signal in the request that brought its reason; named persons move it on."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.core.pagination import join
from app.journal import service as journal
from app.measurements import service as measurements
from app.patients import service as patients
from app.patients.service import Person
from app.signals.models import Signal
from app.signals.schemas import SignalBody, SignalMove

TYPE = "signal"


def open_once(
    work: Work, person: Person, key: str, code: str, evidence: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Open a signal unless this episode has one already, open or closed.

    key: names the episode, so that sending again or reading again opens nothing twice.
    Gives what an answer says of it, or None when it was there.
    """
    known = work.first(select(Signal.id).where(Signal.patient_id == person.id, Signal.key == key))
    if known is not None or any(
        model is Signal and row["key"] == key and row["patient_id"] == person.id
        for model, row in work.added
    ):
        return None
    signal_id = uuid7()
    work.put_rows(
        Signal,
        [
            {
                "id": signal_id,
                "patient_id": person.id,
                "version": 1,
                "status": "active",
                "key": key,
                "code": code,
                "state": "open",
                "raised_at": work.now,
                "evidence": dict(evidence),
            }
        ],
    )
    body = SignalBody(code=code, state="open", raised_at=work.now, evidence=dict(evidence))
    journal.record(
        work, TYPE, "created", record_id=signal_id, patient_id=person.id, version=1, data=body
    )
    kept = measurements.summary(work, person.id)
    kept["signals_open"] += 1
    measurements.keep_summary(work, person.id)
    return {"id": str(signal_id), "code": code, "evidence": dict(evidence)}


def page(work: Work, patient_id: UUID) -> Answer:
    """Give every signal of a patient, open ones first, the newest first."""
    patients.get(work, patient_id)
    rows = work.all(
        select(Signal)
        .where(Signal.patient_id == patient_id)
        .order_by((Signal.state == "closed"), Signal.raised_at.desc(), Signal.id)
    )
    return join([journal.text_at(work, row.id, row.version) for row in rows], None)


_NEXT = {"open": ("acknowledged", "closed"), "acknowledged": ("closed",), "closed": ()}


def move(
    work: Work,
    patient_id: UUID,
    signal_id: UUID,
    data: SignalMove,
    named: frozenset[int] | None,
) -> Answer:
    """Move a signal on in the caller's name; closing an open one acknowledges it too.

    Raises:
        NotFound: no such signal of this patient.
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: it is past that state, or closed without saying what was done.
    """
    person = patients.get(work, patient_id)
    row = work.first(select(Signal).where(Signal.id == signal_id, Signal.patient_id == patient_id))
    if row is None:
        raise NotFound()
    journal.require_version(row.version, named)
    if data.state not in _NEXT[row.state]:
        raise Invalid("acknowledged, then closed", pointer="/state")
    if data.state == "closed" and not data.action:
        raise Invalid("what was done", pointer="/action")
    version = row.version + 1
    before = journal.show(work, TYPE, patient_id, signal_id)
    known = orjson.loads(before.body)
    by = {"at": work.now.isoformat(), "by": str(work.actor.user_id), "role": work.actor.role}
    answer = journal.record(
        work,
        TYPE,
        data.state,
        record_id=signal_id,
        patient_id=patient_id,
        version=version,
        data=SignalBody(
            code=row.code, state=data.state, raised_at=row.raised_at, evidence=row.evidence
        ),
        derived={
            "acknowledged": known.get("acknowledged") or by,
            **({"closed": by, "action": data.action} if data.state == "closed" else {}),
            **data.model_dump(mode="json", include={"change_reason"}, exclude_none=True),
        },
        status="corrected",
    )
    work.change(row, version=version, status="corrected", state=data.state)
    kept = measurements.summary(work, person.id)
    kept["sequence"] = answer.sequence
    if data.state == "closed":
        kept["signals_open"] -= 1
    measurements.keep_summary(work, person.id)
    return answer
