import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import instrument
from app.clinical.safety import (
    CODES,
    SUICIDAL_IDEATION_ITEM,
    asks_about_risk,
    risk_findings,
    topics,
)
from app.clinical.scoring import score

PHQ9 = instrument("phq-9")


def test_item_nine_is_found_in_a_total_of_remission() -> None:
    scored = score(PHQ9, [0, 0, 0, 0, 0, 0, 0, 0, 1])
    (finding,) = risk_findings(PHQ9, scored)

    assert scored.total_trended == 1
    assert finding.code == SUICIDAL_IDEATION_ITEM == "suicidal_ideation_item"
    assert (finding.instrument, finding.item, finding.measure) == ("phq-9", 9, "phq-9.9")
    assert (finding.value, finding.at_least) == (1, 1)
    assert finding.action == PHQ9.risk_items[0].action


def test_item_nine_is_found_when_too_much_is_missing_for_a_total() -> None:
    scored = score(PHQ9, {1: 2, 2: 1, 4: 1, 6: 1, 8: 1, 9: 2})

    assert scored.total_trended is None
    assert [finding.value for finding in risk_findings(PHQ9, scored)] == [2]


@pytest.mark.parametrize("total", [31, 9999])
def test_an_impossible_total_still_passes_its_items(total: int) -> None:
    assert len(risk_findings(PHQ9, score(PHQ9, {9: 3}, total))) == 1


def test_an_impossible_answer_above_the_level_is_still_found() -> None:
    assert [f.value for f in risk_findings(PHQ9, score(PHQ9, {9: 4}))] == [4]


@pytest.mark.parametrize("answers", [{9: 0}, {1: 3, 2: 3}, {}])
def test_zero_and_unanswered_are_no_finding(answers: dict[int, int]) -> None:
    assert risk_findings(PHQ9, score(PHQ9, answers)) == ()


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("phq-a", {9: 1}),
        ("qids-sr16", {12: 1}),
        ("bdi-ii", {9: 1}),
        ("epds", {10: 1}),
        ("madrs", {10: 2}),
        ("hamd-17", {3: 2}),
    ],
)
def test_every_item_on_suicide_is_found_from_its_level_on(
    name: str, answers: dict[int, int]
) -> None:
    form = instrument(name)
    below = {item: value - 1 for item, value in answers.items()}

    (finding,) = risk_findings(form, score(form, answers))

    assert (finding.topic, finding.due) == ("suicidality", "same_day" if name != "bdi-ii" else None)
    assert risk_findings(form, score(form, below)) == ()


def test_the_most_urgent_answer_of_the_screener_comes_first() -> None:
    form = instrument("c-ssrs-screener")
    found = risk_findings(form, score(form, [1, 1, 1, 1, 0, 1, 0]))

    assert [(one.item, one.due) for one in found] == [
        (4, "immediate"),
        (3, "same_day"),
        (6, "same_day"),  # longer than three months ago
        (1, None),
        (2, None),
    ]
    recent = risk_findings(form, score(form, {6: 1}))
    assert [one.due for one in recent] == ["immediate"], "when was not said"


@pytest.mark.parametrize(
    ("answers", "total", "value"),
    [
        ([2, 1, 1, 1, 1], None, 6),
        ([4, 3, None, None, None], None, 7),  # enough already, whatever is missing
        ([], 9, 9),
        ([], 99, 99),  # out of range: kept out of the trend, not out of sight
        ([1, 1, 1, 1, 1], 12, None),  # the computed total is 5
    ],
)
def test_mania_is_found_by_the_total_and_by_what_already_reaches_it(
    answers: list[int | None], total: int | None, value: int | None
) -> None:
    form = instrument("asrm")
    found = risk_findings(form, score(form, answers, total))

    assert [one.value for one in found] == ([] if value is None else [value])
    assert all((one.code, one.measure) == ("mania_threshold", "asrm.total") for one in found)


def test_a_form_says_whether_it_asked_about_risk_whatever_the_answer_was() -> None:
    assert asks_about_risk(PHQ9, {9})
    assert not asks_about_risk(PHQ9, {1, 2})
    assert asks_about_risk(instrument("asrm"), set())
    assert not asks_about_risk(instrument("gad-7"), {1, 7})


def test_each_risk_item_says_its_topic() -> None:
    known = topics()

    assert known["phq-9.9"] == known["c-ssrs-screener.2"] == "suicidality"
    assert known["asrm.total"] == known["ymrs.total"] == "mania"
    assert set(known.values()) == set(CODES) - {"other"}


def test_an_instrument_without_risk_items_finds_none() -> None:
    gad7 = instrument("gad-7")

    assert risk_findings(gad7, score(gad7, [3] * 7)) == ()


@given(
    others=st.lists(st.none() | st.integers(0, 3), min_size=8, max_size=8),
    ninth=st.none() | st.integers(0, 3),
    total=st.none() | st.floats(-10, 10000),
)
def test_the_finding_depends_on_its_item_and_on_nothing_else(
    others: list[int | None], ninth: int | None, total: float | None
) -> None:
    found = risk_findings(PHQ9, score(PHQ9, [*others, ninth], total))

    assert bool(found) == (ninth is not None and ninth >= 1)
