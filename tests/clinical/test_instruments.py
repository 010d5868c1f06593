import json
import re
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import (
    FOLDER,
    Instrument,
    UnknownInstrument,
    UnknownScoring,
    all_instruments,
    instrument,
    measures_of,
    read_instrument,
)
from app.clinical.measure import Operator
from app.clinical.scoring import UnknownItem, score, turn, unanswered
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

    assert len(set(ids)) == len(ids) == len(FILES)


def test_every_file_says_where_it_comes_from(entry: dict[str, Any]) -> None:
    assert entry["source"]
    assert entry["verified"].startswith(("seen", "memory"))
    assert entry["licence"] in ("free", "public_domain", "permission_needed")
    assert entry["version"] >= 1
    for key in ("remission", "response", "mcid", "caseness", "relapse"):
        assert entry[key] is None or "source" in entry[key]
    change = entry["reliable_change"]
    assert change is None or (change["source"] and change["verified"])
    assert entry["scoring"]["missing"]["rule"]
    assert entry["scoring"]["missing"]["status"]


def test_wording_that_needs_permission_does_not_ship(entry: dict[str, Any]) -> None:
    if entry["licence"] == "permission_needed":
        assert entry["item_text_may_ship"] is False
    if not entry["item_text_may_ship"] and entry["id"] != "c-ssrs-screener":
        # The screener keeps topic names of our own: its triage cannot be read without them.
        assert all("label" not in item for item in entry["items"])


def test_items_are_numbered_and_counted(entry: dict[str, Any]) -> None:
    assert entry["item_min"] < entry["item_max"]
    assert entry["items_count"] >= 1
    if entry["items"]:
        assert [i["index"] for i in entry["items"]] == list(range(1, entry["items_count"] + 1))
    named = [i for o in entry["item_overrides"] for i in o["items"]]
    named += entry["scoring"]["reverse_items"]
    named += [risk["index"] for risk in entry["risk_items"] if risk["index"] != "total"]
    named += [i for one in entry["scoring"]["components"] for i in one["items"]]
    assert set(named) <= set(range(1, entry["items_count"] + 1))
    assert 0 <= entry["scoring"]["missing"]["max_missing"] < entry["items_count"]


def test_the_items_add_up_to_the_range_of_the_total(entry: dict[str, Any]) -> None:
    form = read_instrument(entry)
    if entry["total_range"] is None:
        assert form.total is None
    if form.method in ("items_only", "score_only"):
        return
    ends = [
        score(form, [_end(form, item.index, worst, entry["id"]) for item in form.items])
        for worst in (False, True)
    ]
    totals = [end.total_computed for end in ends]
    assert sorted(totals, key=float) == entry["total_range"]  # type: ignore[arg-type] # no None here


def _end(form: Instrument, item: int, worst: bool, name: str) -> int | None:
    """Give the answer that adds least or most; what depends on sex is answered once."""
    if name == "gass" and item == 21:
        return None
    if name == "psqi" and item in (1, 3, 4):  # to bed, up, minutes asleep
        return {1: 0, 3: 480, 4: 240 if worst else 480}[item]
    allowed = form.items[item - 1].allowed
    return max(allowed) if worst != (item in form.reverse_items) else min(allowed)


def _best(form: Instrument) -> dict[int, int]:
    """Answer every item with what adds least."""
    ends = {item.index: _end(form, item.index, False, form.id) for item in form.items}
    return {item: one for item, one in ends.items() if one is not None}


def test_a_total_stands_on_as_many_answers_as_the_missing_rule_asks_for(
    entry: dict[str, Any],
) -> None:
    form = read_instrument(entry)
    if form.method not in ("sum", "components"):
        return
    most = entry["scoring"]["missing"]["max_missing"]
    excused = form.missing.optional.union(*form.missing.either)
    counted = form.summed or tuple(item.index for item in form.items)
    asked = [item for item in counted if item not in excused]

    totals = []
    for gap in (most, most + 1):
        missing = asked[:gap]
        kept = {item: one for item, one in _best(form).items() if item not in missing}
        totals.append(score(form, kept).total_trended)
    assert [total is None for total in totals] == [False, True]


