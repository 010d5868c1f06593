"""The treatment plan: what was agreed, its reviews, and when it is looked at again.

`next_review` is worked out each time it is read, from the plan, the reviews, the doses and the
reference: nothing of it is kept with the plan, so it cannot lag behind any of them.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.care import risk
from app.care.models import PlanReview, TreatmentPlan
from app.care.schemas import PlanReviewIn, TreatmentPlanIn
from app.clinical import followup
from app.clinical import interactions as rules
from app.clinical import measures as house
from app.clinical.doses import dose_line
from app.clinical.followup import Agreement, Medicine, NextReview, Patient, Visit
from app.clinical.interactions import Facts
from app.clinical.measure import Measure
from app.clinical.monitoring_schedules import is_loinc
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Fault, Invalid, NotFound
from app.interactions import service as interactions
from app.journal import service as journal
from app.measurements import service as measurements
from app.medications import service as medications
from app.medications.service import Course
from app.medications.substances import entries_of, facts_now, resolved
from app.patients import conditions, days, records
from app.patients import service as patients
from app.patients.records import Kind, Place
from app.patients.service import Person

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
LABS = "labs."


def agree(
    work: Work, patient_id: UUID, data: TreatmentPlanIn, named: frozenset[int] | None
) -> Answer:
    """Keep what was agreed: the first plan, or on the version that was read the next one.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: agreed in the future, a measure nobody knows, a target outside its range.
        PreconditionRequired, StaleVersion: there is a plan, and no version or an old one named.
    """
    answer = records.put(work, PLAN, patient_id, plan_id(patient_id), data, named)
    return _with_next_review(work, patients.get(work, patient_id), answer)


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the plan as it is now, with the day on which it is looked at again.

    Raises:
        NotFound: no such patient for this caller, or no plan yet.
    """
    person = patients.get(work, patient_id)
    answer = journal.show(work, PLAN.name, patient_id, plan_id(patient_id))
    return _with_next_review(work, person, answer)


def history(work: Work, patient_id: UUID) -> Answer:
    """Give every version of the plan, the newest first."""
    return records.history(work, PLAN, patient_id, plan_id(patient_id))


def review(work: Work, patient_id: UUID, data: PlanReviewIn) -> Answer:
    """Keep one look at the plan; the same id and content again gives the record that is there.

    Raises:
        NotFound: no such patient for this caller, or there is no plan to review.
        Invalid: before the birth, or beyond the tolerance for a device's clock.
        AlreadyExists: the id is taken by other content.
    """
    return records.post(work, REVIEW, patient_id, data)


def plan_id(patient_id: UUID) -> UUID:
    """Give the id of a patient's one plan."""
    return uuid5(patient_id, "treatment-plan")


def _with_next_review(work: Work, person: Person, answer: Answer) -> Answer:
    courses = medications.courses(work, person.id)
    reviewed_on = _last_review(work, person.id)
    found = _next_review(work, person, orjson.loads(answer.body), reviewed_on, courses)
    tail = orjson.dumps({"next_review": _told(work, person, found)})
    return replace(answer, body=answer.body[:-1] + b"," + tail[1:])


# ---- when it is looked at again


class Agreed(NamedTuple):
    """A plan as it was answered, with what is worked out of it today.

    changes: days of starts and changes of the drugs that are taken, planned steps among them.
    """

    body: dict[str, Any]
    next_review: NextReview
    changes: tuple[date, ...]


def agreed_with(work: Work, person: Person) -> Agreed | None:
    """Give the plan of a patient whom this caller may see; None where there is none."""
    row = work.first(select(TreatmentPlan).where(TreatmentPlan.patient_id == person.id))
    if row is None:
        return None
    body = orjson.loads(journal.text_at(work, row.id, row.version))
    courses = medications.courses(work, person.id)
    return Agreed(
        body,
        _next_review(work, person, body, _last_review(work, person.id), courses),
        tuple(_changes(courses, person.today(work.now))),
    )


def _changes(courses: Iterable[Course], today: date) -> Iterator[date]:
    for course in courses:
        if course.kind != "drug":
            continue
        line = dose_line(course.events, as_of=today)
        yield from (one.from_day for one in line.epochs if one.from_day is not None)
        yield from (step.event.day for step in line.planned if step.event.day is not None)


def _next_review(
    work: Work,
    person: Person,
    plan: Mapping[str, Any],
    reviewed_on: date | None,
    courses: Sequence[Course],
) -> NextReview:
    """Work out the next review of a plan as it was answered, today in the patient's zone."""
    today = person.today(work.now)
    agreed = Agreement(
        agreed_on=date.fromisoformat(plan["agreed_on"]),
        reviewed_on=reviewed_on,
        interval_days=plan.get("review_interval_days"),
        phase=plan.get("phase"),
    )
    facts = facts_now(work, person, today)
    patient = Patient(
        age_years=facts.age_years,
        codes=conditions.codes(work, person.id, ICD10CM, today) | _indications(courses),
        pregnant=facts.pregnancy == "pregnant",
        at_risk=risk.of_suicide(work, person.id),
    )
    return followup.next_review(agreed, _medicines(work, courses, facts, today), patient, today)


def _last_review(work: Work, patient_id: UUID, but: UUID | None = None) -> date | None:
    statement = (
        select(PlanReview.reviewed_on)
        .where(PlanReview.patient_id == patient_id, PlanReview.status != "entered_in_error")
        .order_by(PlanReview.reviewed_on.desc())
    )
    if but is not None:
        statement = statement.where(PlanReview.id != but)
    found: date | None = work.first(statement)
    return found


