"""Patients on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.wire import (
    Category,
    Code,
    Coding,
    Day,
    Identified,
    Line,
    Note,
    OfPatient,
    Sealable,
    Wire,
)


def _known_zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError("unknown_zone", "an IANA zone: America/New_York") from None
    return value


TimeZone = Annotated[Line, AfterValidator(_known_zone)]
Sex = Literal["female", "male", "other", "unknown"]


class IdentifierIn(Wire):
    system: Line
    value: Code


class Name(Wire):
    given: Line
    family: Line


class PatientIn(Identified):
    """A person. `time_zone` decides which day an entry belongs to."""

    identifiers: Annotated[list[IdentifierIn], Field(max_length=100)] = []
    name: Name
    birth_date: Day | None = None
    sex: Sex = "unknown"
    time_zone: TimeZone | None = None
    language: Annotated[str, Field(pattern="^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] | None = None
    synthetic: bool = False


class Author(Wire):
    role: str
    id: UUID


class Envelope(Wire):
    """What every stored record says beside its content."""

    model_config = ConfigDict(extra="allow")

    id: UUID
    version: int
    status: Literal["active", "corrected", "entered_in_error"]
    patient_id: UUID
    recorded_at: datetime
    author: Author
    source: Literal["clinician", "patient", "device", "ehr"]


class PatientOut(Envelope):
    identifiers: list[IdentifierIn] = []
    name: Name
    birth_date: Day | None = None
    time_zone: str | None = None


class PatientPage(Wire):
    items: list[PatientOut]
    next: str | None


class ConditionIn(Sealable):
    """A diagnosis or problem, by a code or in words; `ended_on` is its last day."""

    code: Coding | None = None
    text: Line | None = None
    onset_on: Day | None = None
    ended_on: Day | None = None
    note: Note | None = None

    @model_validator(mode="after")
    def _is_named(self) -> Self:
        if self.code is None and self.text is None:
            raise PydanticCustomError("required", "code, text, or both")
        return self


class ConditionOut(Envelope):
    code: Coding | None = None
    text: str | None = None
    onset_on: Day | None = None
    ended_on: Day | None = None
    note: str | None = None


class ConditionPage(Wire):
    items: list[ConditionOut]
    next: str | None


class MemberIn(Wire):
    user_id: UUID


class CareTeamIn(OfPatient):
    """All who may see the record from now on."""

    members: Annotated[list[MemberIn], Field(min_length=1, max_length=100)]


class MemberOut(Wire):
    user_id: UUID
    name: str | None = None
    role: str | None = None
    active: bool | None = None
    since: datetime | None = None


class CareTeamOut(Wire):
    """`version` is null until a team is set: before, it is who registered the patient."""

    model_config = ConfigDict(extra="allow")

    patient_id: UUID
    version: int | None
    members: list[MemberOut]


class CareTeamPage(Wire):
    """Each team that was set, the newest first."""

    items: list[CareTeamOut]
    next: str | None


class ConsentIn(Identified, OfPatient):
    """May `recipient_id` see this class of sealed records? `until` is the last day of it."""

    category: Category
    recipient_id: UUID
    given: bool = True
    until: Day | None = None
    note: Note | None = None

    @property
    def confidential(self) -> str:
        """A consent tells of what it is about: its author and the patient alone see it."""
        return "consent"


class ConsentOut(Envelope):
    category: Category
    recipient_id: UUID
    given: bool = True
    until: Day | None = None
    note: str | None = None


class ConsentPage(Wire):
    items: list[ConsentOut]
    next: str | None


class BreakGlassIn(Wire):
    """An emergency: one patient, for 60 minutes, to read. `reason`: 20 characters or more."""

    patient_id: UUID
    purpose: Literal["ETREAT"]
    reason: Annotated[Note | None, Field(max_length=2000)] = None


class BreakGlassOut(Wire):
    model_config = ConfigDict(extra="allow")

    id: UUID
    patient_id: UUID
    user_id: UUID
    purpose: Literal["ETREAT"]
    reason: str
    started_at: datetime
    expires_at: datetime
    stopped_at: datetime | None


class BreakGlassPage(Wire):
    items: list[BreakGlassOut]
    next: str | None
