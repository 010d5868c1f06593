"""A patient's courses with all that was done to their dose, as known at one moment."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from app.clinical import doses
from app.clinical.medications import Substance
from app.core.db import Work
from app.journal import service as journal
from app.medications import own, repository
from app.patients import service as patients
from app.patients.service import Person


@dataclass(frozen=True, slots=True)
class Course:
    """One course with all its dose events, as known at one moment.

    reference_id: the substance of the reference that its code or id names, else None.
    own: that substance, where the clinic added it itself.
    """

    id: UUID
    name: str
    kind: str
    reference_id: str | None
    code_system: str | None
    code: str | None
    events: tuple[doses.DoseEvent, ...]
    said: Mapping[str, Any] = field(default_factory=dict)
    """The course as it was answered: form, route, indication, prescriber and the rest."""
    events_said: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Each dose event as it was answered, by its id."""
    own: Substance | None = None


NEWEST = 2**62
"""A journal sequence that lies after all: of what is about to be kept."""


def courses(
    work: Work,
    patient_id: UUID,
    sequence: int | None = None,
    ahead: Iterable[dict[str, Any]] = (),
) -> list[Course]:
    """Give a patient's courses as known now, or at a past sequence of the journal, in two queries.

    Known now is also what this call itself has kept, and `ahead` what it is about to keep: the
    answers of courses and dose events. What was entered in error by then is left out.
    """
    person = patients.get(work, patient_id)
    pairs = [tuple(pair) for pair in repository.courses_with_events(work, patient_id)]
    ids = {one for pair in pairs for one in pair if one is not None}
    known = journal.answers_known_at(work, ids, sequence) if ids else []
    answers = {answer["id"]: (number, answer) for number, answer in known}
    if sequence is None:
        own = journal.answers_of_this_call(work, patient_id, ("medication", "dose_event"))
        for number, answer in (*own, *((NEWEST, one) for one in ahead)):
            answers[answer["id"]] = (number, answer)
            if answer["status"] == "entered_in_error":
                del answers[answer["id"]]
            elif "medication_id" in answer:
                pairs.append((UUID(answer["medication_id"]), UUID(answer["id"])))
            else:
                pairs.append((UUID(answer["id"]), None))
    events: dict[UUID, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for course_id, event_id in dict.fromkeys(pairs):
        if str(event_id) in answers:
            events[course_id].append(answers[str(event_id)])
    return [
        _course(work, person, answers[str(course_id)][1], events[course_id])
        for course_id in dict.fromkeys(course_id for course_id, _ in pairs)
        if str(course_id) in answers
    ]


def _course(
    work: Work,
    person: Person,
    answer: Mapping[str, Any],
    said: Iterable[tuple[int, dict[str, Any]]],
) -> Course:
    events = [_dose_event(person, sequence, one) for sequence, one in said]
    code = answer.get("code") or {}
    substance = own.by_id(work, answer["reference_id"])
    return Course(
        id=UUID(answer["id"]),
        name=answer["name"],
        kind=answer["kind"],
        reference_id=answer["reference_id"],
        code_system=code.get("system"),
        code=code.get("code"),
        events=tuple(sorted(events, key=lambda event: event.place)),
        said=answer,
        events_said={one["id"]: one for _, one in said},
        own=substance if substance is not None and substance.is_of_clinic else None,
    )


def _dose_event(person: Person, sequence: int, answer: Mapping[str, Any]) -> doses.DoseEvent:
    parts = answer.get("parts") or ()
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
        unit=parts[0]["dose"]["unit"] if parts else given.get("unit"),
        times_per_day=_exact(answer.get("times_per_day")),
        parts=dose_parts(parts),
        interval_days=answer.get("interval_days"),
        percent_of_previous=_exact(answer.get("percent_of_previous")),
        max_per_day=_exact(answer.get("max_per_day")),
        dose_known=answer.get("dose_known", True),
        planned=answer.get("planned", False),
        unconfirmed=tuple(answer.get("unconfirmed", ())),
        reason=answer.get("reason"),
        direction_stated=answer.get("direction"),
        product=answer.get("product"),
        planned_step=answer.get("planned_step_id"),
    )


def dose_parts(parts: Sequence[Mapping[str, Any]]) -> tuple[doses.DosePart, ...]:
    """Read the parts of a dose as they were sent; one at a clock time is once a day."""
    return tuple(
        doses.DosePart(
            amount=Decimal(part["dose"]["amount"]),
            times_per_day=_exact(part.get("times_per_day")) or 1,
            at=time.fromisoformat(part["at"]) if part.get("at") else None,
        )
        for part in parts
    )


def _exact(number: str | float | None) -> Decimal | None:
    return None if number is None else Decimal(str(number))


def is_running(course: Course, day: date) -> bool:
    """Say whether something is ordered that day; what waits for a confirmation may be taken too."""
    epoch = doses.dose_line(doses.presumed(course.events), as_of=day).now
    return epoch is not None and epoch.running
