"""What a clinic may add to the reference beside medicines: the rules of each kind of entry.

They are those that the house's own files are held to: names that exist, ranges that run from low
to high, a source. An entry is verified by the clinic, and it silences nothing of the house's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.clinical import interaction_rules, monitoring_schedules, terms
from app.clinical import medications as house
from app.clinical.instruments import all_instruments
from app.core.db import Work
from app.core.errors import Fault
from app.measurements import own_reference
from app.measurements.own_reference import VERIFIED, Kind
from app.medications import own
from app.medications.own_schemas import OwnRuleIn, OwnScheduleIn, OwnTermIn, WhenIn, plain

IDENTIFIES = ("med", "any_med", "class", "any_class", "property", "cyp")
"""The words of a matcher, one of which says whom it is about."""
COMPARED = ("gte", "eq", "in")
COUNTED = ("sum", "count_class", "same_class", "same_substance")
QT = ("none", "possible", "conditional", "known")


def _told(definition: Mapping[str, Any]) -> dict[str, Any]:
    """Give what overrides the members that every record has: an entry's source is a citation."""
    return {name: definition[name] for name in ("id", "verified", "source") if name in definition}


# ---- interactions


def _rule(data: OwnRuleIn) -> dict[str, Any]:
    when = data.when.model_dump(mode="json", exclude_none=True)
    return plain(data) | {"when": when, "supersedes": [], "verified": VERIFIED}


def _faults_of_rule(work: Work, data: OwnRuleIn) -> Iterator[Fault]:
    yield from _faults_of_shape(data.when)
    for place, matcher in enumerate(data.when.all_of or ()):
        yield from _faults_of_matcher(work, f"/when/all_of/{place}", matcher)
    aggregate = data.when.aggregate
    if aggregate is not None:
        classes = [*(aggregate.same_class or ()), *filter(None, [aggregate.count_class])]
        yield from _unknown_classes("/when/aggregate", classes)


def _faults_of_shape(when: WhenIn) -> Iterator[Fault]:
    if (when.all_of is None) == (when.aggregate is None):
        yield Fault("/when", "required", "either all_of or aggregate")
    if when.aggregate is not None:
        said = [name for name in COUNTED if getattr(when.aggregate, name) is not None]
        if len(said) != 1:
            yield Fault("/when/aggregate", "required", f"one of {' '.join(COUNTED)}")
        if (when.aggregate.min_meds is None) == ("sum" in said):
            yield Fault("/when/aggregate/min_meds", "required", "with a sum, and only then")
    context = when.context
    if context is not None and (context.event is None) != (context.within_days is None):
        yield Fault("/when/context/within_days", "required", "with an event, and only then")


def _faults_of_matcher(work: Work, at: str, matcher: Mapping[str, Any]) -> Iterator[Fault]:
    if not any(name in matcher for name in IDENTIFIES):
        yield Fault(at, "required", f"one of {' '.join(IDENTIFIES)}")
    yield from _unknown_medicines(work, at, _listed(matcher, "med", "any_med"))
    yield from _unknown_classes(at, _listed(matcher, "class", "any_class"))
    days = matcher.get("washout_days")
    if isinstance(days, dict):
        named = [name for name in days if name != "other"]
        yield from _unknown_medicines(work, f"{at}/washout_days", named)
    compared = [name for name in COMPARED if name in matcher]
    if len(compared) != ("property" in matcher):
        yield Fault(at, "required", "one of gte, eq and in with a property, and only then")
    elif compared:
        yield from _faults_of_property(at, matcher, compared[0])
    cyp = matcher.get("cyp")
    if cyp is not None:
        wanted = "sensitivity" if cyp["role"] == "substrate" else "strength_in"
        if ("strength_in" in cyp, "sensitivity" in cyp) != (
            wanted == "strength_in",
            wanted == "sensitivity",
        ):
            yield Fault(f"{at}/cyp/{wanted}", "required", "it, and not the other, for this role")


def _faults_of_property(at: str, matcher: Mapping[str, Any], name: str) -> Iterator[Fault]:
    values = matcher[name] if name == "in" else [matcher[name]]
    of_qt = matcher["property"] == "qt_risk"
    if any((value in QT) != of_qt for value in values):
        passes = f"one of {' '.join(QT)}" if of_qt else "0 to 3"
        yield Fault(f"{at}/{name}", "out-of-range", passes)


INTERACTIONS = Kind(
    name="interactions",
    record_type="reference_interaction",
    body=OwnRuleIn,
    is_house=lambda code: any(one.id == code for one in interaction_rules.rules()),
    faults=_faults_of_rule,
    derived=lambda data: _told(_rule(data)),
    definition=_rule,
)

# ---- monitoring


def _schedule(data: OwnScheduleIn) -> dict[str, Any]:
    return plain(data) | {"verified": VERIFIED}


