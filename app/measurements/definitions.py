"""What a clinic defines: measures and questionnaires of its own, and the list of all measures."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.clinical import measures as house
from app.clinical.instruments import Instrument, measures_of
from app.clinical.measure import Measure
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Invalid, NotFound
from app.core.pagination import join
from app.journal import service as journal
from app.measurements.instruments import (
    faults_of,
    faults_of_bands,
    instrument_of,
    same_numbers,
)
from app.measurements.models import RegisteredMeasure
from app.measurements.schemas import MeasureIn, OwnInstrumentIn, told
from app.measurements.service import (
    INSTRUMENT,
    MEASURE,
    measure_of,
    own_instruments,
    registered,
)

TYPE = "measure"


def register(work: Work, data: MeasureIn) -> Answer:
    """Give a number of the clinic's own a meaning, also where it was recorded before.

    Raises:
        AlreadyExists: the code is the house's, or taken by another definition.
        Invalid: the definition contradicts itself.
    """
    if house.find(data.code) is not None:
        raise AlreadyExists("a measure of the house", pointer="/code")
    known_here = registered(work).get(data.code)
    if data.code in own_instruments(work) or (known_here and known_here.instrument):
        raise AlreadyExists("of a questionnaire of the clinic", pointer="/code")
    record_id = _record_id(work, data.code)
    if (known := journal.sent_before(work, TYPE, None, data, record_id)) is not None:
        return known
    answer = _define(work, data, 1)
    work.put_rows(
        RegisteredMeasure,
        [{"code": data.code, "kind": MEASURE, "version": 1, "definition": _definition(data)}],
    )
    return answer


def redefine(
    work: Work, code: str, patch: Mapping[str, Any], named: frozenset[int] | None
) -> Answer:
    """Change what a measure of the clinic means; the versions before stay in the journal.

    Raises:
        NotFound: the clinic has registered no such code.
        PreconditionRequired, StaleVersion: no version named, or an old one.
        Invalid: the result contradicts itself, or has another code.
    """
    row = _row(work, code)
    journal.require_version(row.version, named)
    data = journal.patched(work, MeasureIn, _record_id(work, code), row.version, patch)
    if data.code != code:
        raise Invalid("a code is never given to another measure", pointer="/code")
    answer = _define(work, data, row.version + 1)
    work.change(row, version=row.version + 1, definition=_definition(data))
    return answer


def _define(work: Work, data: MeasureIn, version: int) -> Answer:
    """Check a definition and keep it in the journal."""
    _check_range(data)
    return journal.record(
        work,
        TYPE,
        "created" if version == 1 else "corrected",
        record_id=_record_id(work, data.code),
        patient_id=None,
        version=version,
        data=data,
        derived={**told(measure_of(data, version)), "source": "clinic"},
        status="active" if version == 1 else "corrected",
    )


def _check_range(data: MeasureIn) -> None:
    if data.min is not None and data.max is not None and data.min >= data.max:
        raise Invalid("above the minimum", pointer="/max")
    if (data.target is None) == (data.direction == "target_range"):
        raise Invalid("with the direction target_range, and only then", pointer="/target")
    if data.target is not None and data.target.min > data.target.max:
        raise Invalid("not below the target's minimum", pointer="/target/max")
    for place, words in faults_of_bands(data.bands, data.min, data.max):
        raise Invalid(words, pointer=f"/bands/{place}")


def _definition(data: MeasureIn) -> dict[str, Any]:
    return data.model_dump(mode="json", exclude_unset=True)


def _record_id(work: Work, code: str) -> UUID:
    return uuid5(work.actor.clinic_id, f"measure:{code}")


def _row(work: Work, code: str, kind: str = MEASURE) -> RegisteredMeasure:
    row = work.first(
        select(RegisteredMeasure).where(
            RegisteredMeasure.code == code, RegisteredMeasure.kind == kind
        )
    )
    if not isinstance(row, RegisteredMeasure):
        raise NotFound()
    return row


def list_measures(work: Work) -> Answer:
    """Give the house's measures in the order of the domains, then the clinic's by code."""
    own = work.all(
        select(RegisteredMeasure.code, RegisteredMeasure.version)
        .where(RegisteredMeasure.kind == MEASURE)
        .order_by(RegisteredMeasure.code)
    )
    texts = [_of(known, "house").decode() for known in house.built_in().values()]
    texts += [journal.text_at(work, _record_id(work, row.code), row.version) for row in own]
    for one in own_instruments(work).values():
        texts += [_of(known, "clinic").decode() for known in measures_of(one)]
    return join(texts, None)


def show_measure(work: Work, code: str) -> Answer:
    """Give one measure.

    Raises:
        NotFound: neither the house nor the clinic knows this code.
    """
    known = house.find(code)
    if known is not None:
        return Answer(_of(known, "house"), version=known.version)
    own = registered(work).get(code)
    if own is not None and own.instrument is not None:
        return Answer(_of(own, "clinic"), version=own.version)
    _row(work, code)
    return journal.show(work, TYPE, None, _record_id(work, code))


def _of(known: Measure, source: str) -> bytes:
    return orjson.dumps({**told(known), "source": source})


# ---- questionnaires of the clinic's own


def register_instrument(
    work: Work, instrument_id: str, data: OwnInstrumentIn, licence: str
) -> Instrument:
    """Give a questionnaire of the clinic's own a meaning, also where its numbers are there.

    Raises:
        AlreadyExists: one of its codes is a measure already.
        Invalid: the definition contradicts itself.
    """
    if faults := list(faults_of(instrument_id, data)):
        raise Invalid(faults=faults)
    found = instrument_of(instrument_id, data, licence, 1)
    known = registered(work).keys()
    taken = [one.code for one in measures_of(found) if one.code in known or house.find(one.code)]
    if taken or instrument_id in known or instrument_id in own_instruments(work):
        raise AlreadyExists("an id whose codes are no measures yet", pointer="/instrument")
    kept = {"licence": licence, "definition": _said(data)}
    row = {"code": instrument_id, "kind": INSTRUMENT, "version": 1, "definition": kept}
    work.put_rows(RegisteredMeasure, [row])
    return found


def redefine_instrument(
    work: Work, instrument_id: str, data: OwnInstrumentIn, licence: str
) -> Instrument:
    """Change what the numbers of a clinic's questionnaire mean; never how they are made.

    Raises:
        NotFound: the clinic has no such questionnaire.
        Invalid: the definition contradicts itself, or gives other numbers for the same answers.
    """
    row = _row(work, instrument_id, INSTRUMENT)
    if faults := list(faults_of(instrument_id, data)):
        raise Invalid(faults=faults)
    before = OwnInstrumentIn.model_validate(row.definition["definition"])
    if not same_numbers(before, data):
        words = "the items and the direction as they are: another scoring is another instrument"
        raise Invalid(words, pointer="/definition/items")
    kept = {"licence": licence, "definition": _said(data)}
    work.change(row, version=row.version + 1, definition=kept)
    return instrument_of(instrument_id, data, licence, row.version)


def _said(data: OwnInstrumentIn) -> dict[str, Any]:
    return data.model_dump(mode="json", exclude_unset=True)
