"""Courses and what was done to their dose; the door through which other rooms use this one.

A dose event holds from its own day, whenever it arrives: a late one re-orders the line by
being dated, nothing else. What a course's line then is, `clinical.doses` works out.
"""

from dataclasses import replace
from datetime import date, timedelta
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import orjson

from app.clinical import medications as reference
from app.core.answer import Answer
from app.core.base import Record
from app.core.db import Work
from app.core.errors import Invalid
from app.core.ids import uuid7
from app.core.pagination import Page
from app.core.wire import canonical
from app.journal import service as journal
from app.medications import own, repository, rules, safety
from app.medications.administrations import administer, forget_reported
from app.medications.dispenses import DISPENSE
from app.medications.models import DoseEvent, Medication
from app.medications.of_course import (
    linked,
    post_all,
    require_course,
    require_courses,
    require_same_course,
    within,
)
from app.medications.reading import Course, courses, is_running
from app.medications.schemas import DoseEventIn, MedicationIn, ReportedSubstance, StepsIn
from app.medications.substances import as_kept, as_withdrawn, review_list
from app.medications.told import Told, keep_told, retract_told
from app.patients import records
from app.patients.records import Kind, Place
from app.patients.service import Person

__all__ = [
    "DISPENSE",
    "DOSE_EVENT_WITHIN",
    "MEDICATION_WITHIN",
    "Course",
    "Told",
    "administer",
    "courses",
    "forget_reported",
    "imported_event",
    "is_bare",
    "keep_told",
    "record",
    "record_dose_event",
    "report_substance",
    "require_courses",
    "retract_told",
    "review_list",
    "withdrawn_courses",
    "within",
]

# ---- courses


def record(
    work: Work,
    patient_id: UUID,
    data: MedicationIn,
    *,
    pointer: str = "",
) -> Answer:
    """Store a course and its first dose event; the same id and content again gives what is there.

    pointer: where the body stands in a larger one, for the faults.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: no such substance in the reference, or see `record_dose_event`.
        AlreadyExists: the id, or that of the event, is taken by other content.
    """
    kind = replace(
        MEDICATION,
        keep=partial(
            _keep_course,
            pointer=pointer,
            event_pointer=f"{pointer}/first_dose_event",
        ),
    )
    return records.post(work, kind, patient_id, data)


def _keep_course(
    work: Work,
    person: Person,
    data: MedicationIn,
    place: Place,
    *,
    day_unknown: bool = False,
    pointer: str = "",
    event_pointer: str = "/first_dose_event",
    reviewed: bool = True,
) -> Answer:
    substance = _known_substance(work, data, pointer)
    derived: dict[str, Any] = {
        "name": _name(data, substance),
        "reference_id": substance.reference_id if substance else None,
    }
    row, begun_on = place.row, None
    first = data.first_dose_event
    if first is not None:
        if row is None:
            # Before the review of the list, which reads the event as one of the line.
            begun_on = _checked_day(work, person, first, event_pointer, day_unknown=day_unknown)
        first = first.model_copy(
            update={"id": first.id or uuid5(place.record_id, "first_dose_event")}
        )
        derived["first_dose_event"] = first.model_dump(mode="json", exclude_unset=True)
    if row is not None:
        _require_same_first_event(work, row, data)
    if reviewed:
        kept = as_kept(place.record_id, data, **derived)
        begun = [_begun(work, first, begun_on, place.record_id)] if first and row is None else []
        derived |= review_list(work, person, ahead=[kept, *begun])
    answer = records.keep(
        work,
        MEDICATION,
        person,
        place,
        data,
        columns={
            "kind": data.kind,
            "name": derived["name"],
            "code_system": data.code.system if data.code else None,
            "code": data.code.code if data.code else None,
            "reference_id": derived["reference_id"],
            "route": data.route,
            "form": data.form,
            "recorded_at": row.recorded_at if isinstance(row, Medication) else work.now,
        },
        derived=derived,
    )
    work.memory["course", person.id, place.record_id] = True
    if first is not None and row is None:
        _post_event(
            work,
            person,
            within(first, place.record_id, event_pointer),
            day_unknown=day_unknown,
            pointer=event_pointer,
        )
    return answer


