"""What a patient is told who answers about a risk: that nobody watches, and the clinic's words."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Final, Literal

import orjson
from pydantic import ConfigDict, Field

from app.clinical.safety import IN_DANGER, NOBODY_WATCHES
from app.core.answer import Answer
from app.core.db import Work
from app.core.errors import NotFound
from app.core.wire import Identified, Note, Wire, read
from app.measurements import own_reference
from app.measurements.own_reference import Kind

CODE: Final = "safety-notice"


class SafetyNoticeIn(Identified):
    """The clinic's own words: whom to call. That nobody watches is said before them, always."""

    natural_key: ClassVar[str | None] = "code"

    id: None = None
    code: Literal["safety-notice"] = CODE
    text: Annotated[Note, Field(min_length=1)]


class SafetyNoticeOut(Wire):
    """text: the words of the clinic, else of the house. notice: what a patient reads."""

    model_config = ConfigDict(extra="allow")

    text: str
    notice: str
    origin: Literal["house", "clinic"]


def is_own(work: Work) -> bool:
    """Say whether the clinic has said whom its patients call; the house's words name nobody."""
    return CODE in own_reference.entries(work, KIND.name)


def told(work: Work) -> dict[str, Any]:
    """Give the notice as an answer to a patient carries it."""
    own = own_reference.entries(work, KIND.name).get(CODE)
    return {"text": _notice(own["text"] if own else IN_DANGER), "nobody_watches": True}


def show(work: Work) -> Answer:
    """Give the words that hold: the clinic's as they are now, else the house's."""
    try:
        return own_reference.show(work, KIND, CODE)
    except NotFound:
        house = {"text": IN_DANGER, "notice": _notice(IN_DANGER), "origin": "house"}
        return Answer(orjson.dumps(house))


def set_first(work: Work, data: SafetyNoticeIn) -> Answer:
    """Keep the clinic's own words in place of the house's; see `own_reference.register`."""
    return own_reference.register(work, KIND, data)


def change(work: Work, patch: Mapping[str, Any], named: frozenset[int] | None) -> Answer:
    """Change the clinic's own words; see `own_reference.redefine`."""
    return own_reference.redefine(work, KIND, CODE, patch, named)


def say(work: Work, words: str) -> Answer:
    """Keep the clinic's own words, whatever they were before; for the command line."""
    own = own_reference.entries(work, KIND.name).get(CODE)
    if own is None:
        return set_first(work, read(SafetyNoticeIn, orjson.dumps({"text": words})))
    return change(work, {"text": words}, frozenset([own["version"]]))


def _notice(words: str) -> str:
    return f"{NOBODY_WATCHES} {words}"


KIND: Kind[SafetyNoticeIn] = Kind(
    name="safety_notice",
    record_type="reference_safety_notice",
    body=SafetyNoticeIn,
    is_house=lambda _code: False,
    faults=lambda _work, _data: (),
    derived=lambda data: {"notice": _notice(data.text)},
    definition=lambda data: {"text": data.text},
)
