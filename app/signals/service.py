"""Opens a signal in the request that brought its reason; named persons move it on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.clinical.safety import (
    SIDE_EFFECTS,
    SUICIDAL_IDEATION,
    SUICIDALITY,
    topics,
    topics_of,
)
from app.core.actor import CLINICIANS
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.core.pagination import join
from app.journal import service as journal
from app.journal.models import Entry
from app.measurements import service as measurements
from app.patients import facts as patient_facts
from app.patients import service as patients
from app.patients.service import Person
from app.signals.models import Signal
from app.signals.schemas import Rule, SignalBody, SignalMove

TYPE = "signal"
HISTORIC = "historic"
MOST_FINDINGS = 20
"""In the evidence of one signal; `n` says how many there are."""


def open_once(
    work: Work,
    person: Person,
    key: str,
    code: str,
    evidence: Mapping[str, Any],
    *,
    rule: Rule | None = None,
    due_at: datetime | None = None,
) -> dict[str, Any] | None:
    """Open a signal unless this episode has one already, open or closed.

    key: names the episode, so that sending again or reading again opens nothing twice.
    rule: left out, it is the first version of the rule that the code names.
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
    actor = work.actor
    body = SignalBody(
        code=code,
        state="open",
        raised_at=work.now,
        evidence=dict(evidence),
        rule=rule or Rule(id=code, version=1),
        owner=actor.user_id if actor.role in CLINICIANS else patients.responsible(work, person.id),
        due_at=due_at,
    )
    # Whoever must answer a risk is told of it, whatever the patient keeps private (hazard H8).
    category = None if work.sealed_as == journal.PRIVATE else work.sealed_as
    with journal.sealing(work, category):
        answer = journal.record(
            work, TYPE, "created", record_id=signal_id, patient_id=person.id, version=1, data=body
        )
    kept = measurements.summary(work, person.id)
    kept["signals_open"] += category is None
    kept["sequence"] = max(kept["sequence"], answer.sequence or 0)
    measurements.keep_summary(work, person.id)
    return {"id": str(signal_id), "code": code, "evidence": dict(evidence)}


def open_historic(work: Work, person: Person, evidence: Mapping[str, Any]) -> dict[str, Any] | None:
    """Open the one signal for imported facts of long ago; what comes while it is open joins it.

    Once somebody has moved it, what comes opens another: nobody has seen that yet. Called once
    more in the same call, it leaves the signal as it was opened.
    """
    row = work.first(
        select(Signal).where(
            Signal.patient_id == person.id, Signal.code == HISTORIC, Signal.state == "open"
        )
    )
    if row is not None:
        _join(work, person, row, evidence)
        return None
    if any(
        model is Signal and known["code"] == HISTORIC and known["patient_id"] == person.id
        for model, known in work.added
    ):
        return None
    return open_once(work, person, f"{HISTORIC}:{uuid7()}", HISTORIC, evidence)


def _join(work: Work, person: Person, row: Signal, evidence: Mapping[str, Any]) -> None:
    """Add findings to a signal that nobody has moved: a new version, so that none is overlooked."""
    if not (found := evidence.get("findings")):
        return
    known = orjson.loads(journal.show(work, TYPE, person.id, row.id).body)
    before = row.evidence
    joined = {
        **before,
        "findings": [*found, *before.get("findings", ())][:MOST_FINDINGS],
        "n": evidence["n"] + before.get("n", 0),
    }
    version = row.version + 1
    body = SignalBody(
        code=row.code,
        state="open",
        raised_at=row.raised_at,
        evidence=joined,
        rule=Rule(**known["rule"]),
        owner=known["owner"],
        due_at=None,
    )
    answer = journal.record(
        work,
        TYPE,
        "corrected",
        record_id=row.id,
        patient_id=person.id,
        version=version,
        data=body,
        status="corrected",
    )
    work.change(row, version=version, status="corrected", evidence=joined)
    kept = measurements.summary(work, person.id)
    kept["sequence"] = answer.sequence
    measurements.keep_summary(work, person.id)


def open_codes(work: Work, patient_id: UUID) -> frozenset[str]:
    """Give the codes of the signals that nobody has closed."""
    return frozenset(
        work.all(
            select(Signal.code).where(Signal.patient_id == patient_id, Signal.state != "closed")
        )
    )


