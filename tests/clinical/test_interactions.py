from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.clinical import medications
from app.clinical.interaction_rules import SEVERITIES, rules
from app.clinical.interactions import (
    Check,
    Entry,
    Event,
    Facts,
    Finding,
    check,
    smoking_events,
)
from tests.shared import SHARED, needs_shared

ON = date(2026, 4, 14)
NOBODY_ASKED = Facts()


def entry(reference_id: str, *, key: str | None = None, **more: Any) -> Entry:
    resolved = medications.resolve(reference_id=reference_id)
    assert resolved.substance is not None, reference_id
    return Entry(key or reference_id, resolved, **more)


def typed(text: str) -> Entry:
    return Entry(text, medications.resolve(text=text))


def listed(*reference_ids: str, facts: Facts = NOBODY_ASKED) -> Check:
    return check([entry(one) for one in reference_ids], facts, ON)


def names(findings: tuple[Finding, ...]) -> list[tuple[str, list[str]]]:
    return [
        (one.rule.id, [part.substance.reference_id for part in one.involved]) for one in findings
    ]


def rule_ids(findings: tuple[Finding, ...]) -> list[str]:
    return [one.rule.id for one in findings]


def stopped(reference_id: str, days_ago: int) -> Entry:
    return entry(reference_id, stopped_on=ON - timedelta(days=days_ago))


@needs_shared
def test_the_worked_lists_of_the_specification_agree() -> None:
    file = SHARED / "reference" / "interactions_examples.yaml"
    examples = yaml.safe_load(file.read_text("utf-8"))["examples"]

    assert len(examples) >= 118
    for example in examples:
        expected = [(one["rule"], sorted(one["meds"])) for one in example["expected"]]
        assert sorted(names(listed(*example["active"]).findings)) == sorted(expected)


def test_a_finding_says_what_it_is_made_of() -> None:
    (finding,) = listed("sertraline", "st-johns-wort").findings

    assert finding.rule.severity == "major"
    assert finding.rule.sources
    assert finding.rule.verified.startswith("seen")
    assert [part.keys for part in finding.involved] == [("sertraline",), ("st-johns-wort",)]
    assert finding.facts_key == "ssri-sjw/1|sertraline+st-johns-wort|"


def test_what_rests_on_a_name_is_possible_and_what_has_no_name_is_not_checked() -> None:
    answer = check(
        [
            entry("sertraline"),
            entry("st-johns-wort"),
            typed("tramadol 50 mg"),
            typed("a herbal tea"),
        ],
        Facts(pregnancy="not_pregnant"),
        ON,
    )

    assert names(answer.findings) == [("ssri-sjw", ["sertraline", "st-johns-wort"])]
    assert names(answer.possible) == [
        ("ssri-sjw", ["st-johns-wort", "tramadol"]),
        ("tramadol-ssri", ["sertraline", "tramadol"]),
    ]
    named = answer.possible[1].involved[1].candidate
    assert named is not None
    assert (named.substance.reference_id, named.by) == ("tramadol", "name")
    assert [(one.key, one.why) for one in answer.not_checked] == [
        ("a herbal tea", "not in the reference")
    ]
    assert (answer.checked, answer.by_name) == (3, 1)


def test_an_empty_answer_does_not_say_that_there_is_nothing() -> None:
    answer = check([entry("sertraline"), entry("bupropion"), typed("a herbal tea")], Facts(), ON)

    assert answer.findings == ()
    assert answer.statement == "none found among the 2 coded items; 1 not checked"


def test_a_name_that_may_be_two_forms_is_held_against_the_rules_as_either() -> None:
    possible = check([entry("fluoxetine"), typed("selegiline")], Facts(), ON).possible

    assert names(possible) == [
        ("maoi-fluoxetine", ["fluoxetine", "selegiline-transdermal"]),
        ("maob-serotonergic", ["fluoxetine", "selegiline-oral"]),
    ]


