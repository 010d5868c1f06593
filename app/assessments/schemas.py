"""Filled-in instruments on the wire, and the instruments themselves."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.clinical import instruments
from app.core.wire import Between, Day, Identified, Instant, Line, Wire
from app.measurements.schemas import BandIn
from app.patients.schemas import Envelope

MOST = 9_999
"""No item has more; what is larger than this is no answer, not even one to keep as received."""
_STRANGE = object()


def _known(value: str) -> str:
    try:
        return instruments.instrument(value).id
    except instruments.UnknownInstrument:
        raise PydanticCustomError(
            "unknown_instrument", "the id of an instrument listed at /v1/instruments"
        ) from None


def _by_item(value: Any, info: ValidationInfo) -> Any:
    """Give answers as an object without the unanswered, whichever form came.

    A list has a place for every item, null where unanswered: a shorter one would leave open
    which items are missing.
    """
    known = info.data.get("instrument")
    n = len(instruments.instrument(known).items) if known else None
    if isinstance(value, list):
        if not all(one is None or (type(one) is int and abs(one) <= MOST) for one in value):
            raise PydanticCustomError("int_type", "whole numbers, null where unanswered")
        if n is not None and len(value) != n:
            raise PydanticCustomError(
                "wrong_length", "{n} answers in order, null where unanswered", {"n": n}
            )
        value = {str(item): one for item, one in enumerate(value, start=1)}
    if not isinstance(value, Mapping):
        return value
    items = {str(item) for item in range(1, n + 1)} if n is not None else set(value)
    return {
        item: one if item in items else _STRANGE for item, one in value.items() if one is not None
    }


def _of_the_instrument(value: Any) -> Any:
    if value is _STRANGE:
        raise PydanticCustomError("unknown_item", "an item that the instrument has")
    return value


Item = Annotated[int, BeforeValidator(_of_the_instrument), Between(-MOST, MOST)]
_ITEM_SCHEMA = {"type": "integer", "minimum": -MOST, "maximum": MOST}
Answers = Annotated[
    dict[str, Item],
    BeforeValidator(_by_item),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "array", "items": {"anyOf": [_ITEM_SCHEMA, {"type": "null"}]}},
                {"type": "object", "additionalProperties": _ITEM_SCHEMA},
            ],
            "examples": [[2, 2, 2, 2, 1, 1, 1, 0, 1], {"1": 2, "9": 1}],
        },
        mode="validation",
    ),
]
"""Item scores: all in order, or by item number with the unanswered left out."""


class AssessmentWithin(Identified):
    """A filled-in instrument inside a follow-up, which says when.

    Answers and totals outside their range are kept as they came and flagged, not refused:
    a wrong number in the record is a finding, a lost one is a hole.
    """

    instrument: Annotated[Line, AfterValidator(_known)]
    answers: Answers | None = None
    total: Annotated[float | None, Between(-100 * MOST, 100 * MOST)] = None
    rater: Line | None = None

    @model_validator(mode="after")
    def _says_something(self) -> "AssessmentWithin":
        if not self.answers and self.total is None:
            raise PydanticCustomError("required", "answers, a total, or both")
        return self


class AssessmentIn(AssessmentWithin):
    """A filled-in instrument: its answers, its total, or both; at a moment or on a day."""

    occurred_at: Instant | None = None
    occurred_on: Day | None = None


class BandOut(Wire):
    model_config = ConfigDict(populate_by_name=True)

    label: str
    from_: Annotated[float, Field(alias="from")]


class OpenedSignal(Wire):
    id: UUID
    code: str
    evidence: dict[str, Any]


class AssessmentOut(Envelope):
    """`total` is the one that is followed: the computed, else the received if it stands alone."""

    instrument: str
    occurred_at: datetime | None = None
    occurred_on: date
    answers: dict[str, int]
    total: float | None
    total_received: float | None
    total_computed: float | None
    flags: list[instruments.ScoreFlag]
    band: BandOut | None
    rater: str | None = None
    follow_up_id: UUID | None = None
    opened_signals: list[OpenedSignal]
    safety_notice: dict[str, Any] | None = None


class AssessmentPage(Wire):
    items: list[AssessmentOut]
    next: str | None


class ItemOut(Wire):
    """`label` is a topic in our own words; absent where the licence keeps the wording."""

    index: int
    allowed: list[int]
    label: str | None = None
    loinc: str | None = None


class OptionOut(Wire):
    value: int
    label: str
    loinc: str


class RangeOut(Wire):
    min: float | None
    max: float | None


class InstrumentOut(Wire):
    """One questionnaire as the house knows it; text whose licence forbids it is not here."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: int
    title: str
    reporter: str
    items_count: int
    items: list[ItemOut]
    options: list[OptionOut]
    range: RangeOut | None
    direction: str
    bands: list[BandIn]
    band_item: int | None
    measures: list[str]
    licence: str
    licence_note: str | None
    item_text_may_ship: bool
    source: str
    verified: str


class InstrumentPage(Wire):
    items: list[InstrumentOut]
    next: str | None
