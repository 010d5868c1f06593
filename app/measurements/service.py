"""Asserts and takes back followed numbers, keeps each patient's summary row, and knows what
each number means: the house's measures, then the clinic's own.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from sqlalchemy import ScalarSelect, func, or_, select, update

from app.clinical import instruments
from app.clinical import measures as house
from app.clinical import terms as terms_of_the_house
from app.clinical.instruments import Instrument, measures_of
from app.clinical.measure import (
    Band,
    Measure,
    Reliability,
    ResponseRule,
    RiskItem,
    Threshold,
    unregistered,
)
from app.core.db import Call, Work
from app.core.errors import Fault, Invalid
from app.core.questions import Lookup, Question
from app.journal import service as journal
from app.measurements import own_reference
from app.measurements.instruments import (
    instrument_of,
)
from app.measurements.models import Measurement, OwnEntry, RegisteredMeasure, Summary
from app.measurements.schemas import MeasureIn, OwnInstrumentIn
from app.patients.service import Person

MEASURE, INSTRUMENT = "measure", "instrument"
DEVICE_CLOCK_TOLERANCE = timedelta(hours=24)


class Reading(NamedTuple):
    """One number that a record asserts."""

    measure: str
    value: float
    day: date
    at: datetime | None = None
    medication_id: UUID | None = None
    flags: tuple[str, ...] = ()
    """Why it stays out of statistics; empty for a usable value."""


_SUMMARY = (
    Summary.patient_id,
    Summary.sequence,
    Summary.last_seen_on,
    Summary.latest,
    Summary.stale_on,
    Summary.signals_open,
)


def _empty(patient_id: UUID) -> dict[str, Any]:
    return {
        "patient_id": patient_id,
        "sequence": 0,
        "last_seen_on": None,
        "latest": {},
        "stale_on": None,
        "signals_open": 0,
    }


_SUMMARIES = Lookup(Summary, (Summary.clinic_id, *_SUMMARY), Summary.patient_id)


def recall(works: Sequence[tuple[Call, Work]]) -> Iterator[Question]:
    """Ask once for the summary rows of a batch's patients."""
    about = [
        (call.patient_id, work)
        for call, work in works
        if call.writes and call.patient_id is not None
    ]

    def learn(rows: list[list[Any]]) -> None:
        known = {(row[0], row[1]): row[1:] for row in rows}
        for patient_id, work in about:
            row = known.get((str(work.actor.clinic_id), str(patient_id)))
            found = _read(patient_id, row) if row else _empty(patient_id)
            work.memory["summary", patient_id] = found

    if about:
        yield Question(_SUMMARIES, {patient_id for patient_id, _ in about}, learn)


def _read(patient_id: UUID, row: Sequence[Any]) -> dict[str, Any]:
    """Read a summary from JSON values: days and the document are text there."""
    _id, sequence, last_seen_on, latest, stale_on, signals_open = row
    return {
        "patient_id": patient_id,
        "sequence": sequence,
        "last_seen_on": date.fromisoformat(last_seen_on) if last_seen_on else None,
        "latest": orjson.loads(latest),
        "stale_on": date.fromisoformat(stale_on) if stale_on else None,
        "signals_open": signals_open,
    }


def summary(work: Work, patient_id: UUID) -> dict[str, Any]:
    """Give the summary row as a dict that this call may change; `keep_summary` writes it."""

    def ask() -> dict[str, Any]:
        row = work.first(select(*_SUMMARY).where(Summary.patient_id == patient_id))
        return row._asdict() if row is not None else _empty(patient_id)

    return work.remember(("summary", patient_id), ask)


