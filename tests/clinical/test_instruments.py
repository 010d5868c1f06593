import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import (
    FOLDER,
    Instrument,
    UnknownInstrument,
    UnknownItem,
    UnknownScoring,
    all_instruments,
    instrument,
    measures_of,
    read_instrument,
    score,
)
from tests.shared import SHARED, needs_shared

FILES = sorted(FOLDER.glob("*.yaml"))
PHQ9 = instrument("phq-9")
PHQ9_CODES = ["44250-9", "44255-8", "44259-0", "44254-1", "44251-7", "44258-2", "44252-5"]


def load(file: Path) -> dict[str, Any]:
    entry: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return entry


def loinc_is_valid(code: str) -> bool:
    """Mod-10 check digit: every second digit from the right is doubled."""
    body, check = code.rsplit("-", 1)
    doubled = "".join(str(int(d) * (2 if i % 2 == 0 else 1)) for i, d in enumerate(body[::-1]))
    return (10 - sum(map(int, doubled)) % 10) % 10 == int(check)


def loinc_codes(entry: dict[str, Any]) -> list[str]:
    loinc = entry["loinc"]
    found = [loinc.get(key) for key in ("panel", "total", "difficulty_item")]
    return [code for code in [*found, *(i.get("loinc") for i in entry["items"])] if code]


