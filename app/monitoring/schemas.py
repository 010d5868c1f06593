"""The monitoring list and its waivers on the wire."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from app.core.wire import Day, Identified, Line, OfPatient, Wire
from app.labs.schemas import Interpretation
from app.patients.schemas import Envelope


class WaiverIn(Identified, OfPatient):
    """Why a test is not done, and until when; without a day until the medicine is stopped.

    A day gone by lifts it.
    """

    schedule_id: Line | None = None
    """That of the path."""
    reason: Line
    until_on: Day | None = None


class WaiverBy(Wire):
    """The named person who waived it."""

    id: UUID
    role: str


class WaiverOut(Envelope):
    """A waiver as it is kept."""

    schedule_id: str
    reason: str
    until_on: date | None = None
    waived_at: datetime
    waived_by: WaiverBy


class WaiverPage(Wire):
    """Each word on one test, the newest first."""

    items: list[WaiverOut]
    next: str | None


class LastOut(Interpretation):
    """The newest result, as it was sent; `level` and the rest as in a lab's interpretation."""

    value: str | None
    unit: str | None
    text: str | None
    on: date
    hours_since_dose: float | None
    record_id: str


class WaivedOut(Wire):
    """A waiver that holds now; `version` is what If-Match names to change it."""

    reason: str
    until_on: date | None
    at: datetime
    by: WaiverBy
    version: int


class MonitoringItem(Wire):
    """One schedule. `action` is for prescribers; `n` counts the results there are.

    `review`: the newest value is critical, and what follows is for a clinician to decide. `code`
    says so, or why no day is known, or why the newest result does not count.
    """

    id: str
    what: str
    measure: str | None
    loinc: str | None
    for_: list[str] = Field(alias="for")
    state: Literal[
        "review", "overdue", "due", "unknown", "upcoming", "done", "waived", "conditional"
    ]
    reason: str | None
    code: str | None
    due_on: date | None
    overdue_days: int | None
    last: LastOut | None
    n: int
    priority: str
    condition: str | None
    action: str
    source: str
    verified: str
    waived: WaivedOut | None


class NotChecked(Wire):
    """A medicine that no code identifies, with what its name may mean: nothing is due by it."""

    medication_id: UUID
    text: str
    candidates: list[str]


class MonitoringOut(Wire):
    """The list on one day; `reference` says which version of the schedules it rests on."""

    patient: dict[str, Any]
    as_of: date
    reference: dict[str, str]
    items: list[MonitoringItem]
    not_checked: list[NotChecked]