def test_two_readings_of_one_record_do_not_interact_with_each_other() -> None:
    answer = check([typed("selegiline")], Facts(), ON)

    assert answer.possible == ()
    assert answer.checked == 1


def test_a_name_that_repeats_a_coded_medicine_adds_only_the_double_record() -> None:
    answer = check([entry("sertraline"), entry("tramadol"), typed("tramadol 50 mg")], Facts(), ON)

    assert "tramadol-ssri" in rule_ids(answer.findings)
    assert rule_ids(answer.possible) == ["dup-record"]


def test_a_possible_third_sedative_leaves_the_sure_pair_standing() -> None:
    answer = check([entry("gabapentin"), entry("baclofen"), typed("valerian")], Facts(), ON)

    assert rule_ids(answer.findings) == ["cns-pair"]
    assert rule_ids(answer.possible) == ["cns-stack"]


# --- time ---


@pytest.mark.parametrize(
    ("first", "then", "days", "rule"),
    [
        ("phenelzine", "sertraline", 14, "maoi-serotonergic"),
        ("sertraline", "phenelzine", 14, "maoi-serotonergic"),
        ("fluoxetine", "phenelzine", 35, "maoi-fluoxetine"),
        ("phenelzine", "fluoxetine", 14, "maoi-fluoxetine"),
        ("vortioxetine", "tranylcypromine", 21, "maoi-vortioxetine"),
        ("venlafaxine", "phenelzine", 7, "maoi-snri-venlafaxine"),
        ("duloxetine", "phenelzine", 5, "maoi-duloxetine"),
        ("fluoxetine", "rasagiline", 35, "maob-serotonergic"),
        ("sertraline", "rasagiline", 14, "maob-serotonergic"),
        ("fluoxetine", "thioridazine", 35, "thioridazine-2d6"),
        ("thioridazine", "paroxetine", 14, "thioridazine-2d6"),
        ("oxycodone", "naltrexone", 10, "naltrexone-opioid"),
        ("methadone", "naltrexone-er", 14, "naltrexone-long-opioid"),
        ("disulfiram", "alcohol", 14, "disulfiram-alcohol"),
        ("st-johns-wort", "sertraline", 14, "ssri-sjw"),
        ("phenelzine", "tetrabenazine", 14, "vmat2-maoi"),
    ],
)
def test_a_stopped_substance_counts_until_its_wash_out_is_over(
    first: str, then: str, days: int, rule: str
) -> None:
    within = check([stopped(first, days - 1), entry(then)], Facts(), ON).findings
    after = check([stopped(first, days), entry(then)], Facts(), ON).findings

    assert rule in rule_ids(within)
    part = next(one for one in within[0].involved if one.stopped_on is not None)
    assert part.clear_on == ON + timedelta(days=1)
    # The specific interval ends the matter: no broader rule takes over.
    assert after == ()


def test_a_wash_out_runs_only_from_the_stopped_side() -> None:
    assert check([entry("sertraline"), stopped("st-johns-wort", 3)], Facts(), ON).findings
    assert check([stopped("sertraline", 3), entry("st-johns-wort")], Facts(), ON).findings == ()


def test_two_stopped_substances_are_history() -> None:
    assert check([stopped("phenelzine", 1), stopped("fluoxetine", 1)], Facts(), ON).findings == ()


def test_without_a_wash_out_a_stop_ends_the_finding_on_its_day() -> None:
    leaves = [entry("oxycodone"), stopped("lorazepam", 0)]

    assert check(leaves, Facts(), ON - timedelta(days=1)).findings
    assert check(leaves, Facts(), ON).findings == ()


def test_what_starts_later_is_said_to_be_unchecked_today() -> None:
    later = entry("phenelzine", started_on=ON + timedelta(days=1))
    today = check([entry("sertraline"), later], Facts(), ON)
    tomorrow = check([entry("sertraline"), later], Facts(), ON + timedelta(days=1))

    assert today.findings == ()
    assert [(one.key, one.why) for one in today.not_checked] == [("phenelzine", "not started yet")]
    assert rule_ids(tomorrow.findings) == ["maoi-serotonergic"]


