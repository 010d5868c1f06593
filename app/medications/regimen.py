"""The whole list of a patient, derived: what is ordered now, since when, and how it got there."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any
from uuid import UUID

import orjson

from app.clinical import dose_timing, doses, switches, units
from app.clinical import medications as reference
from app.clinical.dose_timing import Clock
from app.clinical.doses import DoseEpoch, DoseLine
from app.clinical.medications import Equivalent, Substance
from app.clinical.switches import Link, Switchable
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import InvalidParameter
from app.journal import service as journal
from app.medications import own, taken
from app.medications.reading import Course, courses, is_running
from app.medications.taken import Evidence, dose
from app.patients import service as patients

DAYS_A_WEEK = 7
_FOUR_PLACES = Decimal("0.0001")
_ONE_PLACE = Decimal("0.1")
_SAID = (
    "dose",
    "dose_known",
    "rate",
    "parts",
    "times_per_day",
    "interval_days",
    "percent_of_previous",
    "max_per_day",
    "reason",
)
"""Members of a dose event that tell the order as it was given."""
_SETS_A_DOSE = frozenset({"start", "change", "restart", "prn_on"})


def show(
    work: Work, patient_id: UUID, as_of: date | None = None, known_at: datetime | None = None
) -> Answer:
    """Give every course with its dose epochs as they stood on a day, and as known at a moment.

    Raises:
        NotFound: no such patient for this caller.
        InvalidParameter: a day or a moment that has not come.
    """
    person = patients.get(work, patient_id)
    today = person.today(work.now)
    if as_of is not None and as_of > today:
        raise InvalidParameter("not later than today", pointer="/query/as_of")
    if known_at is not None and known_at > work.now:
        raise InvalidParameter("not later than now", pointer="/query/known_at")
    sequence = journal.patient_sequence(work, patient_id, known_at)
    on = as_of or today
    version, written_on = reference.version()
    known = courses(work, patient_id, sequence)
    of_taking = taken.evidence(work, patient_id, on, sequence) if known else {}
    read = [_Read(course, own.by_id(work, course.reference_id), on) for course in known]
    body = {
        "patient": patients.banner(person),
        "as_of": on,
        "known_at": known_at,
        "patient_version": sequence,
        "reference": {"version": version, "date": written_on},
        "medications": [_told(one, of_taking.get(str(one.course.id), Evidence())) for one in read],
        "switches": [
            _link(link) for link in switches.links([one.switchable for one in read], as_of=on)
        ],
    }
    return Answer(orjson.dumps(body, default=str))


class _Read:
    """One course with its dose line up to a day, and what the reference says of its medicine."""

    def __init__(self, course: Course, substance: Substance | None, on: date) -> None:
        self.course, self.substance, self.on = course, substance, on
        unit = reference.daily_unit(substance)
        self.line: DoseLine = doses.dose_line(course.events, as_of=on, unit=unit)
        half_life = substance.half_life_hours if substance else None
        self.steady = dose_timing.ss_days(max(half_life) if half_life else None)
        self.onset = dose_timing.onset_days(
            substance.onset_weeks if substance else None,
            {substance.reference_id, *substance.classes} if substance else (),
        )

    @property
    def switchable(self) -> Switchable:
        course, substance = self.course, self.substance
        return Switchable(
            id=str(course.id),
            substance=substance.reference_id if substance else course.name.casefold(),
            groups=substance.classes if substance else frozenset(),
            epochs=self.line.epochs,
            events=course.events,
        )


def _told(one: _Read, of_taking: Evidence) -> dict[str, Any]:
    course, line, substance, on = one.course, one.line, one.substance, one.on
    now = line.now
    lowest = reference.least_effective(substance)
    clock = dose_timing.dose_clock(line.epochs, as_of=on, minimum_effective=lowest)
    # A response on the first of all days: no raise sets this clock back.
    run = dose_timing.dose_clock(
        line.epochs, as_of=on, minimum_effective=lowest, response_on=date.min
    )
    untold = not course.events
    running = now is not None and now.running
    waiting = not running and any(e.unconfirmed for e in line.events) and is_running(course, on)
    return {
        "medication_id": course.id,
        "name": course.name,
        "display": substance.tall_man if substance else course.name,
        "reference_id": course.reference_id,
        "kind": course.kind,
        **{name: course.said.get(name) for name in ("form", "route", "indication", "prescriber")},
        "running": None if untold else running or waiting,
        "ordered": _ordered(one),
        "daily_dose": _daily(now) if now is not None else None,
        "phase": _phase(one),
        "since": clock.since,
        "days": clock.days,
        "weeks_at_or_above_minimum": _weeks(clock),
        "run": {
            "since": run.since,
            "days": run.days,
            "weeks_at_or_above_minimum": _weeks(run),
        },
        "minimum_effective": _minimum(substance),
        "epochs": [_epoch(epoch, one) for epoch in line.epochs],
        "planned": _planned(one),
        "unconfirmed": [
            {"dose_event_id": event.id, "on": event.day, "codes": event.unconfirmed}
            for event in line.events
            if event.unconfirmed
        ],
        "flagged": _flagged(course.events_said),
        "notes": [
            {"code": note.code, "on": note.day, "records": note.records} for note in line.notes
        ],
        "equivalents": [
            _equivalent(equivalent, now)
            for equivalent in (substance.equivalents if substance else ())
        ],
        **taken.told(of_taking, line.epochs, on),
        "reasons": [
            *(["NO_DOSE_EVENT"] if untold else clock.codes),
            *one.steady.codes,
            *one.onset.codes,
            *(["DOSE_UNCONFIRMED"] if waiting else []),
        ],
    }


def _weeks(clock: Clock) -> int | None:
    return None if clock.adequate_days is None else clock.adequate_days // DAYS_A_WEEK


# ---- the order and its epochs


def _ordered(one: _Read) -> dict[str, Any] | None:
    """Give the order that holds as it was given: by the last event that said a dose, or none.

    Before a stop that is all we know, something was ordered, and nobody told us what.
    """
    now = one.line.now
    if now is None or not now.running:
        return None
    done = [event for event in one.line.events if event.counts and _by(event.day, one.on)]
    if not done:
        return None
    last = next(
        (event for event in reversed(done) if event.kind in _SETS_A_DOSE or event.unit), done[-1]
    )
    said = one.course.events_said[last.id]
    return {
        "dose_event_id": last.id,
        "kind": last.kind,
        "since": now.from_day,
        **{name: said[name] for name in _SAID if said.get(name) is not None},
    }


def _by(day: date | None, on: date) -> bool:
    return day is None or day <= on


def _epoch(epoch: DoseEpoch, one: _Read) -> dict[str, Any]:
    spans = dose_timing.phases(
        epoch, as_of=one.on, ss_days=one.steady.days, onset_early=one.onset.early
    )
    return {
        "from": epoch.from_day,
        "to": epoch.to_day,
        "days": epoch.days(one.on),
        "daily_dose": _daily(epoch),
        "known": epoch.known,
        "prn": epoch.prn,
        "hold": epoch.hold,
        "per_use": _text(epoch.per_use),
        "max_daily": _text(epoch.max_daily),
        "averaged": epoch.averaged,
        "percent_of_previous": _text(epoch.percent),
        "direction": epoch.direction,
        "phases": [{"phase": s.phase, "from": s.from_day, "to": s.to_day} for s in spans],
        "records": epoch.records,
        "reasons": epoch.codes,
    }


def _planned(one: _Read) -> list[dict[str, Any]]:
    """Write each step as it was agreed, beside the event that carried it out, if one did."""
    said = one.course.events_said
    return [
        {
            "dose_event_id": step.event.id,
            "on": step.event.day,
            "kind": step.event.kind,
            "daily_dose": dose(step.tdd, step.unit),
            **{name: said[step.event.id].get(name) for name in ("percent_of_previous", "reason")},
            "overdue": step.overdue,
            "done": None
            if step.done_by is None
            else {"dose_event_id": step.done_by, "on": said[step.done_by]["effective_on"]},
        }
        for step in one.line.planned
    ]


def _flagged(said: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give the doses outside the usual that a prescriber confirmed: flagged ever after."""
    return [
        {
            "dose_event_id": event_id,
            "codes": one["flags"],
            "reason": one["confirmation"]["reason"],
            "by": one["author"],
        }
        for event_id, one in said.items()
        if one.get("flags")
    ]


