"""Filled-in instruments: scored, followed, and their risk items shown whatever the total does."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.assessments.models import Assessment, InstrumentText
from app.assessments.schemas import (
    UNKNOWN,
    AssessmentIn,
    AssessmentWithin,
    InstrumentTextIn,
)
from app.clinical import instruments, scoring
from app.clinical.instruments import Instrument, Item
from app.clinical.measure import RiskDue
from app.clinical.safety import RiskFinding, asks_about_risk, risk_findings
from app.clinical.scoring import Score
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid, NotFound
from app.core.pagination import join
from app.core.wire import canonical
from app.journal import service as journal
from app.measurements import definitions
from app.measurements import service as measurements
from app.measurements.schemas import thresholds
from app.measurements.service import Reading
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person
from app.signals import notice
from app.signals import service as signals
from app.signals.schemas import Rule

TEXT = "instrument_text"
IMPLAUSIBLE = ("DQ_IMPLAUSIBLE",)


def record(work: Work, patient_id: UUID, data: AssessmentIn) -> Answer:
    """Store one filled-in instrument, score it, and open a signal for a risk answer."""
    return records.post(work, KIND, patient_id, data)


def keep(
    work: Work, person: Person, data: AssessmentIn, place: Place, *, opens_signals: bool = True
) -> Answer:
    """Store one version of an assessment.

    opens_signals: False for an import of old facts, which opens one signal for all of them.

    Raises:
        Invalid: no time or two; before the birth, or beyond the tolerance for a device's clock;
            a patient who sends what a clinician judges; an instrument that neither the house nor
            the clinic has, or answers that one of the clinic's own does not have.
    """
    occurred_on = measurements.day_of(work, person, data.occurred_at, data.occurred_on)
    row = place.row
    follow_up_id = row.follow_up_id if isinstance(row, Assessment) else None
    instrument = _instrument(work, data)
    return _keep(
        work,
        person,
        instrument,
        data,
        place,
        occurred_on,
        follow_up_id,
        opens_signals=opens_signals,
    )


def _instrument(work: Work, data: AssessmentWithin, at: str = "") -> Instrument:
    """Give the questionnaire that was filled in; for one of the house nothing is asked.

    Raises:
        Invalid: nobody knows it, or one of the clinic's own has no such items or rater.
    """
    try:
        return instruments.instrument(data.instrument)
    except instruments.UnknownInstrument:
        own = measurements.own_instruments(work).get(data.instrument)
    faults = [replace(one, pointer=at + one.pointer) for one in data.faults(own)]
    if faults or own is None:
        raise Invalid(faults=faults)
    return own


def _keep(
    work: Work,
    person: Person,
    instrument: Instrument,
    data: AssessmentIn,
    place: Place,
    occurred_on: date,
    follow_up_id: UUID | None,
    *,
    at: str = "",
    opens_signals: bool = True,
) -> Answer:
    rater = _rater(work, instrument, data.rater, f"{at}/instrument")
    score = scoring.score(
        instrument,
        {int(item): value for item, value in (data.answers or {}).items()},
        data.total,
    )
    opened = _opened(work, person, place.record_id, instrument, score) if opens_signals else ()
    derived = {
        **_scored(score),
        "rater": rater,
        "occurred_on": occurred_on,
        "opened_signals": list(opened),
    }
    if follow_up_id is not None:
        derived["follow_up_id"] = follow_up_id
    elif work.actor.source == "patient" and asks_about_risk(instrument, score.answers):
        derived["safety_notice"] = notice.told(work)
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


def _rater(work: Work, instrument: Instrument, said: str | None, pointer: str) -> str | None:
    """Say who judged; where several may and nobody said, a patient's own is the patient's.

    Raises:
        Invalid: a patient or proxy sends what a clinician judges.
    """
    actor, raters = work.actor, instrument.raters
    if actor.source != "patient":
        return said or (raters[0] if len(raters) == 1 else None)
    if said == "clinician" or raters == ("clinician",):
        raise Invalid("what a patient fills in", pointer=pointer)
    return said or ("self" if actor.role == "patient" else None)


def _scored(score: Score) -> dict[str, Any]:
    return {
        "answers": {str(item): value for item, value in score.answers.items()},
        "total": score.total_trended,
        "total_received": score.total_received,
        "total_computed": score.total_computed,
        "parts": score.parts,
        "flags": score.flags,
        "band": score.band and {"label": score.band.label, "from": score.band.minimum},
    }


def _opened(
    work: Work, person: Person, record_id: UUID, instrument: Instrument, score: Score
) -> Iterator[dict[str, Any]]:
    """Open one signal a topic of risk, named by its most urgent answer; a correction closes none.

    The evidence is that answer, and, where there are more, all of them under `findings`.
    """
    found = risk_findings(instrument, score)
    for topic in dict.fromkeys(finding.topic for finding in found):
        facts = [finding for finding in found if finding.topic == topic]
        first = facts[0]
        evidence = _evidence(first, record_id)
        if len(facts) > 1:
            evidence["findings"] = [_evidence(finding, record_id) for finding in facts]
        opened = signals.open_once(
            work,
            person,
            f"{record_id}:{first.measure}",
            first.code,
            evidence,
            rule=Rule(id=f"{first.measure}>={first.at_least}", version=first.version),
            due_at=_due_at(work, person, first.due),
        )
        if opened is not None:
            yield opened


def _evidence(finding: RiskFinding, record_id: UUID) -> dict[str, Any]:
    return {
        "instrument": finding.instrument,
        "item": finding.item,
        "value": finding.value,
        "record_id": str(record_id),
    }


def _due_at(work: Work, person: Person, due: RiskDue | None) -> datetime | None:
    """Give the moment until which somebody looks: now, or the end of the patient's day."""
    if due is None:
        return None
    if due == "immediate":
        return work.now
    return person.begin_of(person.today(work.now) + timedelta(days=1))


