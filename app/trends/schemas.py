"""What a client may lean on in a report: written into the OpenAPI document, never run.

Further members may follow; a part that was not asked for (`include`) is absent.
"""

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Told(BaseModel):
    """A part of the report; it may grow."""

    model_config = ConfigDict(extra="allow")


class SpanOut(Told):
    """Both days included; null where it has no end."""

    from_: date | None = Field(alias="from")
    to: date | None


class MeasuredOut(Told):
    """One reading, and the records that it came from."""

    day: date
    value: float
    records: list[str]


class BaselineOut(Told):
    """What all change is told against, by which rule, and why if there is none."""

    rule: str | None
    level: float | None
    n: int
    sentence: str | None = None
    reasons: list[str]


class LevelOut(Told):
    """The level now, with an honest interval where one is known."""

    value: float | None
    n: int
    interval: list[float] | None = None
    reasons: list[str]


class MeasureTrendOut(Told):
    """One followed number. `reasons` say why something is null: missing is not stable.

    A patient is told less of it than a prescriber.
    """

    measure: str
    label: str
    n: int
    domain: str | None = None
    direction: Literal["lower_better", "higher_better"] | None = None
    unit: str | None = None
    status: str | None = None
    status_reasons: list[str] = []
    last: MeasuredOut | None = None
    baseline: BaselineOut | None = None
    level_now: LevelOut | None = None
    change: dict[str, Any] | None = None
    states: dict[str, Any] | None = None


class TrendsOut(Told):
    """A patient's report: what was known at `known_at` of the days up to `as_of`."""

    audience: Literal["prescriber", "patient"]
    as_of: date
    known_at: datetime | None
    tz: str
    window: SpanOut
    versions: dict[str, Any]
    patient: dict[str, Any] | None = None
    summary: dict[str, Any] | None = None
    risk: list[dict[str, Any]] | None = None
    digest: dict[str, Any] | None = None
    measures: list[MeasureTrendOut] = []
    medications: list[dict[str, Any]] = []
    decision_points: list[dict[str, Any]] = []