def _checked_day(
    work: Work, person: Person, data: DoseEventIn, pointer: str, *, day_unknown: bool
) -> date | None:
    """Give the local day of an event whose time and dose are such as can be.

    Raises:
        Invalid: they are not.
    """
    day = person.day_of(data.effective_at) if data.effective_at else data.effective_on
    faults = [
        *rules.faults_of_time(person, work.now, data, day, day_unknown=day_unknown),
        *rules.faults_of_dose(data),
    ]
    rules.refuse(faults, pointer)
    return day


def _begun(
    work: Work, first: DoseEventIn, begun_on: date | None, course_id: UUID
) -> dict[str, Any]:
    """Write the first dose event as it will be answered.

    What a system sends may yet have to wait for a prescriber: its dose counts from then on.
    """
    assert first.id is not None
    return as_kept(
        first.id,
        first,
        medication_id=course_id,
        effective_on=begun_on,
        unconfirmed=["not-reviewed"] if work.actor.role == "system" else [],
    )


def _known_substance(work: Work, data: MedicationIn, pointer: str) -> reference.Substance | None:
    """Find what a code or an id names in the reference; a text alone names nothing for sure."""
    at = f"{pointer}/reference_id"
    if data.reference_id is not None and own.by_id(work, data.reference_id) is None:
        raise Invalid("an id of /v1/reference/medications", pointer=at)
    code = (data.code.system, data.code.code) if data.code else None
    try:
        return own.resolve(work, code, data.reference_id)
    except reference.SubstancesDiffer:
        raise Invalid("the substance that the code stands for", pointer=at) from None


def _name(data: MedicationIn, substance: reference.Substance | None) -> str:
    """Give what the record calls it: the code's display, else the text as sent."""
    if data.code and data.code.display:
        return data.code.display
    if data.text:
        return data.text
    if substance:
        return substance.name
    assert data.code is not None, "a substance is named by a code, an id or a text"
    return data.code.code


def _require_same_first_event(work: Work, row: Any, data: MedicationIn) -> None:
    sent = journal.body_at(work, row.id, row.version).get("first_dose_event")
    if orjson.loads(canonical(data)).get("first_dose_event") != sent:
        raise Invalid("as it was; correct it under dose-events", pointer="/first_dose_event")


def page(
    work: Work,
    patient_id: UUID,
    page_: Page,
    secret: bytes,
    with_errors: bool,
    active_on: date | None,
) -> Answer:
    """Give one page of a patient's courses; with `active_on` those with a running dose then."""
    where = []
    if active_on is not None:
        running = [one.id for one in courses(work, patient_id) if is_running(one, active_on)]
        where.append(Medication.id.in_(running))
    return records.page(
        work, MEDICATION, patient_id, page_, secret, *where, with_errors=with_errors
    )


# ---- dose events


def record_dose_events(
    work: Work, patient_id: UUID, medication_id: UUID, data: DoseEventIn | StepsIn
) -> Answer:
    """Store one dose event, or all steps of a plan or none.

    Raises:
        NotFound, AlreadyExists, Invalid: see `record_dose_event`.
    """
    require_course(work, patient_id, medication_id)
    if isinstance(data, DoseEventIn):
        return records.post(work, DOSE_EVENT, patient_id, within(data, medication_id))
    return post_all(
        work,
        DOSE_EVENT,
        patient_id,
        medication_id,
        data.steps,
        "/steps",
        before_last=DOSE_EVENT_WITHIN,
    )