def page(work: Work, patient_id: UUID) -> Answer:
    """Give every signal of a patient, open ones first, the newest first.

    Beside them: how many nobody has closed, and when each risk was last asked about.
    """
    patients.get(work, patient_id)
    rows = work.all(
        select(Signal.state, Entry.answer)
        .join(
            Entry,
            (Entry.clinic_id == Signal.clinic_id)
            & (Entry.record_id == Signal.id)
            & (Entry.version == Signal.version),
        )
        .where(Signal.patient_id == patient_id)
        .order_by((Signal.state == "closed"), Signal.raised_at.desc(), Signal.id)
    )
    listed = join([row.answer for row in rows], None)
    beside = orjson.dumps(
        {
            "open": sum(row.state != "closed" for row in rows),
            "asked": _last_asked(work, patient_id),
        }
    )
    return replace(listed, body=listed.body[:-1] + b"," + beside[1:])


def _last_asked(work: Work, patient_id: UUID) -> dict[str, dict[str, Any] | None]:
    """Give the newest usable answer by topic of risk; None where nobody ever asked.

    What was out of range, unknown or not asked is no answer. `measure` is null for the question
    of the first appointment, which is no number.
    """
    known = dict(topics())
    for own in measurements.own_instruments(work).values():
        known |= topics_of(own)
    asked: dict[str, dict[str, Any] | None] = dict.fromkeys((*known.values(), SIDE_EFFECTS))
    for measure, held in measurements.summary(work, patient_id)["latest"].items():
        room = measure.partition(".")[0]
        topic = SIDE_EFFECTS if room == SIDE_EFFECTS else known.get(measure)
        if topic is None:
            continue
        before = asked[topic]
        if before is None or held["on"] > before["on"]:
            said = {name: held[name] for name in ("on", "value", "record_id")}
            asked[topic] = {"measure": measure, **said}
    told = patient_facts.last(work, patient_id, SUICIDAL_IDEATION)
    before = asked[SUICIDALITY]
    if told is not None and (before is None or told.day.isoformat() > before["on"]):
        asked[SUICIDALITY] = {
            "measure": None,
            "question": SUICIDAL_IDEATION,
            "on": told.day.isoformat(),
            "value": told.value,
            "record_id": str(told.record_id),
        }
    return asked


def show(work: Work, patient_id: UUID, signal_id: UUID) -> Answer:
    """Give one signal."""
    patients.get(work, patient_id)
    return journal.show(work, TYPE, patient_id, signal_id)


def history(work: Work, patient_id: UUID, signal_id: UUID) -> Answer:
    """Give every version of a signal, newest first."""
    patients.get(work, patient_id)
    return journal.history(work, TYPE, patient_id, signal_id)


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
    if data.new_normal and (data.state != "closed" or "flag" not in row.evidence):
        raise Invalid("only on closing the signal of a worsening", pointer="/new_normal")
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
            code=row.code,
            state=data.state,
            raised_at=row.raised_at,
            evidence=row.evidence,
            rule=Rule(**known["rule"]),
            owner=work.actor.user_id,
            due_at=known["due_at"] and datetime.fromisoformat(known["due_at"]),
        ),
        derived={
            "acknowledged": known.get("acknowledged") or by,
            **({"closed": by, "action": data.action} if data.state == "closed" else {}),
            **data.model_dump(
                mode="json", include={"change_reason", "new_normal"}, exclude_none=True
            ),
        },
        status="corrected",
    )
    work.change(row, version=version, status="corrected", state=data.state)
    kept = measurements.summary(work, person.id)
    kept["sequence"] = answer.sequence
    if data.state == "closed":
        kept["signals_open"] -= journal.category_among(work, [signal_id]) is None
    measurements.keep_summary(work, person.id)
    return answer


def close_of(work: Work, person: Person, key: str, action: str) -> None:
    """Close the signal of an episode in the caller's name, where it has one that is not closed."""
    row = work.first(
        select(Signal).where(
            Signal.patient_id == person.id, Signal.key == key, Signal.state != "closed"
        )
    )
    if row is not None:
        done = SignalMove(state="closed", action=action)
        move(work, person.id, row.id, done, frozenset({row.version}))
