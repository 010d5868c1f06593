"""What dose events, administrations and dispenses share: each belongs to one course."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import func

from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Fault, Invalid, NotFound
from app.core.pagination import Page
from app.core.wire import Identified
from app.journal import service as journal
from app.medications import repository, rules
from app.medications.models import Administration, Dispense, DoseEvent
from app.medications.schemas import AdministrationIn, DispenseIn, DoseEventIn
from app.patients import records
from app.patients import service as patients
from app.patients.records import Kind
from app.patients.service import Person

InCourse = TypeVar("InCourse", DoseEventIn, AdministrationIn, DispenseIn)


def require_courses(work: Work, patient_id: UUID, ids: Iterable[UUID], pointer: str) -> None:
    """Let ids through that are all courses of this patient, whether known or added just now.

    Raises:
        Invalid: one is not; unknown and foreign ones get the same answer.
    """
    if not _are_courses(work, patient_id, ids):
        raise Invalid("a medication of this patient", pointer=pointer)


def _are_courses(work: Work, patient_id: UUID, ids: Iterable[UUID]) -> bool:
    asked = {one for one in ids if ("course", patient_id, one) not in work.memory}
    found = repository.courses(work, patient_id, asked) if asked else set()
    for one in found:
        work.memory["course", patient_id, one] = True
    return found == asked


def require_course(work: Work, patient_id: UUID, medication_id: UUID) -> Person:
    """Give the patient whose course the path names.

    Raises:
        NotFound: no such patient for this caller, or no such course of this patient.
    """
    person = patients.get(work, patient_id)
    if not _are_courses(work, patient_id, [medication_id]):
        raise NotFound()
    return person


def in_course(
    work: Work,
    patient_id: UUID,
    medication_id: UUID,
    kind: Kind[Any],
    record_id: UUID,
    act: Callable[..., Answer],
    *args: Any,
) -> Answer:
    """Show, correct or withdraw one record of a course by the function of `records` for it.

    Raises:
        NotFound: no such patient for this caller, or the record is not of this course.
    """
    patients.get(work, patient_id)
    if not repository.belongs(work, kind.model, patient_id, medication_id, record_id):  # type: ignore[arg-type]  # the kinds of a course
        raise NotFound()
    return act(work, kind, patient_id, record_id, *args)


def page_of_course(
    work: Work,
    patient_id: UUID,
    medication_id: UUID,
    kind: Kind[Any],
    page_: Page,
    secret: bytes,
    with_errors: bool,
) -> Answer:
    """Give one page of a course's records by day; an end at an unknown day comes last."""
    require_course(work, patient_id, medication_id)
    model: Any = kind.model
    return journal.page(
        work,
        model,
        func.coalesce(getattr(model, kind.order), date.max),
        page_,
        model.patient_id == patient_id,
        model.medication_id == medication_id,
        secret=secret,
        with_errors=with_errors,
    )


def within(data: InCourse, medication_id: UUID, pointer: str = "") -> InCourse:
    """Name the course in the body, so that the same event is the same whatever way it came."""
    if data.medication_id not in (None, medication_id):
        raise Invalid("the medication of the path", pointer=f"{pointer}/medication_id")
    return data.model_copy(update={"medication_id": medication_id})


def require_same_course(
    row: DoseEvent | Administration | Dispense, data: DoseEventIn | AdministrationIn | DispenseIn
) -> None:
    if row.medication_id != data.medication_id:
        raise Invalid("the medication it belongs to", pointer="/medication_id")


def post_all(
    work: Work,
    kind: Kind[Any],
    patient_id: UUID,
    medication_id: UUID,
    many: Sequence[Any],
    pointer: str,
    before_last: Kind[Any] | None = None,
) -> Answer:
    """Store several records of a course in one transaction; each needs an id of its own.

    before_last: how those are kept after which another new one comes, where it differs: what
        looks at all of them together does so at the last.
    """
    rules.refuse(
        [
            Fault(f"/{number}/id", "required", "an id made by the client")
            for number, one in enumerate(many)
            if one.id is None
        ],
        pointer,
    )
    last = max((n for n, one in enumerate(many) if not journal.versions(work, one.id)), default=-1)
    answers = []
    for number, one in enumerate(many):
        at = f"{pointer}/{number}"
        keep: Callable[..., Answer] = (before_last or kind if number < last else kind).keep
        placed = replace(kind, keep=partial(keep, pointer=at))
        answers.append(records.post(work, placed, patient_id, within(one, medication_id, at)))
    return Answer(
        b'{"items":[' + b",".join(answer.body for answer in answers) + b"]}",
        created=any(answer.created for answer in answers),
        replayed=all(answer.replayed for answer in answers),
    )


def linked(work: Work, kind: Kind[Any], person: Person, data: Identified) -> Answer | None:
    """Give the record that has this id and this content already, whoever sent it."""
    if data.id is None:
        return None
    known = journal.versions(work, data.id)
    print_ = journal.fingerprint(data)
    if any(
        one.type == kind.name and one.patient_id == person.id and one.fingerprint == print_
        for one in known
    ):
        return journal.answer_at(work, data.id, known[-1].version)
    return None