@pytest.fixture(params=FILES, ids=lambda file: file.stem)
def entry(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


# The files


def test_the_file_is_named_by_its_id() -> None:
    assert [load(file)["id"] for file in FILES] == [file.stem for file in FILES]


def test_no_two_instruments_share_an_id() -> None:
    ids = [each.id for each in all_instruments()]

    assert len(set(ids)) == len(ids) >= 7


def test_every_file_says_where_it_comes_from(entry: dict[str, Any]) -> None:
    assert entry["source"]
    assert entry["verified"].startswith(("seen", "memory"))
    assert entry["licence"] in ("free", "public_domain", "permission_needed")
    assert entry["version"] >= 1
    for key in ("remission", "response", "mcid", "caseness", "relapse"):
        assert entry[key] is None or "source" in entry[key]


def test_wording_that_needs_permission_does_not_ship(entry: dict[str, Any]) -> None:
    if entry["licence"] == "permission_needed":
        assert entry["item_text_may_ship"] is False
    if not entry["item_text_may_ship"]:
        assert entry["items"] == []


def test_items_are_numbered_and_counted(entry: dict[str, Any]) -> None:
    assert entry["item_min"] < entry["item_max"]
    assert entry["items_count"] >= 1
    if entry["items"]:
        assert [i["index"] for i in entry["items"]] == list(range(1, entry["items_count"] + 1))
    named = [i for o in entry["item_overrides"] for i in o["items"]]
    named += entry["scoring"]["reverse_items"]
    named += [risk["index"] for risk in entry["risk_items"]]
    assert set(named) <= set(range(1, entry["items_count"] + 1))
    assert 0 <= entry["scoring"]["missing"]["max_missing"] < entry["items_count"]


def test_the_items_add_up_to_the_range_of_the_total(entry: dict[str, Any]) -> None:
    items = read_instrument(entry).items
    if entry["scoring"]["method"] == "items_only":
        assert entry["total_range"] is None
    else:
        assert entry["total_range"] == [
            sum(min(item.allowed) for item in items),
            sum(max(item.allowed) for item in items),
        ]


def test_loinc_codes_carry_their_check_digit(entry: dict[str, Any]) -> None:
    codes = loinc_codes(entry)

    assert [code for code in codes if not loinc_is_valid(code)] == []
    assert len(set(codes)) == len(codes)
    for answer in entry["loinc"].get("answers", ()):
        assert re.fullmatch(r"LA\d+-\d", answer["loinc_answer"])


def test_the_check_digit_test_can_fail() -> None:
    assert loinc_is_valid("44261-6")
    assert not loinc_is_valid("44261-7")


def test_bands_cover_the_range_and_do_not_overlap(entry: dict[str, Any]) -> None:
    bands = entry["severity_bands"]
    if not bands:
        return
    if entry["total_range"] is None:
        assert 1 <= entry["band_item"] <= entry["items_count"]
    low, high = entry["total_range"] or (entry["item_min"], entry["item_max"])
    assert (bands[0]["min"], bands[-1]["max"]) == (low, high)
    for band, following in pairwise(bands):
        assert band["min"] <= band["max"]
        assert following["min"] == band["max"] + 1


def test_direction_and_the_side_of_the_thresholds_agree(entry: dict[str, Any]) -> None:
    assert entry["higher_is_worse"] == (entry["direction"] == "lower_better")
    ill, well = (">", ">="), ("<", "<=")
    if entry["direction"] == "higher_better":
        ill, well = well, ill
    for key, side in (("caseness", ill), ("relapse", ill), ("remission", well)):
        assert entry[key] is None or entry[key]["op"] in side


@needs_shared
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_files_say_what_the_reference_says(file: Path) -> None:
    reference = yaml.safe_load((SHARED / "reference/instruments.yaml").read_text("utf-8"))
    known = next(each for each in reference["instruments"] if each["id"] == file.stem)

    shipped = load(file)

    assert {k: v for k, v in shipped.items() if k not in ("version", "band_item")} == known


# Loading


def test_an_unknown_instrument_is_a_key_error() -> None:
    with pytest.raises(UnknownInstrument):
        instrument("phq-99")
    assert issubclass(UnknownInstrument, KeyError)


@pytest.mark.parametrize(
    "scoring",
    [{"method": "components"}, {"transform": "percentage of 25"}],
)
def test_a_way_of_scoring_we_do_not_have_is_refused_by_name(scoring: dict[str, str]) -> None:
    changed = load(FOLDER / "phq-9.yaml")
    changed["scoring"] |= scoring

    with pytest.raises(UnknownScoring, match="phq-9"):
        read_instrument(changed)


def test_an_item_may_have_a_range_or_a_list_of_values_of_its_own() -> None:
    changed = load(FOLDER / "gad-7.yaml")
    changed["item_overrides"] = [{"items": [2], "max": 5}, {"items": [7], "values": [0, 2]}]
    items = read_instrument(changed).items

    assert items[0].allowed == (0, 1, 2, 3)
    assert items[1].allowed == (0, 1, 2, 3, 4, 5)
    assert items[6].allowed == (0, 2)


def test_reversed_items_are_turned_before_they_are_summed() -> None:
    changed = load(FOLDER / "phq-2.yaml")
    changed["scoring"]["reverse_items"] = [2]

    assert score(read_instrument(changed), [1, 3]).total_computed == 1


def test_the_registry_row_of_the_phq9_is_complete() -> None:
    total = PHQ9.total

    assert total is not None
    assert total.code == "phq-9.total"
    assert total.label == "PHQ-9"
    assert total.domain == "mood_cognition"
    assert total.symptom_measure is True
    assert total.reliable_points == 6
    assert total.reliable_points_source == "published"
    assert total.mcid == 5
    assert total.reliability is not None
    assert (total.reliability.sd, total.reliability.r) == (6.1, 0.84)
    assert total.caseness is not None
    assert total.caseness.value == 10
    assert total.daily_aggregate == "last"
    assert total.cadence_days == (14, 28)
    assert total.stale_after_days == (28, 56)
    assert [risk.index for risk in total.risk_items] == [9]
    assert PHQ9.loinc_total == "44261-6"
    assert [item.loinc for item in PHQ9.items][:7] == PHQ9_CODES
    assert PHQ9.items[8].loinc == "44260-8"
    assert PHQ9.answers[3].loinc == "LA6571-9"


def test_every_item_is_followed_beside_the_total() -> None:
    measures = measures_of(PHQ9)

    assert [m.code for m in measures] == ["phq-9.total", *(f"phq-9.{i}" for i in range(1, 10))]
    item = measures[9]
    assert (item.minimum, item.maximum, item.step) == (0, 3, 1)
    assert item.direction == "lower_better"
    assert item.symptom_measure is False
    assert item.bands == ()


@pytest.mark.parametrize("name", ["pgi-i", "cgi-i", "cgi-s"])
def test_a_one_item_rating_is_followed_by_its_total_alone(name: str) -> None:
    assert [m.code for m in measures_of(instrument(name))] == [f"{name}.total"]
    scored = score(instrument(name), [3])
    assert scored.total_trended == 3
    assert scored.items_trended == {}


def test_a_rating_of_change_has_no_caseness_from_its_bands() -> None:
    total = instrument("pgi-i").total

    assert total is not None
    assert total.trend_use == "change_rating"
    assert total.caseness is None


def test_phq2_and_phq9_are_never_the_same_measure() -> None:
    two = {m.code for m in measures_of(instrument("phq-2"))}

    assert two.isdisjoint(m.code for m in measures_of(PHQ9))


# Scoring


def test_a_whole_form_is_summed() -> None:
    scored = score(PHQ9, [2, 2, 2, 2, 1, 1, 1, 0, 1])

    assert scored.total_computed == scored.total_trended == 12
    assert scored.total_received is None
    assert scored.flags == ()
    assert scored.band is not None
    assert (scored.band.label, scored.band.minimum) == ("moderate", 10)
    assert scored.items_trended == {1: 2, 2: 2, 3: 2, 4: 2, 5: 1, 6: 1, 7: 1, 8: 0, 9: 1}


def test_the_computed_total_wins_and_the_sent_one_is_kept() -> None:
    answers = {1: 1, 2: 2, 3: 2, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 0}

    scored = score(PHQ9, answers, Decimal("12"))

    assert scored.total_computed == scored.total_trended == 10
    assert scored.total_received == 12
    assert scored.flags == ("total_mismatch",)


def test_a_sent_total_that_agrees_raises_nothing() -> None:
    assert score(PHQ9, [1] * 9, 9.0).flags == ()


@pytest.mark.parametrize(
    ("answered", "missing", "total"),
    [
        ([1, 1, 1, 1, 1, 1, 1, 1], 1, 9),
        ([1, 1, 1, 1, 1, 1, 1], 2, 9),
        ([1, 1, 1, 1, 0, 0, 0, 0], 1, 5),  # 4 * 9 / 8 = 4.5, half goes up
        ([3, 3, 3, 3, 3, 3, 3], 2, 27),
    ],
)
def test_missing_items_are_prorated_half_up(
    answered: list[int | None], missing: int, total: int
) -> None:
    scored = score(PHQ9, [*answered, *[None] * missing])

    assert scored.total_computed == scored.total_trended == total
    assert scored.flags == ("items_missing", "total_prorated")


def test_too_many_missing_items_leave_no_total() -> None:
    scored = score(PHQ9, {1: 2, 2: 1, 4: 1, 6: 1, 8: 1, 9: 2})

    assert scored.total_computed is None
    assert scored.total_trended is None
    assert scored.flags == ("items_missing",)
    assert scored.band is None
    assert scored.items_trended[9] == 2


def test_a_sent_total_does_not_fill_in_for_missing_items() -> None:
    scored = score(PHQ9, {1: 2, 9: 0}, 14)

    assert scored.total_received == 14
    assert scored.total_trended is None


@pytest.mark.parametrize(
    ("name", "answers"), [("phq-2", [1, None]), ("gad-7", [1] * 5 + [None] * 2)]
)
def test_proration_stops_where_the_instrument_says(name: str, answers: list[int | None]) -> None:
    assert score(instrument(name), answers).total_computed is None


def test_an_answer_outside_its_item_is_kept_and_not_followed() -> None:
    scored = score(PHQ9, [1, 1, 1, 1, 1, 1, 1, 1, 4], 12)

    assert scored.answers[9] == 4
    assert 9 not in scored.items_trended
    assert scored.total_computed is None
    assert scored.total_trended is None
    assert scored.total_received == 12
    assert scored.flags == ("item_out_of_range",)


def test_a_total_without_items_is_followed_and_marked() -> None:
    scored = score(PHQ9, [], 17)

    assert scored.total_computed is None
    assert scored.total_trended == 17
    assert scored.flags == ("items_absent",)
    assert scored.band is not None
    assert scored.band.label == "moderately severe"


@pytest.mark.parametrize("total", [31, 9999, -1, 10.5, float("nan")])
def test_an_impossible_total_is_kept_and_not_followed(total: float) -> None:
    scored = score(PHQ9, {}, total)

    assert scored.total_received == total or total != total
    assert scored.total_trended is None
    assert scored.flags == ("items_absent", "total_out_of_range")


def test_an_impossible_total_beside_good_items_changes_nothing_but_the_flags() -> None:
    scored = score(PHQ9, [1] * 9, 31)

    assert scored.total_trended == 9
    assert scored.flags == ("total_out_of_range", "total_mismatch")


def test_nothing_sent_is_nothing_scored() -> None:
    scored = score(PHQ9, [None] * 9)

    assert scored.total_trended is None
    assert scored.answers == {}
    assert scored.flags == ("items_absent",)


def test_fibser_has_no_total_and_its_band_is_the_burdens() -> None:
    scored = score(instrument("fibser"), [3, 2, 5])

    assert scored.total_computed is None
    assert scored.total_trended is None
    assert scored.items_trended == {1: 3, 2: 2, 3: 5}
    assert scored.band is not None
    assert scored.band.label == "burden: change treatment"
    codes = [m.code for m in measures_of(instrument("fibser"))]
    assert codes == ["fibser.1", "fibser.2", "fibser.3"]


def test_fibser_without_its_burden_has_no_band() -> None:
    scored = score(instrument("fibser"), [3, 2, None])

    assert scored.band is None
    assert scored.flags == ("items_missing",)


def test_an_item_the_form_does_not_have_is_refused() -> None:
    with pytest.raises(UnknownItem, match="no item 10"):
        score(PHQ9, {10: 1})
    with pytest.raises(UnknownItem, match="9 items"):
        score(PHQ9, [1] * 8)


@needs_shared
@pytest.mark.parametrize("name", ["phq9_prorated", "phq9_three_missing", "phq9_total_mismatch"])
def test_the_vectors_of_recomputed_totals_hold(name: str) -> None:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))["vectors"]
    vector = next(v for v in vectors if v["name"] == name)
    given, expected = vector["input"], vector["expected"]

    scored = score(PHQ9, given["items"], given.get("sent_total"))

    assert scored.total_trended == expected["total"]
    if "risk_item" in expected:
        assert scored.answers[9] == expected["risk_item"]
    if "answered" in expected:
        assert len(scored.answers) == expected["answered"]
        assert sum(scored.answers.values()) == expected["raw_sum"]
    code = {"DQ_PRORATED": "total_prorated", "DQ_TOTAL_MISMATCH": "total_mismatch"}
    assert "reason" not in expected or code[expected["reason"]] in scored.flags


