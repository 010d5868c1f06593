"""What a report needs from the journal, in at most six statements whatever its size."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import select

from app.clinical import measures as house
from app.clinical import medications as reference
from app.clinical.adherence import Administration, Dispense
from app.clinical.dose_response import Confounder
from app.core.db import Work
from app.core.questions import Lookup, Question, ask
from app.journal import service as journal
from app.measurements import service as measurements
from app.medications import reading as medications
from app.patients import service as patients
from app.patients.models import Patient
from app.patients.service import Person
from app.signals import notice
from app.trends.digest import Found, Visit, since_of
from app.trends.params import Params
from app.trends.readings import Reading
from app.trends.report import ENGINE, NOT_REVISED, Revised, Slice
from app.trends.risk import Signal
from app.trends.taking import Taken

Json = dict[str, Any]

READ = (
    "signal",
    "assessment",
    "follow_up",
    "life_event",
    "therapy_session",
    "interaction",
    "administration",
    "dispense",
    "treatment_plan",
)
"""The types of records that a report reads whole; its numbers come from the series table."""
RECEIVED = {"total_mismatch": "DQ_TOTAL_MISMATCH", "total_prorated": "DQ_PRORATED"}
"""What an assessment says of its total, as the report's code."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which records count, and by which rules they are read; the key of every report."""

    person: Person
    patient_version: int
    known_at: datetime | None
    versions: dict[str, str]
    opened: frozenset[str]
    """The sealed records that the caller may see: with a consent the same parameters give other
    bytes. What stays sealed is no part of it, or a new tag would tell of it."""

    def tag(self, params: Params) -> str:
        """Name the bytes that these parameters give; known before anything is computed."""
        person = self.person
        key = [person.id, person.version, self.patient_version, self.versions, params]
        key.append(sorted(self.opened))
        return sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def look_up(work: Work, patient_id: UUID, known_at: datetime | None) -> Moment:
    """Find whose report it is and, in one statement, the version of it that was known then.

    Raises:
        NotFound: no such patient for this caller.
    """
    person = patients.get(work, patient_id)
    version, at, registered = _newest(work, patient_id, known_at)
    opened = journal.opened_to(work, patient_id)
    return Moment(person, version or 0, at, rules(registered), opened)


def _newest(
    work: Work, patient_id: UUID, known_at: datetime | None
) -> tuple[int | None, datetime | None, int]:
    """Give the newest entry that counts, its moment, and how often the clinic registered."""
    if known_at is None and work.hidden is None:
        # Asked all day, by a text that never changes.
        rows: list[list[Any]] = []
        question = Question(_NEWEST, [patient_id], rows.extend)
        ask(work.session, [question], [work.actor.clinic_id])
        version, at, registered = rows[0]
        return version, datetime.fromisoformat(at) if at else None, registered
    columns = _newest_columns(known_at)
    version, at, registered = work.all(select(*columns).where(Patient.id == patient_id))[0]
    return version, at, registered


def _newest_columns(known_at: datetime | None = None) -> tuple[Any, ...]:
    newest = journal.newest_entry(Patient.clinic_id, Patient.id, known_at)
    return (*newest, measurements.registrations(Patient.clinic_id))


_NEWEST = Lookup(Patient, _newest_columns(), Patient.id)


def rules(registrations: int) -> dict[str, str]:
    """Name the rules of today: the engine, what numbers mean, what medicines are.

    registrations: how often the clinic has defined a measure of its own.
    """
    return {
        "engine": ENGINE,
        "registry": f"{_house_version()}.{registrations}",
        "reference": ".".join(reference.version()),
    }


@cache
def _house_version() -> str:
    """Name the house's measures by their content, so that no edit of a file can be forgotten."""
    return sha256(repr(sorted(house.built_in().items())).encode()).hexdigest()[:12]


def gather(work: Work, moment: Moment, params: Params) -> Slice:
    """Read what was known at the moment, in five statements; a patient's view takes one more."""
    person, sequence = moment.person, moment.patient_version
    zone = ZoneInfo(params.tz)
    stored = journal.answers_of(work, person.id, READ, sequence)
    of: dict[str, list[Json]] = defaultdict(list)
    visits: list[Visit] = []
    for type_, answer, first in stored:
        of[type_].append(answer)
        if type_ == "follow_up" and answer["kind"] in ("visit", "call"):
            day = _day(answer["occurred_at"], zone)
            visits.append(Visit(answer["id"], day, answer["kind"], first))
    visit = since_of(params, visits)[0] if "digest" in params.parts else None
    rows = measurements.series(
        work, person.id, sequence, or_known_at=visit.sequence if visit else None
    )
    return Slice(
        patient=patients.banner(person),
        zone=person.time_zone,
        patient_version=sequence,
        known_at=moment.known_at,
        readings=[Reading._make(row[:8]) for row in rows if row[9] is None or row[9] > sequence],
        revised=_revised(rows, visit, sequence) if visit else NOT_REVISED,
        courses=medications.courses(work, person.id, sequence),
        signals=[
            _signal(answer, zone, params.as_of)
            for answer in of["signal"]
            if _day(answer["raised_at"], zone) <= params.as_of
        ],
        contexts=[
            one
            for one in (*map(_life_event, of["life_event"]), *_therapy(of["therapy_session"]))
            if one.day is not None and one.day <= params.as_of
        ],
        visits=visits,
        offsets=_offsets([*of["assessment"], *of["follow_up"]]) if person.zone is None else {},
        interactions=[_finding(answer, zone) for answer in of["interaction"]],
        received={answer["id"]: _received(answer) for answer in of["assessment"]},
        taken=_taken(of["administration"], of["dispense"], params.as_of),
        registry=measurements.registry(work, {row.measure for row in rows}),
        versions=moment.versions,
        followed=_followed(of["treatment_plan"]),
        safety_notice=notice.told(work)["text"] if params.audience == "patient" else None,
    )


