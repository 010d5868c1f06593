"""An episode against the medicines: what dates and severities can say of a cause, and no more.

Computed when it is read, from the doses as they are known then: a dose event that comes late
changes it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.clinical import causality as rules
from app.clinical import medications as reference
from app.clinical.causality import Reply
from app.clinical.dose_timing import ss_days
from app.clinical.doses import dose_line
from app.clinical.measures import side_effect
from app.clinical.terms import Term
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.followups import episode_records, side_effects
from app.followups.models import SideEffect
from app.journal import service as journal
from app.measurements import own_reference
from app.measurements import service as measurements
from app.medications import service as medications
from app.medications.service import Course
from app.patients import records
from app.patients import service as patients
from app.patients.service import Person

Json = dict[str, Any]
NARANJO = "Naranjo CA 1981, Clin Pharmacol Ther 30:239-245"
WHO_UMC = "Uppsala Monitoring Centre: the WHO-UMC system for standardised case causality assessment"


def show(work: Work, patient_id: UUID, record_id: UUID) -> Answer:
    """Set one episode against every course of the patient.

    Raises:
        NotFound: no such episode of this patient for this caller.
    """
    person = patients.get(work, patient_id)
    row = side_effects.find(work, patient_id, record_id)
    if row is None:
        raise NotFound()
    answer = orjson.loads(records.show(work, side_effects.KIND, patient_id, record_id).body)
    days, later = _days(work, person, row)
    suspected = set(answer.get("suspected_medication_ids", ()))
    said = {one["medication_id"]: one["replies"] for one in answer.get("naranjo", ())}
    today = person.today(work.now)
    term = own_reference.term(work, row.term)
    medicines = [
        {
            "medication_id": course.id,
            "name": course.name,
            "suspected": str(course.id) in suspected,
            **_judged(course, row, term, [*days, *later], today, said.get(str(course.id), {})),
        }
        for course in medications.courses(work, patient_id)
    ]
    return Answer(
        orjson.dumps(
            {
                "id": record_id,
                "term": row.term,
                "group": answer.get("group", "side_effect"),
                "onset_on": row.onset_on,
                "onset_assumed": row.onset_assumed,
                "ended_on": row.ended_on,
                "stated": answer.get("causality"),
                "severities": days,
                "medicines": sorted(medicines, key=lambda one: not one["suspected"]),
            }
        )
    )


def _days(work: Work, person: Person, row: SideEffect) -> tuple[list[Json], list[Json]]:
    """Give the severities of an episode by day, and those that the effect had after it.

    What came after matters too: it may have come back. Its end is no severity, but where one
    was named it was gone on the day after.
    """
    episodes, readings = episode_records.all_of(work, person, row)
    known = {one.record_id: one for one in readings}
    ids = known.keys() | {one.id for one in episodes}
    sequence = journal.patient_sequence(work, person.id)
    rows = measurements.series(work, person.id, sequence, [side_effect(row.term).code])
    within: list[Json] = []
    later: list[Json] = []
    for one in rows:
        if one.record_id not in ids or one.day < row.onset_on:
            continue
        reading = known.get(one.record_id)
        if reading is not None and one.value != reading.severity:
            continue  # of another effect that has no term of its own, told of in the same breath
        told = {
            "on": one.day,
            "severity": int(one.value),
            "frequency": reading.frequency if reading else None,
            "interference": reading.interference if reading else None,
            "record_id": one.record_id,
        }
        ended = row.ended_on is not None and one.day > row.ended_on
        days = later if ended else within
        if told not in days:
            days.append(told)
    later += [
        {"on": one.ended_on + timedelta(days=1), "severity": 0}
        for one in episodes
        if one.ended_on is not None and one.ended_on >= row.onset_on
    ]
    return within, later


def _judged(
    course: Course,
    row: SideEffect,
    term: Term | None,
    days: Iterable[Json],
    today: date,
    said: Mapping[str, Reply],
) -> Json:
    substance = reference.by_id(course.reference_id) if course.reference_id else None
    half_life = substance.half_life_hours if substance else None
    steady = ss_days(half_life[1] if half_life else None).days
    epochs = dose_line(course.events, as_of=today).epochs
    at = rules.timing(row.onset_on, epochs)
    severities = sorted((one["on"], one["severity"]) for one in days)
    answers = rules.naranjo(
        term,
        row.onset_on,
        severities,
        rules.Course(substance, epochs, steady),
        {int(number): reply for number, reply in said.items()},
    )
    category = rules.who_umc(answers, at, steady)
    return {
        "known": rules.known_for(term, substance) if term else None,
        "timing": asdict(at),
        "naranjo": {
            "items": [
                {
                    "number": one.item.number,
                    "topic": one.item.topic,
                    "reply": one.reply,
                    "points": one.points,
                    "by": one.by,
                    "why": one.why,
                }
                for one in answers.items
            ],
            "total": answers.total,
            "category": answers.category,
            "missing": answers.missing,
            "source": NARANJO,
        },
        "who_umc": {
            "computed": category.category,
            "missing": category.missing,
            "source": WHO_UMC,
        },
    }
