"""Signals on the wire."""

from datetime import datetime
from typing import Any, Literal

from app.core.wire import ChangeReason, Identified, Line, Note, Wire
from app.patients.schemas import Envelope


class SignalBody(Identified):
    """A signal as its rule opened it, or as a named person moved it on."""

    code: Line
    state: Literal["open", "acknowledged", "closed"]
    raised_at: datetime
    evidence: dict[str, Any]


class SignalMove(Wire):
    """What a named person did about a signal."""

    state: Literal["acknowledged", "closed"]
    action: Note | None = None
    change_reason: ChangeReason | None = None


class SignalOut(Envelope):
    code: str
    state: str
    raised_at: datetime
    evidence: dict[str, Any]
    acknowledged: dict[str, str] | None = None
    """When and by whom."""
    closed: dict[str, str] | None = None
    action: str | None = None


class SignalPage(Wire):
    items: list[SignalOut]
    next: str | None
