from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical import medications
from app.clinical.medications import ATC, RXNORM, Substance, SubstancesDiffer


def ids(found: "list[medications.Candidate]") -> list[str]:
    return [one.substance.reference_id for one in found]


def get(reference_id: str) -> Substance:
    found = medications.by_id(reference_id)
    assert found is not None
    return found


def test_a_code_finds_its_ingredient_in_both_systems() -> None:
    assert medications.find(RXNORM, "36437") == (get("sertraline"),)
    assert medications.find(ATC, "N06AB06") == (get("sertraline"),)


def test_a_code_of_an_unknown_system_finds_nothing() -> None:
    assert medications.find("http://snomed.info/sct", "36437") == ()


def test_an_ingredient_code_means_the_plain_form_and_not_its_depot() -> None:
    assert medications.find(RXNORM, "89013") == (get("aripiprazole"),)
    assert get("aripiprazole-lai").form_of == "aripiprazole"


def test_a_code_shared_by_two_forms_offers_both_and_picks_neither() -> None:
    resolved = medications.resolve(code=(RXNORM, "9639"))

    assert resolved.substance is None
    assert ids(list(resolved.candidates)) == ["selegiline-transdermal", "selegiline-oral"]
    assert {one.by for one in resolved.candidates} == {"rxnorm"}


@pytest.mark.parametrize(
    ("text", "reference_id", "by"),
    [
        ("36437", "sertraline", "rxnorm"),
        ("n06ab06", "sertraline", "atc"),
        ("Sertraline HCl 50 mg tablet, once daily", "sertraline", "name"),
        ("tramadol 50 mg", "tramadol", "name"),
        ("Wellbutrin XL 150", "bupropion", "brand"),
        ("Abilify Maintena 400 mg", "aripiprazole-lai", "brand"),
        ("pethidine", "meperidine", "name"),
        ("St. John\u2019s wort capsules", "st-johns-wort", "name"),
        ("5-HTP 100 mg", "5-htp", "name"),
        ("3 cups of coffee", "caffeine", "name"),
        ("setraline", "sertraline", "misspelling"),
        ("mirtazipine at night", "mirtazapine", "misspelling"),
    ],
)
def test_a_text_offers_the_substance_it_means(text: str, reference_id: str, by: str) -> None:
    first = medications.candidates(text)[0]

    assert (first.substance.reference_id, first.by) == (reference_id, by)


@pytest.mark.parametrize(
    "text",
    [
        "a herbal tea",
        "green tea",
        "the same as before",
        "vitamin c",
        "lamivudine",
        "hydralazine",
        "",
    ],
)
def test_a_text_that_names_nothing_here_offers_nothing(text: str) -> None:
    assert medications.candidates(text) == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("bupropion", "buspirone"), ("buspirone", "bupropion"), ("hydroxyzine", "hydralazine")],
)
def test_a_look_alike_is_not_offered_beside_the_exact_name(text: str, wrong: str) -> None:
    assert ids(medications.candidates(text)) == [text]
    assert wrong not in ids(medications.candidates(text))


def test_a_prefix_is_not_a_name() -> None:
    assert medications.candidates("bup") == []


def test_a_combination_is_found_whichever_way_it_is_written() -> None:
    for text in ("olanzapine/samidorphan 10/10 mg", "samidorphan + olanzapine", "Lybalvi 5-10"):
        assert ids(medications.candidates(text)) == ["olanzapine-samidorphan"]


@pytest.mark.parametrize(
    "text",
    [
        "buprenorphine 2 MG / naloxone 0.5 MG Sublingual Film",
        "naloxone 0.5 MG / buprenorphine 2 MG Sublingual Tablet",
        "buprenorphine 2 MG/naloxone 0.5 MG",
        "buprenorphine 8 mg + naloxone 2 mg",
    ],
)
def test_a_product_of_two_drugs_is_never_one_of_them(text: str) -> None:
    assert ids(medications.candidates(text)) == ["buprenorphine-naloxone"]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("buprenorphin 2 mg / naloxone 0.5 mg", ["buprenorphine", "naloxone"]),
        ("lisinopril 20 MG / hydrochlorothiazid 12.5 MG", ["hydrochlorothiazide", "lisinopril"]),
        ("sertralin and fluoxetin", ["fluoxetine", "sertraline"]),
    ],
)
def test_a_misspelt_part_does_not_leave_the_other_one_alone(text: str, parts: list[str]) -> None:
    resolved = medications.resolve(text=text)

    assert sorted(ids(list(resolved.candidates))) == parts