def _readings(
    instrument: Instrument, score: Score, day: date, at: datetime | None
) -> Iterator[Reading]:
    """Give the numbers to follow. What is out of range is among them, flagged: shown, not used.

    A total that came beside answers is never followed: the computed one is, or none.
    """
    total = f"{instrument.id}.total"
    if score.total_trended is not None:
        yield Reading(total, score.total_trended, day, at)
    elif score.total_received is not None and not score.answers and instrument.total:
        yield Reading(total, score.total_received, day, at, flags=IMPLAUSIBLE)
    for measure in instrument.component_measures:
        if (part := score.parts.get(measure.code.rpartition(".")[2])) is not None:
            yield Reading(measure.code, part, day, at)
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
    at: str,
) -> dict[str, Any]:
    """Store an assessment that a follow-up brings, or link the one that is there.

    Gives what the follow-up's answer says of it, and `opened_signals` beside it. Content sent
    before, at any version and by anyone who may see this patient, is linked and not doubled;
    one that was born in this follow-up moves with its time. at: its place in the body.

    Raises:
        AlreadyExists: the id is taken by other content, another patient or another type.
        Invalid: see `keep`.
    """
    record_id = data.id or fallback_id
    full = AssessmentIn.model_validate(
        {**data.model_dump(exclude_unset=True), "occurred_at": occurred_at}
    )
    instrument = _instrument(work, data, at)
    if not journal.versions(work, record_id):
        place = Place(record_id)
        answer = _keep(work, person, instrument, full, place, occurred_on, follow_up_id, at=at)
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
        return _short(_keep(work, person, instrument, moved, place, occurred_on, follow_up_id))
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
    told = {name: stored.get(name) for name in members}
    return told | {name: stored[name] for name in ("band", "flags") if stored.get(name)}


# ---- the instruments themselves


def list_instruments(work: Work) -> Answer:
    """Give the house's questionnaires, then the clinic's, with the wording that the clinic has."""
    rows = work.all(select(InstrumentText.instrument, InstrumentText.version))
    texts = {
        row.instrument: journal.text_at(work, _text_id(work, row.instrument), row.version)
        for row in rows
    }
    known = (*instruments.all_instruments(), *measurements.own_instruments(work).values())
    return join([_told(one, texts.get(one.id)) for one in known], None)


def show_instrument(work: Work, instrument_id: str) -> Answer:
    """Give one questionnaire; its version is that of the clinic's wording where there is one.

    Raises:
        NotFound: there is none of this id.
    """
    found = measurements.instrument(work, instrument_id)
    if found is None:
        raise NotFound()
    row = _text_row(work, instrument_id)
    if row is None:
        return Answer(_told(found, None).encode(), version=found.version)
    text = journal.text_at(work, _text_id(work, instrument_id), row.version)
    return Answer(_told(found, text).encode(), version=row.version)


def complete(work: Work, data: InstrumentTextIn) -> Answer:
    """Keep a clinic's own wording for an instrument of the house, or an instrument of its own.

    Raises:
        AlreadyExists: there is other wording, which is changed by a patch; an instrument of the
            house, or measures, have the codes of the definition.
        Invalid: neither the house knows it nor is it defined; the definition contradicts itself.
    """
    record_id = _text_id(work, data.instrument)
    if (known := journal.sent_before(work, TEXT, None, data, record_id)) is not None:
        return known
    of_house = _is_of_house(data.instrument)
    if data.definition is not None:
        if of_house:
            raise AlreadyExists("an instrument of the house", pointer="/instrument")
        definitions.register_instrument(work, data.instrument, data.definition, data.licence)
    elif not of_house:
        words = f"{UNKNOWN}, or a definition beside it"
        raise Invalid(faults=[Fault("/instrument", "unknown-instrument", words)])
    work.put_rows(InstrumentText, [{"instrument": data.instrument, "version": 1}])
    return _keep_text(work, data, 1)