def keep(
    work: Work,
    person: Person,
    record_id: UUID,
    sequence: int,
    readings: Iterable[Reading],
    *,
    first_version: bool,
    seen_on: date | None = None,
) -> None:
    """Assert a record's numbers at a journal sequence; an earlier version's are taken back.

    `seen_on` is the day of a contact; it moves `last_seen_on` of the summary.
    """
    if not first_version:
        retract(work, record_id, sequence)
    common = {
        "patient_id": person.id,
        "record_id": record_id,
        "asserted": sequence,
        "retracted": None,
        "source": work.actor.source,
    }
    places: dict[tuple[str, date], int] = {}
    rows = []
    for measure, value, day, at, medication_id, flags in readings:
        place = places[measure, day] = places.get((measure, day), -1) + 1
        rows.append(
            {
                **common,
                "measure": measure,
                "day": day,
                "place": place,
                "at": at,
                "value": value,
                "medication_id": medication_id,
                "flags": " ".join(flags) or None,
            }
        )
    work.put_rows(Measurement, rows)
    # The summary is everybody's: what is sealed, or of a sealed course, is in the series alone.
    courses: set[Any] = {row["medication_id"] for row in rows} - {None}
    sealed = {one for one in courses if journal.seal_among(work, [one])}
    shown = [row for row in rows if work.sealed_as is None and row["medication_id"] not in sealed]
    _summarise(work, person.id, record_id, sequence, shown, seen_on)


def retract(work: Work, record_id: UUID, sequence: int) -> None:
    """Take back all numbers that a record asserted, from this journal sequence on.

    Where the summary holds one of them, the newest of the other records stands in again.
    """
    known = journal.versions(work, record_id)
    if not known or (patient_id := known[0].patient_id) is None:
        return
    work.change_where(
        update(Measurement)
        .where(
            Measurement.patient_id == patient_id,
            Measurement.record_id == record_id,
            Measurement.retracted.is_(None),
            Measurement.asserted < sequence,
        )
        .values(retracted=sequence)
    )
    gone: set[UUID] = work.remember(("retracted", patient_id), set)
    gone.add(record_id)
    kept = summary(work, patient_id)
    kept["sequence"] = max(kept["sequence"], sequence)
    lost = [code for code, held in kept["latest"].items() if held["record_id"] == str(record_id)]
    latest = {code: held for code, held in kept["latest"].items() if code not in lost}
    rows = work.all(
        select(
            Measurement.measure,
            Measurement.value,
            Measurement.day,
            Measurement.at,
            Measurement.record_id,
        )
        .where(
            Measurement.patient_id == patient_id,
            Measurement.measure.in_(lost),
            Measurement.record_id.not_in(gone),
            journal.is_open(Measurement.record_id),
            Measurement.medication_id.is_(None) | journal.is_open(Measurement.medication_id),
            Measurement.retracted.is_(None),
            Measurement.flags.is_(None),
        )
        .order_by(
            Measurement.day, Measurement.at.nulls_first(), Measurement.asserted, Measurement.place
        )
    )
    for row in rows:
        moment = _moment(row.day, row.at, str(row.record_id))
        latest[row.measure] = {"value": row.value, **moment}
    kept["latest"] = latest
    kept["stale_on"] = _first_stale_day(work, kept["latest"])
    keep_summary(work, patient_id)


def _summarise(
    work: Work,
    patient_id: UUID,
    record_id: UUID,
    sequence: int,
    rows: Sequence[dict[str, Any]],
    seen_on: date | None,
) -> None:
    """Move the summary: newest value of each measure, the last contact, the first stale day."""
    kept = summary(work, patient_id)
    kept["sequence"] = max(kept["sequence"], sequence)
    if seen_on is not None and (kept["last_seen_on"] is None or seen_on > kept["last_seen_on"]):
        kept["last_seen_on"] = seen_on
    latest = dict(kept["latest"])
    record = str(record_id)
    usable = [row for row in rows if row["flags"] is None]
    # The readings of one record mostly share one moment, which is written once.
    for (day, at), several in groupby(usable, key=itemgetter("day", "at")):
        moment = _moment(day, at, record)
        when = _when(moment)
        for row in several:
            known = latest.get(row["measure"])
            if known is None or _when(known) <= when:
                latest[row["measure"]] = {"value": row["value"], **moment}
    kept["latest"] = latest
    kept["stale_on"] = _first_stale_day(work, latest)
    keep_summary(work, patient_id)


