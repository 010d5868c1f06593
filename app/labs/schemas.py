"""Lab values and vital signs on the wire."""

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from app.clinical.monitoring_schedules import is_loinc
from app.clinical.units import UNITS, UnitNotAccepted, read_unit
from app.core.wire import Between, Coding, Day, Instant, Line, Note, Sealable, Wire, exact
from app.patients.schemas import Envelope

LOINC = "http://loinc.org"
_VALUE = re.compile(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?")


def _value(sent: Any) -> Any:
    if isinstance(sent, Decimal):
        return sent
    if not isinstance(sent, str) or _VALUE.fullmatch(sent) is None:
        raise PydanticCustomError(
            "not_a_value",
            'a decimal string such as "0.8": at most six digits before and four after the point',
        )
    return exact(Decimal(sent))


Value = Annotated[
    Decimal,
    BeforeValidator(_value),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_VALUE.pattern}$", "examples": ["138", "0.8"]},
        mode="validation",
    ),
]
"""What was measured: exact, sent as a decimal string; unlike a dose it may be 0 or below."""


def _unit(sent: str) -> str:
    try:
        return read_unit(sent, "result")
    except UnitNotAccepted as refusal:
        passes = "one of " + " ".join(sorted(UNITS["result"]))
        if refusal.suggestion:
            passes += f"; did you mean {refusal.suggestion}?"
        raise PydanticCustomError("unit_not_accepted", passes) from None


def _loinc(code: Coding) -> Coding:
    if code.system != LOINC:
        raise PydanticCustomError("not_loinc", f"a code of {LOINC}")
    if not is_loinc(code.code):
        raise PydanticCustomError("not_loinc", "a LOINC code with its check digit: 2951-2")
    return code


class ReferenceRange(Wire):
    """The laboratory's own range, in the unit of the value; it goes before any other."""

    low: Value | None = None
    high: Value | None = None

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low is None and self.high is None:
            raise PydanticCustomError("required", "low or high, or both")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise PydanticCustomError("out_of_range", "low, not above high")
        return self


class LabIn(Sealable):
    """One result: `value` with its UCUM `unit`, or `value_text` where it has no number.

    `hours_since_dose`: how long after the last dose a level was drawn.
    """

    code: Annotated[Coding, AfterValidator(_loinc)]
    value: Value | None = None
    value_text: Line | None = None
    unit: Annotated[str, AfterValidator(_unit)] | None = None
    drawn_at: Instant | None = None
    drawn_on: Day | None = None
    reference_range: ReferenceRange | None = None
    hours_since_dose: Annotated[float | None, Between(0, 240)] = None
    note: Note | None = None

    @model_validator(mode="after")
    def _says_one_value_at_one_time(self) -> Self:
        if (self.value is None) == (self.value_text is None):
            raise PydanticCustomError("required", "either value or value_text")
        if (self.value is None) != (self.unit is None):
            raise PydanticCustomError("required", "a unit beside value, and none without it")
        if (self.drawn_at is None) == (self.drawn_on is None):
            raise PydanticCustomError("required", "either drawn_at or drawn_on")
        return self


class Interpretation(Wire):
    """What a value is worth by itself; a reading for a person, never an order.

    `comparable`: with other values of the test; null when the hour of the sample is not known.
    """

    level: Literal["critical_low", "below", "within", "above", "critical_high"] | None
    basis: Literal["critical", "laboratory", "therapeutic", "typical"] | None
    comparable: bool | None
    code: str | None


class LabOut(Envelope):
    """A result as it is kept, with what it is worth and the signals that it opened."""

    code: Coding
    measure: str
    value: str | None = None
    value_text: str | None = None
    unit: str | None = None
    drawn_at: datetime | None = None
    drawn_on: date
    interpretation: Interpretation | None
    opened_signals: list[dict[str, Any]]


class LabPage(Wire):
    """One page of results, oldest first."""

    items: list[LabOut]
    next: str | None