def test_an_answer_beside_those_of_its_item_is_flagged_and_gives_no_total(
    entry: dict[str, Any],
) -> None:
    form = read_instrument(entry)
    for item in form.items:
        low, high = min(item.allowed), max(item.allowed)
        gaps = set(range(low, high)) - set(item.allowed)
        for strange in {low - 1, high + 1, *gaps}:
            scored = score(form, _best(form) | {item.index: strange})
            assert "item_out_of_range" in scored.flags
            assert (scored.total_computed, scored.answers[item.index]) == (None, strange)
            assert item.index not in scored.items_trended


def test_the_words_of_a_file_are_those_that_the_code_knows(entry: dict[str, Any]) -> None:
    assert set(entry.get("raters", [entry["reporter"]])) <= {"self", "clinician", "observer"}
    assert entry["direction"] in ("lower_better", "higher_better")
    assert entry.get("pole") in (None, "depression", "mania")
    for component in entry["scoring"]["components"]:
        for limits in (component.get("cut", ()), *component.get("recode", {}).values()):
            assert all(limit.split(" ")[0] in get_args(Operator) for limit in limits)
        assert component["rule"] in ("sum", "max", "count", "percent_in_bed", "level")
    for risk in entry["risk_items"]:
        assert risk["topic"] in ("suicidality", "mania")
        assert risk["due"] in ("immediate", "same_day", None)
        assert risk["action"]


def test_every_file_has_a_published_worked_example_or_says_that_none_was_found(
    entry: dict[str, Any],
) -> None:
    form = read_instrument(entry)
    if not entry["worked"]:
        assert "example" in entry["worked_note"] or "looked for" in entry["worked_note"]
    for worked in entry["worked"]:
        assert worked["source"].startswith("seen")
        scored = score(form, worked["answers"])
        assert "total" in worked or worked["parts"]
        assert worked.get("total") in (None, scored.total_trended)
        assert worked.get("parts", {}).items() <= scored.parts.items()
        if "band" in worked:
            assert scored.band is not None
            assert scored.band.label == worked["band"]
        assert scored.flags == ()


def test_at_least_a_third_of_the_instruments_has_a_published_worked_example() -> None:
    assert sum(bool(load(file)["worked"]) for file in FILES) >= 20


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
    form = read_instrument(entry)
    place = entry.get("band_item", "total")
    (measure,) = [one for one in measures_of(form) if one.code == f"{entry['id']}.{place}"]
    # A T score has bands from 0 to 100, although no sum gives its ends.
    assert bands[0]["min"] <= measure.minimum
    assert bands[-1]["max"] >= measure.maximum
    for band, following in pairwise(bands):
        assert band["min"] <= band["max"] < following["min"]
        assert following["min"] - band["max"] <= 1 + 1e-9


def test_direction_and_the_side_of_the_thresholds_agree(entry: dict[str, Any]) -> None:
    assert entry["higher_is_worse"] == (entry["direction"] == "lower_better")
    ill, well = (">", ">="), ("<", "<=")
    if entry["direction"] == "higher_better":
        ill, well = well, ill
    for key, side in (("caseness", ill), ("relapse", ill), ("remission", well)):
        assert entry[key] is None or entry[key]["op"] in side


OWN = {"version", "band_item", "raters", "pole", "total_step", "alternatives", "worked"}
OWN |= {"worked_note", "notes", "scoring"}
"""What a file of the house has beside the reference, or says in its own form."""
CORRECTED = {
    "c-ssrs-screener": {"items", "items_count", "severity_bands"},
    "epds": {"items", "reliable_change"},
    "promis-cog-4a": {"loinc", "total_range"},
    "promis-dep-4a": {"items", "loinc", "total_range"},
    "promis-dep-8a": {"loinc", "total_range"},
    "promis-sd-4a": {"loinc", "total_range", "verified"},
    "promis-sd-8a": {"loinc", "total_range"},
    "psqi": {"items", "items_count", "item_overrides"},
}
"""Where the house differs on purpose; the notes of the file say why."""
ADDED = {"audit"}
"""What the house has beyond the reference: each is its file, and a line here."""
RISK_CORRECTED = {"qids-sr16", "madrs", "asrm", "ymrs", "c-ssrs-screener"}


