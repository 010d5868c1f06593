"""The caseload on the wire."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from app.core.wire import Wire

Need = Literal[
    "risk",
    "signal",
    "not_on_track",
    "missed_decision",
    "stale_after_dose_change",
    "stale",
    "overdue",
    "notice",
]
StatusWord = Literal["improving", "worsening", "stable", "insufficient_data", "stale"]


class Banner(Wire):
    id: UUID
    name: str
    birth_year: int | None
    synthetic: bool


class PrimaryOut(Wire):
    """The measure that speaks for the patient; `status` is that of its last day."""

    measure: str
    label: str
    last: float
    last_on: date
    n: int
    baseline: float | None
    points: float | None
    band: str | None
    status: str | None
    stale_on: date | None


class WorstOut(Wire):
    domain: str
    measure: str
    status: str
    code: str | None


class DecisionOut(Wire):
    """`due` and `missed` are as of today; `measure` is that which was judged."""

    point: str
    measure: str | None = None
    opens_on: date
    closes_on: date
    result: Literal["on_track", "watch", "not_on_track", "due", "missed", "ahead"]


class CaseloadRowOut(Wire):
    """One patient.

    patient_version: the version that the row was made from; an older one than that of the trends
        says that it lags, null that none has been made yet. last_seen_on and signals_open are
        always of now, and a signal that the row does not know counts as `risk`.
    as_of: the day it is for the patient. needs: all that holds on it, the most pressing first.
    status, last_known: of the primary measure on that day; `stale` says what it was before.
    """

    patient: Banner
    patient_version: int | None
    as_of: date
    needs: list[Need]
    risk_open: int
    signals_open: int
    status: StatusWord | None
    last_known: str | None
    decisions: list[DecisionOut]
    last_seen_on: date | None
    stale_on: date | None
    window_closes_on: date | None
    lab_due_on: date | None
    review_due_on: date | None
    next_visit_on: date | None
    primary: PrimaryOut | None
    worst: WorstOut | None
    flags_confirmed: int | None
    flags_notice: int | None
    regimen_line: str | None


class StatusCounts(Wire):
    improving: int
    worsening: int
    stable: int
    insufficient_data: int
    stale: int
    no_data: int


class NeedCounts(Wire):
    risk: int
    signal: int
    not_on_track: int
    missed_decision: int
    stale_after_dose_change: int
    stale: int
    overdue: int
    notice: int


class CaseloadCounts(Wire):
    """Of all the caller's patients, whatever the page shows: the denominators beside each share.

    all: patients. expected: those who take something, or of whom something is followed.
    with_data: those whose primary measure says something today; `no_data` is neither a success
    nor a failure.
    """

    all: int
    expected: int
    with_data: int
    status: StatusCounts
    needs: NeedCounts


class CaseloadPage(Wire):
    """at: the moment of the first page, which all pages of a walk are read as at."""

    items: list[CaseloadRowOut]
    next: str | None
    at: datetime
    counts: CaseloadCounts
