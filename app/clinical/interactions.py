"""What a list of substances does together: rules over their properties, not a list of pairs.

The rules are read by `interaction_rules`, from `reference/interactions.yaml`.
`check` answers what was found, what rests on a name match only, and what could not be checked.
It never says that there is no interaction. The management texts are for prescribers only.

How a rule reads: every matcher of `all_of` is met by a different current substance, or an
aggregate counts or sums over all of them; a context asks for a fact of the patient. A stopped
substance still counts for the `washout_days` of the matcher that it meets, as long as one
substance of the finding is still taken. A rule drops the broader ones that it supersedes on the
same substances, also when its own wash-out is over: the specific interval wins over the general.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from itertools import combinations, product
from typing import Any, Literal

from app.clinical import interaction_rules, medications
from app.clinical.interaction_rules import (
    EVENTS,
    SEVERITIES,
    Compiled,
    CompiledRule,
    Matcher,
    Rule,
    compiled,
)
from app.clinical.medications import Candidate, Resolved, Substance

TOBACCO = "tobacco-smoke"
SMOKING_FACT = "facts.smoking"
"""Stands as the key of tobacco smoke when only the patient's facts tell of it."""
EGFR_LOINC = ("98979-8", "62238-1", "33914-3", "69405-9", "98980-6", "50210-4")
"""LOINC codes of kidney function in mL/min/1.73 m2 without a term for race: CKD-EPI 2021,
CKD-EPI, MDRD, any formula, creatinine with cystatin C, cystatin C (names as on loinc.org)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One substance of the list: a medication course, an exposure, or an item of a query.

    key: the caller's own name of the record; comes back in findings.
    dose_per_day, dose_unit: in one unit per day (`mg`); None when not known.
    started_on: None = since before anybody asked. stopped_on: the first day without it.
    form: as recorded ("oral solution"). indication: a code of ICD-10 or words.
    """

    key: str
    resolved: Resolved
    dose_per_day: Decimal | None = None
    dose_unit: str | None = None
    started_on: date | None = None
    stopped_on: date | None = None
    form: str | None = None
    indication: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something of `EVENTS` that happened to the patient on a day."""

    kind: str
    on: date

    def __post_init__(self) -> None:
        if self.kind not in EVENTS:
            raise ValueError(f"no rule knows the event {self.kind!r}")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of the patient; None is not known, and is said where a rule needed it.

    pregnancy: pregnant, trying, not_pregnant, breastfeeding, not_applicable, unknown.
    smoking: never, former, current, unknown; `current` counts as tobacco smoke in the list.
    egfr: mL/min/1.73 m2.
    """

    age_years: int | None = None
    pregnancy: str | None = None
    smoking: str | None = None
    egfr: Decimal | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Involved:
    """A substance of a finding and the records that brought it in.

    dose: the sum a day and its unit, None unless all of its records know theirs in one unit.
    candidate: set when only a name speaks for it. stopped_on: set when it is no longer taken;
    clear_on is then the first day on which this rule's wash-out is over.
    """

    substance: Substance
    keys: tuple[str, ...]
    dose: tuple[Decimal, str] | None
    candidate: Candidate | None
    stopped_on: date | None
    clear_on: date | None


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that holds. `facts` are the patient's facts that it needed, in words.

    facts_key: stays the same as long as nothing that matters changes (rule and its version, the
    substances, whether one is stopped or above the reference's maximum, the facts), whatever
    the order or the ids of the records: an acknowledgement holds for exactly one key.
    """

    rule: Rule
    involved: tuple[Involved, ...]
    facts: tuple[str, ...]
    facts_key: str


@dataclass(frozen=True, slots=True)
class NotChecked:
    """A record that no rule could look at, or not at all of it."""

    key: str
    why: Literal[
        "not in the reference", "not started yet", "may name several substances: send each alone"
    ]


@dataclass(frozen=True, slots=True)
class ReadAs:
    """A record that only a name speaks for, and everything that the name was read as."""

    key: str
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class FactMissing:
    """A rule whose substances are there, but nobody knows the fact that decides it."""

    rule: Rule
    fact: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """Version ("medications.interactions") and the later date of the two files."""

    version: str
    date: str


@dataclass(frozen=True, slots=True)
class Check:
    """The answer; both lists are sorted by severity, rule and substances.

    possible: what would hold if the named candidates are right; never mixed into `findings`.
    read_as: every record that the rules saw through a name match only, whether or not one held.
        Two readings of one record are never held against each other: a text that may name several
        substances is among the not checked too.
    checked: how many records the rules looked at, `by_name` of them through a name match only.
        A medicine that a clinic added is seen by its own rules alone, and is among the not checked.
    """

    on: date
    findings: tuple[Finding, ...]
    possible: tuple[Finding, ...]
    read_as: tuple[ReadAs, ...]
    not_checked: tuple[NotChecked, ...]
    facts_missing: tuple[FactMissing, ...]
    checked: int
    reference: Reference

    @property
    def by_name(self) -> int:
        """How many of the checked records only a name speaks for."""
        return len(self.read_as)

    @property
    def statement(self) -> str:
        """One line that never claims safety."""
        found = f"{len(self.findings)} found" if self.findings else "none found"
        coded = self.checked - self.by_name
        parts = [f"{found} among the {coded} coded items"]
        if self.by_name:
            parts.append(f"{len(self.possible)} possible with the {self.by_name} read by name")
        if self.not_checked:
            parts.append(f"{len(self.not_checked)} not checked")
        if self.facts_missing:
            parts.append(f"{len(self.facts_missing)} rules wait for a fact")
        return "; ".join(parts)


def check(entries: Sequence[Entry], facts: Facts, on: date, own: Compiled | None = None) -> Check:
    """Hold the whole list of a patient against the rules, as of one day.

    own: a clinic's rules, asked beside the house's.
    entries: everything that is or was taken, in any order; keys are unique. What was stopped
    before the longest wash-out, or is identified by nothing and stopped, plays no part. What
    starts after `on` is listed as not checked: ask again with that day.

    Raises:
        ValueError: two entries share a key.
    """
    if len({entry.key for entry in entries}) != len(entries):
        raise ValueError("two entries share a key")
    rules = (compiled(), own) if own else (compiled(),)
    started = [e for e in entries if e.started_on is None or e.started_on <= on]
    horizon = max(one.horizon for one in rules)
    taken = _taken([*started, *_smoke(started, facts, on)], on, horizon)
    events = _events(taken, facts)
    sure = [one for one in taken if one.candidate is None]
    fired, missing = _run(rules, sure, facts, events, on)
    possible: list[_Fired] = []
    if len(sure) < len(taken):
        said = {(one.rule.id, one.ids) for one in fired}
        with_names, missing = _run(rules, taken, facts, events, on)
        possible = [
            one
            for one in with_names
            if any(part.candidate for part in one.parts) and (one.rule.id, one.ids) not in said
        ]
    coded = {key for one in sure if not one.substance.is_of_clinic for key in one.keys}
    coded -= {SMOKING_FACT}
    named = {key for one in taken if one.candidate is not None for key in one.keys} - coded
    return Check(
        on=on,
        findings=_sorted(fired, on),
        possible=_sorted(possible, on),
        read_as=tuple(
            ReadAs(entry.key, entry.resolved.candidates)
            for entry in sorted(started, key=lambda one: one.key)
            if entry.key in named
        ),
        not_checked=tuple(sorted(_not_checked(entries, on), key=lambda one: one.key)),
        facts_missing=tuple(sorted(missing, key=_missing_order)),
        checked=len(coded | named),
        reference=reference(),
    )


@cache
def reference() -> Reference:
    """What the answers rest on."""
    (medicines, day), (own, own_day) = medications.version(), interaction_rules.version()
    return Reference(f"{medicines}.{own}", max(day, own_day))


def smoking_events(told: Iterable[tuple[date, str]]) -> tuple[Event, ...]:
    """Give the changes of smoking between answers to the question, oldest answer first.

    Each has the day on which it was told, the latest on which it can have happened: no rule's
    window closes early. `unknown` and `other` tell of no change, nor does the first answer.
    """
    events = []
    before: str | None = None
    for on, said in told:
        if said not in ("never", "former", "current"):
            continue
        if before is not None and (before == "current") != (said == "current"):
            kind = "smoking_started" if said == "current" else "smoking_stopped"
            events.append(Event(kind, on))
        before = said
    return tuple(events)


# --- what is taken ---


@dataclass(frozen=True, eq=False, slots=True)
class _Taken:
    """One substance with all records that speak for it in the same way (sure, or by name)."""

    substance: Substance
    candidate: Candidate | None
    entries: tuple[Entry, ...]
    keys: tuple[str, ...]
    stopped_on: date | None


def _taken(entries: Iterable[Entry], on: date, horizon: int) -> list[_Taken]:
    groups: dict[tuple[str, bool], list[tuple[Entry, Substance, Candidate | None]]] = {}
    for entry in entries:
        if entry.stopped_on is not None and (on - entry.stopped_on).days >= horizon:
            continue
        for substance, candidate in _readings(entry.resolved):
            group = groups.setdefault((substance.reference_id, candidate is None), [])
            group.append((entry, substance, candidate))
    found = []
    for group in groups.values():
        current = [e for e, _, _ in group if e.stopped_on is None or e.stopped_on > on]
        entries = tuple(current or (e for e, _, _ in group))
        named = [candidate for _, _, candidate in group if candidate is not None]
        found.append(
            _Taken(
                substance=group[0][1],
                candidate=max(named, key=lambda one: (one.score, one.by), default=None),
                entries=entries,
                keys=tuple(sorted(entry.key for entry in entries)),
                stopped_on=None
                if current
                else max(e.stopped_on for e, _, _ in group if e.stopped_on),
            )
        )
    return sorted(found, key=lambda one: (one.substance.reference_id, one.candidate is not None))


def _readings(resolved: Resolved) -> list[tuple[Substance, Candidate | None]]:
    if resolved.substance is not None:
        return [(resolved.substance, None)]
    return [(one.substance, one) for one in resolved.candidates]


def _smoke(entries: Iterable[Entry], facts: Facts, on: date) -> list[Entry]:
    """Tobacco smoke by the patient's facts, where no current record says it already."""
    told = (
        entry.resolved.substance is not None
        and entry.resolved.substance.reference_id == TOBACCO
        and (entry.stopped_on is None or entry.stopped_on > on)
        for entry in entries
    )
    if facts.smoking != "current" or any(told):
        return []
    return [Entry(SMOKING_FACT, medications.resolve(reference_id=TOBACCO))]


def _not_checked(entries: Iterable[Entry], on: date) -> Iterator[NotChecked]:
    for entry in entries:
        if entry.stopped_on is not None and entry.stopped_on <= on:
            continue
        substance = entry.resolved.substance
        is_unknown = substance is None and not entry.resolved.candidates
        if is_unknown or (substance is not None and substance.is_of_clinic):
            yield NotChecked(entry.key, "not in the reference")
        elif entry.started_on is not None and entry.started_on > on:
            yield NotChecked(entry.key, "not started yet")
        elif substance is None and _may_be_several(entry.resolved):
            yield NotChecked(entry.key, "may name several substances: send each alone")


def _may_be_several(resolved: Resolved) -> bool:
    """Say whether a text was read as several; a code of two forms is of one ingredient."""
    return len(resolved.candidates) > 1 and resolved.by not in ("rxnorm", "atc")


def _events(taken: Iterable[_Taken], facts: Facts) -> list[Event]:
    """The events told, and the change of smoking that the records themselves tell."""
    changes = []
    for one in taken:
        if one.substance.reference_id != TOBACCO or one.candidate is not None:
            continue
        started = [entry.started_on for entry in one.entries]
        if one.stopped_on is not None:
            changes.append(Event("smoking_stopped", one.stopped_on))
        elif (first := min((day for day in started if day), default=None)) and None not in started:
            changes.append(Event("smoking_started", first))
    return [*facts.events, *changes]


# --- holding the list against the rules ---


@dataclass(frozen=True, eq=False, slots=True)
class _Fired:
    rule: Rule
    parts: tuple[_Taken, ...]
    washout: Mapping[str, int]
    facts: tuple[str, ...]
    lapsed: bool

    @property
    def ids(self) -> frozenset[str]:
        return frozenset(part.substance.reference_id for part in self.parts)


@dataclass(frozen=True, eq=False, slots=True)
class _Hit:
    """A substance that meets a matcher. `lapsed`: its wash-out for this rule is over."""

    taken: _Taken
    days: int
    lapsed: bool
    unknown: tuple[str, ...]


def _run(
    rules: Sequence[Compiled],
    taken: Sequence[_Taken],
    facts: Facts,
    events: Sequence[Event],
    on: date,
) -> tuple[list[_Fired], list[FactMissing]]:
    fired: list[_Fired] = []
    missing: list[FactMissing] = []
    held = [hit for index in rules for hit in (*_met(index, taken, on), *_aggregated(index, taken))]
    for one, hits in held:
        outcome = _judge(one, hits, facts, events, on)
        if isinstance(outcome, _Fired):
            fired.append(outcome)
        else:
            missing.extend(outcome)
    return [one for one in _without_superseded(fired) if not one.lapsed], missing


def _met(
    index: Compiled, taken: Iterable[_Taken], on: date
) -> Iterator[tuple[CompiledRule, tuple[_Hit, ...]]]:
    """Each rule with each set of different substances that meets its matchers."""
    places: dict[int, dict[int, list[_Taken]]] = {}
    for part in taken:
        for number, place in index.wanted.get(part.substance.reference_id, ()):
            places.setdefault(number, {}).setdefault(place, []).append(part)
    for number, at in places.items():
        one = index.rules[number]
        if len(at) < len(one.all_of):
            continue
        seen = set()
        for parts in product(*(at[place] for place in range(len(one.all_of)))):
            ids = frozenset(parts)
            if ids in seen or not _different(parts):
                continue
            if all(part.stopped_on is not None for part in parts):
                continue
            hits = tuple(
                hit
                for matcher, part in zip(one.all_of, parts, strict=True)
                if (hit := _hit(matcher, part, on)) is not None
            )
            if len(hits) == len(parts):
                seen.add(ids)
                yield one, hits


def _different(parts: Sequence[_Taken]) -> bool:
    """Different substances, and not two readings of one record."""
    if len(parts) == 1:
        return True
    if len({part.substance.reference_id for part in parts}) < len(parts):
        return False
    return all(
        left.candidate is None or right.candidate is None or left.entries != right.entries
        for left, right in combinations(parts, 2)
    )


def _hit(matcher: Matcher, part: _Taken, on: date) -> _Hit | None:
    days = matcher.washout[part.substance.reference_id]
    if part.stopped_on is not None and not days:
        return None
    lapsed = part.stopped_on is not None and (on - part.stopped_on).days >= days
    unknown = []
    for fact, words in (("form", matcher.form), ("indication", matcher.indication)):
        if not words:
            continue
        known = [getattr(entry, fact) for entry in part.entries]
        if any(value is not None and _says(value, words) for value in known):
            continue
        if None not in known:
            return None
        unknown.append(fact)
    return _Hit(part, days, lapsed, tuple(unknown))


def _says(value: str, words: Iterable[str]) -> bool:
    return any(word.casefold() in value.casefold() for word in words)


def _judge(
    one: CompiledRule, hits: Sequence[_Hit], facts: Facts, events: Sequence[Event], on: date
) -> _Fired | tuple[FactMissing, ...]:
    """The substances are there; the facts decide whether the rule holds."""
    unknown = [fact for hit in hits for fact in hit.unknown]
    words: list[str] = []
    for name, said in _context(one.context, facts, events, on):
        if said is False:
            return ()
        if said is None:
            unknown.append(name)
        else:
            words.append(said)
    lapsed = any(hit.lapsed for hit in hits)
    if unknown:
        keys = tuple(sorted(key for hit in hits for key in hit.taken.keys))
        return () if lapsed else tuple(FactMissing(one.rule, fact, keys) for fact in unknown)
    return _Fired(
        rule=one.rule,
        parts=tuple(hit.taken for hit in hits),
        washout={hit.taken.substance.reference_id: hit.days for hit in hits},
        facts=tuple(words),
        lapsed=lapsed,
    )


def _context(
    want: Mapping[str, Any], facts: Facts, events: Sequence[Event], on: date
) -> Iterator[tuple[str, str | Literal[False] | None]]:
    """Each fact that a rule needs: in words when it holds, False, or None when not known."""
    if "age_gte" in want:
        age = facts.age_years
        holds = age is not None and age >= want["age_gte"]
        yield "age", None if age is None else holds and f"age {want['age_gte']} or more"
    if "egfr_lt" in want:
        egfr = facts.egfr
        yield "egfr", None if egfr is None else egfr < want["egfr_lt"] and _kidney(egfr)
    if "pregnancy_possible" in want:
        yield "pregnancy_possible", _pregnancy(facts.pregnancy)
    if "event" in want:
        kind = want["event"]
        days = [
            e.on for e in events if e.kind == kind and 0 <= (on - e.on).days < want["within_days"]
        ]
        if days:
            yield kind, f"{kind} {max(days).isoformat()}"
        else:
            asked = not kind.startswith("smoking") or facts.smoking not in (None, "unknown")
            told = any(event.kind == kind for event in events)
            yield "smoking", False if asked or told else None


def _pregnancy(pregnancy: str | None) -> str | Literal[False] | None:
    """Possible when pregnant or trying; not being pregnant today does not tell."""
    if pregnancy in ("pregnant", "trying"):
        return f"pregnancy {pregnancy}"
    return False if pregnancy == "not_applicable" else None


def _kidney(egfr: Decimal) -> str:
    """Kidney function below 60 by the stages of KDIGO 2012: a worse stage is a new fact."""
    stages = ((45, "G3a"), (30, "G3b"), (15, "G4"))
    return "egfr stage " + next((stage for least, stage in stages if egfr >= least), "G5")


def _aggregated(
    index: Compiled, taken: Iterable[_Taken]
) -> Iterator[tuple[CompiledRule, tuple[_Hit, ...]]]:
    """Each aggregate rule with each set of current substances that reaches it."""
    current = [part for part in taken if part.stopped_on is None]
    known = [part for part in current if not part.substance.is_of_clinic]
    for one in index.rules:
        if one.aggregate is not None:
            asked = known if one.rule.origin == "house" else current
            for parts in _reached(one.aggregate, asked):
                yield one, tuple(_Hit(part, 0, False, ()) for part in parts)


def _reached(want: Mapping[str, Any], current: Sequence[_Taken]) -> Iterator[Sequence[_Taken]]:
    if "same_substance" in want:
        for part in _substances(current):
            same = [one for one in current if one.substance is part.substance]
            records = {key for one in same for key in one.keys}
            if part.substance.kind == want["same_substance"] and len(records) >= want["gte"]:
                yield same
    elif "sum" in want:
        burden = want["sum"]
        parts = [one for one in _substances(current, burden) if getattr(one.substance, burden) > 0]
        total = sum(getattr(one.substance, burden) for one in parts)
        if total >= want["gte"] and len(parts) >= want["min_meds"]:
            yield parts
    else:
        for name in want.get("same_class") or [want["count_class"]]:
            members = _substances([one for one in current if name in one.substance.classes])
            if len(members) >= want["gte"]:
                yield members


def _substances(current: Sequence[_Taken], burden: str | None = None) -> list[_Taken]:
    """Each substance once, a sure one before a name; of two readings of a record the heavier."""
    kept: list[_Taken] = []
    weight = (lambda one: -getattr(one.substance, burden)) if burden else (lambda one: 0)
    for one in sorted(current, key=lambda one: (one.candidate is not None, weight(one))):
        if all(
            one.substance is not other.substance
            and (one.candidate is None or other.candidate is None or one.entries != other.entries)
            for other in kept
        ):
            kept.append(one)
    return kept


def _without_superseded(fired: Sequence[_Fired]) -> list[_Fired]:
    over: dict[str, list[frozenset[_Taken]]] = {}
    for one in fired:
        for rule_id in one.rule.supersedes:
            over.setdefault(rule_id, []).append(frozenset(one.parts))
    return [
        one
        for one in fired
        if not any(frozenset(one.parts) <= wider for wider in over.get(one.rule.id, ()))
    ]


# --- the answer ---


def _sorted(fired: Iterable[_Fired], on: date) -> tuple[Finding, ...]:
    order = {severity: place for place, severity in enumerate(SEVERITIES)}
    found = [_finding(one) for one in fired]
    return tuple(sorted(found, key=lambda f: (order[f.rule.severity], f.rule.id, f.facts_key)))


def _finding(one: _Fired) -> Finding:
    parts = sorted(one.parts, key=lambda part: (part.substance.reference_id, bool(part.candidate)))
    involved = tuple(
        Involved(
            substance=part.substance,
            keys=part.keys,
            dose=_dose(part),
            candidate=part.candidate,
            stopped_on=part.stopped_on,
            clear_on=part.stopped_on
            and part.stopped_on + timedelta(days=one.washout[part.substance.reference_id]),
        )
        for part in parts
    )
    records = one.rule.when.get("aggregate", {}).get("same_substance") is not None
    key = "|".join(
        (
            f"{one.rule.id}/{one.rule.version}",
            "+".join(_mark(part, records) for part in parts),
            ";".join(one.facts),
        )
    )
    return Finding(one.rule, involved, one.facts, key)


def _mark(part: _Taken, records: bool) -> str:
    """The substance, and of its state only what makes an acknowledged finding a new one."""
    return "".join(
        (
            "?" if part.candidate is not None else "",
            part.substance.reference_id,
            "~stopped" if part.stopped_on is not None else "",
            ">max" if _above_maximum(part) else "",
            f"*{len(part.entries)}" if records else "",
        )
    )


def _dose(part: _Taken) -> tuple[Decimal, str] | None:
    doses = [(entry.dose_per_day, entry.dose_unit) for entry in part.entries]
    if part.stopped_on is not None or len({unit for _, unit in doses}) > 1:
        return None
    total, unit = Decimal(0), doses[0][1]
    for amount, _ in doses:
        if amount is None or unit is None:
            return None
        total += amount
    assert unit is not None
    return total, unit


def _above_maximum(part: _Taken) -> bool:
    ceiling = part.substance.max_daily
    if ceiling is None or part.stopped_on is not None:
        return False
    doses = [
        entry.dose_per_day
        for entry in part.entries
        if entry.dose_per_day is not None and f"{entry.dose_unit}/d" == ceiling.unit
    ]
    return sum(doses, Decimal(0)) > ceiling.value


def _missing_order(one: FactMissing) -> tuple[int, str, str, tuple[str, ...]]:
    return SEVERITIES.index(one.rule.severity), one.rule.id, one.fact, one.keys