def _moment(day: date, at: datetime | None, record: str) -> dict[str, Any]:
    """Give what a latest value is held with: its day, its time if it has one, its record."""
    moment: dict[str, Any] = {"on": day.isoformat(), "record_id": record}
    if at is not None:
        moment["at"] = int(at.timestamp())
    return moment


def _when(held: Mapping[str, Any]) -> tuple[str, int]:
    """Order values of a measure by day and time; date-only ones come first in their day."""
    return held["on"], held.get("at", -1)


def _first_stale_day(work: Work, latest: Mapping[str, Mapping[str, Any]]) -> date | None:
    """Give the first day on which one of the latest values is stale.

    A number that nobody registered has no cadence, so it cannot be late. The clinic's measures
    are asked for only where one of the codes is not the house's.
    """
    days = []
    for code, held in latest.items():
        day = _stale_on(code, held["on"])
        if day is None and (own := registered(work).get(code)) is not None:
            day = stale_after(own, date.fromisoformat(held["on"]))
        if day is not None:
            days.append(day)
    return min(days, default=None)


@lru_cache(maxsize=10_000)
def _stale_on(code: str, on: str) -> date | None:
    """Give the first day on which a value of a house's measure is stale; None for another's."""
    known = house.find(code)
    return stale_after(known, date.fromisoformat(on)) if known else None


def keep_summary(work: Work, patient_id: UUID) -> None:
    """Leave the summary row as it now stands; the last one of a call wins."""
    kept = summary(work, patient_id)
    work.added[:] = [
        (model, row)
        for model, row in work.added
        if not (model is Summary and row["patient_id"] == patient_id)
    ]
    work.put_rows(Summary, [dict(kept)])


def series(
    work: Work,
    patient_id: UUID,
    sequence: int,
    measures: Sequence[str] | None = None,
    *,
    or_known_at: int | None = None,
) -> Sequence[Any]:
    """Give the rows known at a journal sequence, by measure, day and time; date-only first.

    or_known_at: an earlier sequence; what was known then and has been taken back is given too.
    """
    earliest = sequence if or_known_at is None else min(sequence, or_known_at)
    statement = (
        select(
            Measurement.measure,
            Measurement.day,
            Measurement.at,
            Measurement.value,
            Measurement.record_id,
            Measurement.source,
            Measurement.medication_id,
            Measurement.flags,
            Measurement.asserted,
            Measurement.retracted,
        )
        .where(
            Measurement.patient_id == patient_id,
            Measurement.asserted <= sequence,
            or_(Measurement.retracted.is_(None), Measurement.retracted > earliest),
        )
        .order_by(
            Measurement.measure,
            Measurement.day,
            Measurement.at.nulls_first(),
            Measurement.asserted,
            Measurement.place,
        )
    )
    if measures is not None:
        statement = statement.where(Measurement.measure.in_(measures))
    return work.all(statement)


def day_of(work: Work, person: Person, at: datetime | None, on: date | None) -> date:
    """Give the local day of what was measured, said as a moment or as a day.

    Raises:
        Invalid: neither or both are said; before the birth, or beyond the tolerance for a
            device's clock.
    """
    pointer = "/occurred_at" if on is None else "/occurred_on"
    if at is not None and on is not None:
        raise Invalid("either occurred_at or occurred_on", pointer=pointer)
    day = person.day_of(at) if at is not None else on
    if day is None:
        raise Invalid(faults=[Fault(pointer, "required", "occurred_at or occurred_on")])
    latest = work.now + DEVICE_CLOCK_TOLERANCE
    if at > latest if at is not None else day > person.today(latest):
        raise Invalid("not later than now: check the device's clock", pointer=pointer)
    if person.birth_date is not None and day < person.birth_date:
        raise Invalid("the birth date or later", pointer=pointer)
    return day


def stale_after(measure: Measure, on: date) -> date:
    """Give the first day on which a value of this day is stale."""
    return on + timedelta(days=measure.stale_after_days[1] + 1)


# ---- what a number means


class Registry(dict[str, Measure]):
    """Measures by code: the house's and the clinic's. Asking `[code]` always gives one."""

    def __missing__(self, code: str) -> Measure:
        return house.find(code) or unregistered(code, unit="")