@needs_shared
def test_the_totals_of_six_real_forms_come_out_as_their_senders_gave_them() -> None:
    file = SHARED / "cases/ahrq-phq9-fhir-2-patients/expected.json"
    patients = json.loads(file.read_text("utf-8"))["expected"].values()
    forms = [form for patient in patients for form in patient["visits"]]

    assert len(forms) == 6
    for form in forms:
        scored = score(PHQ9, form["items"], form["stated_total"])
        assert scored.total_trended == form["item_sum"]
        assert scored.flags == ()


@st.composite
def filled_forms(draw: st.DrawFn) -> tuple[Instrument, list[int | None]]:
    form = draw(st.sampled_from(all_instruments()))
    answers = [draw(st.sampled_from((None, *item.allowed))) for item in form.items]
    return form, answers


@given(filled_forms())
def test_any_valid_answers_give_a_total_within_the_range_or_none(
    filled: tuple[Instrument, list[int | None]],
) -> None:
    form, answers = filled
    scored = score(form, answers)
    missing = answers.count(None)

    if form.total is None or missing > form.max_missing:
        assert scored.total_trended is None
    else:
        assert scored.total_trended is not None
        assert form.total.minimum is not None
        assert form.total.maximum is not None
        assert form.total.minimum <= scored.total_trended <= form.total.maximum
        assert scored.band is not None or not form.bands
    assert ("items_missing" in scored.flags) == (0 < missing < len(answers))


@given(filled_forms(), st.integers(1, 3))
def test_a_higher_answer_never_lowers_the_total(
    filled: tuple[Instrument, list[int | None]], which: int
) -> None:
    form, answers = filled
    index = min(which, len(answers)) - 1
    value = answers[index]
    if value is None or value + 1 not in form.items[index].allowed:
        return
    before = score(form, answers).total_trended
    after = score(form, [*answers[:index], value + 1, *answers[index + 1 :]]).total_trended

    assert (before is None) == (after is None)
    assert before is None or after is None or after >= before