def _day(moment: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(moment).astimezone(zone).date()


def _revised(rows: Sequence[Any], visit: Visit, sequence: int) -> Revised:
    """Find what came late for days up to a visit, and what was known then of what changed."""
    known = {row[4] for row in rows if row[8] <= visit.sequence}
    late = [
        Reading._make(row[:8])
        for row in rows
        if row[8] > visit.sequence and row[1] <= visit.day and row[4] not in known
        if row[9] is None or row[9] > sequence
    ]
    taken_back = {row[0] for row in rows if row[9] is not None and row[9] <= sequence}
    touched = taken_back | {one.measure for one in late}
    then: dict[str, list[Reading]] = defaultdict(list)
    for row in rows:
        if row[0] in touched and row[8] <= visit.sequence:
            then[row[0]].append(Reading._make(row[:8]))
    return Revised(late, then)


def _offsets(answers: Iterable[Json]) -> dict[str, int]:
    """Give the minutes by which each record's own clock differed from UTC."""
    found = {}
    for answer in answers:
        said = answer.get("occurred_at")
        ahead = datetime.fromisoformat(said).utcoffset() if said else None
        if ahead is not None:
            found[answer["id"]] = int(ahead.total_seconds() // 60)
    return found


def _signal(answer: Json, zone: ZoneInfo, as_of: date) -> Signal:
    """Read a signal as it stood on a day: what was done about it later had not happened yet."""

    def done(word: str) -> Json | None:
        by: Json | None = answer.get(word)
        return by if by and _day(by["at"], zone) <= as_of else None

    closed = done("closed")
    state = "closed" if closed else "acknowledged" if done("acknowledged") else "open"
    accepted = closed if answer.get("new_normal") else None
    return Signal(
        answer["id"],
        state,
        _day(answer["raised_at"], zone),
        answer["evidence"],
        _day(accepted["at"], zone) if accepted else None,
        accepted["by"] if accepted else None,
    )


def _life_event(answer: Json) -> Confounder:
    first, last = date.fromisoformat(answer["from_on"]), answer.get("to_on")
    until = date.fromisoformat(last) if last else None
    return Confounder(answer["kind"], answer["id"], first, answer["label"], until)


def _therapy(sessions: Iterable[Json]) -> Iterator[Confounder]:
    """Give the sessions attended; the first of each modality is when that therapy began."""
    attended = sorted(
        (one for one in sessions if one["attended"]),
        key=lambda one: (str(one["occurred_on"]), str(one["id"])),
    )
    begun: set[str] = set()
    for one in attended:
        kind = "therapy_session" if one["modality"] in begun else "therapy_start"
        begun.add(one["modality"])
        words = one["modality"].replace("_", " ")
        yield Confounder(kind, one["id"], date.fromisoformat(one["occurred_on"]), words)


def _taken(answers: Iterable[Json], fills: Iterable[Json], as_of: date) -> dict[UUID, Taken]:
    """Group answers and fills up to a day by course."""
    given: dict[UUID, list[Administration]] = defaultdict(list)
    handed_out: dict[UUID, list[Dispense]] = defaultdict(list)
    for one in answers:
        if (day := date.fromisoformat(one["day"])) <= as_of:
            given[UUID(one["medication_id"])].append(Administration(one["id"], day, one["taken"]))
    for one in fills:
        if (day := date.fromisoformat(one["dispensed_on"])) <= as_of:
            fill = Dispense(one["id"], day, one.get("days_supply"))
            handed_out[UUID(one["medication_id"])].append(fill)
    return {
        course: Taken(given.get(course, ()), handed_out.get(course, ()))
        for course in given.keys() | handed_out.keys()
    }


def _finding(answer: Json, zone: ZoneInfo) -> Found:
    resolved = answer.get("resolved_at")
    return Found(
        answer["id"],
        answer["rule"]["id"],
        answer["severity"],
        _day(answer["first_seen_at"], zone),
        _day(resolved, zone) if resolved else None,
        tuple(answer["medication_ids"]),
    )


def _followed(plans: Sequence[Json]) -> Mapping[str, int]:
    """Rank what the plan is followed by: what it is measured by, then the measures of its goals."""
    found: dict[str, int] = {}
    for plan in plans:
        goals = [one["measure"] for one in plan.get("goals", ()) if one.get("measure")]
        found |= dict.fromkeys(goals, 1) | dict.fromkeys(plan.get("measured_by", ()), 0)
    return found


def _received(answer: Json) -> dict[str, Json]:
    """Say what was received and what it was taken for, where the two differ."""
    numbers = {"sent": answer.get("total_received"), "recomputed": answer.get("total_computed")}
    return {RECEIVED[flag]: numbers for flag in answer.get("flags", ()) if flag in RECEIVED}
