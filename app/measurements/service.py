"""Asserts and takes back followed numbers, and keeps each patient's summary row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from app.clinical.measure import Measure
from app.core.db import Call, Work
from app.core.scope import of_clinics
from app.measurements.models import Measurement, Summary
from app.patients.service import Person


@dataclass(frozen=True, slots=True)
class Reading:
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


def recall(session: Session, works: Sequence[tuple[Call, Work]]) -> None:
    """Ask once for the summary rows of a batch's patients."""
    wanted = {call.patient_id: work for call, work in works if call.writes and call.patient_id}
    if not wanted:
        return
    clinics = {work.actor.clinic_id for work in wanted.values()}
    found = session.execute(
        select(Summary.clinic_id, *_SUMMARY).where(Summary.patient_id.in_(wanted)),
        execution_options=of_clinics(*clinics),
    )
    known = {(row.clinic_id, row.patient_id): row._asdict() for row in found}
    for call, work in works:
        if call.writes and call.patient_id is not None:
            key = (work.actor.clinic_id, call.patient_id)
            work.memory["summary", call.patient_id] = known.get(key) or _empty(call.patient_id)


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
    source = work.actor.source
    places: dict[tuple[str, date], int] = {}
    rows = []
    for reading in readings:
        slot = (reading.measure, reading.day)
        places[slot] = places.get(slot, -1) + 1
        rows.append(
            {
                "patient_id": person.id,
                "measure": reading.measure,
                "day": reading.day,
                "record_id": record_id,
                "place": places[slot],
                "asserted": sequence,
                "retracted": None,
                "at": reading.at,
                "value": reading.value,
                "source": source,
                "medication_id": reading.medication_id,
                "flags": " ".join(reading.flags) or None,
            }
        )
    work.put_rows(Measurement, rows)
    _summarise(work, person.id, record_id, sequence, rows, seen_on)


def retract(work: Work, record_id: UUID, sequence: int) -> None:
    """Take back all numbers that a record asserted, from this journal sequence on."""
    work.change_where(
        update(Measurement)
        .where(Measurement.record_id == record_id, Measurement.retracted.is_(None))
        .where(Measurement.asserted < sequence)
        .values(retracted=sequence)
    )


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
    for row in rows:
        known = latest.get(row["measure"])
        on = row["day"].isoformat()
        if row["flags"] is None and (known is None or known["on"] <= on):
            latest[row["measure"]] = {
                "value": row["value"],
                "on": on,
                "record_id": str(record_id),
            }
    kept["latest"] = latest
    keep_summary(work, patient_id)


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
) -> Sequence[Any]:
    """Give the rows known at a journal sequence, by measure, day and time; date-only first."""
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
        )
        .where(
            Measurement.patient_id == patient_id,
            Measurement.asserted <= sequence,
            or_(Measurement.retracted.is_(None), Measurement.retracted > sequence),
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


def stale_after(measure: Measure, on: date) -> date:
    """Give the first day on which a value of this day is stale."""
    return on + timedelta(days=measure.stale_after_days[1] + 1)
