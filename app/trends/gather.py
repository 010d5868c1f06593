"""What a report needs from the journal, in at most six statements whatever its size."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.clinical import measures as house
from app.clinical import medications as reference
from app.clinical.safety import SAFETY_NOTICE
from app.core.db import Work
from app.journal import service as journal
from app.measurements import service as measurements
from app.medications import reading as medications
from app.patients import service as patients
from app.patients.service import Person
from app.trends.params import Params
from app.trends.readings import Reading
from app.trends.report import ENGINE, Slice
from app.trends.risk import Signal

Json = dict[str, Any]

RECEIVED = {"total_mismatch": "DQ_TOTAL_MISMATCH", "total_prorated": "DQ_PRORATED"}
"""What an assessment says of its total, as the report's code."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Which records count, and by which rules they are read; the key of every report."""

    person: Person
    patient_version: int
    known_at: datetime | None
    versions: dict[str, str]

    def tag(self, params: Params) -> str:
        """Name the bytes that these parameters give; known before anything is computed."""
        key = [self.person.id, self.person.version, self.patient_version, self.versions, params]
        return sha256(orjson.dumps(key, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def look_up(work: Work, patient_id: UUID, known_at: datetime | None) -> Moment:
    """Find, in one statement, whose report it is, and the version of it that was known then.

    Raises:
        NotFound: no such patient for this caller.
    """
    newest, moment = journal.newest_entry(patient_id, known_at)
    person, found = patients.get_with(
        work, patient_id, newest, moment, measurements.registrations()
    )
    version, at, registered = found
    versions = {
        "engine": ENGINE,
        "registry": f"{_house_version()}.{registered}",
        "reference": ".".join(reference.version()),
    }
    return Moment(person, version or 0, at, versions)


@cache
def _house_version() -> str:
    """Name the house's measures by their content, so that no edit of a file can be forgotten."""
    return sha256(repr(sorted(house.built_in().items())).encode()).hexdigest()[:12]


def gather(work: Work, moment: Moment, params: Params) -> Slice:
    """Read what was known at the moment, in five statements."""
    person, sequence = moment.person, moment.patient_version
    zone = ZoneInfo(params.tz)
    stored = journal.answers_of(work, person.id, ("signal", "assessment"), sequence)
    return Slice(
        patient=patients.banner(person),
        zone=person.time_zone,
        patient_version=sequence,
        known_at=moment.known_at,
        readings=[Reading(*row[:8]) for row in measurements.series(work, person.id, sequence)],
        courses=medications.courses(work, person.id, sequence),
        signals=[
            _signal(answer, zone)
            for type_, answer in stored
            if type_ == "signal" and _day(answer["raised_at"], zone) <= params.as_of
        ],
        contexts=(),
        received={
            answer["id"]: _received(answer) for type_, answer in stored if type_ == "assessment"
        },
        registry=measurements.registry(work),
        versions=moment.versions,
        safety_notice=SAFETY_NOTICE,
    )


def _day(moment: str, zone: ZoneInfo) -> Any:
    return datetime.fromisoformat(moment).astimezone(zone).date()


def _signal(answer: Json, zone: ZoneInfo) -> Signal:
    return Signal(
        answer["id"], answer["state"], _day(answer["raised_at"], zone), answer["evidence"]
    )


def _received(answer: Json) -> dict[str, Json]:
    """Say what was received and what it was taken for, where the two differ."""
    numbers = {"sent": answer.get("total_received"), "recomputed": answer.get("total_computed")}
    return {RECEIVED[flag]: numbers for flag in answer.get("flags", ()) if flag in RECEIVED}