def reword(
    work: Work, instrument_id: str, patch: Mapping[str, Any], named: frozenset[int] | None
) -> Answer:
    """Change a clinic's own wording or instrument; the versions before stay in the journal.

    Raises:
        NotFound: the clinic has no wording for this instrument.
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: the result is not valid, is for another instrument, or gives other numbers for
            the answers of before.
    """
    row = _text_row(work, instrument_id)
    if row is None:
        raise NotFound()
    journal.require_version(row.version, named)
    record_id = _text_id(work, instrument_id)
    data = journal.patched(work, InstrumentTextIn, record_id, row.version, patch)
    if data.instrument != instrument_id:
        raise Invalid("the instrument of the path", pointer="/instrument")
    if (data.definition is None) != _is_of_house(instrument_id):
        raise Invalid("of an instrument of the clinic's own, and only there", pointer="/definition")
    if data.definition is not None:
        definitions.redefine_instrument(work, instrument_id, data.definition, data.licence)
    answer = _keep_text(work, data, row.version + 1)
    work.change(row, version=row.version + 1)
    return answer


def _keep_text(work: Work, data: InstrumentTextIn, version: int) -> Answer:
    return journal.record(
        work,
        TEXT,
        "created" if version == 1 else "corrected",
        record_id=_text_id(work, data.instrument),
        patient_id=None,
        version=version,
        data=data,
        status="active" if version == 1 else "corrected",
    )


def _text_id(work: Work, instrument_id: str) -> UUID:
    return uuid5(work.actor.clinic_id, f"{TEXT}:{instrument_id}")


def _text_row(work: Work, instrument_id: str) -> InstrumentText | None:
    found: InstrumentText | None = work.first(
        select(InstrumentText).where(InstrumentText.instrument == instrument_id)
    )
    return found


def _is_of_house(instrument_id: str) -> bool:
    return any(one.id == instrument_id for one in instruments.all_instruments())


def _told(instrument: Instrument, clinic_text: str | None) -> str:
    of_house = _is_of_house(instrument.id)
    described = _of_house(instrument.id) if of_house else _described(instrument, "clinic")
    return f'{described[:-1]},"clinic_text":{clinic_text or "null"}}}'


@cache
def _of_house(instrument_id: str) -> str:
    return _described(instruments.instrument(instrument_id), "house")


def _described(instrument: Instrument, origin: str) -> str:
    """Write one instrument without any wording that its licence keeps, and without actions.

    What a prescriber is to do about a risk item is not shown here: patients read this too.
    """
    followed = instruments.measures_of(instrument)
    place = "total" if instrument.band_item is None else instrument.band_item
    banded = next(one for one in followed if one.code == f"{instrument.id}.{place}")
    described = {
        "id": instrument.id,
        "version": instrument.version,
        "origin": origin,
        "title": instrument.title,
        "raters": instrument.raters,
        "pole": instrument.pole,
        "method": instrument.method,
        "items_count": len(instrument.items),
        "items": [_item(item) for item in instrument.items],
        "options": [
            {"value": option.value, "label": option.label, "loinc": option.loinc}
            for option in (instrument.answers if instrument.item_text_may_ship else ())
        ],
        "reverse_items": sorted(instrument.reverse_items),
        "missing": {
            "most": instrument.missing.most,
            "rule": instrument.missing.rule,
            "status": instrument.missing.status,
        },
        "range": instrument.total
        and {"min": instrument.total.minimum, "max": instrument.total.maximum},
        "direction": banded.direction,
        "band_item": instrument.band_item,
        **thresholds(banded),
        "risk_items": [
            {"item": risk.index, "at_least": risk.at_least, "topic": risk.topic, "due": risk.due}
            for risk in instrument.risk_items
        ],
        "alternatives": instrument.alternatives,
        "recall_days": banded.recall_days,
        "measures": [measure.code for measure in followed],
        "loinc": {"panel": instrument.loinc_panel, "total": instrument.loinc_total},
        "licence": instrument.licence,
        "licence_note": instrument.licence_note,
        "item_text_may_ship": instrument.item_text_may_ship,
        "notes": instrument.notes,
        "source": instrument.source,
        "verified": instrument.verified,
    }
    return orjson.dumps(described).decode()


def _item(item: Item) -> dict[str, Any]:
    told = {
        "index": item.index,
        "min": min(item.allowed),
        "max": max(item.allowed),
        "allowed": None if isinstance(item.allowed, range) else item.allowed,
        "label": item.label,
        "loinc": item.loinc,
        "name": item.name,
        "unit": item.unit,
    }
    return {name: value for name, value in told.items() if value is not None}