@needs_shared
@pytest.mark.parametrize(
    "file", [one for one in FILES if one.stem not in ADDED], ids=lambda file: file.stem
)
def test_the_files_say_what_the_reference_says(file: Path) -> None:
    reference = yaml.safe_load((SHARED / "reference/instruments.yaml").read_text("utf-8"))
    known = next(each for each in reference["instruments"] if each["id"] == file.stem)
    shipped = load(file)
    corrected = OWN | CORRECTED.get(file.stem, set()) | {"risk_items"}

    said = {key: value for key, value in shipped.items() if key not in corrected}
    moved = {"trend_range", "trend_unit", *shipped.get("alternatives", {})}
    expected = {k: v for k, v in known.items() if k not in corrected | moved}

    assert said == expected
    if file.stem not in RISK_CORRECTED:
        levels = [(risk["index"], risk["trigger_gte"]) for risk in shipped["risk_items"]]
        assert levels == [(risk["index"], risk["trigger_gte"]) for risk in known["risk_items"]]
    for name, bands in shipped.get("alternatives", {}).items():
        assert bands == known[name]


@needs_shared
def test_every_instrument_of_the_reference_is_in_the_house() -> None:
    reference = yaml.safe_load((SHARED / "reference/instruments.yaml").read_text("utf-8"))

    known = {one["id"] for one in reference["instruments"]}
    assert known | ADDED == {file.stem for file in FILES}
    assert known.isdisjoint(ADDED)


# Loading


def test_an_unknown_instrument_is_a_key_error() -> None:
    with pytest.raises(UnknownInstrument):
        instrument("phq-99")
    assert issubclass(UnknownInstrument, KeyError)


def test_a_way_of_scoring_we_do_not_have_is_refused_by_name() -> None:
    changed = load(FOLDER / "phq-9.yaml")
    changed["scoring"]["method"] = "mean_of_halves"

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


# Components, tables, reversal


def test_one_answer_of_less_or_more_appetite_is_enough() -> None:
    one_of_each = [0, 0, 0, 0, 1, 2, None, None, 1, 0, 0, 0, 0, 0, 0, 0]
    neither = [0, 0, 0, 0, 1, None, None, None, 1, 0, 0, 0, 0, 0, 0, 0]
    qids = instrument("qids-sr16")

    assert score(qids, one_of_each).total_trended == 3  # sadness 1, the worst of appetite 2
    assert score(qids, one_of_each).flags == ()
    assert score(qids, neither).total_trended is None
    assert score(qids, neither).flags == ("items_missing",)


def test_a_table_gives_the_t_score_and_the_sum_stays_beside_it() -> None:
    scored = score(instrument("promis-dep-4a"), [3, 3, 2, 2], 10)

    assert scored.total_computed == 58.9
    assert scored.parts == {"raw": 10}
    assert scored.flags == ("total_out_of_range", "total_mismatch"), "the sum was sent"
    assert scored.band is not None
    assert scored.band.label == "mild"


def test_a_form_that_prints_its_items_already_turned_is_turned_by_nobody_else() -> None:
    sleep = instrument("promis-sd-4a")

    assert score(sleep, [1, 1, 1, 1]).total_trended == 32.0, "very good, very much, not at all"
    assert score(sleep, [5, 5, 5, 5]).total_trended == 73.3, "very poor, not at all, very much"


@pytest.mark.parametrize("name", ["promis-sd-8a", "promis-cog-4a", "mmas-8"])
def test_where_no_key_may_ship_a_score_is_followed_as_it_comes(name: str) -> None:
    form = instrument(name)
    answers = [min(item.allowed) for item in form.items]

    assert score(form, answers).total_trended is None
    assert score(form, answers, 7).total_trended == 7
    assert score(form, [], 101).total_trended is None


def test_five_answers_of_wellbeing_become_a_percentage() -> None:
    scored = score(instrument("who-5"), [5, 5, 5, 5, 4])

    assert (scored.total_trended, scored.parts["raw"]) == (96, 24)
    assert "total_out_of_range" in score(instrument("who-5"), [], 50).flags, "not a multiple of 4"


