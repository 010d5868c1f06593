"""The two reference files hold what the code and a reader rely on."""

from collections import Counter
from typing import Any

import pytest

from app.clinical import interaction_rules, medications

MEDICINES: dict[str, Any] = medications.load_reference("medications.yaml")
RULES: dict[str, Any] = medications.load_reference("interactions.yaml")
ENTRIES: list[dict[str, Any]] = MEDICINES["medications"]
IDS = {entry["id"] for entry in ENTRIES}
CLASSES = {name for entry in ENTRIES for name in entry["classes"]}
MATCHERS = [
    (rule["id"], matcher) for rule in RULES["rules"] for matcher in rule["when"].get("all_of", [])
]

each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
each_rule = pytest.mark.parametrize("rule", RULES["rules"], ids=lambda rule: rule["id"])


def says_what_was_seen(verified: str) -> bool:
    return verified.startswith(("seen", "memory"))


@pytest.mark.parametrize("file", [MEDICINES, RULES], ids=["medications", "interactions"])
def test_each_file_says_version_date_and_licence(file: dict[str, Any]) -> None:
    assert file["version"]
    assert file["date"]
    assert file["licence"]


def test_ids_are_unique() -> None:
    assert len(IDS) == len(ENTRIES)
    assert len({rule["id"] for rule in RULES["rules"]}) == len(RULES["rules"])


@each_entry
def test_every_entry_has_a_source_and_says_what_was_seen(entry: dict[str, Any]) -> None:
    assert entry["sources"]
    assert entry["verified"]
    assert all(says_what_was_seen(said) for said in entry["verified"].values())


@each_entry
def test_a_code_is_verified_or_null(entry: dict[str, Any]) -> None:
    assert entry["rxcui"] is None or entry["rxcui"].isdigit()
    assert entry["verified"]["rxcui"].startswith("seen" if entry["rxcui"] else "memory")
    assert entry["verified"]["atc"].startswith("seen" if entry["atc"] else "memory")
    assert "loinc" not in entry


@each_entry
def test_an_entry_stays_inside_the_scales(entry: dict[str, Any]) -> None:
    assert entry["kind"] in ("drug", "supplement", "exposure")
    assert entry["qt_risk"] in ("none", "possible", "conditional", "known")
    assert entry["serotonergic"] in range(4)
    assert entry["anticholinergic_burden"] in range(4)
    for role in entry["cyp"].values():
        for one in role:
            assert one.get("strength", "weak") in ("strong", "moderate", "weak")
            assert one.get("sensitivity", "marked") in ("marked", "minor_or_partial")


@each_entry
def test_ranges_run_from_low_to_high_and_stay_below_the_ceiling(entry: dict[str, Any]) -> None:
    for name in ("half_life_hours", "onset_weeks"):
        if (span := entry[name]) is not None:
            assert span[0] <= span[1]
    usual, ceiling = entry["usual_range"], entry["max_daily"]
    if usual is not None:
        assert usual["low"] <= usual["high"]
        if ceiling is not None and ceiling["unit"] == usual["unit"]:
            assert usual["high"] <= ceiling["value"]


@each_entry
def test_tall_man_letters_spell_the_same_name_and_name_their_list(entry: dict[str, Any]) -> None:
    if entry["tall_man"] is not None:
        assert entry["tall_man"].lower() == entry["name"].lower()
        assert entry["tall_man"] != entry["name"]
        assert "ISMP" in entry["verified"]["tall_man"]


def test_a_shared_code_is_another_form_or_left_open() -> None:
    shared = Counter(entry["rxcui"] for entry in ENTRIES if "form_of" not in entry)
    del shared[None]

    assert [code for code, n in shared.items() if n > 1] == ["9639"]
    assert {entry["form_of"] for entry in ENTRIES if "form_of" in entry} <= IDS


@each_rule
def test_every_rule_has_source_version_and_the_closed_words(rule: dict[str, Any]) -> None:
    assert rule["sources"]
    assert says_what_was_seen(rule["verified"])
    assert rule["version"] >= 1
    assert rule["severity"] in interaction_rules.SEVERITIES
    assert rule["evidence"] in interaction_rules.EVIDENCE
    assert all(rule[text] for text in ("mechanism", "effect", "management", "onset"))


@each_rule
def test_a_rule_supersedes_only_other_rules(rule: dict[str, Any]) -> None:
    assert rule["id"] not in rule["supersedes"]
    assert set(rule["supersedes"]) <= {one["id"] for one in RULES["rules"]}


@each_rule
def test_what_kills_was_seen_and_not_remembered(rule: dict[str, Any]) -> None:
    if rule["severity"] in ("contraindicated", "major"):
        assert rule["verified"].startswith("seen")


@each_rule
def test_the_engine_knows_every_word_of_a_rule_and_the_rule_can_fire(rule: dict[str, Any]) -> None:
    compiled = interaction_rules.read_rule(rule)

    assert compiled.all_of or compiled.aggregate
    assert all(matcher.washout for matcher in compiled.all_of)


@pytest.mark.parametrize(
    "when",
    [
        {"all_of": [{"brand": "Prozac"}]},
        {"all_of": [{"property": "half_life_hours", "gte": 24}]},
        {"all_of": [{"cyp": {"enzyme": "CYP2D6", "role": "inhibits", "potency": "strong"}}]},
        {"any_of": [{"med": "fluoxetine"}]},
        {"aggregate": {"mean": "serotonergic"}},
        {"all_of": [{"med": "lithium"}], "context": {"height_gte": 150}},
        {"all_of": [{"med": "lithium"}], "context": {"event": "full_moon", "within_days": 1}},
    ],
)
def test_a_word_the_engine_does_not_know_is_refused(when: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="no rule can ask for"):
        interaction_rules.read_rule({**RULES["rules"][0], "when": when})


def test_every_name_in_a_rule_stands_in_the_medications() -> None:
    for rule_id, matcher in MATCHERS:
        named = {matcher.get("med"), *matcher.get("any_med", [])} - {None}
        classes = {matcher.get("class"), *matcher.get("any_class", [])} - {None}
        days = matcher.get("washout_days", 0)
        held = set(days) - {"other"} if isinstance(days, dict) else set()
        assert named | held <= IDS, rule_id
        assert classes <= CLASSES, rule_id
    for rule in RULES["rules"]:
        aggregate = rule["when"].get("aggregate", {})
        assert {*aggregate.get("same_class", [])} <= CLASSES
        assert aggregate.get("count_class", "ssri") in CLASSES
        assert aggregate.get("sum", "serotonergic") in interaction_rules.PROPERTIES
