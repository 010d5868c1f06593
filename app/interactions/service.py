"""Holds a patient's list against the rules, remembers what was found and who answered for it.

The rules are `app.clinical.interactions`. The list is handed in: this room knows no course.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import select

from app.clinical import interactions as rules
from app.clinical import medications as reference
from app.clinical.interaction_rules import SEVERITIES, Compiled
from app.clinical.interactions import SMOKING_FACT, Check, Entry, Event, Facts, Involved
from app.core.actor import CLINICIANS, Actor
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import Invalid, NotFound
from app.core.ids import uuid7
from app.interactions.models import Finding
from app.interactions.schemas import AcknowledgementIn, FindingBody, InteractionCheckIn
from app.journal import service as journal
from app.measurements import own_reference
from app.patients import service as patients
from app.patients.service import Person
from app.signals import service as signals
from app.signals.schemas import Rule as SignalRule

TYPE = "interaction"
MOST_SHOWN = 200
"""Stored findings in one answer: all that hold, and the newest of those that are over."""
ALERTING = frozenset({"contraindicated", "major"})
"""Severities that wait for a named person."""
_STOPPED, _ABOVE_MAXIMUM = "~stopped", ">max"
"""How a facts key marks a substance that is no longer taken, or above its maximum."""

Said = Mapping[str, Mapping[str, Any]]
"""What an answer says of each entry, by its key."""


def facts_of(
    person: Person,
    on: date,
    told: Mapping[str, Sequence[tuple[date, str]]] | None = None,
    egfr: Decimal | None = None,
) -> Facts:
    """Give what is known of a patient that a rule may ask for.

    told: the answers to each question, oldest first; see `patients.facts`. No rule reads `other`.
    egfr: mL/min/1.73 m2, the newest.
    """
    born, told = person.birth_date, told or {}
    latest = {fact: said[-1][1] for fact, said in told.items() if said[-1][1] != "other"}
    return Facts(
        age_years=None
        if born is None
        else on.year - born.year - ((on.month, on.day) < (born.month, born.day)),
        pregnancy=latest.get("pregnancy"),
        smoking=latest.get("smoking"),
        egfr=egfr,
        events=rules.smoking_events(told.get("smoking", ())),
    )


@lru_cache(maxsize=4096)
def resolve(
    code: tuple[str, str] | None, reference_id: str | None, text: str | None
) -> reference.Resolved:
    """Say what a record's substance is; kept, for the same few are asked for all day.

    Raises:
        SubstancesDiffer: the code and the id name different ones.
    """
    return reference.resolve(code, reference_id, text)


def own_rules(work: Work, entries: Iterable[Entry]) -> Compiled | None:
    """Give the clinic's own rules for a list; None where it has none."""
    known = (one.resolved.substance for one in entries)
    return own_reference.rules(work, [one for one in known if one is not None])


# ---- at every change of the list