def test_a_night_of_sleep_crosses_midnight() -> None:
    answers = [1410, 15, 390, 420, 0, *[0] * 9, 0, 0, 0, 0]  # 23:30 to 06:30, 7 hours asleep
    late = [30, *answers[1:]]  # 00:30 to 06:30: six hours in bed

    assert score(instrument("psqi"), answers).parts["efficiency"] == 0
    assert score(instrument("psqi"), answers).total_trended == 1  # 7 hours are not above 7
    assert score(instrument("psqi"), late).parts["efficiency"] == 0


def test_the_other_reason_for_bad_sleep_may_be_left_out_and_no_other() -> None:
    answers: list[int | None] = [1380, 20, 420, 400, 1, *[1] * 8, None, 1, 0, 1, 1]

    assert score(instrument("psqi"), answers).total_trended is not None
    assert score(instrument("psqi"), answers).flags == ()
    answers[7] = None
    assert score(instrument("psqi"), answers).total_trended is None


def test_only_the_movements_are_summed_and_the_rest_is_followed_by_itself() -> None:
    aims = [1, 1, 1, 1, 0, 0, 0, 4, 4, 4, 1, 1]

    assert score(instrument("aims"), aims).total_trended == 4
    assert score(instrument("aims"), [*aims[:7], None, None, None, None, None]).total_trended == 4
    assert score(instrument("aims"), [None, *aims[1:]]).total_trended is None


def test_the_global_item_of_akathisia_has_the_bands_and_the_sum_has_none() -> None:
    scored = score(instrument("bars"), [1, 1, 1, 3])

    assert scored.total_trended == 3
    assert scored.band is not None
    assert scored.band.label == "moderate"
    total = instrument("bars").total
    assert total is not None
    assert (total.bands, total.caseness) == ((), None)


def test_a_question_that_depends_on_sex_is_answered_once() -> None:
    gass = [1] * 19 + [2, None, 0]

    assert score(instrument("gass"), gass).total_trended == 21
    assert score(instrument("gass"), gass).flags == ()
    both = [3] * 20 + [3, 3]  # 66, more than one person can have
    assert score(instrument("gass"), both).total_trended is None
    assert score(instrument("gass"), both).flags == ("total_out_of_range",)


@pytest.mark.parametrize(
    ("answers", "level", "label"),
    [
        ([0, 0, None, None, None, 0, None], 0, "none reported"),
        ([1, 0, None, None, None, 0, None], 1, "low"),
        ([1, 1, 1, 0, 0, 0, None], 2, "moderate"),
        ([1, 1, 1, 1, 0, 0, None], 3, "high"),
        ([0, 0, None, None, None, 1, 0], 2, "moderate"),
        ([0, 0, None, None, None, 1, 1], 3, "high"),
        ([0, 0, None, None, None, 1, None], 3, "high"),  # when is not known: as if recent
        ([None, None, None, None, 1, None, None], 3, "high"),
    ],
)
def test_the_screeners_triage_takes_the_worst_answer(
    answers: list[int | None], level: int, label: str
) -> None:
    scored = score(instrument("c-ssrs-screener"), answers)

    assert scored.parts == {"triage": level}
    assert scored.band is not None
    assert scored.band.label == label
    assert scored.total_trended is None


@pytest.mark.parametrize("answers", [{1: 0, 2: 0}, {1: 1, 2: 0}, {1: 1, 2: 1, 3: 1, 6: 0}])
def test_no_triage_is_low_while_a_worse_answer_is_open(answers: dict[int, int]) -> None:
    scored = score(instrument("c-ssrs-screener"), answers)

    assert scored.parts == {}
    assert scored.band is None
    assert scored.flags == ("items_missing",)


def test_a_part_with_a_missing_answer_is_not_said_and_the_others_are() -> None:
    answers: list[int | None] = [1] * 20
    answers[5] = None

    parts = score(instrument("pcl-5"), answers).parts

    assert parts == {"B": 5, "D": 7, "E": 6}


