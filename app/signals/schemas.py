"""Signals on the wire."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from app.core.wire import ChangeReason, Identified, Line, Note, OfPatient, Wire
from app.patients.schemas import Envelope


class Rule(Wire):
    """Which rule opened a signal, in which version."""

    id: Line
    version: int


class SignalBody(Identified):
    """A signal as its rule opened it, or as a named person moved it on.

    owner: who is to look at it: the clinician who brought the reason, else who has cared longest
        for the patient; from the first move on, whoever moved it last.
    due_at: until when somebody looks, where the rule says so.
    """

    code: Line
    state: Literal["open", "acknowledged", "closed"]
    raised_at: datetime
    evidence: dict[str, Any]
    rule: Rule
    owner: UUID | None
    due_at: datetime | None


class SignalMove(OfPatient):
    """What a named person did about a signal.

    new_normal: on closing the signal of a worsening: the level of now is this patient's new
        normal, and later readings are held against what comes from this day on.
    """

    state: Literal["acknowledged", "closed"]
    action: Note | None = None
    new_normal: bool | None = None
    change_reason: ChangeReason | None = None


class SignalOut(Envelope):
    code: str
    state: str
    raised_at: datetime
    evidence: dict[str, Any]
    rule: Rule
    owner: UUID | None
    due_at: datetime | None
    acknowledged: dict[str, str] | None = None
    """When and by whom."""
    closed: dict[str, str] | None = None
    action: str | None = None
    new_normal: bool | None = None


class Asked(Wire):
    """The last time that a risk was asked about, whatever the answer was.

    measure: null for the question of the first appointment, which `question` names; its answer
        is a word.
    """

    on: date
    measure: str | None
    question: str | None = None
    value: float | str
    record_id: UUID


class OpenedSignal(Wire):
    """What the answer of a write says of a signal that it opened."""

    id: UUID
    code: str
    evidence: dict[str, Any]


class SignalPage(Wire):
    """Signals, how many of them nobody has closed, and when each risk was last asked about.

    asked: by topic; null where nobody ever asked. None open means little where it is long ago.
    """

    items: list[SignalOut]
    next: str | None
    open: int
    asked: dict[str, Asked | None]
