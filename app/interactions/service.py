"""Holds a patient's list against the rules, remembers what was found and who answered for it.

The rules are `app.clinical.interactions`. The list is handed in: this room knows no course.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.clinical import interactions as rules
from app.clinical import medications as reference
from app.clinical.interaction_rules import SEVERITIES
from app.clinical.interactions import SMOKING_FACT, Check, Entry, Event, Facts, Involved
from app.core.actor import CLINICIANS, Actor
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.interactions.models import Finding
from app.interactions.schemas import AcknowledgementIn, FindingBody, InteractionCheckIn
from app.journal import service as journal
from app.patients import service as patients
from app.patients.service import Person
from app.signals import service as signals

TYPE = "interaction"
ALERTING = frozenset({"contraindicated", "major"})
"""Severities that wait for a named person."""
_STOPPED, _ABOVE_MAXIMUM = "~stopped", ">max"
"""How a facts key marks a substance that is no longer taken, or above its maximum."""

Said = Mapping[str, Mapping[str, Any]]
"""What an answer says of each entry, by its key."""


def facts_of(person: Person, on: date) -> Facts:
    """Give what is known of a patient that a rule may ask for: so far the age."""
    born = person.birth_date
    if born is None:
        return Facts()
    return Facts(age_years=on.year - born.year - ((on.month, on.day) < (born.month, born.day)))


@lru_cache(maxsize=4096)
def resolve(
    code: tuple[str, str] | None, reference_id: str | None, text: str | None
) -> reference.Resolved:
    """Say what a record's substance is; kept, since a text that nothing fits costs 10 ms and more.

    Raises:
        SubstancesDiffer: the code and the id name different ones.
    """
    return reference.resolve(code, reference_id, text)


# ---- at every change of the list


def review(
    work: Work, person: Person, entries: Sequence[Entry], facts: Facts, on: date
) -> list[dict[str, Any]]:
    """Check the list as it now is, and keep what changed: one query where nothing did.

    entries: everything that is or was taken, this call's own changes included; their keys are
        ids of courses.
    Gives the new findings in short, each with the signal that it opened, or None. A finding
    that only calmed down (a substance was stopped and washes out, a dose is no longer above
    the maximum) opens no second signal: it goes on with the one it had.
    """
    live = _live(work, person.id)
    found = {one.facts_key: one for one in rules.check(entries, facts, on).findings}
    gone = [row for key, row in live.items() if key not in found]
    new = [one for key, one in found.items() if key not in live]
    for row in gone:
        del live[row.facts_key]
        _change(work, row, "resolved", state="resolved", resolved_at=work.now)
    return [_open(work, person, one, gone) for one in new]


def _live(work: Work, patient_id: UUID) -> dict[str, Finding]:
    """Give the findings that held when they were last looked at, by their facts key.

    Kept for the call: what it adds or resolves is seen by its next review, but by no query.
    """

    def ask() -> dict[str, Finding]:
        rows = work.all(
            select(Finding)
            .where(Finding.patient_id == patient_id, Finding.resolved_at.is_(None))
            .order_by(Finding.first_seen_at, Finding.id)
        )
        return {row.facts_key: row for row in rows}

    return work.remember(("findings", patient_id), ask)


def _open(
    work: Work, person: Person, found: rules.Finding, gone: Iterable[Finding]
) -> dict[str, Any]:
    rule = found.rule
    medication_ids = sorted({key for one in found.involved for key in one.keys} - {SMOKING_FACT})
    short = {
        "id": uuid7(),
        "rule": {"id": rule.id, "version": rule.version},
        "severity": rule.severity,
        "medication_ids": medication_ids,
    }
    before = next((row for row in gone if _calmed(row.facts_key, found.facts_key)), None)
    signal = None
    if before is None and rule.severity in ALERTING:
        evidence = {
            "finding_id": str(short["id"]),
            "rule_id": rule.id,
            "severity": rule.severity,
            "medication_ids": medication_ids,
        }
        # The finding is the episode: the same pair taken again after a stop is another one.
        signal = signals.open_once(work, person, f"{TYPE}:{short['id']}", TYPE, evidence)
    signal_id = UUID(signal["id"]) if signal else before.signal_id if before else None
    row = work.add(
        Finding,
        id=short["id"],
        patient_id=person.id,
        version=1,
        status="active",
        rule_id=rule.id,
        rule_version=rule.version,
        severity=rule.severity,
        facts_key=found.facts_key,
        state="open",
        involved={"medication_ids": medication_ids},
        first_seen_at=work.now,
        resolved_at=None,
        signal_id=signal_id,
        acknowledgement=None,
    )
    _live(work, person.id)[found.facts_key] = row
    _record(work, row, "created")
    return {**short, "id": str(short["id"]), "state": "open", "opened_signal": signal}


def _calmed(before: str, now: str) -> bool:
    """Say whether the same finding goes on, and no substance in it is worse than before."""
    marks = re.compile(f"{_STOPPED}|{_ABOVE_MAXIMUM}")
    return (
        marks.sub("", before) == marks.sub("", now)
        and now.count(_STOPPED) >= before.count(_STOPPED)
        and now.count(_ABOVE_MAXIMUM) <= before.count(_ABOVE_MAXIMUM)
    )


def _change(work: Work, row: Finding, action: str, **columns: Any) -> Answer:
    work.change(row, version=row.version + 1, **columns)
    return _record(work, row, action)


def _record(work: Work, row: Finding, action: str) -> Answer:
    body = FindingBody.model_validate(
        {
            "rule": {"id": row.rule_id, "version": row.rule_version},
            "medication_ids": row.involved["medication_ids"],
            **{
                name: getattr(row, name)
                for name in FindingBody.model_fields
                if name not in {"rule", "medication_ids"}
            },
        }
    )
    return journal.record(
        work,
        TYPE,
        action,
        record_id=row.id,
        patient_id=row.patient_id,
        version=row.version,
        data=body,
    )


# ---- by a named person


def acknowledge(
    work: Work,
    patient_id: UUID,
    finding_id: UUID,
    data: AcknowledgementIn,
    named: frozenset[int] | None,
) -> Answer:
    """Keep what a named person says of a finding, for as long as its facts stay the same.

    A finding that is gone keeps its state `resolved`, with the acknowledgement beside it.

    Raises:
        NotFound: no such patient for this caller, or no such finding of this patient.
        PreconditionRequired, StaleVersion: it was answered for otherwise, and no version or
            an old one is named.
    """
    patients.get(work, patient_id)
    row = work.first(
        select(Finding).where(Finding.id == finding_id, Finding.patient_id == patient_id)
    )
    if not isinstance(row, Finding):
        raise NotFound()
    actor, before = work.actor, row.acknowledgement
    by = {"role": actor.role, "id": str(actor.user_id)}
    said = {**data.model_dump(mode="json"), "by": by}
    if before is not None:
        if {**before, "at": None} == {**said, "at": None}:
            return journal.answer_at(work, row.id, row.version)
        journal.require_version(row.version, named)
    answer = _change(
        work,
        row,
        data.state,
        state=data.state if row.resolved_at is None else row.state,
        acknowledgement={**said, "at": work.now.isoformat()},
    )
    return replace(answer, created=before is None)


def show_finding(work: Work, patient_id: UUID, finding_id: UUID) -> Answer:
    """Give one stored finding as it is now, also when it is gone."""
    patients.get(work, patient_id)
    return journal.show(work, TYPE, patient_id, finding_id)


def history(work: Work, patient_id: UUID, finding_id: UUID) -> Answer:
    """Give all versions of a stored finding, newest first."""
    patients.get(work, patient_id)
    return journal.history(work, TYPE, patient_id, finding_id)


# ---- reading


def show(
    work: Work,
    patient_id: UUID,
    entries: Sequence[Entry],
    facts: Facts,
    names: Mapping[str, str],
) -> Answer:
    """Give a patient's interactions, computed now, with what is stored of each finding.

    entries: the list as it is now; the keys are ids of courses.
    names: what each course calls its substance, by the same keys.
    """
    person = patients.get(work, patient_id)
    check = rules.check(entries, facts, person.today(work.now))
    live = _live(work, patient_id)
    said = {key: {"medication_id": key, "text": name} for key, name in names.items()}
    body = _written(check, said, work.actor, lambda one: _kept(live.get(one.facts_key)))
    return Answer(orjson.dumps({"checked_at": work.now, **body}))


def _kept(row: Finding | None) -> dict[str, Any]:
    return {
        "id": row.id if row else None,
        "state": row.state if row else "open",
        "first_seen_at": row.first_seen_at if row else None,
        "signal_id": row.signal_id if row else None,
        "acknowledgement": row.acknowledgement if row else None,
    }


def check(work: Work, data: InteractionCheckIn) -> Answer:
    """Check a list of nobody in particular; nothing of it is stored.

    Raises:
        Invalid: a code and an id of one substance name different ones.
    """
    entries = [
        Entry(f"{place:03}", _resolved(place, one)) for place, one in enumerate(data.substances)
    ]
    said = {
        entry.key: one.model_dump(mode="json", exclude_none=True)
        for entry, one in zip(entries, data.substances, strict=True)
    }
    events = tuple(Event(one.kind, one.on) for one in data.events)
    found = rules.check(entries, data.facts.known(events), work.now.date())
    return Answer(orjson.dumps(_written(found, said, work.actor, lambda one: {})))


def _resolved(place: int, one: Any) -> reference.Resolved:
    code = (one.code.system, one.code.code) if one.code else None
    try:
        return resolve(code, one.reference_id, one.text)
    except reference.SubstancesDiffer:
        raise Invalid(
            "the substance that the code stands for", pointer=f"/substances/{place}/reference_id"
        ) from None


# ---- how a check is written


def _written(
    check: Check, said: Said, actor: Actor, kept: Callable[[rules.Finding], dict[str, Any]]
) -> dict[str, Any]:
    """Write a check; `kept` gives what else is known of a finding."""
    said = {**said, SMOKING_FACT: {"fact": "smoking"}}
    return {
        "reference": {"version": check.reference.version, "date": check.reference.date},
        "statement": check.statement,
        "checked": check.checked,
        "findings": [
            {**_finding(one, said, actor), **kept(one)}
            for one in sorted(check.findings, key=_order)
        ],
        "possible": [_finding(one, said, actor) for one in sorted(check.possible, key=_order)],
        "not_checked": [{"substance": said[one.key], "why": one.why} for one in check.not_checked],
        "facts_missing": [
            {
                "rule": {"id": one.rule.id, "version": one.rule.version},
                "severity": one.rule.severity,
                "fact": one.fact,
                "substances": [said[key] for key in one.keys],
            }
            for one in check.facts_missing
        ],
    }


def _order(found: rules.Finding) -> tuple[int, list[str], str]:
    """The worst first, then by substances: a reader looks for a name, not for a rule."""
    ids = [one.substance.reference_id for one in found.involved]
    return SEVERITIES.index(found.rule.severity), ids, found.rule.id


def _finding(found: rules.Finding, said: Said, actor: Actor) -> dict[str, Any]:
    rule = found.rule
    for_prescribers = actor.role in CLINICIANS or actor.role == "system"
    return {
        "rule": {"id": rule.id, "version": rule.version},
        "severity": rule.severity,
        "substances": [one for part in found.involved for one in _substances(part, said)],
        "facts": found.facts,
        "mechanism": rule.mechanism,
        "effect": rule.effect,
        **({"management": rule.management} if for_prescribers else {}),
        "evidence": rule.evidence,
        "sources": rule.sources,
    }


def _substances(part: Involved, said: Said) -> Iterator[dict[str, Any]]:
    """Write a substance once for each record that speaks for it."""
    stopped = {"stopped": True, "clear_on": part.clear_on} if part.stopped_on else {}
    for key in part.keys:
        if part.candidate is not None:
            candidate = {"reference_id": part.substance.reference_id, "by": part.candidate.by}
            yield {**said[key], "candidate": candidate, **stopped}
        else:
            record = {
                name: said[key][name] for name in ("medication_id", "fact") if name in said[key]
            }
            yield {
                **record,
                "name": part.substance.name,
                "reference_id": part.substance.reference_id,
                **stopped,
            }
