"""Filled-in instruments on the wire, and the instruments themselves."""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.clinical import instruments
from app.clinical.instruments import Instrument
from app.clinical.scoring import ScoreFlag
from app.core.errors import Fault
from app.core.wire import Between, Day, Identified, Instant, Line, Note, OfPatient, Sealable, Wire
from app.measurements.schemas import BandIn, OwnInstrumentIn
from app.patients.schemas import Envelope
from app.signals.schemas import OpenedSignal

MOST = 9_999
"""No item has more; what is larger than this is no answer, not even one to keep as received."""
MOST_ID = 60
_STRANGE = object()


OWN_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
UNKNOWN = "the id of an instrument listed at /v1/instruments"


def _of_house(value: str | None) -> Instrument | None:
    try:
        return instruments.instrument(value) if value else None
    except instruments.UnknownInstrument:
        return None


def _may_be_known(value: str) -> str:
    """Take an instrument of the house, or what may be the clinic's: that is asked for later."""
    if _of_house(value) is None and not _is_own_id(value):
        raise PydanticCustomError("unknown_instrument", UNKNOWN)
    return value


def _is_own_id(value: str) -> bool:
    return len(value) <= MOST_ID and OWN_ID.fullmatch(value) is not None


def _by_item(value: Any, info: ValidationInfo) -> Any:
    """Give answers as an object without the unanswered, whichever form came.

    A list has a place for every item, null where unanswered: a shorter one would leave open
    which items are missing.
    """
    known = _of_house(info.data.get("instrument"))
    n = len(known.items) if known else None
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


class AssessmentWithin(Identified, OfPatient):
    """A filled-in instrument inside a follow-up, which says when.

    Answers and totals outside their range are kept as they came and flagged, not refused:
    a wrong number in the record is a finding, a lost one is a hole.
    """

    instrument: Annotated[Line, AfterValidator(_may_be_known)]
    answers: Answers | None = None
    total: Annotated[float | None, Between(-100 * MOST, 100 * MOST)] = None
    rater: instruments.Rater | None = None
    _listed: int | None = PrivateAttr(default=None)
    """How many answers came, where they came as a list."""

    @field_validator("rater")
    @classmethod
    def _may_rate(
        cls, value: instruments.Rater | None, info: ValidationInfo
    ) -> instruments.Rater | None:
        known = _of_house(info.data.get("instrument"))
        if value is not None and known is not None and value not in known.raters:
            raise PydanticCustomError("wrong_rater", "{who}", {"who": " or ".join(known.raters)})
        return value

    @model_validator(mode="after")
    def _says_something(self) -> "AssessmentWithin":
        if not self.answers and self.total is None:
            raise PydanticCustomError("required", "answers, a total, or both")
        return self

    @model_validator(mode="wrap")
    @classmethod
    def _count_the_listed(
        cls, value: Any, handler: ModelWrapValidatorHandler["AssessmentWithin"]
    ) -> "AssessmentWithin":
        data = handler(value)
        answers = value.get("answers") if isinstance(value, Mapping) else None
        if isinstance(answers, list):
            data._listed = len(answers)
        return data

    def faults(self, instrument: Instrument | None) -> Iterator[Fault]:
        """Hold what came against a questionnaire of the clinic's own; None is none at all.

        What the house's are held against stands above: they are known before anybody is asked.
        """
        if instrument is None:
            yield Fault("/instrument", "unknown-instrument", UNKNOWN)
            return
        items = {str(item.index) for item in instrument.items}
        if self._listed not in (None, len(items)):
            words = f"{len(items)} answers in order, null where unanswered"
            yield Fault("/answers", "wrong-length", words)
            return
        for item in self.answers or {}:
            if item not in items:
                yield Fault(f"/answers/{item[:64]}", "unknown-item", "an item that it has")
        if self.rater is not None and self.rater not in instrument.raters:
            yield Fault("/rater", "wrong-rater", " or ".join(instrument.raters))


class AssessmentIn(AssessmentWithin, Sealable):
    """A filled-in instrument: its answers, its total, or both; at a moment or on a day."""

    occurred_at: Instant | None = None
    occurred_on: Day | None = None


