"""What a body may hold: the strict reader, and the types that every schema is made of.

Strict on purpose: `woke_on: 0`, `"7"`, `true` for a number, a moment without an offset or an
unknown member are errors of the sender, never something to guess at (api.md, section 2).
"""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeVar
from uuid import UUID

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError, core_schema

from app.core.errors import Fault, Invalid, MalformedJson, PatientMismatch, TitrateError

MOST_DEPTH = 32
NOT_CONTENT = {"id", "client_time", "sent_at"}
"""Members that say who sends and when, not what; the same content may be sent again."""


class Wire(BaseModel):
    """A body or a part of one: unknown members are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Identified(Wire):
    """A record that a client sends; it may make the id itself (UUID v4 or v7)."""

    id: UUID | None = None

    natural_key: ClassVar[str | None] = None
    """The member that names the record where no id is needed."""

    def record_ids(self) -> Iterator[UUID]:
        """Give the ids that this body brings along, its own first, nested ones after it."""
        if self.id is not None:
            yield self.id


def _of_the_path(value: UUID | None, info: ValidationInfo) -> UUID | None:
    of = (info.context or {}).get("patient_id")
    if None not in (value, of) and value != of:
        raise PydanticCustomError("patient_mismatch", "the patient of the path, or none")
    return value


class OfPatient(Wire):
    """Something of one patient, who may be named as in the path; another one is refused (H3).

    What the path says is no content: it is neither kept with the body nor compared.
    """

    patient_id: Annotated[UUID | None, AfterValidator(_of_the_path), Field(exclude=True)] = None


Category = Literal["substance_use", "psychotherapy_notes", "private_notes"]
"""A class of records that needs a consent of its own (docs/decisions/0008)."""


class Sealable(Identified, OfPatient):
    """A record that can be sealed: who lacks consent to its class finds no trace of it."""

    confidential: Category | None = None


M = TypeVar("M", bound=BaseModel)


def content_of(data: BaseModel) -> dict[str, Any]:
    """Give what was sent as JSON values, without what only says how it was sent."""
    return data.model_dump(mode="json", exclude_unset=True, exclude=NOT_CONTENT)


def in_order(content: dict[str, Any]) -> bytes:
    """Write a content in one form only: sorted members."""
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def canonical(data: BaseModel) -> bytes:
    """Write the content of a body in one form only: sorted members, exact decimals."""
    return in_order(content_of(data))


# ---- reading

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_MOMENT = re.compile(
    r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)$"
)
_DAY = re.compile(r"^\d{4}-\d\d-\d\d$")
_CLOCK = re.compile(r"^([01]\d|2[0-3]):[0-5]\d$")
_AMOUNT = re.compile(r"^(0|[1-9]\d{0,5})(\.\d{1,4})?$")
_EXPONENT = re.compile(rb"[:\[,]\s*-?\d[\d.]*[eE]")
_EARLIEST, _LATEST = 1900, 9998
_MOST_OFFSET = timedelta(hours=14)
# The same as a schema can say it to a client; surrogates are left out, JSON knows none.
_NO_CONTROL = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_ONE_LINE = r"^[^\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]*$"


def _unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("a member stands twice")
    return members


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJson("NaN and Infinity are not JSON")


def _plain_number(text: str) -> float | str:
    """Leave a number with an exponent as text, for a merge patch or an item of a batch: as a
    number, a dose of 1e2 would pass for 100.0."""
    return text if "e" in text.lower() else float(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_unique_members, parse_constant=_refuse_constant, parse_float=_plain_number
)


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max((_depth(member) for member in value.values()), default=0)
    if isinstance(value, list):
        return 1 + max((_depth(member) for member in value), default=0)
    return 0


def parse_json(raw: bytes) -> Any:
    """Parse once with the checks that the model cannot make.

    Raises:
        MalformedJson: not UTF-8 JSON, a member twice, NaN, a NUL, or deeper than 32.
    """
    try:
        value = _DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise MalformedJson() from None
    if b"\\u0000" in raw:
        raise MalformedJson("a NUL has no place in the record")
    if raw.count(b"[") + raw.count(b"{") > MOST_DEPTH and _depth(value) > MOST_DEPTH:
        raise MalformedJson(f"nested deeper than {MOST_DEPTH}")
    return value


def read(model: type[M], raw: bytes, patient_id: UUID | None = None) -> M:
    """Read a body strictly; `patient_id` is that of the path.

    Raises:
        MalformedJson: see `parse_json`.
        PatientMismatch: it, or something in it, names another patient.
        Invalid: one fault for each wrong member, without its value.
    """
    parse_json(raw)
    try:
        # A number reaches the model without its spelling: 1e2 would pass for 100.0.
        context = {"exponent": _EXPONENT.search(raw) is not None, "patient_id": patient_id}
        return model.model_validate_json(raw, strict=True, context=context)
    except ValidationError as failure:
        if any(error["type"] == "json_invalid" for error in failure.errors(include_url=False)):
            raise MalformedJson() from None  # a lone surrogate passes the first reader
        raise refusal_of(failure) from None


_CODES = {
    "missing": ("required", "is required"),
    "extra_forbidden": ("unknown-field", "is not a member of this body"),
    "json_invalid": ("malformed-json", "is not JSON"),
}


def refusal_of(failure: ValidationError) -> TitrateError:
    """Say what is wrong; that it is about another patient goes before all else."""
    faults = faults_of(failure)
    mismatches = [fault for fault in faults if fault.code == PatientMismatch.code]
    return PatientMismatch(faults=mismatches) if mismatches else Invalid(faults=faults)


def uuid_of(sent: object) -> UUID | None:
    """Read an id where a wrong one is told by somebody else."""
    try:
        return UUID(str(sent))
    except ValueError:
        return None


def faults_of(failure: ValidationError, prefix: str = "") -> list[Fault]:
    """Name each wrong member by JSON Pointer, with what would pass; never its value."""
    faults = []
    for error in failure.errors(include_input=False, include_url=False):
        pointer = prefix + "".join(
            "/" + str(part)[:64].replace("~", "~0").replace("/", "~1") for part in error["loc"]
        )
        code, detail = _CODES.get(error["type"], (error["type"].replace("_", "-"), error["msg"]))
        faults.append(Fault(pointer, code, detail))
    return faults


# ---- types


T = TypeVar("T")
D = TypeVar("D", date, datetime)


def _from_text(
    pattern: re.Pattern[str], parse: Callable[[str], T], code: str, what_passes: str
) -> BeforeValidator:
    """Read a text of one form. Strict models take no text for a day or a moment otherwise."""

    def check(value: Any) -> Any:
        if not isinstance(value, str):
            if isinstance(value, date):
                return value
            raise PydanticCustomError(code, what_passes)
        if pattern.match(value):
            try:
                return parse(value)
            except ValueError:
                pass
        raise PydanticCustomError(code, what_passes)

    return BeforeValidator(check)


def _near_utc(value: datetime) -> datetime:
    if abs(value.utcoffset() or timedelta()) > _MOST_OFFSET:
        raise PydanticCustomError("not_a_moment", "an offset from -14:00 to +14:00")
    return value


def _in_the_record_s_time(value: D) -> D:
    if value.year > _LATEST:
        # A day later there is none in any other zone.
        raise PydanticCustomError("out_of_range", "before the year 9999")
    if value.year < _EARLIEST:
        raise PydanticCustomError("out_of_range", "1900-01-01 or later")
    return value


def _clean(value: str) -> str:
    if _CONTROL.search(value):
        raise PydanticCustomError("control_character", "text without control characters")
    return value


def _visible(value: str) -> str:
    if "\n" in value or "\t" in value or _INVISIBLE.search(value):
        raise PydanticCustomError("control_character", "one line without invisible characters")
    return _clean(value)


def _amount(value: Any, info: ValidationInfo) -> Any:
    if isinstance(value, Decimal):
        return value
    hidden = isinstance(value, float) and (info.context or {}).get("exponent", False)
    if hidden or isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("not_an_amount", 'a decimal string such as "0.5"')
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, float) and text.endswith(".0"):
        text = text[:-2]
    if not _AMOUNT.match(text) or Decimal(text) == 0:
        raise PydanticCustomError(
            "not_an_amount",
            'a decimal string above 0 such as "0.5": at most six digits before and four '
            "after the point, no exponent",
        )
    return exact(Decimal(text))


def exact(value: Decimal) -> Decimal:
    """Drop trailing zeros without an exponent: 1.0 is 1, 100 stays 100."""
    return value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize()


def _of_the_form(pattern: str) -> FieldInfo:
    """Tell the document the form that a validator asks for."""
    field: FieldInfo = Field(json_schema_extra={"pattern": pattern})
    return field


Instant = Annotated[
    AwareDatetime,
    _from_text(
        _MOMENT,
        datetime.fromisoformat,
        "not_a_moment",
        "RFC 3339 with an offset: 2026-04-13T10:30:00-04:00",
    ),
    AfterValidator(_near_utc),
    AfterValidator(_in_the_record_s_time),
]
"""A moment with its offset, which is kept and given back."""
Day = Annotated[
    date,
    _from_text(_DAY, date.fromisoformat, "not_a_day", "YYYY-MM-DD"),
    AfterValidator(_in_the_record_s_time),
]
ClockTime = Annotated[
    str,
    _from_text(_CLOCK, str, "not_a_clock_time", "HH:MM, 00:00 to 23:59"),
    _of_the_form(_CLOCK.pattern),
]
Line = Annotated[
    str, Field(min_length=1, max_length=200), AfterValidator(_visible), _of_the_form(_ONE_LINE)
]
Note = Annotated[str, Field(max_length=10_000), AfterValidator(_clean), _of_the_form(_NO_CONTROL)]
Code = Line
Amount = Annotated[
    Decimal,
    BeforeValidator(_amount),
    WithJsonSchema(
        {"type": "string", "pattern": _AMOUNT.pattern, "examples": ["0.5", "100"]},
        mode="validation",
    ),
]
"""A dose amount: exact, above 0, sent as a decimal string (a JSON number is accepted)."""


def _beside_other(value: str | None, info: ValidationInfo) -> str | None:
    name = str(info.field_name)
    of = "code" if name == "text" else name.removesuffix("_text")
    if value is None and info.data.get(of) == "other":
        raise PydanticCustomError("required", f"a text that says what the other {of} is")
    return value


OtherText = Annotated[Line | None, AfterValidator(_beside_other), Field(validate_default=True)]
"""What `other` is in the closed list before it: `reason_text` of `reason`, `text` of `code`."""


@dataclass(frozen=True, slots=True)
class Between:
    """Both ends included: `Annotated[int | None, Between(0, 10)]`."""

    low: float
    high: float

    def check(self, value: float | None) -> float | None:
        if value is not None and not self.low <= value <= self.high:
            raise PydanticCustomError("out_of_range", f"{self.low:g} to {self.high:g}")
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        written = handler(schema)
        for number in (written, *written.get("anyOf", ())):
            if number.get("type") in {"integer", "number"}:
                number |= {"minimum": self.low, "maximum": self.high}
        return written


class Coding(Wire):
    """A code of some code system, as it was sent."""

    system: Line
    code: Code
    display: Line | None = None


class ChangeReason(Wire):
    """Why a record was corrected; asked for where one changes another's clinical record."""

    code: Annotated[
        str,
        Field(
            pattern="^(typo|wrong_patient|wrong_dose|late_information|patient_correction|other)$"
        ),
    ]
    text: OtherText = None