# --- facts ---


def test_smoking_that_stopped_raises_clozapine_for_four_weeks() -> None:
    for days, expected in ((0, True), (27, True), (28, False), (-1, False)):
        facts = Facts(events=(Event("smoking_stopped", ON - timedelta(days=days)),))
        found = rule_ids(listed("clozapine", facts=facts).findings)
        assert ("smoking-stop-clozapine" in found) is expected


def test_the_records_themselves_tell_that_smoking_stopped() -> None:
    quit_smoking = [entry("clozapine"), stopped("tobacco-smoke", 5)]

    assert "smoking-stop-clozapine" in rule_ids(check(quit_smoking, Facts(), ON).findings)
    still = check(quit_smoking, Facts(smoking="current"), ON).findings
    assert rule_ids(still) == ["smoking-now-clozapine"]


def test_a_smoker_by_the_facts_alone_smokes_in_the_list() -> None:
    (finding,) = listed("clozapine", facts=Facts(smoking="current")).findings

    assert names((finding,)) == [("smoking-now-clozapine", ["clozapine", "tobacco-smoke"])]


def test_an_unknown_fact_is_said_and_not_taken_as_no() -> None:
    missing = {(m.rule.id, m.fact) for m in listed("valproate").facts_missing}

    assert ("valproate-pregnancy-note", "pregnancy_possible") in missing
    pregnant = listed("valproate", facts=Facts(pregnancy="pregnant"))
    assert rule_ids(pregnant.findings) == ["valproate-pregnancy-note"]
    not_applicable = listed("valproate", facts=Facts(pregnancy="not_applicable"))
    assert (not_applicable.findings, not_applicable.facts_missing) == ((), ())


def test_the_indication_decides_between_major_and_contraindicated() -> None:
    facts = Facts(pregnancy="trying")
    for indication, expected in (
        ("G43.0", ["valproate-pregnancy-migraine"]),
        ("F31.9", ["valproate-pregnancy-note"]),
    ):
        answer = check([entry("valproate", indication=indication)], facts, ON)
        assert rule_ids(answer.findings) == expected
        assert answer.facts_missing == ()


def test_only_the_solution_of_sertraline_holds_alcohol() -> None:
    for form, expected in (("oral concentrate", True), ("tablet", False)):
        answer = check([entry("sertraline", form=form), entry("disulfiram")], Facts(), ON)
        assert ("sertraline-solution-disulfiram" in rule_ids(answer.findings)) is expected
        assert answer.facts_missing == ()


def test_an_event_that_no_rule_knows_is_refused() -> None:
    with pytest.raises(ValueError, match="full_moon"):
        Event("full_moon", ON)


def test_two_entries_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="share a key"):
        check([entry("sertraline"), entry("sertraline")], Facts(), ON)


# --- the key of an acknowledgement ---


def keys(*entries: Entry, facts: Facts = NOBODY_ASKED) -> set[str]:
    return {one.facts_key for one in check(entries, facts, ON).findings}


def test_the_key_does_not_depend_on_the_ids_of_the_records() -> None:
    one = keys(entry("lithium", key="a"), entry("ibuprofen", key="b"))
    other = keys(entry("ibuprofen", key="c"), entry("lithium", key="d", form="tablet"))

    assert one == other == {"lithium-nsaid/1|ibuprofen+lithium|"}


def test_a_third_sedative_changes_the_key_of_the_pair() -> None:
    pair = keys(entry("gabapentin"), entry("baclofen"))
    trio = keys(entry("gabapentin"), entry("baclofen"), entry("valerian"))

    assert pair == {"cns-pair/1|baclofen+gabapentin|"}
    assert trio == {"cns-stack/1|baclofen+gabapentin+valerian|"}