@pytest.mark.parametrize(
    "text", ["diazepam 5 mg/mL", "fentanyl 25 mcg/24 h", "sertraline 50 mg/day"]
)
def test_what_stands_behind_a_strength_s_bar_may_be_a_volume_or_a_time(text: str) -> None:
    (found,) = medications.candidates(text)

    assert (found.by, found.score) == ("name", 1.0)


def test_a_combination_outside_the_reference_offers_its_parts() -> None:
    found = ids(medications.candidates("lisinopril-hydrochlorothiazide 20-12.5"))

    assert sorted(found) == ["hydrochlorothiazide", "lisinopril"]


def test_a_text_never_identifies() -> None:
    resolved = medications.resolve(text="sertraline")

    assert resolved.substance is None
    assert resolved.candidate is not None
    assert resolved.candidate.substance is get("sertraline")
    assert resolved.by == "name"


def test_a_text_that_fits_two_forms_keeps_both() -> None:
    resolved = medications.resolve(text="selegiline 5 mg")

    assert sorted(ids(list(resolved.candidates))) == ["selegiline-oral", "selegiline-transdermal"]


def test_an_id_identifies_and_a_code_the_reference_lacks_falls_back_to_the_text() -> None:
    assert medications.resolve(reference_id="kava").substance is get("kava")
    resolved = medications.resolve(code=(RXNORM, "312941"), text="sertraline 50 MG Oral Tablet")
    assert resolved.substance is None
    assert resolved.candidate is not None
    assert resolved.candidate.substance is get("sertraline")


def test_a_code_and_an_id_of_two_substances_are_refused() -> None:
    with pytest.raises(SubstancesDiffer):
        medications.resolve(code=(RXNORM, "36437"), reference_id="fluoxetine")


def test_the_code_of_the_ingredient_agrees_with_its_depot() -> None:
    resolved = medications.resolve(code=(RXNORM, "89013"), reference_id="aripiprazole-lai")

    assert resolved.substance is get("aripiprazole-lai")


def test_tall_man_letters_stand_only_where_a_list_has_them() -> None:
    assert get("bupropion").tall_man == "buPROPion"
    assert get("hydroxyzine").tall_man == "hydrOXYzine"
    assert get("sertraline").tall_man == "sertraline"


def test_an_unknown_dose_is_none_and_a_known_one_exact() -> None:
    assert get("st-johns-wort").max_daily is None
    ceiling = get("sertraline").max_daily
    assert ceiling is not None
    assert (ceiling.value, ceiling.unit) == (Decimal(200), "mg/d")


@given(st.sampled_from(medications.substances()))
def test_every_name_finds_its_substance(substance: Substance) -> None:
    for name in (substance.name, substance.reference_id, *substance.brands, *substance.synonyms):
        assert substance.reference_id in ids(medications.candidates(name))


@given(st.sampled_from(medications.substances()))
def test_every_code_leads_to_the_substance_or_its_plain_form(substance: Substance) -> None:
    codes = [(ATC, code) for code in substance.atc]
    if substance.rxnorm is not None:
        codes.append((RXNORM, substance.rxnorm))
    for code in codes:
        found = {one.reference_id for one in medications.find(*code)}
        assert found & {substance.reference_id, substance.form_of}


LONG_NAMES = [one for one in medications.substances() if len(one.name) >= 8 and one.name.isalpha()]


@given(st.sampled_from(LONG_NAMES), st.data())
def test_a_swapped_pair_of_letters_still_offers_the_name(
    substance: Substance, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(substance.name) - 2))
    name = substance.name
    typed = name[:at] + name[at + 1] + name[at] + name[at + 2 :]

    assert substance.reference_id in ids(medications.candidates(typed, limit=20))


@given(st.sampled_from(LONG_NAMES), st.data())
def test_two_wrong_letters_in_a_long_name_still_offer_it(
    substance: Substance, data: st.DataObject
) -> None:
    typed = list(substance.name)
    for _ in range(2):
        at = data.draw(st.integers(0, len(typed) - 1))
        wrong = data.draw(st.sampled_from(["", "q", typed[at] + "q"]))
        typed[at : at + 1] = list(wrong)
    if len(typed) < 8:
        return

    assert substance.reference_id in ids(medications.candidates("".join(typed), limit=20))


def test_a_short_word_is_not_guessed_at() -> None:
    assert medications.candidates("kavx") == []
    assert medications.candidates("x" * 200) == []


@given(st.text(max_size=60))
def test_any_text_is_answered_with_ranked_candidates_of_distinct_substances(text: str) -> None:
    found = medications.candidates(text)

    assert len(found) <= 5
    assert len(set(ids(found))) == len(found)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
