"""The vocabulary of side effects holds what the code and a reader rely on."""

from typing import get_args

import pytest
import yaml

from app.clinical import terms
from app.clinical.medications import load_reference
from app.clinical.terms import Term
from tests.shared import SHARED, needs_shared

TERMS = terms.all_terms()
IDS = {term.id for term in TERMS}

each_term = pytest.mark.parametrize("term", TERMS, ids=lambda term: term.id)


def test_ids_are_unique_slugs() -> None:
    assert len(IDS) == len(TERMS)
    assert all(one.replace("-", "").isalnum() and one == one.lower() for one in IDS)
    assert terms.OTHER not in IDS


@each_term
def test_every_term_has_a_source_and_says_what_was_seen(term: Term) -> None:
    assert term.label
    assert term.source
    assert term.verified.startswith(("seen", "memory"))
    assert term.action
    assert term.classes


@each_term
def test_a_red_flag_was_seen_and_not_remembered(term: Term) -> None:
    if term.red_flag:
        assert term.verified.startswith("seen")


@each_term
def test_a_code_that_was_not_verified_is_null(term: Term) -> None:
    assert term.snomed is None


@each_term
def test_timing_and_parent_are_known_words(term: Term) -> None:
    assert term.timing in get_args(terms.Timing)
    assert term.parent is None or term.parent in IDS - {term.id}
    if term.onset_days is not None:
        first, last = term.onset_days
        assert first is None or last is None or first <= last


@needs_shared
def test_the_packaged_file_says_what_the_reference_says() -> None:
    given = yaml.safe_load((SHARED / "reference" / "side_effects.yaml").read_text("utf-8"))
    packaged = load_reference(terms.FILE)

    assert packaged["effects"] == given["effects"]


def test_the_file_says_version_date_and_licence() -> None:
    packaged = load_reference(terms.FILE)

    assert packaged["version"]
    assert packaged["date"]
    assert packaged["licence"]


def test_a_term_is_found_by_its_id_and_by_nothing_else() -> None:
    assert terms.term("sexual-dysfunction").label == "sexual problems"
    with pytest.raises(terms.UnknownTerm):
        terms.term("Nausea")


def test_other_may_be_recorded_although_it_is_no_term() -> None:
    assert terms.is_known("nausea")
    assert terms.is_known("other")
    assert not terms.is_known("nauseous")


def test_a_misspelling_brings_the_nearest_terms_and_nonsense_brings_none() -> None:
    assert terms.close_to("nausia")[0] == "nausea"
    assert terms.close_to("Dry mouth")[0] == "dry-mouth"
    assert terms.close_to("feeling sick")[0] == "nausea"
    assert len(terms.close_to("withdrawal")) <= terms.MOST_SUGGESTED
    assert terms.close_to("qqqq") == ()


def test_a_plain_word_finds_its_term_and_a_shared_one_all_of_them() -> None:
    assert [one.id for one in terms.meant_by("Throwing up")] == ["vomiting"]
    assert [one.id for one in terms.meant_by("sex_drive")] == []
    assert {one.id for one in terms.meant_by("withdrawal")} == {
        "discontinuation",
        "benzo-withdrawal",
        "opioid-withdrawal",
    }
    assert terms.close_to("no libido")[0] == "sexual-desire"
    assert terms.close_to("trowing up")[0] == "vomiting"


def test_what_follows_a_stop_stands_apart() -> None:
    apart = {one.id for one in TERMS if one.group == "withdrawal"}

    assert "discontinuation" in apart
    assert "withdrawal-seizure" in apart
    assert "nausea" not in apart
    assert apart == {one.id for one in TERMS if one.body_system == "withdrawal"}


@each_term
def test_words_are_plain_and_told_apart_from_the_id(term: Term) -> None:
    for word in term.synonyms:
        assert word == word.lower().strip()
        assert terms.meant_by(word)


def test_no_code_of_meddra_ships() -> None:
    text = repr(load_reference(terms.FILE)["effects"]) + repr(load_reference(terms.WORDS))

    assert "meddra" not in text.lower()