def review(
    work: Work,
    person: Person,
    entries: Sequence[Entry],
    facts: Facts,
    on: date,
    *,
    old_before: date | None = None,
) -> dict[str, Any]:
    """Check the list as it now is, and keep what changed: one query where nothing did.

    entries: everything that is or was taken, this call's own changes included; their keys are
        ids of courses.
    old_before: for an import, which opens one signal for all that is old: a finding whose
        substances were all begun before this day opens none.
    Gives what an answer says of it: `new_findings` in short, the worst first, and
    `opened_signals`; neither where there is none.

    A finding goes on, under its id and with what was said of it, as long as its rule and its
    substances stay and nothing got worse: one was stopped and washes out, a dose was lowered.
    It comes back as a new one when a dose rises above what was answered for, above the
    reference's maximum, when a stopped substance is taken again, or another one joins.
    """
    live = _live(work, person.id)
    checked = rules.check(entries, facts, on, own_rules(work, entries)).findings
    found = {one.facts_key: one for one in sorted(checked, key=_order)}
    gone = [row for key, row in live.items() if key not in found]
    new = []
    for key, one in found.items():
        row = live.get(key) or next((old for old in gone if _calmed(old.facts_key, key)), None)
        if row is None:
            new.append(one)
        elif row.state != "open" and _is_raised(row, one):
            new.append(one)
            gone = [*(old for old in gone if old is not row), row]
        else:
            gone = [old for old in gone if old is not row]
            live.pop(row.facts_key)
            _go_on(work, row, one)
            live[key] = row
    for row in gone:
        del live[row.facts_key]
        _change(work, row, "resolved", state="resolved", resolved_at=work.now)
    begun = {entry.key: entry.started_on for entry in entries}
    opened: list[dict[str, Any]] = []
    short = []
    for one in new:
        is_old = old_before is not None and all(
            (day := begun.get(key)) is None or day < old_before for key in _course_ids(one)
        )
        courses = [UUID(course_id) for course_id in _course_ids(one)]
        # What rests on a sealed course tells of it; an open record's answer is everybody's.
        seal = journal.seal_among(work, courses)
        category = seal.category if seal else work.sealed_as
        is_quiet = category is not None and work.sealed_as is None
        with journal.sealing(work, category, seal.author_id if seal else None):
            told = _open(work, person, one, [] if is_quiet else opened, waits=not is_old)
        if not is_quiet:
            short.append(told)
    return {
        **({"new_findings": short} if short else {}),
        **({"opened_signals": opened} if opened else {}),
    }


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


def _course_ids(found: rules.Finding) -> list[str]:
    return sorted({key for one in found.involved for key in one.keys} - {SMOKING_FACT})


def _involved(found: rules.Finding) -> dict[str, Any]:
    """Give what a finding rests on: the courses, and the known daily doses of its substances."""
    return {
        "medication_ids": _course_ids(found),
        "doses": {
            one.substance.reference_id: {"amount": str(one.dose[0]), "unit": one.dose[1]}
            for one in found.involved
            if one.dose is not None
        },
    }


