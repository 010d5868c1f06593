"""The batch that a phone sends: one envelope, items that stand or fall alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from json import JSONDecoder
from math import isfinite
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from pydantic import Field, ValidationError

from app.assessments.schemas import AssessmentIn
from app.core.errors import Fault, Invalid, MalformedJson, TitrateError
from app.core.wire import Identified, Instant, Wire, faults_of, refusal_of, uuid_of
from app.followups.domains.side_effects import SideEffectIn
from app.followups.schemas import CheckInIn, SafetyNotice
from app.medications.schemas import AdministrationIn
from app.sync.samples import Sample, SampleIn, is_sample, read_sample

MOST_ITEMS = 500
MOST_BYTES = 5 * 1024 * 1024
Type = Literal["check_in", "assessment", "side_effect", "administration"]
Status = Literal["created", "updated", "duplicate", "conflict", "rejected"]


class SyncItem(Wire):
    """One thing that a phone did: put a record, or take one back.

    `id` may be left out only where the body is a health store's sample. `base_version` is the
    version that was read, for a change.
    """

    op: Literal["put", "delete"]
    type: Type
    patient_id: UUID
    id: UUID | None = None
    base_version: Annotated[int | None, Field(ge=1)] = None
    client_time: Instant | None = None
    body: Any = None


class CheckInItem(SyncItem):
    """A check-in."""

    type: Literal["check_in"]
    body: CheckInIn | None = None


class AssessmentItem(SyncItem):
    """A filled-in instrument."""

    type: Literal["assessment"]
    body: AssessmentIn | None = None


class SideEffectItem(SyncItem):
    """An episode of a side effect."""

    type: Literal["side_effect"]
    body: SideEffectIn | None = None


class DoseItem(SyncItem):
    """One dose taken or missed, in our own words or as a health store has it."""

    type: Literal["administration"]
    body: AdministrationIn | SampleIn | None = None


class AdministrationItem(DoseItem):
    """One dose in our own words: so read, its faults are named by its own members."""

    body: AdministrationIn | None = None


class SampleItem(DoseItem):
    """One dose as a health store has it."""

    body: SampleIn | None = None


ITEMS: dict[str, type[SyncItem]] = {
    "check_in": CheckInItem,
    "assessment": AssessmentItem,
    "side_effect": SideEffectItem,
    "administration": AdministrationItem,
}


class SyncIn(Wire):
    """`sent_at` is the device's clock when it sent this."""

    sent_at: Instant | None = None
    items: Annotated[
        list[
            Annotated[
                CheckInItem | AssessmentItem | SideEffectItem | DoseItem,
                Field(discriminator="type"),
            ]
        ],
        Field(max_length=MOST_ITEMS),
    ]


class _Envelope(Wire):
    """The envelope alone: a wrong item is not its fault."""

    sent_at: Instant | None = None
    items: Annotated[list[Any], Field(max_length=MOST_ITEMS)]


