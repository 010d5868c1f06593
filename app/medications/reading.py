"""A patient's courses with all that was done to their dose, as known at one moment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.clinical import doses
from app.core.db import Work
from app.journal import service as journal
from app.medications import repository
from app.patients import service as patients
from app.patients.service import Person


@dataclass(frozen=True, slots=True)
class Course:
    """One course with all its dose events, as known at one moment.

    reference_id: the substance of the reference that its code or id names, else None.
    """

    id: UUID
    name: str
    kind: str
    reference_id: str | None
    code_system: str | None
    code: str | None
    events: tuple[doses.DoseEvent, ...]


def courses(work: Work, patient_id: UUID, sequence: int | None = None) -> list[Course]:
    """Give a patient's courses as known now, or at a past sequence of the journal, in two queries.

    What was entered in error by then is left out.
    """
    person = patients.get(work, patient_id)
    pairs = repository.courses_with_events(work, patient_id)
    ids = {one for pair in pairs for one in pair if one is not None}
    known = journal.answers_known_at(work, ids, sequence) if ids else []
    answers = {answer["id"]: (number, answer) for number, answer in known}
    events: dict[UUID, list[doses.DoseEvent]] = defaultdict(list)
    for course_id, event_id in pairs:
        if str(event_id) in answers:
            events[course_id].append(_dose_event(person, *answers[str(event_id)]))
    return [
        _course(answers[str(course_id)][1], events[course_id])
        for course_id in dict.fromkeys(course_id for course_id, _ in pairs)
        if str(course_id) in answers
    ]


def _course(answer: Mapping[str, Any], events: Iterable[doses.DoseEvent]) -> Course:
    code = answer.get("code") or {}
    return Course(
        id=UUID(answer["id"]),
        name=answer["name"],
        kind=answer["kind"],
        reference_id=answer["reference_id"],
        code_system=code.get("system"),
        code=code.get("code"),
        events=tuple(sorted(events, key=lambda event: event.place)),
    )


def _dose_event(person: Person, sequence: int, answer: Mapping[str, Any]) -> doses.DoseEvent:
    given = answer.get("dose") or answer.get("rate") or {}
    on, at = answer["effective_on"], answer.get("effective_at")
    moment = datetime.fromisoformat(at).astimezone(person.zone) if at and person.zone else None
    if at and moment is None:
        moment = datetime.fromisoformat(at)
    return doses.DoseEvent(
        id=answer["id"],
        medication_id=answer["medication_id"],
        day=date.fromisoformat(on) if on else None,
        seq=sequence,
        kind=answer["kind"],
        time=moment.time() if moment else None,
        amount=_exact(given.get("amount")),
        unit=given.get("unit"),
        times_per_day=_exact(answer.get("times_per_day")),
        percent_of_previous=_exact(answer.get("percent_of_previous")),
        max_per_day=_exact(answer.get("max_per_day")),
        dose_known=answer.get("dose_known", True),
        planned=answer.get("planned", False),
        unconfirmed=tuple(answer.get("unconfirmed", ())),
        reason=answer.get("reason"),
    )


def _exact(number: str | float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


def is_running(course: Course, day: date) -> bool:
    epoch = doses.dose_line(course.events, as_of=day).now
    return epoch is not None and epoch.running
