"""The patient's own view: what the clinic wrote, when it is looked at, what to fill in.

Facts and the clinic's own words only: no reading of a number, no advice, and nothing of what
the reference says to prescribers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import orjson

from app.care import plan as care
from app.care import risk
from app.care.plan import Agreed
from app.clinical import tasks as rules
from app.clinical.instruments import Instrument, instrument, measures_of
from app.clinical.tasks import SHORT_FORMS, Filled, Situation, Task
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.followups.schemas import CheckInIn
from app.measurements import service as measurements
from app.patients import service as patients
from app.patients.service import Person

NO_PLAN = "NO_PLAN"
RATED = CheckInIn.domain_types().keys() - {"dosage"}
"""Domains whose numbers a check-in brings; what was taken is told by itself."""
DAYS_A_WEEK = 7

Latest = Mapping[str, Mapping[str, Any]]


def show(work: Work, patient_id: UUID) -> Answer:
    """Give the first screen in one call."""
    person = patients.get(work, patient_id)
    agreed = care.agreed_with(work, person)
    found = _tasks(work, person, agreed) if agreed else []
    record = orjson.loads(patients.show(work, patient_id).body)
    shown = ("name", "birth_date", "time_zone", "language", "synthetic")
    body = {
        "patient": {name: record.get(name) for name in shown},
        "patient_id": patient_id,
        "as_of": person.today(work.now),
        "next_review": _review(agreed) if agreed else None,
        "open_tasks": [_told(work, task) for task in found if task.is_open],
        "reason": None if agreed else NO_PLAN,
    }
    return Answer(orjson.dumps(body))


def plan(work: Work, patient_id: UUID) -> Answer:
    """Give what was agreed, in the words in which it was agreed.

    Raises:
        NotFound: there is no plan yet.
    """
    person = patients.get(work, patient_id)
    agreed = care.agreed_with(work, person)
    if agreed is None:
        raise NotFound()
    said = agreed.body
    agreed_on = date.fromisoformat(said["agreed_on"])
    before = [
        task
        for task in _tasks(work, person, agreed)
        if task.is_open or task.due_on <= agreed.next_review.due_on
    ]
    body = {
        "as_of": person.today(work.now),
        "version": said["version"],
        "agreed_on": agreed_on,
        "decision_shared": said.get("decision_shared"),
        "why": said["why"],
        "goals": [
            {**goal, "label": goal.get("measure") and _measure(work, goal["measure"])["label"]}
            for goal in said.get("goals", ())
        ],
        "expected": [
            {
                "week": sign["week"],
                "around_on": agreed_on + timedelta(sign["week"] * DAYS_A_WEEK),
                "sign": sign["sign"],
                "source": sign.get("source"),
            }
            for sign in said.get("expected", ())
        ],
        "measured_by": [_measure(work, code) for code in said.get("measured_by", ())],
        "therapy": [
            {name: part.get(name) for name in ("modality", "modality_text", "every_days")}
            for part in said.get("therapy", ())
        ],
        "next_review": _review(agreed),
        "fill_in_before": [_told(work, task) for task in before],
    }
    return Answer(orjson.dumps(body))


def tasks(work: Work, patient_id: UUID) -> Answer:
    """Give what the patient is asked to fill in; without a plan nobody has asked for anything."""
    person = patients.get(work, patient_id)
    agreed = care.agreed_with(work, person)
    found = _tasks(work, person, agreed) if agreed else []
    body = {
        "as_of": person.today(work.now),
        "items": [_told(work, task) for task in found],
        "reason": None if agreed else NO_PLAN,
    }
    return Answer(orjson.dumps(body))


# ---- what to fill in


def _tasks(work: Work, person: Person, agreed: Agreed) -> list[Task]:
    latest: Latest = measurements.summary(work, person.id)["latest"]
    situation = Situation(
        today=person.today(work.now),
        since=date.fromisoformat(agreed.body["agreed_on"]),
        review_on=agreed.next_review.due_on,
        changes=agreed.changes,
        at_risk=risk.of_suicide(work, person.id),
    )
    asked = list(_asked(agreed.body))
    found = [_questionnaire(one, latest, situation) for one in _instruments(work, asked)]
    rated = [code for code in asked if code.partition(".")[0] in RATED]
    if rated:
        found.append(rules.check_in(rated, _newest(latest, rated), situation))
    return rules.ordered(found)


def _asked(said: Mapping[str, Any]) -> Iterator[str]:
    """Give the measures that the plan names, in its order: what it is measured by, its goals'."""
    goals = [goal.get("measure") for goal in said.get("goals", ())]
    yield from dict.fromkeys(code for code in (*said.get("measured_by", ()), *goals) if code)


def _instruments(work: Work, asked: Iterable[str]) -> list[Instrument]:
    """Give the questionnaires that patients fill in themselves; a long one speaks for its short."""
    ids = dict.fromkeys(code.partition(".")[0] for code in asked)
    shortened = {SHORT_FORMS[one] for one in ids if one in SHORT_FORMS}
    known = [measurements.instrument(work, one) for one in ids if one not in shortened]
    return [one for one in known if one is not None and "self" in one.raters]


def _questionnaire(full: Instrument, latest: Latest, situation: Situation) -> Task:
    short_id = SHORT_FORMS.get(full.id)
    if short_id is None:
        return rules.questionnaire(full, _filled(full, latest), situation)
    short = instrument(short_id)
    return rules.questionnaire(
        full, _filled(full, latest), situation, short, _filled(short, latest)
    )


def _filled(one: Instrument, latest: Latest) -> Filled:
    codes = [measure.code for measure in measures_of(one)]
    total = latest.get(one.total.code) if one.total else None
    risky = [
        latest[code]["value"] >= item.at_least
        for item in one.risk_items
        if (code := f"{one.id}.{item.index}") in latest
    ]
    return Filled(_newest(latest, codes), total["value"] if total else None, any(risky))


def _newest(latest: Latest, codes: Sequence[str]) -> date | None:
    days = [date.fromisoformat(str(latest[code]["on"])) for code in codes if code in latest]
    return max(days, default=None)


# ---- how it is written


def _review(agreed: Agreed) -> dict[str, Any]:
    found = agreed.next_review
    return {"due": found.due_on, "days_left": found.days_left, "overdue": found.overdue}


def _measure(work: Work, code: str) -> dict[str, str]:
    """Name a measure by its code and in words; a lab has no other words than its code."""
    return {"measure": code, "label": measurements.measure(work, code).label}


def _told(work: Work, task: Task) -> dict[str, Any]:
    """Write a task; a proxy learns that and when something is to be filled in, not what or why."""
    is_proxy = work.actor.role == "proxy"
    known = None
    if task.instrument is not None and not is_proxy:
        known = measurements.instrument(work, task.instrument)
    return {
        "kind": task.kind,
        "instrument": None if is_proxy else task.instrument,
        "title": known and known.title,
        "items_count": known and len(known.items),
        "instead_of": None if is_proxy else task.instead_of,
        "measures": [] if is_proxy else [_measure(work, code) for code in task.measures],
        "reason": None if is_proxy else task.reason,
        "is_open": task.is_open,
        "opens_on": task.opens_on,
        "due_on": task.due_on,
        "expires_on": task.expires_on,
        "missed_in_a_row": task.missed_in_a_row,
        "last_on": task.last_on,
    }
