"""Synthetic slices of the journal, small enough to read, for the pure report."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

from app.clinical import measures as house
from app.clinical.doses import DoseEvent
from app.clinical.measure import Measure
from app.measurements.service import Registry
from app.medications.reading import Course
from app.trends.params import PARTS, Params
from app.trends.readings import Reading
from app.trends.report import NOT_REVISED, Slice, report
from app.trends.risk import Signal

Json = dict[str, Any]

PATIENT = UUID("019a5b10-0000-7000-8000-000000000001")
SERTRALINE = UUID("019a5b10-0000-7000-8000-000000000101")
START = date(2026, 2, 2)
AS_OF = date(2026, 6, 12)
EXAMPLE = {0: 19, 14: 18, 28: 16, 36: 17, 78: 15, 92: 12, 120: 13, 127: 11}
"""The PHQ-9 of the specification's example: day after the start -> score."""


def record_id(name: str) -> UUID:
    return uuid5(PATIENT, name)


def reading(
    measure: str,
    day: date,
    value: float,
    at: datetime | None = None,
    *,
    record: str | None = None,
    source: str = "clinician",
    flags: str | None = None,
    medication_id: UUID | None = None,
) -> Reading:
    """Give one number; its record is named by measure and day unless said otherwise."""
    name = record or f"{measure} {day} {at} {value}"
    return Reading(measure, day, at, value, record_id(name), source, medication_id, flags)


def readings(measure: str, values: Mapping[int, float], start: date = START) -> list[Reading]:
    """Give date-only numbers by day after a start."""
    return [reading(measure, start + timedelta(day), value) for day, value in values.items()]


def daily(measure: str, values: Sequence[float], start: date = START) -> list[Reading]:
    return readings(measure, dict(enumerate(values)), start)


def event(day: date | None, kind: str = "change", mg: int | None = None, **more: Any) -> DoseEvent:
    dose: Json = {"amount": Decimal(mg), "unit": "mg", "times_per_day": 1} if mg else {}
    name = f"{kind} {day} {mg} {more}"
    facts: Json = {"seq": 1, "kind": kind, **dose, **more}
    return DoseEvent(id=str(record_id(name)), medication_id=str(SERTRALINE), day=day, **facts)


def course(
    *events: DoseEvent, name: str = "sertraline", kind: str = "drug", id_: UUID = SERTRALINE
) -> Course:
    return Course(id_, name, kind, name, None, None, events)


TREATED = course(event(START, "start", 50), event(START + timedelta(28), "change", 100))


def slice_(
    rows: Sequence[Reading] = (),
    courses: Sequence[Course] = (),
    *,
    signals: Sequence[Signal] = (),
    own: Mapping[str, Measure] | None = None,
    **more: Any,
) -> Slice:
    facts: Json = {
        "patient": {"id": str(PATIENT), "name": "A", "birth_year": 1988, "synthetic": True},
        "zone": "Europe/Berlin",
        "patient_version": 42,
        "known_at": datetime(2026, 6, 10, 6, 14, 3, tzinfo=UTC),
        "readings": rows,
        "courses": courses,
        "contexts": (),
        "visits": (),
        "revised": NOT_REVISED,
        "offsets": {},
        "interactions": (),
        "signals": signals,
        "received": {},
        "taken": {},
        "registry": Registry({**house.built_in(), **(own or {})}),
        "followed": {},
        "versions": {"engine": "1", "registry": "1", "reference": "1"},
        "safety_notice": "Call your local emergency number.",
    }
    return Slice(**(facts | more))


def params(as_of: date = AS_OF, **more: Any) -> Params:
    facts: Json = {
        "as_of": as_of,
        "from_day": as_of - timedelta(182),
        "to_day": as_of,
        "tz": "Europe/Berlin",
        "tz_assumed": False,
        "parts": PARTS,
    }
    return Params(**(facts | more))


def read(
    rows: Sequence[Reading] = (),
    courses: Sequence[Course] = (),
    as_of: date = AS_OF,
    **more: Any,
) -> Json:
    """Compute a report of these readings; members of the slice and parameters by name."""
    of_slice = {
        "signals",
        "own",
        "zone",
        "received",
        "patient_version",
        "known_at",
        "contexts",
        "visits",
        "interactions",
        "taken",
        "revised",
        "offsets",
        "followed",
    }
    known = slice_(rows, courses, **{name: more.pop(name) for name in of_slice & more.keys()})
    return report(known, params(as_of, **more))


def of(body: Json, measure: str) -> Json:
    """Give one measure's block."""
    found: Json = next(one for one in body["measures"] if one["measure"] == measure)
    return found


def phq9(values: Mapping[int, float], **more: Any) -> Json:
    """Give the PHQ-9 block of scores by day after the start."""
    return of(read(readings("phq-9.total", values), **more), "phq-9.total")
