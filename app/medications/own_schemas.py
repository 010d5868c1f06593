"""Interaction rules, monitoring schedules and side-effect terms of a clinic's own, on the wire.

A body says what an entry of the house's files says, in the same words; `code` is its key there.
"""

from typing import Annotated, Any, ClassVar, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, with_config
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.clinical.interaction_rules import Evidence, Severity
from app.clinical.monitoring_schedules import is_loinc
from app.clinical.terms import Timing
from app.clinical.units import UNITS
from app.core.wire import Between, Identified, Line, Note, Wire

Slug = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Word = Annotated[str, Field(max_length=50, pattern=r"^[A-Za-z0-9_-]+$")]
Words = Annotated[list[Word], Field(min_length=1, max_length=50)]
Lines = Annotated[list[Line], Field(min_length=1, max_length=20)]
Text = Annotated[Note, Field(min_length=1, max_length=2000)]
DayCount = Annotated[int, Between(0, 3660)]
Interval = Annotated[int, Between(1, 3660)]
Grade = Annotated[int, Between(0, 3)]
Limit = Annotated[float, Between(-1e6, 1e6)]


def _loinc(value: str) -> str:
    if not is_loinc(value):
        raise PydanticCustomError("not_loinc", "a LOINC code with its check digit")
    return value


def _unit(value: str) -> str:
    if value not in UNITS["result"]:
        raise PydanticCustomError("unknown_unit", "a UCUM unit of the list for results, exact case")
    return value


class OwnEntryIn(Identified):
    """What every entry of a clinic's own has: its `code` is its key, so it has no `id`."""

    natural_key: ClassVar[str | None] = "code"

    id: None = None
    code: Annotated[Slug, Field(max_length=80)]
    """Short enough for the measure that a term's severity is followed as."""


# ---- interactions


# Members named `class` and `in`, as in the house's file, need the functional form.
class CypIn(TypedDict):
    enzyme: Word
    role: Literal["inhibits", "induces", "substrate"]
    strength_in: NotRequired[
        Annotated[list[Literal["strong", "moderate", "weak"]], Field(min_length=1, max_length=3)]
    ]
    sensitivity: NotRequired[
        Annotated[list[Literal["marked", "minor_or_partial"]], Field(min_length=1, max_length=2)]
    ]


MatcherIn = TypedDict(
    "MatcherIn",
    {
        "med": NotRequired[Slug],
        "any_med": NotRequired[Annotated[list[Slug], Field(min_length=1, max_length=100)]],
        "class": NotRequired[Word],
        "any_class": NotRequired[Words],
        "property": NotRequired[Literal["serotonergic", "anticholinergic_burden", "qt_risk"]],
        "gte": NotRequired[Grade],
        "eq": NotRequired[Grade | Literal["none", "possible", "conditional", "known"]],
        "in": NotRequired[
            Annotated[
                list[Grade | Literal["none", "possible", "conditional", "known"]],
                Field(min_length=1, max_length=4),
            ]
        ],
        "cyp": NotRequired[CypIn],
        "washout_days": NotRequired[DayCount | dict[Slug, DayCount]],
        "form": NotRequired[Lines],
        "indication": NotRequired[Lines],
    },
)


class AggregateIn(Wire):
    """Counts or sums over all that is taken: exactly one of the first four."""

    sum: Literal["serotonergic", "anticholinergic_burden"] | None = None
    count_class: Word | None = None
    same_class: Words | None = None
    same_substance: Literal["drug", "supplement", "exposure"] | None = None
    gte: Annotated[int, Between(1, 20)]
    min_meds: Annotated[int | None, Between(1, 20)] = None


class ContextIn(Wire):
    """Facts of the patient that the rule asks for, all at once."""

    age_gte: Annotated[int | None, Between(1, 120)] = None
    egfr_lt: Annotated[int | None, Between(1, 200)] = None
    pregnancy_possible: Literal[True] | None = None
    event: (
        Literal[
            "smoking_stopped",
            "smoking_started",
            "sodium_or_water_loss",
            "sedatives_stopped_abruptly",
        ]
        | None
    ) = None
    within_days: Annotated[int | None, Between(1, 366)] = None


class WhenIn(Wire):
    """Two substances at most, or an aggregate; each matcher is met by a different one."""

    all_of: Annotated[list[MatcherIn] | None, Field(min_length=1, max_length=2)] = None
    aggregate: AggregateIn | None = None
    context: ContextIn | None = None


class OwnRuleIn(OwnEntryIn):
    """An interaction rule of the clinic's own. It supersedes none of the house's."""

    when: WhenIn
    severity: Severity
    mechanism: Text
    effect: Text
    management: Text
    onset: Line
    evidence: Evidence
    sources: Lines


# ---- monitoring

AppliesIn = TypedDict(
    "AppliesIn",
    {
        "class": NotRequired[Word],
        "any_med": NotRequired[Annotated[list[Slug], Field(min_length=1, max_length=100)]],
    },
)
_forbid_more: Any = with_config(ConfigDict(extra="forbid"))
for _shape in (CypIn, MatcherIn, AppliesIn):
    _forbid_more(_shape)
RangeIn = Annotated[list[Limit | None], Field(min_length=2, max_length=2)]


class OwnTestIn(Wire):
    """What is measured. A questionnaire of ours has its id as `key` and the unit {score}."""

    key: Word
    name: Line
    loinc: Annotated[str, AfterValidator(_loinc)] | None = None
    unit: Annotated[str, AfterValidator(_unit)] | None = None
    reference_range: RangeIn | None = None
    therapeutic_range: RangeIn | None = None
    critical_low: Limit | None = None
    critical_high: Limit | None = None
    sample_hours: Annotated[list[Annotated[int, Between(0, 72)]], Field(max_length=2)] | None = None


class OwnTimesIn(Wire):
    """When: before the start, on days after it, and then again and again."""

    baseline: bool = False
    offsets_days: Annotated[list[Interval], Field(max_length=50)] = []
    then_every_days: Interval | None = None
    from_days: DayCount = 0
    until_days: Interval | None = None


class OwnScheduleIn(OwnEntryIn):
    """A monitoring schedule of the clinic's own; it stands in for none of the house's."""

    applies_to: AppliesIn
    age: Annotated[list[Annotated[int, Between(0, 120)] | None], Field(max_length=2)] | None = None
    measure: OwnTestIn
    schedule: OwnTimesIn
    after_dose_change_days: Annotated[list[Interval], Field(max_length=20)] = []
    condition: Line | None = None
    priority: Literal["required", "routine"] = "routine"
    action: Text
    source: Text


# ---- side effects


class OwnTermIn(OwnEntryIn):
    """A side effect that the house's vocabulary does not have."""

    label: Line
    synonyms: Annotated[list[Line], Field(max_length=20)] = []
    body_system: Word
    timing: Timing
    onset_days: Annotated[list[DayCount | None], Field(min_length=2, max_length=2)] | None = None
    classes: Annotated[list[Word], Field(max_length=50)] = []
    red_flag: bool = False
    dose_related: bool = False
    action: Text
    parent: Slug | None = None
    snomed: Annotated[str | None, Field(max_length=18, pattern=r"^[0-9]{6,18}$")] = None
    source: Text


class OwnEntryOut(Wire):
    """An entry of the clinic's: the body, its version, and whose it is."""

    model_config = ConfigDict(extra="allow")

    code: str
    origin: Literal["clinic"]
    verified: str
    version: int


def plain(data: OwnEntryIn) -> dict[str, Any]:
    """Write a body whole, as an entry of the house's file stands there."""
    return data.model_dump(mode="json", exclude={"id"}) | {"id": data.code}
