import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import instrument, score
from app.clinical.safety import SUICIDAL_IDEATION_ITEM, risk_findings

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
