"""The interaction rules of the reference, made ready to be held against a list.

`reference/interactions.yaml` says what a rule asks of a substance (`matching` at its top explains
the words). Here each question is answered once for every substance of the reference, so that a
list is checked by look-up alone. A word that is not known here is refused, never ignored.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from app.clinical import medications
from app.clinical.medications import Substance

Severity = Literal["contraindicated", "major", "moderate", "minor"]
Evidence = Literal["established", "probable", "suspected", "theoretical"]
Origin = Literal["house", "clinic"]
SEVERITIES: tuple[Severity, ...] = ("contraindicated", "major", "moderate", "minor")
EVIDENCE: tuple[Evidence, ...] = get_args(Evidence)
EVENTS = (
    "smoking_stopped",  # stopped, or cut by half or more
    "smoking_started",  # started, or clearly more
    "sodium_or_water_loss",  # vomiting, diarrhoea, fever, fasting, low-salt diet
    "sedatives_stopped_abruptly",  # alcohol, benzodiazepines, barbiturates
)
PROPERTIES = frozenset({"serotonergic", "anticholinergic_burden", "qt_risk"})
AGGREGATES = frozenset({"sum", "count_class", "same_class", "same_substance", "gte", "min_meds"})
CONTEXTS = frozenset({"age_gte", "egfr_lt", "pregnancy_possible", "event", "within_days"})


@dataclass(frozen=True, eq=False, slots=True)
class Rule:
    """One rule as a reader needs it; `verified` says what was seen and what is memory.

    A clinic's own rule is asked of all substances; the house's are not asked of a medicine that
    a clinic added, of which only what the clinic said is known.

    `management` is written for prescribers and is never shown to a patient. `when` is the rule's
    condition as it stands in the file.
    """

    id: str
    version: int
    severity: Severity
    mechanism: str
    effect: str
    management: str
    onset: str
    evidence: str
    sources: tuple[str, ...]
    verified: str
    supersedes: frozenset[str]
    when: Mapping[str, Any]
    origin: Origin = "house"


@dataclass(frozen=True, eq=False, slots=True)
class Matcher:
    """What a rule asks of one substance.

    washout: the reference ids that meet it, each with the days after its stop during which it
    still counts (0: only while it is taken). form, indication: words, one of which the record
    must hold; () asks nothing.
    """

    washout: Mapping[str, int]
    form: tuple[str, ...]
    indication: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class CompiledRule:
    """A rule with its matchers answered; an aggregate has none."""

    rule: Rule
    all_of: tuple[Matcher, ...]
    aggregate: Mapping[str, Any] | None
    context: Mapping[str, Any]


@dataclass(frozen=True, eq=False, slots=True)
class Compiled:
    """All rules; by reference id where each is wanted, as (rule, matcher); longest wash-out."""

    rules: tuple[CompiledRule, ...]
    wanted: Mapping[str, tuple[tuple[int, int], ...]]
    horizon: int


def rules() -> tuple[Rule, ...]:
    """All rules, in the order of the file."""
    return tuple(one.rule for one in compiled().rules)


def version() -> tuple[str, str]:
    """Version and date of the rules."""
    return _file()["version"], _file()["date"]


@cache
def compiled() -> Compiled:
    """The packaged rules, read once; under 0.1 s after the substances."""
    return indexed(read_rule(raw) for raw in _file()["rules"])


def indexed(rules: Iterable[CompiledRule]) -> Compiled:
    """Make rules ready to be held against a list."""
    every = tuple(rules)
    wanted: dict[str, list[tuple[int, int]]] = {}
    for number, one in enumerate(every):
        for place, matcher in enumerate(one.all_of):
            for reference_id in matcher.washout:
                wanted.setdefault(reference_id, []).append((number, place))
    return Compiled(
        rules=every,
        wanted={reference_id: tuple(places) for reference_id, places in wanted.items()},
        horizon=max(
            (d for one in every for matcher in one.all_of for d in matcher.washout.values()),
            default=0,
        ),
    )


def read_rule(
    raw: Mapping[str, Any],
    substances: Sequence[Substance] | None = None,
    origin: Origin = "house",
) -> CompiledRule:
    """Make one rule ready, as the file writes it.

    substances: whom it is asked of; None: all of the reference.

    Raises:
        ValueError: its `when` holds a word that nothing here answers.
    """
    when: Mapping[str, Any] = raw["when"]
    aggregate, context = when.get("aggregate"), when.get("context") or {}
    _refuse_unknown(raw["id"], when, {"all_of", "aggregate", "context"})
    _refuse_unknown(raw["id"], aggregate or (), AGGREGATES)
    _refuse_unknown(raw["id"], context, CONTEXTS)
    if "event" in context:
        _refuse_unknown(raw["id"], [context["event"]], EVENTS)
    rule = Rule(
        id=raw["id"],
        version=raw["version"],
        severity=raw["severity"],
        mechanism=raw["mechanism"],
        effect=raw["effect"],
        management=raw["management"],
        onset=raw["onset"],
        evidence=raw["evidence"],
        sources=tuple(raw["sources"]),
        verified=raw["verified"],
        supersedes=frozenset(raw["supersedes"]),
        when=when,
        origin=origin,
    )
    known = medications.substances() if substances is None else substances
    all_of = tuple(_matcher(rule.id, one, known) for one in when.get("all_of", ()))
    return CompiledRule(rule, all_of, aggregate, context)


@cache
def _file() -> Any:
    return medications.load_reference("interactions.yaml")


def _refuse_unknown(rule_id: str, given: Iterable[str], known: Iterable[str]) -> None:
    if unknown := set(given) - set(known):
        raise ValueError(f"{rule_id}: no rule can ask for {sorted(unknown)}")


def _matcher(rule_id: str, raw: Mapping[str, Any], substances: Iterable[Substance]) -> Matcher:
    _refuse_unknown(rule_id, raw, [*_CONDITIONS, *_MODIFIERS])
    _refuse_unknown(rule_id, [raw["property"]] if "property" in raw else (), PROPERTIES)
    _refuse_unknown(rule_id, raw.get("cyp", ()), _CYP)
    days = raw.get("washout_days", 0)
    met = [one for one in substances if _meets(raw, one)]
    return Matcher(
        washout={one.reference_id: _days(days, one.reference_id) for one in met},
        form=tuple(raw.get("form", ())),
        indication=tuple(raw.get("indication", ())),
    )


def _days(days: int | Mapping[str, int], reference_id: str) -> int:
    if isinstance(days, int):
        return days
    return days.get(reference_id, days.get("other", 0))


_MODIFIERS = ("gte", "eq", "in", "washout_days", "form", "indication")
_CYP = ("enzyme", "role", "strength_in", "sensitivity")
_CONDITIONS: Mapping[str, Callable[[Any, Substance, Mapping[str, Any]], bool]] = {
    "med": lambda want, one, _: want in (one.reference_id, one.form_of),
    "any_med": lambda want, one, _: one.reference_id in want or one.form_of in want,
    "class": lambda want, one, _: want in one.classes,
    "any_class": lambda want, one, _: not one.classes.isdisjoint(want),
    "property": lambda want, one, raw: _property(getattr(one, want), raw),
    "cyp": lambda want, one, _: _cyp(want, one),
}


def _meets(raw: Mapping[str, Any], substance: Substance) -> bool:
    """All conditions of one matcher at once."""
    return all(
        _CONDITIONS[key](want, substance, raw) for key, want in raw.items() if key in _CONDITIONS
    )


def _property(value: Any, raw: Mapping[str, Any]) -> bool:
    if "gte" in raw:
        return bool(value >= raw["gte"])
    return value in raw["in"] if "in" in raw else bool(value == raw["eq"])


def _cyp(want: Mapping[str, Any], substance: Substance) -> bool:
    grades = want.get("strength_in") or want["sensitivity"]
    return any(
        one.enzyme == want["enzyme"] and one.role == want["role"] and one.grade in grades
        for one in substance.cyp
    )
