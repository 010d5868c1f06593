"""The first appointment: one document, and the records that its parts go on as.

Its questionnaires are assessments, its exposures courses, its stressors life events, its
diagnoses conditions, its results labs. A part that has no id of its own is known by its
content: said again it is the same record, changed it is another one, and what the next
version no longer says is marked as entered in error.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid5

import orjson
from sqlalchemy import select

from app.assessments import service as assessments
from app.assessments.schemas import AssessmentWithin
from app.care import risk
from app.care.events import LIFE_EVENT, keep_event
from app.care.intake_schemas import IntakeExposure, IntakeIn, PastTrial, Stressor
from app.care.models import Intake
from app.care.schemas import LifeEventIn
from app.clinical import terms
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import AlreadyExists, Fault, Invalid
from app.core.wire import Identified
from app.journal import service as journal
from app.labs import service as labs
from app.labs.schemas import LabIn
from app.measurements import own_reference
from app.measurements import service as measurements
from app.medications import service as medications
from app.medications.schemas import DoseIn, ReportedSubstance
from app.patients import conditions, days, records
from app.patients import facts as patient_facts
from app.patients.facts import ToldFacts
from app.patients.records import Kind, Place
from app.patients.schemas import ConditionIn
from app.patients.service import Person

MASSES = frozenset({"mg", "g"})
"""Units of an exposure in which a daily dose can be stated; drinks and cigarettes have none."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an intake as a record of its own.

    at: its place in the body. linked: the record was there before, and is not the intake's to
        take back.
    """

    at: str
    kind: Kind[Any]
    record_id: UUID
    data: Identified
    linked: bool

    def says(self, data: Identified) -> bool:
        """Say whether it has this content, and no id that a client made."""
        return (
            self.data.id is None
            and type(self.data) is type(data)
            and journal.fingerprint(self.data) == journal.fingerprint(data)
        )

    def told(self) -> dict[str, Any]:
        """Say what became of it."""
        return {
            "at": self.at,
            "type": self.kind.name,
            "id": str(self.record_id),
            "linked": self.linked,
        }


def record(work: Work, patient_id: UUID, data: IntakeIn, named: frozenset[int] | None) -> Answer:
    """Keep the intake and all that it brings, or nothing; changed on the version that was read.

    Raises:
        NotFound: no such patient for this caller.
        Invalid: something in it is not one that can be; the pointer says what.
        AlreadyExists: the id of a record inside it is taken by other content.
        PreconditionRequired, StaleVersion: there is an intake, and no version or an old one named.
    """
    return records.put(work, INTAKE, patient_id, intake_id(patient_id), data, named)


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the intake as it is now.

    Raises:
        NotFound: no such patient for this caller, or no intake yet.
    """
    return records.show(work, INTAKE, patient_id, intake_id(patient_id))


def history(work: Work, patient_id: UUID) -> Answer:
    """Give every version of the intake, the newest first."""
    return records.history(work, INTAKE, patient_id, intake_id(patient_id))


def intake_id(patient_id: UUID) -> UUID:
    """Give the id of a patient's one intake."""
    return uuid5(patient_id, "intake")


def _keep(work: Work, person: Person, data: IntakeIn, place: Place) -> Answer:
    on = person.day_of(data.occurred_at)
    faults = [*_faults(work, person, data)]
    if faults:
        raise Invalid(faults=faults)
    before = _parts_before(work, place)
    parts = _parts(work, place, data, before)
    said = {part.at: _bring(work, person, part, data, on, place.record_id) for part in parts}
    _withdraw_gone(work, person, before, {part.record_id for part in parts})
    opened = [one for short in said.values() for one in short.pop("opened_signals", ())]
    opened += risk.open_signals(work, person, place.record_id, data.risk)
    facts = _facts_of(data)
    reviewed = medications.review_list(work, person, told=[ToldFacts(place.record_id, facts, on)])
    opened += reviewed.pop("opened_signals", [])
    answer = records.keep(
        work,
        INTAKE,
        person,
        place,
        data,
        columns={"occurred_at": data.occurred_at, "occurred_on": on},
        derived={
            "occurred_on": on,
            "assessments": [
                one for at, one in said.items() if one and at.startswith("/assessments")
            ],
            "risk_asked": risk.told(data.risk),
            "records": [
                part.told() | ({"withdrawn": True} if _is_withdrawn(work, part) else {})
                for part in parts
            ],
            "opened_signals": opened,
            **reviewed,
        },
    )
    assert answer.sequence is not None
    told = facts | risk.facts(data.risk)
    patient_facts.keep_facts(work, person, place.record_id, answer.sequence, told, on)
    measurements.keep(
        work,
        person,
        place.record_id,
        answer.sequence,
        (),
        first_version=place.version == 1,
        seen_on=on,
    )
    return answer