class Registered(NamedTuple):
    """What a clinic gave a meaning: its measures by code, and its questionnaires by id.

    measures: those of the questionnaires among them.
    """

    measures: Mapping[str, Measure]
    instruments: Mapping[str, Instrument]


def _registered(work: Work) -> Registered:
    """Read what the clinic registered, asked for once in a transaction."""

    def ask() -> Registered:
        measures: dict[str, Measure] = {}
        own: dict[str, Instrument] = {}
        for row in work.all(select(RegisteredMeasure).order_by(RegisteredMeasure.code)):
            if row.kind == INSTRUMENT:
                own[row.code] = one = _instrument(row)
                measures |= {measure.code: measure for measure in measures_of(one)}
            else:
                data = MeasureIn.model_validate(row.definition)
                measures[row.code] = measure_of(data, row.version)
        return Registered(measures, own)

    return work.remember("registered measures", ask)


def registered(work: Work) -> Mapping[str, Measure]:
    """Give the clinic's own measures by code, those of its own questionnaires among them."""
    return _registered(work).measures


def own_instruments(work: Work) -> Mapping[str, Instrument]:
    """Give the clinic's own questionnaires by id."""
    return _registered(work).instruments


def instrument(work: Work, instrument_id: str) -> Instrument | None:
    """Find a questionnaire: the house's, for which nothing is asked, else the clinic's own."""
    try:
        return instruments.instrument(instrument_id)
    except instruments.UnknownInstrument:
        return own_instruments(work).get(instrument_id)


def registrations(clinic_id: Any) -> ScalarSelect[int]:
    """Ask, inside another question, how often a clinic has defined something of its own."""

    def versions(model: type[RegisteredMeasure] | type[OwnEntry]) -> Any:
        total = func.coalesce(func.sum(model.version), 0)
        return select(total).where(model.clinic_id == clinic_id).scalar_subquery()

    return select(versions(RegisteredMeasure) + versions(OwnEntry)).scalar_subquery()


def registry(work: Work, codes: Iterable[str] | None = None) -> Registry:
    """Give all measures that this clinic knows: what it registered, and its side-effect terms.

    codes: those that are in use; the clinic's terms are asked for only where one of them is not
    the house's.
    """
    used = codes is None or any(
        code.startswith(house.SIDE_EFFECTS)
        and not terms_of_the_house.is_known(code.removeprefix(house.SIDE_EFFECTS))
        for code in codes
    )
    terms = own_reference.vocabulary(work).values() if used else ()
    severities = {one.code: one for one in (house.side_effect(t.id, t.label) for t in terms)}
    return Registry({**house.built_in(), **severities, **registered(work)})


def measure(work: Work, code: str) -> Measure:
    """Give the measure of a code; one that nobody registered is a number without direction."""
    return house.find(code) or registered(work).get(code) or unregistered(code, unit="")


def measure_of(data: MeasureIn, version: int) -> Measure:
    """Read a clinic's definition.

    Raises:
        ValueError: see `Measure`.
    """
    target, response = data.target, data.response
    remission, reliability = data.remission, data.reliability
    return Measure(
        data.code,
        data.unit,
        data.min,
        data.max,
        data.direction,
        data.label,
        domain=data.domain,
        symptom_measure=response is not None,
        step=data.step,
        target=(target.min, target.max) if target else None,
        bands=tuple(Band(band.min, band.max, band.label) for band in data.bands),
        response=ResponseRule(response.kind, response.value, response.source) if response else None,
        remission=Threshold(remission.op, remission.value, remission.source) if remission else None,
        reliability=Reliability(reliability.sd, reliability.r, reliability.source)
        if reliability
        else None,
        recall_days=data.recall_days,
        cadence_days=(data.cadence_days, data.cadence_days),
        risk_items=tuple(RiskItem(risk.item, risk.at_least, "") for risk in data.risk_items),
        daily_aggregate=data.daily_aggregate,
        version=version,
    )


def _instrument(row: RegisteredMeasure) -> Instrument:
    data = OwnInstrumentIn.model_validate(row.definition["definition"])
    return instrument_of(row.code, data, row.definition["licence"], row.version)