def test_a_part_has_a_measure_of_its_own_with_its_own_range() -> None:
    obsessions = next(m for m in measures_of(instrument("ybocs")) if m.code == "ybocs.obsessions")
    deep = {m.code: m for m in measures_of(instrument("psqi"))}

    assert (obsessions.minimum, obsessions.maximum, obsessions.step) == (0, 20, 1)
    assert (deep["psqi.efficiency"].minimum, deep["psqi.efficiency"].maximum) == (0, 3)
    assert deep["psqi.1"].direction == "none", "a clock time is neither good nor bad"
    assert deep["psqi.5"].label == "PSQI item 5a"


def test_a_reversed_item_by_itself_points_the_other_way() -> None:
    items = {m.code: m.direction for m in measures_of(instrument("dast-10"))}

    assert items["dast-10.3"] == "higher_better"
    assert items["dast-10.total"] == items["dast-10.4"] == "lower_better"


def test_both_poles_of_mood_are_measures_of_their_own() -> None:
    poles = {one.id: one.pole for one in all_instruments() if one.pole}

    assert poles["phq-9"] == poles["madrs"] == "depression"
    assert poles["asrm"] == poles["ymrs"] == "mania"
    assert measures_of(instrument("asrm"))[0].pole == "mania"


def test_who_may_judge_is_said() -> None:
    clinicians = {one.id for one in all_instruments() if one.raters == ("clinician",)}

    assert {"cgi-s", "cgi-i", "hamd-17", "madrs", "ymrs", "ybocs", "aims", "bars"} <= clinicians
    assert instrument("phq-9").raters == ("self",)
    assert instrument("c-ssrs-screener").raters == ("clinician", "self")


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


def test_a_total_of_what_has_none_is_kept_and_flagged() -> None:
    scored = score(instrument("fibser"), [3, 2, 5], 10)

    assert (scored.total_received, scored.total_trended) == (10, None)
    assert scored.flags == ("total_out_of_range",)


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
    given = {item: value for item, value in enumerate(answers, 1) if value is not None}
    missing = unanswered(form, given)

    too_few = len(missing & set(form.summed)) > form.missing.most
    if form.method in ("items_only", "score_only") or too_few:
        assert scored.total_trended is None
    if scored.total_trended is not None:
        assert form.total is not None
        assert form.total.minimum is not None
        assert form.total.maximum is not None
        assert form.total.minimum <= scored.total_trended <= form.total.maximum
        assert scored.band is not None or not form.bands or form.band_item is not None
    assert ("items_missing" in scored.flags) == bool(given and missing)
    for part in form.component_measures:
        value = scored.parts.get(part.code.rpartition(".")[2], part.minimum)
        assert part.minimum <= value <= part.maximum  # type: ignore[operator] # a part has a range


@given(filled_forms())
def test_answers_in_order_and_by_item_give_the_same_score(
    filled: tuple[Instrument, list[int | None]],
) -> None:
    form, answers = filled
    by_item = {item: one for item, one in enumerate(answers, 1) if one is not None}
    backwards = dict(reversed(by_item.items()))

    assert score(form, answers) == score(form, by_item) == score(form, backwards)


@given(filled_forms())
def test_turning_an_answer_twice_gives_it_back(
    filled: tuple[Instrument, list[int | None]],
) -> None:
    form, answers = filled
    for item, value in enumerate(answers, 1):
        if value is not None:
            turned = turn(form, item, value)
            assert turned in form.items[item - 1].allowed
            assert turn(form, item, turned) == value


@given(filled_forms(), st.integers(1, 20))
def test_a_higher_answer_never_lowers_the_total_of_a_sum_that_turns_nothing(
    filled: tuple[Instrument, list[int | None]], which: int
) -> None:
    form, answers = filled
    index = min(which, len(answers)) - 1
    value = answers[index]
    if form.method != "sum" or form.reverse_items or value is None:
        return
    higher = [one for one in form.items[index].allowed if one > value]
    if not higher:
        return
    before = score(form, answers)
    after = score(form, [*answers[:index], higher[0], *answers[index + 1 :]])
    if "total_out_of_range" in after.flags:
        return

    assert (before.total_trended is None) == (after.total_trended is None)
    assert before.total_trended is None or after.total_trended >= before.total_trended  # type: ignore[operator] # both or none