def _facts_of(data: IntakeIn) -> dict[str, str]:
    """Give what was told of the person, as the rules' questions name it."""
    if data.facts is None:
        return {}
    return data.facts.model_dump(include={"pregnancy", "smoking"}, exclude_none=True)


# ---- rules


def _faults(work: Work, person: Person, data: IntakeIn) -> Iterator[Fault]:
    said: dict[str, Any] = {"/occurred_at": data.occurred_at}
    for number, lesson in enumerate(data.education):
        said[f"/education/{number}/given_on"] = lesson.given_on
    trials = data.psychiatric_history.past_trials if data.psychiatric_history else []
    for number, trial in enumerate(trials):
        at = f"/psychiatric_history/past_trials/{number}"
        said |= {f"{at}/from_on": trial.from_on, f"{at}/to_on": trial.to_on}
        yield from _faults_of_trial(work, at, trial)
    yield from days.faults(person, work.now, said)


def _faults_of_trial(work: Work, at: str, trial: PastTrial) -> Iterator[Fault]:
    yield from days.faults_of_order(f"{at}/to_on", trial.from_on, trial.to_on)
    for number, term in enumerate(trial.side_effects):
        if term != terms.OTHER and own_reference.term(work, term) is None:
            near = terms.close_to(term)
            passes = "a term of the vocabulary"
            if near:
                passes += f"; did you mean {', '.join(near)}?"
            yield Fault(f"{at}/side_effects/{number}", "unknown-term", passes)


# ---- the records inside


def _parts(work: Work, place: Place, data: IntakeIn, before: Sequence[Part]) -> list[Part]:
    """Give the parts with the ids that they have as records of their own, or will have.

    Raises:
        Invalid: two parts carry one id.
        AlreadyExists: a part is said anew under the id of what was entered in error.
    """
    left = {part.record_id: part for part in before}
    found: dict[UUID, Part] = {}
    for at, one in data.nested():
        if one.id is not None:
            same = left.get(one.id)
        else:
            same = next((part for part in left.values() if part.says(one)), None)
        if same is not None:
            part = replace(left.pop(same.record_id), at=at, data=one)
        else:
            record_id = one.id or uuid5(place.record_id, f"{place.version}{at}")
            linked = bool(journal.versions(work, record_id))
            part = Part(at, KINDS[type(one)], record_id, one, linked)
            if linked and _is_withdrawn(work, part):
                raise AlreadyExists("another id: it was entered in error", pointer=f"{at}/id")
        if part.record_id in found:
            raise Invalid("an id of its own", pointer=f"{at}/id")
        found[part.record_id] = part
    return list(found.values())


def _parts_before(work: Work, place: Place) -> list[Part]:
    """Give the parts of the version before, with the ids that it gave them."""
    if place.version == 1:
        return []
    last = place.version - 1
    data = journal.patched(work, IntakeIn, place.record_id, last, {})
    told = orjson.loads(journal.text_at(work, place.record_id, last))["records"]
    by_place = {one["at"]: one for one in told}
    return [
        Part(at, KINDS[type(one)], UUID(by_place[at]["id"]), one, by_place[at]["linked"])
        for at, one in data.nested()
    ]


def _is_withdrawn(work: Work, part: Part) -> bool:
    known = journal.versions(work, part.record_id)
    return bool(known) and known[-1].action == "withdrawn"