def record_dose_event(
    work: Work,
    patient_id: UUID,
    medication_id: UUID,
    data: DoseEventIn,
    *,
    pointer: str = "",
) -> Answer:
    """Store a dose event that came inside something else; the same content is linked, not doubled.

    pointer: where the event stands in the larger body, for the faults.

    Raises:
        NotFound: no such patient for this caller, or no such course of this patient.
        Invalid: the day or the dose is not one that can be.
        AlreadyExists: the id is taken by other content.
    """
    person = require_course(work, patient_id, medication_id)
    return _post_event(
        work,
        person,
        within(data, medication_id, pointer),
        pointer=pointer,
    )


def put_dose_event(
    work: Work,
    patient_id: UUID,
    medication_id: UUID,
    record_id: UUID,
    data: DoseEventIn,
    named: frozenset[int] | None,
) -> Answer:
    """Store a dose event at its id: new without If-Match, changed only on the version read."""
    require_course(work, patient_id, medication_id)
    return records.put(work, DOSE_EVENT, patient_id, record_id, within(data, medication_id), named)


def _post_event(
    work: Work, person: Person, data: DoseEventIn, *, pointer: str, day_unknown: bool = False
) -> Answer:
    """Store an event; day_unknown: a start or stop may lack its day."""
    known = linked(work, DOSE_EVENT, person, data)
    if known is not None:
        return known
    keep = partial(_keep_event, pointer=pointer, reviewed=False, day_unknown=day_unknown)
    kind = replace(DOSE_EVENT, keep=keep)
    return records.post(work, kind, person.id, data)


def _keep_event(
    work: Work,
    person: Person,
    data: DoseEventIn,
    place: Place,
    *,
    unconfirmed: tuple[str, ...] | None = None,
    day_unknown: bool = False,
    pointer: str = "",
    reviewed: bool = True,
) -> Answer:
    row = place.row
    if isinstance(row, DoseEvent):
        require_same_course(row, data)
        if unconfirmed is None:
            unconfirmed = tuple((row.unconfirmed or "").split())
        day_unknown = day_unknown or row.effective_on is None
    unconfirmed = unconfirmed or ()
    day = _checked_day(work, person, data, pointer, day_unknown=day_unknown)
    _require_planned_step(work, data, pointer)
    taken = safety.review(
        work,
        person,
        data,
        place.record_id,
        day,
        imported=bool(unconfirmed) or day_unknown,
        pointer=pointer,
    )
    codes = tuple(dict.fromkeys((*unconfirmed, *taken.unconfirmed)))
    unconfirmed = _still_unconfirmed(work, data, codes)
    flags = (*taken.flags, *(code for code in codes if code not in unconfirmed))
    opened = None
    if codes and not unconfirmed and isinstance(row, DoseEvent):
        safety.confirmed(work, person, place.record_id, data)
    if unconfirmed:
        opened = safety.signal_unconfirmed(work, person, place.record_id, day, unconfirmed)
    told: dict[str, Any] = {"effective_on": day}
    if unconfirmed:
        told["unconfirmed"] = unconfirmed
    found = {}
    if reviewed:
        found = review_list(work, person, ahead=[as_kept(place.record_id, data, **told)])
    signals = [*([opened] if opened else []), *found.pop("opened_signals", [])]
    return records.keep(
        work,
        DOSE_EVENT,
        person,
        place,
        data,
        columns={
            "medication_id": data.medication_id,
            "kind": data.kind,
            "effective_on": day,
            "effective_at": data.effective_at,
            **safety.stored(data),
            "planned_step_id": data.planned_step_id,
            "unconfirmed": " ".join(unconfirmed) or None,
            "reason": data.reason,
        },
        derived={
            **told,
            **({"flags": flags} if flags else {}),
            **({"not_checked": taken.not_checked} if taken.not_checked else {}),
            **({"opened_signals": signals} if signals else {}),
            **found,
        },
    )


def _require_planned_step(work: Work, data: DoseEventIn, pointer: str) -> None:
    if data.planned_step_id is None:
        return
    assert data.medication_id is not None, "a dose event stands under a course"
    if not repository.has_event(work, data.medication_id, data.planned_step_id):
        raise Invalid("a step of this course", pointer=f"{pointer}/planned_step_id")