def _daily(epoch: DoseEpoch) -> dict[str, Any] | None:
    """Give a daily dose; None where it is not known or as needed."""
    if epoch.tdd is None:
        return None
    value = epoch.tdd.quantize(_FOUR_PLACES, ROUND_HALF_EVEN) if epoch.averaged else epoch.tdd
    return dose(value, epoch.unit)


def _text(exact: Decimal | None) -> str | None:
    return None if exact is None else f"{units.plain(exact):f}"


def _phase(one: _Read) -> str | None:
    now = one.line.now
    if now is None:
        return None
    return dose_timing.phase(one.on, now, ss_days=one.steady.days, onset_early=one.onset.early)


# ---- what the reference adds


def _minimum(substance: Substance | None) -> dict[str, Any] | None:
    if substance is None or substance.usual_range is None:
        return None
    if reference.least_effective(substance) is None:
        return None
    usual = substance.usual_range
    return {
        "value": _text(usual.low),
        "unit": usual.unit,
        "source": f"/v1/reference/medications/{substance.reference_id}",
    }


def _equivalent(one: Equivalent, now: DoseEpoch | None) -> dict[str, Any]:
    """Give the dose of the yardstick medicine by the table; null without a known daily dose."""
    named = re.fullmatch(r"([a-z-]+)(\d+)", one.of)
    assert named is not None, "a yardstick is a medicine and its dose"
    value = None
    if now is not None and now.running and now.tdd is not None and now.unit == "mg/d":
        equal = now.tdd * int(named[2]) / one.mg
        value = _text(equal.quantize(_ONE_PLACE, ROUND_HALF_EVEN))
    return {
        "of": named[1],
        "value": value,
        "unit": "mg/d",
        "table": {"mg": _text(one.mg), "equals_mg": named[2]},
        "source": one.source,
        "verified": one.verified,
    }


def _link(one: Link) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "from_medication_id": one.old,
        "to_medication_id": one.new,
        "started_on": one.started_on,
        "lowered_on": one.lowered_on,
        "stopped_on": one.stopped_on,
        "gap_days": one.gap_days,
        "overlap_days": one.overlap_days,
        "basis": one.basis,
        "group": one.group,
        "records": one.records,
    }
