"""Filled-in instruments: scored, followed, and their risk items shown whatever the total does."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.assessments.models import Assessment
from app.assessments.schemas import AssessmentIn, AssessmentWithin
from app.clinical import instruments
from app.clinical.instruments import Instrument, Score
from app.clinical.safety import SAFETY_NOTICE, risk_findings
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import AlreadyExists, NotFound
from app.core.pagination import join
from app.core.wire import canonical
from app.journal import service as journal
from app.measurements import service as measurements
from app.measurements.schemas import thresholds
from app.measurements.service import Reading
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import service as signals

IMPLAUSIBLE = ("DQ_IMPLAUSIBLE",)


def record(
    work: Work, patient_id: UUID, data: AssessmentIn, *, opens_signals: bool = True
) -> Answer:
    """Store one filled-in instrument, score it, and open a signal for a risk answer.

    opens_signals: False for an import of old facts, which opens one signal for all of them.
    """
    kind = replace(KIND, keep=partial(keep, opens_signals=opens_signals))
    return records.post(work, kind, patient_id, data)


def keep(
    work: Work, person: Person, data: AssessmentIn, place: Place, *, opens_signals: bool = True
) -> Answer:
    """Store one version of an assessment.

    Raises:
        Invalid: no time or two; before the birth, or beyond the tolerance for a device's clock.
    """
    occurred_on = measurements.day_of(work, person, data.occurred_at, data.occurred_on)
    row = place.row
    follow_up_id = row.follow_up_id if isinstance(row, Assessment) else None
    return _keep(work, person, data, place, occurred_on, follow_up_id, opens_signals=opens_signals)


def _keep(
    work: Work,
    person: Person,
    data: AssessmentIn,
    place: Place,
    occurred_on: date,
    follow_up_id: UUID | None,
    *,
    opens_signals: bool = True,
) -> Answer:
    instrument = instruments.instrument(data.instrument)
    score = instruments.score(
        instrument,
        {int(item): value for item, value in (data.answers or {}).items()},
        data.total,
    )
    opened = _opened(work, person, place.record_id, instrument, score) if opens_signals else ()
    derived = {**_scored(score), "occurred_on": occurred_on, "opened_signals": list(opened)}
    if follow_up_id is not None:
        derived["follow_up_id"] = follow_up_id
    elif work.actor.source == "patient" and _answers_risk(instrument, score):
        derived["safety_notice"] = {"text": SAFETY_NOTICE, "nobody_watches": True}
    answer = records.keep(
        work,
        KIND,
        person,
        place,
        data,
        columns={
            "instrument": instrument.id,
            "occurred_at": data.occurred_at or person.begin_of(occurred_on),
            "occurred_on": occurred_on,
            "follow_up_id": follow_up_id,
        },
        derived=derived,
    )
    assert answer.sequence is not None
    measurements.keep(
        work,
        person,
        place.record_id,
        answer.sequence,
        _readings(instrument, score, occurred_on, data.occurred_at),
        first_version=place.version == 1,
    )
    return answer


def _answers_risk(instrument: Instrument, score: Score) -> bool:
    return any(risk.index in score.answers for risk in instrument.risk_items)


def _scored(score: Score) -> dict[str, Any]:
    return {
        "answers": {str(item): value for item, value in score.answers.items()},
        "total": score.total_trended,
        "total_received": score.total_received,
        "total_computed": score.total_computed,
        "flags": score.flags,
        "band": score.band and {"label": score.band.label, "from": score.band.minimum},
    }


def _opened(
    work: Work, person: Person, record_id: UUID, instrument: Instrument, score: Score
) -> Iterator[dict[str, Any]]:
    """Open a signal for each risk answer that has none yet; a correction closes none."""
    for finding in risk_findings(instrument, score):
        evidence = {
            "instrument": finding.instrument,
            "item": finding.item,
            "value": finding.value,
            "record_id": str(record_id),
        }
        key = f"{record_id}:{finding.measure}"
        opened = signals.open_once(work, person, key, finding.code, evidence)
        if opened is not None:
            yield opened


def _readings(
    instrument: Instrument, score: Score, day: date, at: datetime | None
) -> Iterator[Reading]:
    """Give the numbers to follow. What is out of range is among them, flagged: shown, not used.

    A total that came beside answers is never followed: the computed one is, or none.
    """
    total = f"{instrument.id}.total"
    if score.total_trended is not None:
        yield Reading(total, score.total_trended, day, at)
    elif score.total_received is not None and not score.answers:
        yield Reading(total, score.total_received, day, at, flags=IMPLAUSIBLE)
    for item, value in score.answers.items():
        out_of_range = value not in instrument.items[item - 1].allowed
        if instrument.item_measures:
            flags = IMPLAUSIBLE if out_of_range else ()
            yield Reading(f"{instrument.id}.{item}", value, day, at, flags=flags)
        elif out_of_range:
            yield Reading(total, value, day, at, flags=IMPLAUSIBLE)


def _forget(work: Work, person: Person, row: Record, answer: Answer) -> None:
    assert answer.sequence is not None
    measurements.retract(work, row.id, answer.sequence)


KIND = Kind("assessment", Assessment, AssessmentIn, keep, _forget, "occurred_at")


# ---- inside a follow-up


def keep_within(
    work: Work,
    person: Person,
    data: AssessmentWithin,
    *,
    occurred_at: datetime,
    occurred_on: date,
    follow_up_id: UUID,
    fallback_id: UUID,
) -> dict[str, Any]:
    """Store an assessment that a follow-up brings, or link the one that is there.

    Gives what the follow-up's answer says of it, and `opened_signals` beside it. Content sent
    before, at any version and by anyone who may see this patient, is linked and not doubled;
    one that was born in this follow-up moves with its time.

    Raises:
        AlreadyExists: the id is taken by other content, another patient or another type.
    """
    record_id = data.id or fallback_id
    full = AssessmentIn.model_validate(
        {**data.model_dump(exclude_unset=True), "occurred_at": occurred_at}
    )
    if not journal.versions(work, record_id):
        answer = _keep(work, person, full, Place(record_id), occurred_on, follow_up_id)
        return _short(answer)
    answer = _linked(work, person, data, record_id)
    row = work.first(select(Assessment).where(Assessment.id == record_id))
    if (
        isinstance(row, Assessment)
        and row.follow_up_id == follow_up_id
        and row.status != "entered_in_error"
        and row.occurred_at != occurred_at
    ):
        moved = journal.patched(
            work, AssessmentIn, record_id, row.version, {"occurred_at": occurred_at.isoformat()}
        )
        place = Place(record_id, row.version + 1, row)
        return _short(_keep(work, person, moved, place, occurred_on, follow_up_id))
    return _short(answer) | {"opened_signals": []}


def withdraw_within(work: Work, person: Person, follow_up_id: UUID, reason: str | None) -> None:
    """Mark the assessments that a withdrawn follow-up brought as entered in error too."""
    rows = work.all(
        select(Assessment).where(
            Assessment.patient_id == person.id,
            Assessment.follow_up_id == follow_up_id,
            Assessment.status != "entered_in_error",
        )
    )
    for row in rows:
        records.withdraw(work, KIND, person.id, row.id, frozenset({row.version}), reason)


def _linked(work: Work, person: Person, data: AssessmentWithin, record_id: UUID) -> Answer:
    """Give the stored record if any of its versions says what `data` says, whenever it was."""
    known = journal.versions(work, record_id)
    if any(one.type != KIND.name or one.patient_id != person.id for one in known):
        raise AlreadyExists()
    content = orjson.loads(canonical(data))
    for one in known:
        body = journal.body_at(work, record_id, one.version)
        if {name: body[name] for name in body if name != "occurred_at"} == content:
            return journal.answer_at(work, record_id, known[-1].version)
    raise AlreadyExists("an assessment is corrected at its own address")


def _short(answer: Answer) -> dict[str, Any]:
    stored = orjson.loads(answer.body)
    members = ("id", "instrument", "total_computed", "opened_signals")
    told = {name: stored[name] for name in members}
    return told | {name: stored[name] for name in ("band", "flags") if stored[name]}


# ---- the instruments themselves


def list_instruments(work: Work) -> Answer:
    """Give every questionnaire that the house knows."""
    return join([_described(one).decode() for one in instruments.all_instruments()], None)


def show_instrument(work: Work, instrument_id: str) -> Answer:
    """Give one questionnaire.

    Raises:
        NotFound: there is none of this id.
    """
    try:
        found = instruments.instrument(instrument_id)
    except instruments.UnknownInstrument:
        raise NotFound() from None
    return Answer(_described(found), version=found.version)


@cache
def _described(instrument: Instrument) -> bytes:
    """Write one instrument without any wording that its licence keeps, and without actions.

    What a prescriber is to do about a risk item is not shown here: patients read this too.
    """
    followed = instruments.measures_of(instrument)
    banded = instrument.total or followed[(instrument.band_item or 1) - 1]
    may_ship = instrument.item_text_may_ship
    return orjson.dumps(
        {
            "id": instrument.id,
            "version": instrument.version,
            "title": instrument.title,
            "reporter": instrument.reporter,
            "items_count": len(instrument.items),
            "items": [
                {
                    "index": item.index,
                    "allowed": item.allowed,
                    **({"label": item.label} if may_ship and item.label else {}),
                    **({"loinc": item.loinc} if item.loinc else {}),
                }
                for item in instrument.items
            ],
            "options": [
                {"value": option.value, "label": option.label, "loinc": option.loinc}
                for option in (instrument.answers if may_ship else ())
            ],
            "missing": {"most": instrument.max_missing, "rule": instrument.missing_rule},
            "range": instrument.total
            and {"min": instrument.total.minimum, "max": instrument.total.maximum},
            "direction": banded.direction,
            "band_item": instrument.band_item,
            **thresholds(banded),
            "recall_days": banded.recall_days,
            "measures": [measure.code for measure in followed],
            "loinc": {"panel": instrument.loinc_panel, "total": instrument.loinc_total},
            "licence": instrument.licence,
            "licence_note": instrument.licence_note,
            "item_text_may_ship": may_ship,
            "notes": instrument.notes,
            "source": instrument.source,
            "verified": instrument.verified,
        }
    )