def _still_unconfirmed(work: Work, data: DoseEventIn, codes: tuple[str, ...]) -> tuple[str, ...]:
    """Give the codes that stay open: a correction keeps them, a prescriber's word closes them."""
    if data.confirmation is None or work.actor.role != "prescriber":
        return codes
    return tuple(code for code in codes if code not in data.confirmation.codes)


# ---- substances that a patient tells of


def report_substance(
    work: Work, person: Person, data: ReportedSubstance, seen_on: date, *, pointer: str = ""
) -> Answer:
    """Make a course of what was told at a follow-up; the same again is linked, not doubled.

    Without `from_on` it began on an unknown day, before the record. `to_on` is the last day of
    it: the stop holds from the next.

    Raises:
        Invalid: its days are not in order, lie after the follow-up's, or before birth; no dose.
        AlreadyExists: the id is taken by other content.
    """
    rules.refuse(rules.faults_of_report(person, data, seen_on), pointer)
    course = MedicationIn.model_validate(
        {
            **data.substance.model_dump(exclude_unset=True),
            "id": data.id or uuid7(),
            "kind": data.kind,
            **({"exposure": data.exposure} if data.exposure else {}),
            "first_dose_event": {
                "kind": "start",
                "effective_on": data.from_on,
                **data.model_dump(
                    include={"dose", "dose_known", "times_per_day"}, exclude_unset=True
                ),
            },
        }
    )
    assert course.id is not None
    answer = linked(work, MEDICATION, person, course)
    if answer is None:
        kind = replace(
            MEDICATION,
            keep=partial(
                _keep_course,
                day_unknown=True,
                pointer=f"{pointer}/substance",
                event_pointer=pointer,
                reviewed=False,
            ),
        )
        answer = records.post(work, kind, person.id, course)
    if data.to_on is not None:
        stop = DoseEventIn(
            id=uuid5(course.id, "stop"),
            medication_id=course.id,
            kind="stop",
            effective_on=data.to_on + timedelta(days=1),
        )
        _post_event(work, person, stop, pointer=pointer)
    return answer


def _leave(work: Work, person: Person, row: Record, reason: str | None) -> dict[str, Any]:
    return review_list(work, person, ahead=[as_withdrawn(row.id)])


MEDICATION = Kind(
    "medication", Medication, MedicationIn, _keep_course, order="recorded_at", leave=_leave
)
DOSE_EVENT = Kind(
    "dose_event", DoseEvent, DoseEventIn, _keep_event, order="effective_on", leave=_leave
)
# Inside a larger record, which reviews the whole list once when all of it is there.
MEDICATION_WITHIN = Kind(
    "medication",
    Medication,
    MedicationIn,
    partial(_keep_course, reviewed=False),
    order="recorded_at",
)
DOSE_EVENT_WITHIN = Kind(
    "dose_event",
    DoseEvent,
    DoseEventIn,
    partial(_keep_event, reviewed=False),
    order="effective_on",
)


def imported_event(unconfirmed: tuple[str, ...]) -> Kind[DoseEventIn]:
    """Give how an import keeps a dose event: a start or stop may lack its day.

    unconfirmed: codes of what nobody could be asked about; then it counts in no dose until a
        prescriber confirms them.
    """
    keep = partial(_keep_event, unconfirmed=unconfirmed, day_unknown=True, reviewed=False)
    return replace(DOSE_EVENT_WITHIN, keep=keep)


def is_bare(work: Work, patient_id: UUID, course_id: UUID) -> bool:
    """Say whether a course that stands has nothing under it, after what this call has kept."""
    course = next((one for one in courses(work, patient_id) if one.id == course_id), None)
    return course is not None and not course.events and not repository.is_used(work, course_id)


def withdrawn_courses(work: Work, patient_id: UUID) -> set[UUID]:
    """Give the courses of a patient that were entered in error."""
    return repository.withdrawn_courses(work, patient_id)