def test_a_dose_inside_the_range_keeps_the_key_and_one_above_the_maximum_changes_it() -> None:
    nsaid = entry("ibuprofen")
    lithium = entry("lithium", dose_per_day=Decimal(900), dose_unit="mg")

    assert keys(lithium, nsaid) == keys(replace(lithium, dose_per_day=Decimal(1200)), nsaid)
    assert keys(replace(lithium, dose_per_day=Decimal(9000)), nsaid) == {
        "lithium-nsaid/1|ibuprofen+lithium>max|"
    }


def test_a_restart_brings_back_what_was_acknowledged_in_the_wash_out() -> None:
    running = keys(entry("sertraline"), entry("st-johns-wort"))
    washing_out = keys(entry("sertraline"), stopped("st-johns-wort", 1))
    next_day = {
        one.facts_key
        for one in check(
            [entry("sertraline"), stopped("st-johns-wort", 1)], Facts(), ON + timedelta(days=1)
        ).findings
    }

    assert running.isdisjoint(washing_out)
    assert washing_out == next_day


def test_a_worse_kidney_and_a_new_event_are_new_facts() -> None:
    def kidney(egfr: int) -> set[str]:
        return keys(entry("lithium"), facts=Facts(egfr=Decimal(egfr)))

    assert kidney(59) == kidney(45)
    assert kidney(45) != kidney(44)
    assert kidney(60) == set()

    def loss(days: int) -> set[str]:
        event = Event("sodium_or_water_loss", ON - timedelta(days=days))
        return keys(entry("lithium"), facts=Facts(events=(event,)))

    assert loss(1) != loss(2)


# --- properties ---

REFERENCE_IDS = [one.reference_id for one in medications.substances()]
lists = st.lists(st.sampled_from(REFERENCE_IDS), unique=True, max_size=12)
patients = st.builds(
    Facts,
    age_years=st.none() | st.integers(18, 90),
    pregnancy=st.sampled_from([None, "pregnant", "not_pregnant", "not_applicable"]),
    smoking=st.sampled_from([None, "never", "current", "former"]),
    egfr=st.none() | st.integers(5, 120).map(Decimal),
)


@st.composite
def records(draw: st.DrawFn) -> list[Entry]:
    made = []
    for reference_id in draw(lists):
        days = draw(st.none() | st.integers(0, 40))
        one = entry(reference_id) if days is None else stopped(reference_id, days)
        if draw(st.booleans()):
            one = replace(one, resolved=medications.resolve(text=reference_id))
        made.append(one)
    return made


@given(records(), patients, st.randoms(use_true_random=False))
def test_the_order_of_the_list_does_not_matter(
    made: list[Entry], facts: Facts, chance: Any
) -> None:
    shuffled = list(made)
    chance.shuffle(shuffled)

    assert check(made, facts, ON) == check(shuffled, facts, ON)


@given(records(), patients)
def test_the_answer_runs_from_the_worst_to_the_least(made: list[Entry], facts: Facts) -> None:
    answer = check(made, facts, ON)
    for found in (answer.findings, answer.possible):
        ranks = [(SEVERITIES.index(one.rule.severity), one.rule.id) for one in found]
        assert ranks == sorted(ranks)


@given(records(), patients)
def test_sure_and_possible_findings_never_mix(made: list[Entry], facts: Facts) -> None:
    answer = check(made, facts, ON)

    assert all(part.candidate is None for one in answer.findings for part in one.involved)
    assert all(any(part.candidate for part in one.involved) for one in answer.possible)


@given(records(), patients)
def test_names_add_possible_findings_and_take_no_sure_one_away(
    made: list[Entry], facts: Facts
) -> None:
    coded = [one for one in made if one.resolved.substance is not None]

    assert check(coded, facts, ON).findings == check(made, facts, ON).findings


AGGREGATES = {one.id for one in rules() if "aggregate" in one.when}
SUPERSEDED_BY: dict[str, set[str]] = {
    one.id: {other.id for other in rules() if one.id in other.supersedes} for one in rules()
}


