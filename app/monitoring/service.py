"""What each medicine obliges us to measure, and when: worked out when it is read.

Nothing of the list is kept, so it never lags behind the drug list; only waivers are stored.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.clinical import monitoring, monitoring_schedules
from app.clinical.doses import dose_line, presumed
from app.clinical.medications import Substance
from app.clinical.monitoring import Due, Last, Result, Treatment
from app.clinical.monitoring_schedules import Schedule
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid, NotFound
from app.interactions import service as interactions
from app.journal import service as journal
from app.labs import service as labs
from app.measurements import own_reference
from app.measurements import service as measurements
from app.medications import service as medications
from app.medications.service import Course
from app.medications.substances import resolved
from app.monitoring.models import Waiver
from app.monitoring.schemas import WaiverIn
from app.patients import records
from app.patients import service as patients
from app.patients.records import Kind, Place
from app.patients.service import Person

IMPLAUSIBLE = "DQ_IMPLAUSIBLE"


# ---- the list


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the monitoring list as it is today for the patient.

    Raises:
        NotFound: no such patient for this caller.
    """
    person = patients.get(work, patient_id)
    on = person.today(work.now)
    courses = medications.courses(work, patient_id)
    version, day = monitoring_schedules.version()
    answer = {
        "patient": patients.banner(person),
        "as_of": on,
        "reference": {"version": version, "date": day},
        "items": items(work, person, courses, on),
        "not_checked": _not_checked(courses, on),
    }
    return Answer(orjson.dumps(answer))


def items(work: Work, person: Person, courses: Sequence[Course], on: date) -> list[dict[str, Any]]:
    """Give what these courses ask for on a day, the most pressing first, the waived after it."""
    treatments = _treatments(courses, on)
    listed = _due(work, person, treatments, on)
    waived = _waivers(work, person, treatments, on) if listed else {}
    found = [_item(one, waived.get(one.schedule.id)) for one in listed]
    return sorted(found, key=lambda item: item["state"] == "waived")


def _due(work: Work, person: Person, treatments: Sequence[Treatment], on: date) -> tuple[Due, ...]:
    age = interactions.facts_of(person, on).age_years
    own = own_reference.schedules(work)
    asked = monitoring_schedules.schedules_for((one.substance for one in treatments), age, own)
    measures = {code for schedule in asked for code in schedule.measures}
    results = _results(work, person.id, measures) if measures else {}
    return monitoring.due(treatments, results, on=on, age_years=age, own=own)


def _treatments(courses: Iterable[Course], on: date) -> list[Treatment]:
    """Give the medicines taken on a day; one whose dose nobody told or confirmed counts too."""
    by_substance: dict[Substance, list[Course]] = defaultdict(list)
    for course in courses:
        substance = resolved(course).substance
        if substance is not None:
            by_substance[substance].append(course)
    found = []
    for substance, of_it in by_substance.items():
        lines = [dose_line(presumed(course.events), as_of=on).epochs for course in of_it]
        begun = [
            line for line, course in zip(lines, of_it, strict=True) if line or not course.events
        ]
        treatment = monitoring.treatment_of(substance, begun, on)
        if treatment is not None:
            found.append(treatment)
    return found


def _not_checked(courses: Iterable[Course], on: date) -> list[dict[str, Any]]:
    """Give the running medicines that no code identifies; a name alone makes nothing due (H4)."""
    found = []
    for course in courses:
        known = resolved(course)
        now = dose_line(presumed(course.events), as_of=on).now
        is_over = now is not None and not now.running and not now.hold
        is_known = known.substance is not None and not known.substance.is_of_clinic
        if not is_known and not is_over:
            candidates = [one.substance.reference_id for one in known.candidates]
            found.append(
                {"medication_id": course.id, "text": course.name, "candidates": candidates}
            )
    return found


def _results(
    work: Work, patient_id: UUID, measures: Iterable[str]
) -> Mapping[str, Sequence[Result]]:
    """Give the results of these measures, whoever brought them: a lab, an import, a scale.

    Their units and hours stand with their records, the series has none.
    """
    codes = sorted(measures)
    sequence = journal.patient_sequence(work, patient_id)
    rows = [
        row
        for row in measurements.series(work, patient_id, sequence, codes)
        if IMPLAUSIBLE not in (row.flags or "").split()
    ]
    worded = [row for row in labs.in_words(work, patient_id) if row.measure in codes]
    ids = {row.record_id for row in rows} | {row.id for row in worded}
    answers = {one["id"]: one for _, one in journal.answers_known_at(work, ids)} if ids else {}
    found: dict[str, list[Result]] = defaultdict(list)
    for row in rows:
        answer = answers.get(str(row.record_id), {})
        found[row.measure].append(_result(row.measure, row.day, row.value, answer))
    for row in worded:
        answer = answers[str(row.id)]
        text = Result(row.drawn_on, text=answer["value_text"], record_id=str(row.id))
        found[row.measure].append(text)
    return found


def _result(measure: str, day: date, value: float, answer: Mapping[str, Any]) -> Result:
    record_id = answer.get("id")
    if not measure.startswith("labs."):
        return Result(day, Decimal(str(value)), "{score}", record_id=record_id)
    hours = answer.get("hours_since_dose")
    return Result(
        day,
        Decimal(str(answer.get("value", value))),
        answer.get("unit"),
        hours_since_dose=None if hours is None else Decimal(str(hours)),
        record_id=record_id,
    )