class SyncProblem(Wire):
    """Why an item is not taken (RFC 9457)."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    errors: list[dict[str, str]] = []


class SyncResult(Wire):
    """What became of one item; `id` is null only where it could not be read.

    `server` is the record as it is, for a conflict; null where there is none yet.
    """

    index: int
    id: UUID | None
    status: Status
    version: int | None = None
    problem: SyncProblem | None = None
    server: dict[str, Any] | None = None


class SyncOut(Wire):
    """One result an item, in the order of the items."""

    results: list[SyncResult]
    clock_skew_s: float | None = None
    """Our clock at receipt minus the device's when it sent; above 300 s the flag `clock_skew`."""
    flags: list[str] = []
    safety_notice: SafetyNotice | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """One item as read: `id` is the record's, `body` is absent from a delete."""

    index: int
    op: Literal["put", "delete"]
    type: Type
    patient_id: UUID
    id: UUID
    base_version: int | None
    client_time: datetime | None
    body: Identified | None
    sample: Sample | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one patient; the writer asks for all their ids at once."""

    items: Sequence[Item]
    sent_at: datetime | None

    def record_ids(self) -> Iterator[UUID]:
        """Give the ids of all items and of the records inside them."""
        for item in self.items:
            yield item.id
            if item.body is not None:
                yield from item.body.record_ids()


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one item; `server` is a record's stored text."""

    index: int
    id: UUID | None
    status: Status
    version: int | None = None
    problem: dict[str, object] | None = None
    server: bytes | None = None

    def told(self) -> dict[str, Any]:
        """Give the result as it is answered."""
        told: dict[str, Any] = {"index": self.index, "id": self.id, "status": self.status}
        if self.version is not None:
            told["version"] = self.version
        if self.problem is not None:
            told["problem"] = self.problem
        if self.status == "conflict":
            told["server"] = orjson.Fragment(self.server) if self.server else None
        return told


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as read: what can be tried, and what is refused already."""

    sent_at: datetime | None
    items: list[Item]
    refused: list[Result]


def rejected(index: int, record_id: UUID | None, error: TitrateError) -> Result:
    """Say why an item is not taken; pointers begin at the envelope."""
    problem = error.told()
    if error.faults:
        problem["errors"] = [
            {
                "pointer": f"/items/{index}{fault.pointer}",
                "code": fault.code,
                "detail": fault.detail,
            }
            for fault in error.faults
        ]
    return Result(index, record_id, "rejected", problem=problem)


_UNREADABLE = object()
"""What stands for a part that JSON lets pass and we do not: it makes its item unreadable alone."""


def _members(pairs: list[tuple[str, Any]]) -> Any:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _UNREADABLE


def _number(text: str) -> Any:
    value = float(text)
    return value if isfinite(value) else _UNREADABLE


_DECODER = JSONDecoder(
    object_pairs_hook=_members, parse_float=_number, parse_constant=lambda _name: _UNREADABLE
)


def read_batch(raw: bytes) -> Batch:
    """Read the envelope strictly, then each item by itself.

    Raises:
        MalformedJson: the whole is not JSON.
        Invalid: the envelope is wrong: more than 500 items, an unknown member, a wrong time.
    """
    try:
        sent = _DECODER.decode(raw.decode("utf-8"))
    except (ValueError, RecursionError):
        raise MalformedJson() from None
    try:
        envelope = _Envelope.model_validate(sent)
    except ValidationError as failure:
        raise Invalid(faults=faults_of(failure)) from None
    batch = Batch(envelope.sent_at, [], [])
    for index, one in enumerate(envelope.items):
        try:
            batch.items.append(_read_item(index, one))
        except TitrateError as refusal:
            batch.refused.append(rejected(index, _id_of(one), refusal))
    return batch


def _id_of(sent: Any) -> UUID | None:
    try:
        return UUID(sent["id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read_item(index: int, sent: Any) -> Item:
    if not isinstance(sent, dict):
        raise Invalid(faults=[Fault("", "object", "an object")])
    body = sent.get("body")
    type_ = sent.get("type")
    model = ITEMS.get(type_) if isinstance(type_, str) else None
    if model is None:
        raise Invalid(faults=[Fault("/type", "unknown-type", f"one of {', '.join(ITEMS)}")])
    if model is AdministrationItem and is_sample(body):
        model = SampleItem
    try:
        context = {"patient_id": uuid_of(sent.get("patient_id"))}
        data = model.model_validate_json(orjson.dumps(sent), strict=True, context=context)
    except ValidationError as failure:
        raise refusal_of(failure) from None
    except TypeError:
        detail = "each member once, Unicode text, numbers in range"
        raise Invalid(faults=[Fault("", "malformed-json", detail)]) from None
    return _item(index, data)


def _item(index: int, data: SyncItem) -> Item:
    record_id, body, sample = data.id, data.body, None
    if (body is None) != (data.op == "delete"):
        fault = "is not a member of a delete" if data.op == "delete" else "is required"
        raise Invalid(faults=[Fault("/body", "required", fault)])
    if isinstance(body, SampleIn):
        record_id, body, sample = _of_sample(data.patient_id, body)
    if record_id is None:
        raise Invalid(faults=[Fault("/id", "required", "an id made by the client")])
    if body is not None and body.id not in (None, record_id):
        raise Invalid("the id of the item", pointer="/body/id")
    return Item(
        index,
        data.op,
        data.type,
        data.patient_id,
        record_id,
        data.base_version,
        data.client_time,
        body,
        sample,
    )


def _of_sample(patient_id: UUID, data: SampleIn) -> tuple[UUID, AdministrationIn, Sample]:
    try:
        return read_sample(patient_id, data)
    except Invalid as refusal:
        raise within_body(refusal) from None


def within_body(refusal: TitrateError) -> TitrateError:
    """Place a refusal's faults under the body of its item."""
    refusal.faults = tuple(
        Fault(f"/body{fault.pointer}", fault.code, fault.detail) for fault in refusal.faults
    )
    return refusal
