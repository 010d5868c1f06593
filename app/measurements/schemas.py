"""Measures on the wire: those of the house, and what a clinic registers."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from app.clinical import units
from app.clinical.instruments import Rater
from app.clinical.measure import (
    DailyAggregate,
    Direction,
    Measure,
    Operator,
    ResponseKind,
    RiskDue,
    Threshold,
)
from app.clinical.safety import RiskTopic
from app.core.wire import Between, Coding, Day, Identified, Instant, Line, OfPatient, Wire

FAR = 1e9
Number = Annotated[float, Between(-FAR, FAR)]
Days = Annotated[int, Between(1, 366)]
MeasureCode = Annotated[
    str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*$")
]
"""Dotted; a source's own word (`HAMD17`) is one too, and is told apart by its case."""
Domain = Literal[
    "dosage",
    "side_effects",
    "mood_cognition",
    "sleep",
    "functioning",
    "interactions",
    "labs",
    "other",
]


def _known_unit(value: str) -> str:
    if value not in units.UNITS["result"]:
        raise PydanticCustomError(
            "unknown_unit", "a UCUM unit of the list for results, exact case: {score}, h, kg, 1"
        )
    return value


class BandIn(Wire):
    """A named stretch; both ends belong to it."""

    label: Line
    min: Number
    max: Number


class TargetIn(Wire):
    """Anywhere inside is best."""

    min: Number
    max: Number


class ResponseIn(Wire):
    kind: ResponseKind
    value: Number
    source: Line | None = None


class ThresholdIn(Wire):
    op: Operator
    value: Number
    source: Line | None = None


class ReliabilityIn(Wire):
    """Standard deviation in points, and reliability, of a reference group."""

    sd: Annotated[float, Field(gt=0, le=FAR)]
    r: Annotated[float, Field(ge=0, lt=1)]
    source: Line | None = None


class RiskItemIn(Wire):
    item: Annotated[int, Between(1, 999)]
    at_least: Annotated[int, Between(-999, 999)]


class MeasureIn(Identified):
    """A measure of the clinic's own; its `code` is its key, so it has no `id`."""

    natural_key: ClassVar[str | None] = "code"

    id: None = None
    code: MeasureCode
    label: Line
    domain: Domain = "other"
    direction: Direction
    unit: Annotated[str, AfterValidator(_known_unit)]
    min: Number | None = None
    max: Number | None = None
    step: Annotated[float | None, Field(gt=0, le=FAR)] = None
    target: TargetIn | None = None
    cadence_days: Days = 1
    recall_days: Days = 1
    daily_aggregate: DailyAggregate = "mean"
    bands: Annotated[list[BandIn], Field(max_length=20)] = []
    response: ResponseIn | None = None
    remission: ThresholdIn | None = None
    reliability: ReliabilityIn | None = None
    risk_items: Annotated[list[RiskItemIn], Field(max_length=100)] = []


class OwnItemIn(Wire):
    """One question: any whole number from min to max; both ends are answers.

    reverse: the total counts it the other way round. in_total: False where it stands by itself.
    """

    min: Annotated[int, Between(0, 1000)]
    max: Annotated[int, Between(0, 1000)]
    label: Line | None = None
    reverse: bool = False
    in_total: bool = True


class OwnRiskItemIn(Wire):
    """An answer that opens a signal from `at_least` on, whatever the total says."""

    item: Annotated[int, Between(1, 100)]
    at_least: Annotated[int, Between(0, 1000)]
    topic: RiskTopic
    due: RiskDue | None = None