def _faults_of_schedule(work: Work, data: OwnScheduleIn) -> Iterator[Fault]:
    if len(data.applies_to) != 1:
        yield Fault("/applies_to", "required", "either class or any_med")
    yield from _unknown_medicines(work, "/applies_to", _listed(data.applies_to, "any_med"))
    yield from _unknown_classes("/applies_to", _listed(data.applies_to, "class"))
    yield from _faults_of_test(data)
    for pointer, span in (
        ("/age", data.age),
        ("/measure/reference_range", data.measure.reference_range),
        ("/measure/therapeutic_range", data.measure.therapeutic_range),
        ("/measure/sample_hours", data.measure.sample_hours),
    ):
        yield from _faults_of_span(pointer, span)
    when = data.schedule
    if when.offsets_days != sorted(set(when.offsets_days)):
        yield Fault("/schedule/offsets_days", "out-of-range", "ascending, each once")
    if when.until_days is not None and when.until_days <= when.from_days:
        yield Fault("/schedule/until_days", "out-of-range", "after from_days")
    asks = when.baseline or when.offsets_days or when.then_every_days
    if not asks and not data.after_dose_change_days:
        yield Fault("/schedule", "required", "a day on which something is due")


def _faults_of_test(data: OwnScheduleIn) -> Iterator[Fault]:
    test = data.measure
    if test.unit == "{score}":
        if test.key not in {one.id for one in all_instruments()}:
            yield Fault("/measure/key", "unknown", "the id of a questionnaire of /v1/instruments")
    elif test.loinc is None:
        yield Fault("/measure/loinc", "required", "a code by which a result is told")
    low, high = test.critical_low, test.critical_high
    if low is None and high is None:
        return
    if low is not None and high is not None and low >= high:
        yield Fault("/measure/critical_high", "out-of-range", "above critical_low")
    # A critical value opens its signal as it arrives: in the unit of the series, which only a
    # test that the house knows has fixed.
    known = monitoring_schedules.lab_test(test.loinc) if test.loinc else None
    if known is None or known.limits.unit is None:
        passes = "critical limits only for a test of /v1/reference/monitoring"
        yield Fault("/measure/loinc", "unknown", passes)
    elif known.limits.unit != test.unit:
        yield Fault("/measure/unit", "unit-not-accepted", f"{known.limits.unit}, as the house's")


def _faults_of_span(pointer: str, span: Sequence[float | None] | None) -> Iterator[Fault]:
    if span is None:
        return
    if len(span) != 2:
        yield Fault(pointer, "out-of-range", "two ends")
        return
    low, high = span
    if low is not None and high is not None and low >= high:
        yield Fault(pointer, "out-of-range", "from low to high")


MONITORING = Kind(
    name="monitoring",
    record_type="reference_monitoring",
    body=OwnScheduleIn,
    is_house=lambda code: monitoring_schedules.schedule(code) is not None,
    faults=_faults_of_schedule,
    derived=lambda data: _told(_schedule(data)),
    definition=_schedule,
)

# ---- side effects


def _term(data: OwnTermIn) -> dict[str, Any]:
    return plain(data) | {"verified": VERIFIED}


def _faults_of_term(work: Work, data: OwnTermIn) -> Iterator[Fault]:
    taken = [one.id for word in (data.label, *data.synonyms) for one in terms.meant_by(word)]
    if taken:
        yield Fault("/label", "taken", f"a word that does not mean {', '.join(sorted(set(taken)))}")
    if data.parent is not None and (
        data.parent == data.code or own_reference.term(work, data.parent) is None
    ):
        yield Fault("/parent", "unknown-term", "another term of the vocabulary")
    yield from _unknown_classes("/classes", data.classes)
    first, last = data.onset_days or (None, None)
    if first is not None and last is not None and first > last:
        yield Fault("/onset_days", "out-of-range", "from first to last")


SIDE_EFFECTS = Kind(
    name="side_effects",
    record_type="reference_side_effect",
    body=OwnTermIn,
    is_house=terms.is_known,
    faults=_faults_of_term,
    derived=lambda data: _told(_term(data)),
    definition=_term,
)

# ---- what several kinds ask


def _listed(said: Mapping[str, Any], one: str, many: str | None = None) -> list[str]:
    """Give what is named alone and in a list."""
    found = [said[one]] if one in said and not isinstance(said[one], list) else said.get(one, [])
    return [*found, *(said.get(many, []) if many else [])]


def _unknown_medicines(work: Work, at: str, ids: Iterable[str]) -> Iterator[Fault]:
    for reference_id in ids:
        if own.by_id(work, reference_id) is None:
            yield Fault(at, "unknown", "ids of /v1/reference/medications")
            return


def _unknown_classes(at: str, names: Iterable[str]) -> Iterator[Fault]:
    known = {name for one in house.substances() for name in one.classes}
    if any(name not in known for name in names):
        yield Fault(at, "unknown", "classes of /v1/reference/medications")


OTHERS: Mapping[str, Kind[Any]] = {
    one.name: one for one in (INTERACTIONS, MONITORING, SIDE_EFFECTS)
}
"""The kinds beside medicines that a clinic may add to, by their name in the path."""
