"""Patients on the wire."""

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.core.wire import Code, Coding, Day, Identified, Line, Note, Wire


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


class ConditionIn(Identified):
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