class OwnInstrumentIn(Wire):
    """What makes a questionnaire of the clinic's own one that can be scored and followed.

    The total is the sum of the items that are `in_total`; with up to `most_missing` of them
    unanswered it is their mean times their number, rounded half up. raters: who may fill it in.
    """

    title: Line
    source: Line
    raters: Annotated[list[Rater], Field(min_length=1, max_length=3)] = ["self"]
    domain: Domain = "other"
    direction: Literal["lower_better", "higher_better"]
    items: Annotated[list[OwnItemIn], Field(min_length=1, max_length=100)]
    most_missing: Annotated[int, Between(0, 99)] = 0
    recall_days: Days
    cadence_days: Days
    bands: Annotated[list[BandIn], Field(max_length=20)] = []
    response: ResponseIn | None = None
    remission: ThresholdIn | None = None
    reliability: ReliabilityIn | None = None
    risk_items: Annotated[list[OwnRiskItemIn], Field(max_length=100)] = []


class ObservedValueIn(Identified, OfPatient):
    """A number under a code, at a moment or on a day; `unit` as the source wrote it."""

    measure: MeasureCode
    code: Coding | None = None
    label: Line | None = None
    domain: Line | None = None
    """The source's own word, which may be none of our domains."""
    occurred_at: Instant | None = None
    occurred_on: Day | None = None
    value: Number
    unit: Line | None = None


class MeasureOut(Wire):
    """What a number means. `source` says whose it is; the clinic's are records with versions."""

    model_config = ConfigDict(extra="allow")

    code: str
    label: str
    domain: Domain
    direction: Direction
    unit: str
    min: float | None
    max: float | None
    step: float | None
    target: TargetIn | None
    cadence_days: int
    cadence_days_later: int
    stale_after_days: int
    stale_after_days_later: int
    recall_days: int
    daily_aggregate: DailyAggregate
    bands: list[BandIn]
    source: Literal["house", "clinic"]
    version: int


class MeasurePage(Wire):
    items: list[MeasureOut]
    next: str | None


def told(measure: Measure) -> dict[str, Any]:
    """Say what a measure is; what nobody has registered of it is null.

    `cadence_days` and `stale_after_days` hold for the first 12 weeks of a treatment. The action
    of a risk item is not told: patients read this too.
    """
    early, later = measure.cadence_days
    stale_early, stale_later = measure.stale_after_days
    return {
        "code": measure.code,
        "label": measure.label,
        "domain": measure.domain,
        "instrument": measure.instrument,
        "pole": measure.pole,
        "direction": measure.direction,
        "unit": measure.unit,
        "min": measure.minimum,
        "max": measure.maximum,
        "step": measure.step,
        "target": measure.target and dict(zip(("min", "max"), measure.target, strict=True)),
        "cadence_days": early,
        "cadence_days_later": later,
        "stale_after_days": stale_early,
        "stale_after_days_later": stale_later,
        "recall_days": measure.recall_days,
        "daily_aggregate": measure.daily_aggregate,
        **thresholds(measure),
        "version": measure.version,
    }


def thresholds(measure: Measure) -> dict[str, Any]:
    """Say where the lines of a measure are drawn, and by whom."""
    reliability, response = measure.reliability, measure.response
    return {
        "bands": [
            {"label": band.label, "min": band.minimum, "max": band.maximum}
            for band in measure.bands
        ],
        "response": response
        and {"kind": response.kind, "value": response.value, "source": response.source},
        "remission": _threshold(measure.remission),
        "relapse": _threshold(measure.relapse),
        "caseness": _threshold(measure.caseness),
        "reliable_change": measure.reliable_points
        and {
            "points": measure.reliable_points,
            "source": measure.reliable_points_source,
            "citation": measure.reliable_points_citation,
        },
        "mcid": (measure.mcid or measure.mcid_percent)
        and {
            "points": measure.mcid,
            "percent": measure.mcid_percent,
            "source": measure.mcid_source,
        },
        "reliability": reliability
        and {
            "sd": reliability.sd,
            "r": reliability.r,
            "source": reliability.source,
            "verified": reliability.verified,
        },
        "risk_items": [
            {"item": risk.index, "at_least": risk.at_least} for risk in measure.risk_items
        ],
    }


def _threshold(threshold: Threshold | None) -> dict[str, Any] | None:
    if threshold is None:
        return None
    return {
        "op": threshold.op,
        "value": threshold.value,
        "source": threshold.source,
        "verified": threshold.verified,
    }