def _item(one: Due, waiver: dict[str, Any] | None) -> dict[str, Any]:
    """Write one entry. A waiver does not cover what a low or high result has asked for since."""
    schedule = one.schedule
    asked_by_result = one.reason == "after_result" or one.code == monitoring.CRITICAL_VALUE
    is_waived = waiver is not None and not asked_by_result
    return {
        "id": schedule.id,
        "what": schedule.what,
        "measure": schedule.measures[0] if schedule.measures else None,
        "loinc": schedule.loinc,
        "for": one.for_,
        "state": "waived" if is_waived else one.state,
        "reason": one.reason,
        "code": one.code,
        "due_on": one.due_on,
        "overdue_days": None if is_waived else one.overdue_days,
        "last": _last(one.last),
        "n": one.n,
        "priority": schedule.priority,
        "condition": schedule.condition,
        "action": schedule.action,
        "source": schedule.source,
        "verified": schedule.verified,
        "origin": schedule.origin,
        "waived": waiver,
    }


def _last(last: Last | None) -> dict[str, Any] | None:
    if last is None:
        return None
    result, judged = last.result, last.judged
    hours = result.hours_since_dose
    return {
        "value": None if result.value is None else f"{result.value:f}",
        "unit": result.unit,
        "text": result.text,
        "on": result.day,
        "hours_since_dose": None if hours is None else float(hours),
        "level": judged and judged.level,
        "basis": judged and judged.basis,
        "comparable": judged and judged.comparable,
        "code": judged and judged.code,
        "record_id": result.record_id,
    }


# ---- waivers


def waive(
    work: Work,
    patient_id: UUID,
    schedule_id: str,
    data: WaiverIn,
    named: frozenset[int] | None,
) -> Answer:
    """Keep a named person's reason for not doing a test; changed on the version read.

    Raises:
        NotFound: no such patient for this caller, or no such schedule.
        Invalid: none of the patient's medicines asks for it.
        PreconditionRequired, StaleVersion: there is a waiver, and no version or an old one named.
    """
    if _schedule(work, schedule_id) is None:
        raise NotFound()
    if data.schedule_id not in (None, schedule_id):
        raise Invalid("the id of the path", pointer="/schedule_id")
    waiver = data.model_copy(update={"schedule_id": schedule_id})
    record_id = _waiver_id(patient_id, schedule_id)
    return records.put(work, WAIVER, patient_id, record_id, waiver, named)


def waiver_history(work: Work, patient_id: UUID, schedule_id: str) -> Answer:
    """Give why a test was not to be done, each time that it was said, the newest first.

    Raises:
        NotFound: no such patient for this caller, or nobody ever waived it.
    """
    return records.history(work, WAIVER, patient_id, _waiver_id(patient_id, schedule_id))


def _waiver_id(patient_id: UUID, schedule_id: str) -> UUID:
    return uuid5(patient_id, f"waiver:{schedule_id}")


def _keep(work: Work, person: Person, data: WaiverIn, place: Place) -> Answer:
    on = person.today(work.now)
    courses = medications.courses(work, person.id)

    def is_asked_for(by: Sequence[Course]) -> bool:
        due = _due(work, person, _treatments(by, on), on)
        return data.schedule_id in {one.schedule.id for one in due}

    if not is_asked_for(courses):
        raise Invalid("a schedule of the patient's monitoring list")
    by = {"id": str(work.actor.user_id), "role": work.actor.role}
    # What is asked for by a sealed course alone tells of it.
    sealed = [one.id for one in courses if journal.seal_among(work, [one.id])]
    if sealed and is_asked_for([one for one in courses if one.id not in sealed]):
        sealed = []
    seal = journal.seal_among(work, sealed)
    with journal.sealing(work, *(seal or (None, None))):
        return records.keep(
            work,
            WAIVER,
            person,
            place,
            data,
            columns={"schedule_id": data.schedule_id, "waived_on": on, "until_on": data.until_on},
            derived={"waived_at": work.now, "waived_by": by},
        )


def _waivers(
    work: Work, person: Person, treatments: Iterable[Treatment], on: date
) -> dict[str, dict[str, Any]]:
    """Give the waivers that hold on a day, by schedule: not run out, and of this treatment."""
    rows = work.all(
        select(Waiver).where(Waiver.patient_id == person.id, Waiver.status != "entered_in_error")
    )
    current = [
        row
        for row in rows
        if (row.until_on is None or row.until_on >= on) and _covers(work, row, treatments)
    ]
    ids = {row.id for row in current}
    answers = journal.answers_known_at(work, ids) if ids else []
    return {
        answer["schedule_id"]: {
            "reason": answer["reason"],
            "until_on": answer.get("until_on"),
            "at": answer["waived_at"],
            "by": answer["waived_by"],
            "version": answer["version"],
        }
        for _, answer in answers
    }


def _schedule(work: Work, schedule_id: str) -> Schedule | None:
    """Find a schedule of the house, else of the clinic."""
    own = (one for one in own_reference.schedules(work) if one.id == schedule_id)
    return monitoring_schedules.schedule(schedule_id) or next(own, None)


def _covers(work: Work, row: Waiver, treatments: Iterable[Treatment]) -> bool:
    """Say whether every medicine that asks for it was already taken when it was waived."""
    schedule = _schedule(work, row.schedule_id)
    starts = [
        one.first_dose_on for one in treatments if schedule and schedule.is_for(one.substance)
    ]
    return all(start is None or start <= row.waived_on for start in starts)


WAIVER = Kind("monitoring_waiver", Waiver, WaiverIn, _keep)
