"""Sends the sample clinic through the slices' services, as its prescriber and its patients would.

A second load changes nothing: ids derive from the story and the day, a patient that is there
keeps the last day of its own, and what is whole is not sent again.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby, zip_longest
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import orjson

from app.care import events
from app.care import plan as care
from app.care.schemas import LifeEventIn, PlanReviewIn, TreatmentPlanIn
from app.core.actor import Actor
from app.core.answer import Answer
from app.core.db import Work, Writer
from app.core.wire import Wire, read
from app.followups import service as followups
from app.followups.schemas import CheckInIn, FollowUpIn
from app.identity import service as identity
from app.journal import service as journal
from app.labs import service as labs
from app.labs.schemas import LabIn
from app.medications import service as medications
from app.medications.schemas import MedicationIn, StepsIn
from app.patients import service as patients
from app.patients.schemas import PatientIn
from app.sample.plots import PLOTS
from app.sample.stories import Kind, Record, Story, patient_id, tell, told_until
from app.signals import service as signals
from app.signals.schemas import SignalMove

B = TypeVar("B", bound=Wire)

SEED = 20_261_124
TOGETHER = 50
"""Check-ins in one transaction; none of them asks for what another one leaves."""

BODIES: dict[Kind, type[Wire]] = {
    "medication": MedicationIn,
    "plan": StepsIn,
    "lab": LabIn,
    "life_event": LifeEventIn,
    "follow_up": FollowUpIn,
    "treatment_plan": TreatmentPlanIn,
    "plan_review": PlanReviewIn,
    "answer": SignalMove,
    "check_in": CheckInIn,
}


def load(writer: Writer, actor: Actor, today: date, progress: Callable[[int, int], None]) -> UUID:
    """Load the sample clinic where it is not there yet, and give its first patient.

    actor: the prescriber who gets the care relations.
    today: a first load tells of the two years before it.
    progress: told how many of all records are in.
    """
    run = partial(writer.run, operation="sample")
    stories = []
    for plot in PLOTS:
        told = run(_told_until, actor, patient_id(plot))
        story = tell(plot, SEED, told or today)
        if not run(_is_there, actor, story.patient_id, story.records[-1].id):
            stories.append(story)
    total = sum(len(story.records) for story in stories)
    done = 0
    with ThreadPoolExecutor(len(PLOTS)) as pool:
        for steps in zip_longest(*(_steps(run, actor, story) for story in stories)):
            # The next step of every story goes in together: the writer commits them as one.
            for sent in pool.map(_take, filter(None, steps)):
                done += sent
                progress(done, total)
    return patient_id(PLOTS[0])


def _told_until(work: Work, patient_id: UUID) -> date | None:
    if not journal.versions(work, patient_id):
        return None
    return told_until(journal.body_at(work, patient_id, 1))


def _is_there(work: Work, _patient_id: UUID, record_id: UUID) -> bool:
    return bool(journal.versions(work, record_id))


class Step(NamedTuple):
    """One transaction of a story, and how many of its records go in with it."""

    send: Callable[[], Any]
    records: int


def _take(step: Step) -> int:
    step.send()
    return step.records


def _steps(run: Callable[..., Any], actor: Actor, story: Story) -> Iterator[Step]:
    """Give the transactions of one story in their order; each needs what those before it left."""
    patient_id = story.patient_id
    yield Step(partial(run, patients.register, actor, _read(PatientIn, story.patient)), 0)
    user = identity.patient_user(actor.clinic_id, patient_id)
    system = identity.built_in_actor(actor.clinic_id, "system")
    name = story.patient["name"]["family"]
    yield Step(partial(run, identity.enrol, system, user, name, "patient", patient_id), 0)
    patient = replace(actor, user_id=user, role="patient", patient_id=patient_id)
    for kind, records in _portions(story.records):
        sender = patient if kind == "check_in" else actor
        bodies = [_read(BODIES[kind], record.body) for record in records]
        send = partial(run, SERVICES[kind], sender, patient_id, *bodies)
        yield Step(send, len(records))


def _read(shape: type[B], body: dict[str, Any]) -> B:
    return read(shape, orjson.dumps(body))


def _portions(records: Sequence[Record]) -> Iterator[tuple[Kind, list[Record]]]:
    """Put check-ins between two visits together; a visit may need what was sent before it."""
    for kind, group in groupby(records, key=lambda record: record.kind):
        run_ = list(group)
        size = TOGETHER if kind == "check_in" else 1
        for begin in range(0, len(run_), size):
            yield kind, run_[begin : begin + size]


def _check_in(work: Work, patient_id: UUID, *bodies: CheckInIn) -> None:
    for body in bodies:
        followups.check_in(work, patient_id, body)


def _answer(work: Work, patient_id: UUID, body: SignalMove) -> None:
    """Close every signal that is open."""
    for one in orjson.loads(signals.page(work, patient_id).body)["items"]:
        if one["state"] != "closed":
            signals.move(work, patient_id, UUID(one["id"]), body, frozenset({one["version"]}))


def _plan(work: Work, patient_id: UUID, body: StepsIn) -> None:
    medication_id = body.steps[0].medication_id
    assert medication_id is not None
    medications.record_dose_events(work, patient_id, medication_id, body)


def _agree(work: Work, patient_id: UUID, body: TreatmentPlanIn) -> None:
    care.agree(work, patient_id, body, None)


SERVICES: dict[Kind, Callable[..., Answer | None]] = {
    "medication": medications.record,
    "plan": _plan,
    "lab": labs.record,
    "life_event": events.record_event,
    "follow_up": followups.record,
    "treatment_plan": _agree,
    "plan_review": care.review,
    "answer": _answer,
    "check_in": _check_in,
}