def _indications(courses: Iterable[Course]) -> frozenset[str]:
    """Give the diagnoses for which the medicines are given."""
    said = [course.said.get("indication") or {} for course in courses]
    return frozenset(one["code"] for one in said if one.get("system") == ICD10CM)


def _medicines(work: Work, courses: Sequence[Course], facts: Facts, on: date) -> list[Medicine]:
    """Give the drugs that are taken on a day, or were tapered off."""
    since = _interacting(work, courses, facts, on)
    found = (
        followup.medicine_of(
            str(course.id),
            resolved(course).substance,
            dose_line(course.events, as_of=on),
            since.get(str(course.id)),
        )
        for course in courses
        if course.kind == "drug"
    )
    return [one for one in found if one is not None]


def _interacting(work: Work, courses: Sequence[Course], facts: Facts, on: date) -> dict[str, date]:
    """Give for each course the last day on which something that interacts joined what is taken."""
    entries = {one.key: one for one in entries_of(courses, on)}
    since: dict[str, date] = {}
    own = interactions.own_rules(work, entries.values())
    for found in rules.check(list(entries.values()), facts, on, own).findings:
        if any(part.stopped_on for part in found.involved):
            continue
        keys = [key for part in found.involved for key in part.keys if key in entries]
        begun = [day for key in keys if (day := entries[key].started_on) is not None]
        for key in keys if len(begun) > 1 else ():
            since[key] = max(*begun, since.get(key, date.min))
    return since


def _told(work: Work, person: Person, found: NextReview) -> dict[str, Any]:
    """Write the next review; what guidelines say of it is for the clinic."""
    told = {"due": found.due_on, "days_left": found.days_left, "overdue": found.overdue}
    if work.actor.role == "patient":
        return told
    why = [
        asking | ({"rule": _rule(visit)} if visit.rule_id else {})
        for asking, visit in zip(_why(found), found.why, strict=True)
    ]
    zone_unknown = () if person.zone else ("DQ_TZ_ASSUMED",)
    return {**told, "why": why, "reasons": [*zone_unknown, *found.codes]}


def _rule(visit: Visit) -> dict[str, Any]:
    version, _ = followup.version()
    return {
        "id": visit.rule_id,
        "version": version,
        "source": visit.source,
        "verified": visit.verified,
    }


def _why(found: NextReview) -> list[dict[str, Any]]:
    """Say what asks for the day, as facts of the record."""
    return [
        {
            "code": visit.why,
            **({"medication_id": visit.medicine_id} if visit.medicine_id else {}),
            **({"week": visit.week} if visit.week else {}),
        }
        for visit in found.why
    ]


# ---- how they are kept


def _keep(work: Work, person: Person, data: TreatmentPlanIn, place: Place) -> Answer:
    found = [
        *days.faults(person, work.now, {"/agreed_on": data.agreed_on}),
        *_faults_of_measures(work, data),
    ]
    if found:
        raise Invalid(faults=found)
    return records.keep(
        work,
        PLAN,
        person,
        place,
        data,
        columns={
            "agreed_on": data.agreed_on,
            "review_interval_days": data.review_interval_days,
            "phase": data.phase,
        },
    )


def _faults_of_measures(work: Work, data: TreatmentPlanIn) -> Iterator[Fault]:
    """Find measures that nobody knows: a goal tied to a misspelt one could never be reached."""
    for number, code in enumerate(data.measured_by):
        if not _is_known(work, code):
            yield Fault(f"/measured_by/{number}", "unknown-measure", "a known measure's code")
    for number, goal in enumerate(data.goals):
        at = f"/goals/{number}"
        if goal.measure is None:
            if goal.target is not None:
                yield Fault(f"{at}/measure", "required", "the measure that the target is of")
        elif not _is_known(work, goal.measure):
            yield Fault(f"{at}/measure", "unknown-measure", "a known measure's code")
        elif goal.target is not None and not _is_inside(
            measurements.measure(work, goal.measure), goal.target
        ):
            yield Fault(f"{at}/target", "out-of-range", "inside the measure's range")


def _is_known(work: Work, code: str) -> bool:
    if house.find(code) is not None or code in measurements.registered(work):
        return True
    return code.startswith(LABS) and is_loinc(code.removeprefix(LABS))


def _is_inside(measure: Measure, target: float) -> bool:
    low, high = measure.minimum, measure.maximum
    return (low is None or target >= low) and (high is None or target <= high)


def _keep_review(work: Work, person: Person, data: PlanReviewIn, place: Place) -> Answer:
    found = [*days.faults(person, work.now, {"/reviewed_at": data.reviewed_at})]
    if found:
        raise Invalid(faults=found)
    plan = work.first(select(TreatmentPlan).where(TreatmentPlan.patient_id == person.id))
    if plan is None:
        raise NotFound("there is no plan to review")
    reviewed_on = person.day_of(data.reviewed_at)
    others = _last_review(work, person.id, but=place.record_id)
    body = orjson.loads(journal.text_at(work, plan.id, plan.version))
    last = max(reviewed_on, others or reviewed_on)
    due = _next_review(work, person, body, last, medications.courses(work, person.id))
    return records.keep(
        work,
        REVIEW,
        person,
        place,
        data,
        columns={
            "reviewed_at": data.reviewed_at,
            "reviewed_on": reviewed_on,
            "outcome": data.outcome,
        },
        derived={
            "reviewed_on": reviewed_on,
            "plan_version": plan.version,
            "next_review": {"due": due.due_on, "why": _why(due)},
        },
    )


PLAN = Kind("treatment_plan", TreatmentPlan, TreatmentPlanIn, _keep)
REVIEW = Kind("plan_review", PlanReview, PlanReviewIn, _keep_review, order="reviewed_at")
