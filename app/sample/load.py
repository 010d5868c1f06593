"""Sends the sample clinic through the slices' services, as its prescriber and its patients would.

A second load changes nothing: ids derive from the story and the day, a patient that is there
keeps the last day of its own, and what is whole is not sent again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any
from uuid import UUID

import orjson

from app.core.actor import Actor
from app.core.answer import Answer
from app.core.db import Work, Writer
from app.core.wire import Identified, read
from app.followups import service as followups
from app.followups.schemas import CheckInIn, FollowUpIn
from app.identity import service as identity
from app.journal import service as journal
from app.medications import service as medications
from app.medications.schemas import MedicationIn
from app.patients import service as patients
from app.patients.schemas import PatientIn
from app.sample.plots import PLOTS
from app.sample.stories import Kind, Record, Story, patient_id, tell, told_until

SEED = 20_261_124
TOGETHER = 50
"""Check-ins in one transaction; none of them asks for what another one leaves."""

BODIES: dict[Kind, type[Identified]] = {
    "medication": MedicationIn,
    "follow_up": FollowUpIn,
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
    for story in stories:
        for sent in _send(run, actor, story):
            done += sent
            progress(done, total)
    return patient_id(PLOTS[0])


def _told_until(work: Work, patient_id: UUID) -> date | None:
    if not journal.versions(work, patient_id):
        return None
    return told_until(journal.body_at(work, patient_id, 1))


def _is_there(work: Work, _patient_id: UUID, record_id: UUID) -> bool:
    return bool(journal.versions(work, record_id))


def _send(run: Callable[..., Any], actor: Actor, story: Story) -> Iterator[int]:
    """Send one story in its order; gives how many records went in, time by time."""
    run(patients.register, actor, read(PatientIn, orjson.dumps(story.patient)))
    user = identity.patient_user(actor.clinic_id, story.patient_id)
    system = identity.built_in_actor(actor.clinic_id, "system")
    run(identity.enrol, system, user, story.patient["name"]["family"], "patient", story.patient_id)
    patient = replace(actor, user_id=user, role="patient", patient_id=story.patient_id)
    for kind, records in _portions(story.records):
        sender = patient if kind == "check_in" else actor
        bodies = [read(BODIES[kind], orjson.dumps(record.body)) for record in records]
        run(SERVICES[kind], sender, story.patient_id, *bodies)
        yield len(records)


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


SERVICES: dict[Kind, Callable[..., Answer | None]] = {
    "medication": medications.record,
    "follow_up": followups.record,
    "check_in": _check_in,
}