def _raises(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    return (
        before is not None
        and before["unit"] == now["unit"]
        and Decimal(now["amount"]) > Decimal(before["amount"])
    )


def _is_raised(row: Finding, found: rules.Finding) -> bool:
    """Say whether a dose is known to be higher than any that stood behind the finding so far."""
    known, now = row.involved["doses"], _involved(found)["doses"]
    return any(_raises(known.get(name), dose) for name, dose in now.items())


def _go_on(work: Work, row: Finding, found: rules.Finding) -> None:
    """Keep what a finding now rests on; a lower dose than before is no change of it."""
    now, known = _involved(found), row.involved["doses"]
    for name, dose in known.items():
        if name not in now["doses"] or not _raises(dose, now["doses"][name]):
            now["doses"][name] = dose
    if now != row.involved or row.facts_key != found.facts_key:
        _change(work, row, "changed", involved=now, facts_key=found.facts_key)


def _open(
    work: Work,
    person: Person,
    found: rules.Finding,
    opened: list[dict[str, Any]],
    *,
    waits: bool,
) -> dict[str, Any]:
    """Keep a new finding and give it in short; the signal that it opens joins `opened`."""
    rule, finding_id, involved = found.rule, uuid7(), _involved(found)
    signal = None
    if waits and rule.severity in ALERTING:
        evidence = {
            "finding_id": str(finding_id),
            "rule_id": rule.id,
            "severity": rule.severity,
            "medication_ids": involved["medication_ids"],
        }
        # The finding is the episode: the same pair taken again after a stop is another one.
        signal = signals.open_once(
            work,
            person,
            f"{TYPE}:{finding_id}",
            TYPE,
            evidence,
            rule=SignalRule(id=rule.id, version=rule.version),
        )
    row = work.add(
        Finding,
        id=finding_id,
        patient_id=person.id,
        version=1,
        status="active",
        rule_id=rule.id,
        rule_version=rule.version,
        severity=rule.severity,
        facts_key=found.facts_key,
        state="open",
        involved=involved,
        first_seen_at=work.now,
        resolved_at=None,
        signal_id=UUID(signal["id"]) if signal else None,
        acknowledgement=None,
    )
    _live(work, person.id)[found.facts_key] = row
    _record(work, row, "created")
    if signal is not None:
        opened.append(signal)
    return {
        "id": str(finding_id),
        "rule": {"id": rule.id, "version": rule.version},
        "severity": rule.severity,
        "medication_ids": involved["medication_ids"],
        "state": "open",
        "signal_id": signal and signal["id"],
    }


def _calmed(before: str, now: str) -> bool:
    """Say whether the finding goes on, and none of its substances is worse than before."""
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
            **row.involved,
            **{
                name: getattr(row, name)
                for name in FindingBody.model_fields
                if name not in {"rule", *row.involved}
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
    What held once and does not any more stands under `resolved`, the newest first: there a
    finding that time alone ended (a wash-out is over) has no `resolved_at` yet.
    """
    person = patients.get(work, patient_id)
    check = rules.check(entries, facts, person.today(work.now), own_rules(work, entries))
    rows = work.all(
        select(Finding)
        .where(Finding.patient_id == patient_id)
        .order_by(Finding.resolved_at.desc().nulls_first(), Finding.first_seen_at.desc())
        .limit(MOST_SHOWN)
    )
    live = {row.facts_key: row for row in rows if row.resolved_at is None}
    holds = {one.facts_key for one in check.findings}
    said = {key: {"medication_id": key, "text": name} for key, name in names.items()}
    body = _written(check, said, work.actor, lambda one: _kept(live.get(one.facts_key)))
    body["resolved"] = [
        _was(row, names)
        for row in rows
        if row.resolved_at is not None or row.facts_key not in holds
    ]
    return Answer(orjson.dumps({"checked_at": work.now, **body}))


def _kept(row: Finding | None) -> dict[str, Any]:
    return {
        "id": row.id if row else None,
        "state": row.state if row else "open",
        "first_seen_at": row.first_seen_at if row else None,
        "signal_id": row.signal_id if row else None,
        "acknowledgement": row.acknowledgement if row else None,
    }


def _was(row: Finding, names: Mapping[str, str]) -> dict[str, Any]:
    """Write a finding that does not hold any more; a course entered in error has no name."""
    return {
        "rule": {"id": row.rule_id, "version": row.rule_version},
        "severity": row.severity,
        "substances": [
            {"medication_id": one, "text": names.get(one)} for one in row.involved["medication_ids"]
        ],
        **_kept(row),
        "state": "resolved",
        "resolved_at": row.resolved_at,
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
    facts, day = data.facts.known(events), work.now.date()
    found = rules.check(entries, facts, day, own_rules(work, entries))
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
        "checked_by_name": check.by_name,
        "findings": [
            {**_finding(one, said, actor), **kept(one)}
            for one in sorted(check.findings, key=_order)
        ],
        "possible": [_finding(one, said, actor) for one in sorted(check.possible, key=_order)],
        "read_as": [
            {
                **said[one.key],
                "candidates": [
                    {**_candidate(each), "display": each.substance.tall_man}
                    for each in one.candidates
                ],
            }
            for one in check.read_as
        ],
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
        "origin": rule.origin,
        "severity": rule.severity,
        "substances": [one for part in found.involved for one in _substances(part, said)],
        "facts": found.facts,
        "mechanism": rule.mechanism,
        "effect": rule.effect,
        **({"management": rule.management} if for_prescribers else {}),
        "onset": rule.onset,
        "evidence": rule.evidence,
        "sources": rule.sources,
    }


def _candidate(one: reference.Candidate) -> dict[str, Any]:
    return {"reference_id": one.substance.reference_id, "by": one.by}


def _substances(part: Involved, said: Said) -> Iterator[dict[str, Any]]:
    """Write a substance once for each record that speaks for it."""
    stopped = {"stopped": True, "clear_on": part.clear_on} if part.stopped_on else {}
    for key in part.keys:
        if part.candidate is not None:
            yield {**said[key], "candidate": _candidate(part.candidate), **stopped}
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