def _bring(
    work: Work, person: Person, part: Part, data: IntakeIn, on: date, intake: UUID
) -> dict[str, Any]:
    """Store one part, or link the record that is there; gives what its answer says.

    What was marked as entered in error at its own address stays so; `records` says it.
    """
    if _is_withdrawn(work, part):
        return {}
    if isinstance(part.data, AssessmentWithin):
        return assessments.keep_within(
            work,
            person,
            part.data,
            occurred_at=data.occurred_at,
            occurred_on=on,
            follow_up_id=intake,
            fallback_id=part.record_id,
            at=part.at,
        )
    if isinstance(part.data, IntakeExposure):
        told = _reported(part.record_id, part.data)
        answer = medications.report_substance(work, person, told, on, pointer=part.at)
    else:
        answer = _kept(work, person, part, on)
    stored: dict[str, Any] = orjson.loads(answer.body)
    # One that was there opened its signals then, not now.
    return stored if answer.sequence is not None else {**stored, "opened_signals": []}


def _kept(work: Work, person: Person, part: Part, on: date) -> Answer:
    """Store a part as a record, or give the one that says the same, whoever sent it.

    Raises:
        AlreadyExists: the id is taken by other content, another patient or another kind.
    """
    body: Identified = part.data
    keep = part.kind.keep
    if isinstance(body, Stressor):
        body = LifeEventIn(kind="stressor", **body.model_dump(exclude_unset=True, exclude={"id"}))
        keep = partial(keep_event, assumed_on=on)
    known = journal.versions(work, part.record_id)
    if not known:
        try:
            return keep(work, person, body, Place(part.record_id))
        except Invalid as refusal:
            faults = [replace(one, pointer=part.at + one.pointer) for one in refusal.faults]
            raise Invalid(faults=faults) from None
    print_ = journal.fingerprint(body)
    if any(one.type != part.kind.name or one.patient_id != person.id for one in known):
        raise AlreadyExists(pointer=f"{part.at}/id")
    if all(one.fingerprint != print_ for one in known):
        raise AlreadyExists("it is corrected at its own address", pointer=f"{part.at}/id")
    return journal.answer_at(work, part.record_id, known[-1].version)


def _reported(record_id: UUID, data: IntakeExposure) -> ReportedSubstance:
    """Read an exposure as a substance that is told of.

    Milligrams a day are a daily dose. Drinks, cigarettes and amounts a week are none: the course
    keeps them as they were told, and its dose is unknown.
    """
    amount = data.measured()
    dose = None
    if amount is not None and amount.per == "d" and amount.unit in MASSES:
        dose = DoseIn(amount=amount.amount, unit=amount.unit)
    sent = {
        "id": record_id,
        "kind": data.kind,
        "substance": data.substance,
        "from_on": data.from_on,
        "dose_known": dose is not None,
        **({"dose": dose, "times_per_day": Decimal(1)} if dose else {}),
        **({"to_on": data.to_on} if data.to_on else {}),
        **({"exposure": amount} if amount else {}),
    }
    return ReportedSubstance.model_validate(sent)


def _withdraw_gone(work: Work, person: Person, before: Sequence[Part], still: set[UUID]) -> None:
    """Withdraw what the version before brought and this one no longer says."""
    for part in before:
        if part.linked or part.record_id in still:
            continue
        model = part.kind.model
        row = work.first(
            select(model).where(model.id == part.record_id, *part.kind.rows(person.id))
        )
        if row is not None and row.status != "entered_in_error":
            named = frozenset({row.version})
            records.withdraw(work, part.kind, person.id, part.record_id, named, None)


INTAKE = Kind("intake", Intake, IntakeIn, _keep)
KINDS: dict[type[Identified], Kind[Any]] = {
    AssessmentWithin: assessments.KIND,
    IntakeExposure: medications.MEDICATION_WITHIN,
    Stressor: LIFE_EVENT,
    ConditionIn: conditions.KIND,
    LabIn: labs.KIND,
}
