"""Signals on the wire."""

from datetime import datetime
from typing import Any, Literal

from app.core.wire import Identified, Line, Wire
from app.patients.schemas import Envelope


class SignalBody(Identified):
    """A signal as its rule opened it, or as a named person moved it on."""

    code: Line
    state: Literal["open", "acknowledged", "closed"]
    raised_at: datetime
    evidence: dict[str, Any]


class SignalOut(Envelope):
    code: str
    state: str
    raised_at: datetime
    evidence: dict[str, Any]


class SignalPage(Wire):
    items: list[SignalOut]
    next: str | None