@given(lists, st.sampled_from(REFERENCE_IDS), patients)
def test_one_more_substance_takes_nothing_away_but_what_it_supersedes_or_joins(
    reference_ids: list[str], more: str, facts: Facts
) -> None:
    before = listed(*reference_ids, facts=facts).findings
    after = listed(*dict.fromkeys([*reference_ids, more]), facts=facts).findings
    kept = set(names_of(after))
    for rule_id, involved in names_of(before):
        grown = any(r == rule_id and involved < ids for r, ids in kept)
        dropped = any(r in SUPERSEDED_BY[rule_id] and involved <= ids for r, ids in kept)
        assert (rule_id, involved) in kept or (rule_id in AGGREGATES and grown) or dropped


def names_of(findings: tuple[Finding, ...]) -> list[tuple[str, frozenset[str]]]:
    return [(rule_id, frozenset(involved)) for rule_id, involved in names(findings)]


@given(lists, patients)
def test_every_finding_is_between_different_substances_of_the_list(
    reference_ids: list[str], facts: Facts
) -> None:
    for rule_id, involved in names(listed(*reference_ids, facts=facts).findings):
        assert len(set(involved)) == len(involved), rule_id
        assert set(involved) <= {*reference_ids, "tobacco-smoke"}


# ---- what the caller keeps of a finding


def test_a_finding_tells_the_known_daily_dose_of_each_substance() -> None:
    known = Entry(
        "a",
        medications.resolve(reference_id="sertraline"),
        dose_per_day=Decimal(50),
        dose_unit="mg",
    )
    again = Entry(
        "c",
        medications.resolve(reference_id="sertraline"),
        dose_per_day=Decimal(25),
        dose_unit="mg",
    )
    unknown = Entry("b", medications.resolve(reference_id="st-johns-wort"))

    def doses(*entries: Entry) -> dict[str, tuple[Decimal, str] | None]:
        found = check(entries, Facts(), ON).findings
        pair = next(one for one in found if len(one.involved) == 2)
        return {one.substance.reference_id: one.dose for one in pair.involved}

    assert doses(known, unknown) == {"sertraline": (Decimal(50), "mg"), "st-johns-wort": None}
    assert doses(known, again, unknown)["sertraline"] == (Decimal(75), "mg")
    partly = Entry("c", medications.resolve(reference_id="sertraline"))
    assert doses(known, partly, unknown)["sertraline"] is None


MAY, JUNE, JULY = date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1)


@pytest.mark.parametrize(
    ("told", "events"),
    [
        ([], []),
        ([(MAY, "former")], []),
        ([(MAY, "current"), (JUNE, "current")], []),
        ([(MAY, "current"), (JUNE, "former")], [("smoking_stopped", JUNE)]),
        ([(MAY, "current"), (JUNE, "never")], [("smoking_stopped", JUNE)]),
        ([(MAY, "never"), (JUNE, "former")], []),
        ([(MAY, "never"), (JUNE, "current")], [("smoking_started", JUNE)]),
        ([(MAY, "current"), (JUNE, "unknown"), (JULY, "former")], [("smoking_stopped", JULY)]),
        ([(MAY, "current"), (JUNE, "other")], []),
    ],
)
def test_a_change_of_smoking_is_read_from_the_answers(
    told: list[tuple[date, str]], events: list[tuple[str, date]]
) -> None:
    assert [(one.kind, one.on) for one in smoking_events(told)] == events


def test_a_course_of_tobacco_that_begins_is_a_change_of_smoking() -> None:
    clozapine = Entry("a", medications.resolve(reference_id="clozapine"))

    def rules(started_on: date | None) -> set[str]:
        smoke = Entry("b", medications.resolve(reference_id="tobacco-smoke"), started_on=started_on)
        return {one.rule.id for one in check([clozapine, smoke], Facts(), JUNE).findings}

    assert "smoking-start-clozapine" in rules(date(2026, 5, 20))
    assert "smoking-start-clozapine" not in rules(MAY - timedelta(days=30))
    assert "smoking-start-clozapine" not in rules(None)