class BandOut(Wire):
    model_config = ConfigDict(populate_by_name=True)

    label: str
    from_: Annotated[float, Field(alias="from")]


class AssessmentOut(Envelope):
    """`total` is the one that is followed: the computed, else the received if it stands alone.

    parts: subscales and other components; `raw`, the sum behind a T score or percentage.
    rater: who judged; where it was not said and only one may, that one.
    """

    instrument: str
    occurred_at: datetime | None = None
    occurred_on: date
    answers: dict[str, int]
    total: float | None
    total_received: float | None
    total_computed: float | None
    parts: dict[str, float]
    flags: list[ScoreFlag]
    band: BandOut | None
    rater: instruments.Rater | None
    follow_up_id: UUID | None = None
    opened_signals: list[OpenedSignal]
    safety_notice: dict[str, Any] | None = None


class AssessmentPage(Wire):
    items: list[AssessmentOut]
    next: str | None


class ItemOut(Wire):
    """One question: any whole number from min to max, or one of `allowed`.

    label: a topic in our own words; absent where the licence keeps even that.
    name: as the printed form numbers it, where that is not the index.
    unit: of an answer that is a number: `min` asleep, or minute of the day.
    """

    index: int
    min: int
    max: int
    allowed: list[int] | None = None
    label: str | None = None
    loinc: str | None = None
    name: str | None = None
    unit: str | None = None


class OptionOut(Wire):
    value: int
    label: str
    loinc: str


class RangeOut(Wire):
    min: float | None
    max: float | None


class OptionIn(Wire):
    """One answer option as it is read out or shown."""

    value: Annotated[int, Between(-MOST, MOST)]
    text: Line


class InstrumentTextIn(Identified):
    """A clinic's own wording for an instrument, under the licence that it holds.

    items: the questions in order, null for one that is not shown. definition: of an instrument
    that is the clinic's own; its id is lowercase words with hyphens.
    """

    natural_key: ClassVar[str | None] = "instrument"

    id: None = None
    definition: OwnInstrumentIn | None = None
    instrument: Line
    licence: Line
    introduction: Note | None = None
    items: Annotated[list[Note | None], Field(min_length=1, max_length=100)]
    options: Annotated[list[OptionIn], Field(max_length=100)] = []

    @field_validator("instrument")
    @classmethod
    def _of_the_house_or_defined(cls, value: str, info: ValidationInfo) -> str:
        if "definition" not in info.data or _of_house(value) is not None:
            return value
        if info.data["definition"] is None and not _is_own_id(value):
            raise PydanticCustomError("unknown_instrument", UNKNOWN)
        if not _is_own_id(value):
            raise PydanticCustomError(
                "not_an_id", "{most} lowercase letters, digits and hyphens", {"most": MOST_ID}
            )
        return value

    @field_validator("items")
    @classmethod
    def _as_many_as_there_are(
        cls, value: list[str | None], info: ValidationInfo
    ) -> list[str | None]:
        known = info.data.get("definition") or _of_house(info.data.get("instrument"))
        if known is not None and len(value) != (n := len(known.items)):
            raise PydanticCustomError("wrong_length", "{n} texts in order", {"n": n})
        return value


class InstrumentTextOut(Wire):
    """A clinic's wording, one version of it."""

    model_config = ConfigDict(extra="allow")

    version: int
    instrument: str
    licence: str
    introduction: str | None = None
    items: list[str | None]
    options: list[OptionIn] = []


class InstrumentOut(Wire):
    """One questionnaire; text whose licence forbids it is not here. `origin` says whose it is."""

    model_config = ConfigDict(extra="allow")

    id: str
    version: int
    origin: Literal["house", "clinic"]
    title: str
    raters: list[instruments.Rater]
    pole: str | None
    items_count: int
    items: list[ItemOut]
    options: list[OptionOut]
    range: RangeOut | None
    direction: str
    bands: list[BandIn]
    band_item: int | str | None
    measures: list[str]
    clinic_text: "InstrumentTextOut | None" = None
    """The wording that this clinic has the right to show; never the house's."""
    licence: str
    licence_note: str | None
    item_text_may_ship: bool
    source: str
    verified: str


class InstrumentPage(Wire):
    items: list[InstrumentOut]
    next: str | None
