"""The report as a pure function: the specification's example, its edge cases, its laws."""

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.baseline import UnknownBaselineRule
from app.clinical.dose_response import Confounder
from app.clinical.doses import DoseEvent
from app.clinical.measure import Measure
from app.core.errors import InvalidParameter
from app.trends.errors import TooManyPoints
from app.trends.figure import draw
from app.trends.readings import Reading
from app.trends.report import domain_word, report
from app.trends.risk import Signal
from tests.trends.slices import (
    AS_OF,
    EXAMPLE,
    PATIENT,
    SERTRALINE,
    START,
    TREATED,
    Json,
    course,
    daily,
    event,
    of,
    params,
    phq9,
    read,
    reading,
    readings,
    record_id,
    slice_,
)

PHQ = "phq-9.total"


@pytest.fixture(scope="module")
def example() -> Json:
    rows = readings(PHQ, EXAMPLE)
    sent_twice = reading(PHQ, START + timedelta(92), 14, datetime(2026, 5, 5, 7, tzinfo=UTC))
    rows[5] = rows[5]._replace(at=datetime(2026, 5, 5, 8, tzinfo=UTC))
    return of(read([*rows, sent_twice], [TREATED]), PHQ)


# ---- the example of the specification, 9.2


def test_the_examples_change_is_eight_points_and_42_percent_down(example: Json) -> None:
    change = example["change"]

    assert (change["from_last"]["points"], change["from_last"]["percent"]) == (-8, -42.105263)
    assert (change["from_level"]["points"], change["from_level"]["percent"]) == (-7, -36.842105)
    assert change["rci"]["value"] == -2.318383
    assert (change["T_rel"], change["T_rel_source"]) == (6, "published")
    assert change["T_rel_computed"] == 6.763335
    assert (change["reliable"], change["clinically_significant"]) == ("better", False)
    assert change["window"] == {"from": "2026-02-02", "to": "2026-06-09"}


def test_the_examples_points_levels_and_gap_are_counted_as_written(example: Json) -> None:
    assert (example["n"], example["n_raw"], example["coverage"]) == (8, 9, 1)
    assert (example["last"]["day"], example["last"]["value"]) == ("2026-06-09", 11)
    assert example["last_seen_days"] == 3
    assert example["severity"] == {"band": "moderate", "min": 10, "max": 14}
    assert example["level_now"]["value"] == 12
    assert example["level_now"]["interval"] == [7.2176, 16.7824]
    assert example["level_now"]["window"] == {"from": "2026-05-20", "to": "2026-06-09"}
    assert [gap["window"] for gap in example["gaps"]] == [
        {"from": "2026-03-10", "to": "2026-04-21"}
    ]
    assert example["gaps"][0]["days"] == 42
    assert example["quality"] == ["DQ_SAME_DAY", "RECALL_OVERLAP"]


def test_the_examples_baseline_is_the_last_score_before_the_start(example: Json) -> None:
    base = example["baseline"]

    assert (base["rule"], base["level"], base["n"]) == ("pre_start", 19, 1)
    assert (base["from"], base["to"]) == ("2026-02-02", "2026-02-02")
    assert base["sentence"] == "last PHQ-9 on or before the start of sertraline (2 February)"


def test_the_examples_states_and_status(example: Json) -> None:
    states = example["states"]

    assert (states["response"], states["partial_response"]) == (False, True)
    assert (states["remission"], states["relapse"]) == (False, None)
    assert example["status"] == "improving"


def test_the_examples_three_trends(example: Json) -> None:
    whole, epoch, recent = example["trend"]

    assert (whole["slope_per_7d"], whole["interval"]) == (-0.373932, [-0.571429, -0.318182])
    assert whole["mk"] == {"S": -24, "p": 0.001736, "exact": True, "tau_b": -0.857143}
    assert (whole["n"], whole["span_days"], whole["V_n"]) == (8, 127, 1)
    assert epoch["window"] == {"from": "2026-03-03", "to": "2026-06-12"}
    assert (epoch["slope_per_7d"], epoch["interval"]) == (-0.397436, [-2, 0.25])
    assert epoch["mk"]["p"] == 0.083333
    assert recent["window"] == {"from": "2026-04-18", "to": "2026-06-12"}
    assert (recent["slope_per_7d"], recent["interval"]) == (-0.452381, None)
    assert recent["reasons"] == ["TOO_FEW_FOR_TEST", "AUTOCORRELATION_NOT_ASSESSED"]


def test_the_examples_variability_and_time_in_band(example: Json) -> None:
    swing = example["variability"]

    assert (swing["mssd"], swing["rmssd"], swing["pairs"]) == (3.8, 1.949359, 5)
    assert (swing["sd"], swing["ratio"], swing["reasons"]) == (2.900123, None, ["REFERENCE_N1"])
    assert example["time_in_band"]["share"] == {"moderate": 0.375, "moderately severe": 0.625}


def test_the_examples_sentence(example: Json) -> None:
    assert example["text"]["prescriber"] == (
        "PHQ-9: 11 on 9 June (moderate), -8 points from baseline 19 (last on or before the "
        "start, 2 February); 8 readings over 127 days; partial response."
    )


def test_the_examples_medicine_has_two_epochs_and_says_when_they_can_be_read() -> None:
    body = read(readings(PHQ, EXAMPLE), [TREATED])
    (sertraline,) = body["medications"]
    first, second = sertraline["epochs"]

    assert sertraline["index"]
    assert (first["from"], first["to"], first["tdd"], first["unit"]) == (
        "2026-02-02",
        "2026-03-02",
        50,
        "mg/d",
    )
    assert (second["from"], second["to"], second["tdd"]) == ("2026-03-02", None, 100)
    assert (sertraline["ss_days"], sertraline["onset_days"]) == (8, [14, 56])
    assert second["phases"] == [
        {"phase": "settling", "from": "2026-03-02", "to": "2026-03-10"},
        {"phase": "early", "from": "2026-03-10", "to": "2026-03-16"},
        {"phase": "assessable", "from": "2026-03-16", "to": "2026-06-13"},
    ]
    assert second["phase"] == "assessable"
    raised = sertraline["events"][1]
    assert (raised["kind"], raised["from"], raised["to"]) == ("change", 50, 100)


# ---- edge cases of section 10


def test_01_without_an_observation_every_domain_says_no_data() -> None:
    body = read()

    assert body["risk"] == []
    assert body["measures"] == []
    words = {one["domain"]: (one["status"], one["reasons"]) for one in body["summary"]["domains"]}
    assert words == dict.fromkeys(
        ("side_effects", "mood_cognition", "sleep", "functioning"),
        ("insufficient_data", ["NO_DATA"]),
    )


def test_01_a_measure_that_was_asked_for_has_a_block_without_data() -> None:
    block = of(read(measures=(PHQ,)), PHQ)

    assert (block["n"], block["status"], block["status_reasons"]) == (
        0,
        "insufficient_data",
        ["NO_DATA"],
    )
    assert block["last"] is None
    assert block["baseline"]["level"] is None
    assert block["baseline"]["reasons"] == ["NO_DATA"]
    assert block["change"]["from_last"] is None
    assert block["text"]["prescriber"] == "PHQ-9: no readings."


def test_02_one_score_has_a_level_and_no_change() -> None:
    block = phq9({125: 17})

    assert block["severity"]["band"] == "moderately severe"
    assert (block["status"], block["status_reasons"]) == ("insufficient_data", ["ONE_POINT"])
    assert block["change"]["from_last"] is None
    assert block["change"]["reasons"] == ["ONE_POINT"]
    assert block["trend"][0]["slope_per_7d"] is None


def test_03_two_scores_within_error_are_no_status() -> None:
    block = phq9({100: 18, 125: 16})

    assert block["status_reasons"] == ["TWO_POINTS_WITHIN_ERROR"]
    assert block["change"]["from_last"]["points"] == -2
    assert block["trend"][0]["mk"] is None


def test_04_two_scores_ten_apart_are_an_unconfirmed_response() -> None:
    block = phq9({100: 18, 125: 8})

    assert block["states"]["response"] is True
    assert block["status"] == "improving"
    assert "UNCONFIRMED" in block["status_reasons"]


@pytest.mark.parametrize(("first", "last", "response"), [(18, 9, True), (19, 10, False)])
def test_05_half_the_score_is_response_and_just_short_is_not(
    first: int, last: int, response: bool
) -> None:
    assert phq9({100: first, 125: last})["states"]["response"] is response


@pytest.mark.parametrize(("last", "remission"), [(5, False), (4, True)])
def test_06_remission_begins_below_five(last: int, remission: bool) -> None:
    assert phq9({100: 18, 125: last})["states"]["remission"] is remission


def test_07_a_baseline_at_the_floor_has_points_and_no_percent() -> None:
    block = of(read(readings("gad-7.total", {100: 1, 125: 13})), "gad-7.total")

    assert block["change"]["from_last"]["percent"] is None
    assert block["change"]["from_last"]["reasons"] == ["PERCENT_AT_FLOOR"]
    assert block["change"]["from_last"]["points"] == 12
    assert block["change"]["reliable"] == "worse"


def test_08_a_baseline_of_zero_divides_nothing() -> None:
    assert phq9({100: 0, 125: 6})["change"]["from_last"]["percent"] is None


def test_09_equal_values_are_constant_and_stable() -> None:
    block = phq9(dict.fromkeys(range(40, 124, 7), 12))
    whole = block["trend"][0]

    assert (whole["slope_per_7d"], whole["mk"]["p"], whole["interval"]) == (0, 1, None)
    assert "CONSTANT" in whole["reasons"]
    assert block["variability"]["mssd"] == 0
    assert block["status"] == "stable"


def test_13_of_two_questionnaires_on_a_day_the_last_counts_and_both_are_listed() -> None:
    day = date(2026, 6, 1)
    morning = reading(PHQ, day, 8, datetime(2026, 6, 1, 6, tzinfo=UTC))
    evening = reading(PHQ, day, 12, datetime(2026, 6, 1, 16, tzinfo=UTC))
    body = read([evening, morning])

    assert of(body, PHQ)["last"]["value"] == 12
    assert len(of(body, PHQ)["records"]) == 2
    assert [one["code"] for one in body["quality"]] == ["DQ_SAME_DAY"]


def test_14_five_moods_on_a_day_are_one_mean() -> None:
    rows = [
        reading("mood_cognition.mood", date(2026, 6, 1), v, datetime(2026, 6, 1, v, tzinfo=UTC))
        for v in (4, 5, 6, 7, 8)
    ]
    body = read(rows, points=True)
    (point,) = of(body, "mood_cognition.mood")["points"]

    assert (point["value"], point["n_raw"], len(point["records"])) == (6, 5, 5)
    assert of(body, "mood_cognition.mood")["n"] == 1


def test_15_the_same_reading_posted_again_is_one() -> None:
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    once = reading("mood_cognition.mood", date(2026, 6, 1), 4, at, record="once")
    again = once._replace(record_id=record_id("again"))

    assert of(read([once, again]), "mood_cognition.mood")["n_raw"] == 1


def test_19_an_impossible_score_is_shown_and_does_not_count() -> None:
    rows = [*readings(PHQ, {100: 12}), *readings(PHQ, {110: 31, 120: 9999})]
    body = read(rows, points=True)
    block = of(body, PHQ)

    assert (block["n"], block["last"]["value"]) == (1, 12)
    assert [point.get("excluded") for point in block["points"]] == [
        None,
        "DQ_IMPLAUSIBLE",
        "DQ_IMPLAUSIBLE",
    ]
    assert body["quality"][0]["values"] == [31, 9999]


def test_19_an_items_answer_counts_for_risk_where_its_total_is_impossible() -> None:
    day = date(2026, 6, 1)
    rows = [
        reading(PHQ, day, 31, record="a", flags="DQ_IMPLAUSIBLE"),
        reading("phq-9.9", day, 4, record="a", flags="DQ_IMPLAUSIBLE"),
    ]

    assert [one["value"] for one in read(rows)["risk"]] == [4]


def test_20_a_total_that_was_recomputed_says_both_numbers() -> None:
    row = reading(PHQ, date(2026, 6, 1), 10, record="a")
    received = {str(row.record_id): {"DQ_TOTAL_MISMATCH": {"sent": 21, "recomputed": 10}}}

    assert read([row], received=received)["quality"] == [
        {
            "code": "DQ_TOTAL_MISMATCH",
            "measure": PHQ,
            "records": [str(row.record_id)],
            "sent": 21,
            "recomputed": 10,
        }
    ]


def test_22_remission_and_a_risk_answer_stand_side_by_side() -> None:
    rows = [*readings(PHQ, {100: 18, 125: 3}), *readings("phq-9.9", {100: 0, 125: 1})]
    body = read(rows)
    (item,) = body["risk"]

    assert of(body, PHQ)["states"]["remission"] is True
    assert (item["measure"], item["value"], item["previous"]) == ("phq-9.9", 1, 0)
    assert item["first_time"] is True
    assert body["summary"]["risk_open"] == 1


def signal(row: Reading, state: str) -> Signal:
    evidence = {"instrument": "phq-9", "item": 9, "value": 1, "record_id": str(row.record_id)}
    return Signal("s1", state, row.day, evidence)


def test_23_a_later_zero_does_not_remove_an_open_risk_item() -> None:
    rows = readings("phq-9.9", {100: 1, 125: 0})
    (item,) = read(rows, signals=[signal(rows[0], "open")])["risk"]

    assert (item["value"], item["latest"]["value"]) == (1, 0)
    assert item["signal"] == {"id": "s1", "state": "open"}


def test_23_only_a_closed_signal_removes_it() -> None:
    rows = readings("phq-9.9", {100: 1, 125: 0})

    assert len(read(rows, signals=[signal(rows[0], "acknowledged")])["risk"]) == 1
    assert read(rows, signals=[signal(rows[0], "closed")])["risk"] == []


def test_a_signal_whose_number_was_taken_back_is_still_shown() -> None:
    row = reading("phq-9.9", date(2026, 6, 1), 1)
    (item,) = read([], signals=[signal(row, "open")])["risk"]

    assert (item["day"], item["value"], item["previous"]) == ("2026-06-01", 1, None)


def test_the_one_signal_of_an_import_stands_for_its_facts() -> None:
    rows = readings("phq-9.9", {-400: 2, -380: 1})
    facts = [signal(row, "closed").evidence for row in rows]
    historic = Signal("s9", "closed", AS_OF, {"findings": facts[:1], "n": 2})
    (item,) = read(rows, signals=[historic])["risk"]

    assert (item["value"], item["signal"]) == (1, None)  # not listed: nobody has closed it


def test_risk_has_no_window() -> None:
    assert len(read(readings("phq-9.9", {-400: 2}))["risk"]) == 1


WELL_BEING = Measure("own.wellbeing", "{score}", 0, 100, "higher_better", "Well-being", mcid=10)


def test_24_a_scale_on_which_more_is_better_worsens_downwards() -> None:
    rows = readings("own.wellbeing", {80: 60, 100: 40, 125: 40})
    block = of(read(rows, own={"own.wellbeing": WELL_BEING}), "own.wellbeing")

    assert block["change"]["from_last"]["points"] == -20
    assert block["change"]["reliable"] == "worse"
    assert block["status"] == "worsening"


def test_25_a_number_without_a_direction_has_no_status() -> None:
    block = of(read(readings("own.steps", {80: 5, 100: 6, 125: 900})), "own.steps")

    assert (block["status"], block["status_reasons"]) == (None, ["NO_DIRECTION"])
    assert (block["scale"], block["change"]["from_last"]["points"]) == (None, 895)
    assert block["severity"] is None


def test_28_a_reading_without_a_time_comes_before_the_timed_one_of_its_day() -> None:
    day = date(2026, 6, 1)
    timed = reading(PHQ, day, 12, datetime(2026, 5, 31, 22, 30, tzinfo=UTC))
    dated = reading(PHQ, day, 8)

    assert of(read([timed, dated]), PHQ)["last"]["value"] == 12


def test_30_silence_after_a_stable_series_is_stale_and_not_stable() -> None:
    block = phq9({-20: 12, 0: 12, 20: 13, 40: 12})

    assert (block["status"], block["last_known"]) == ("stale", "stable")
    assert block["status_reasons"] == ["LAST_SEEN_90_DAYS"]


def test_32_a_start_without_a_dose_is_on_and_has_no_amount() -> None:
    unknown = course(event(START, "start", dose_known=False))
    (told,) = read([], [unknown])["medications"]
    (epoch,) = told["epochs"]

    assert (epoch["tdd"], epoch["known"], epoch["phase"]) == (None, False, "assessable")


def test_53_a_missing_domain_changes_nothing_in_another() -> None:
    body = read(readings("mood_cognition.mood", {100: 5, 110: 5, 120: 5}))
    words = {one["domain"]: one["status"] for one in body["summary"]["domains"]}

    assert words["sleep"] == "insufficient_data"
    assert words["mood_cognition"] != "insufficient_data"
    assert of(body, "mood_cognition.mood")["n"] == 3


def test_54_scales_of_one_family_are_never_merged() -> None:
    rows = [*readings(PHQ, {100: 12, 110: 11}), *readings("phq-2.total", {100: 4})]
    body = read(rows)

    assert {one["measure"]: one["n"] for one in body["measures"]} == {PHQ: 2, "phq-2.total": 1}


def test_58_before_the_first_record_there_is_a_report_without_data() -> None:
    body = read(
        readings(PHQ, EXAMPLE), [TREATED], date(2025, 1, 1), patient_version=0, known_at=None
    )

    assert (body["measures"], body["medications"], body["known_at"]) == ([], [], None)


def test_59_twenty_thousand_readings_are_computed_and_one_more_is_refused() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    row = reading("mood_cognition.mood", date(2026, 6, 1), 5)
    many = [row._replace(at=at + timedelta(seconds=n)) for n in range(20_001)]

    assert of(read(many[1:]), "mood_cognition.mood")["n_raw"] == 20_000
    with pytest.raises(TooManyPoints, match="20001 readings"):
        read(many)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_60_the_engine_refuses_what_is_not_a_number(value: float) -> None:
    with pytest.raises(ValueError, match="not finite"):
        read(readings(PHQ, {100: value}))


def test_65_a_planned_step_whose_day_went_by_is_listed_and_changes_no_dose() -> None:
    late = event(START + timedelta(60), "change", 25, planned=True)
    (told,) = read([], [course(event(START, "start", 50), late)])["medications"]

    assert [epoch["tdd"] for epoch in told["epochs"]] == [50]
    assert (told["events"][1]["to"], told["events"][1]["codes"]) == (25, ["PLANNED_NOT_CONFIRMED"])


def test_66_an_unconfirmed_dose_is_listed_and_changes_no_dose() -> None:
    odd = event(START + timedelta(60), "change", 500, unconfirmed=("tenfold-jump",))
    (told,) = read([], [course(event(START, "start", 50), odd)])["medications"]

    assert [epoch["tdd"] for epoch in told["epochs"]] == [50]
    assert (told["events"][1]["to"], told["events"][1]["unconfirmed"]) == (500, ["tenfold-jump"])


# ---- windows, courses, baselines


def test_the_window_widens_to_28_days_before_a_start_that_lies_in_it() -> None:
    body = read(readings(PHQ, {-20: 20} | EXAMPLE), [TREATED], from_day=START - timedelta(3))

    assert body["window"]["from"] == "2026-01-05"
    assert of(body, PHQ)["n"] == 9
    strict = read([], [TREATED], from_day=START - timedelta(3), strict_window=True)
    assert strict["window"]["from"] == "2026-01-30"


def test_a_course_that_was_running_already_gives_a_baseline_before_its_first_step() -> None:
    step = START + timedelta(60)
    running = course(event(START - timedelta(300), "start", 50), event(step, "change", 100))
    block = phq9({10: 14, 30: 15, 50: 16, 90: 9}, courses=[running])

    assert (block["baseline"]["rule"], block["baseline"]["level"]) == ("pre_change", 15)
    assert block["baseline"]["n"] == 3


def test_the_index_is_the_drug_with_the_latest_change_unless_another_is_asked_for() -> None:
    other = UUID(int=7)
    older = course(event(START - timedelta(90), "start", 10), name="mirtazapine", id_=other)
    asked = read([], [older, TREATED], medication=other)
    by_itself = read([], [older, TREATED])

    assert [one["medicine"] for one in by_itself["medications"] if one["index"]] == ["sertraline"]
    assert [one["medicine"] for one in asked["medications"] if one["index"]] == ["mirtazapine"]
    with pytest.raises(InvalidParameter):
        read([], [TREATED], medication=UUID(int=8))


def test_a_baseline_can_be_given_for_one_measure() -> None:
    rows = [*readings(PHQ, {100: 18, 125: 8}), *readings("gad-7.total", {100: 15, 125: 8})]
    body = read(rows, baselines=((PHQ, "value:14"),))

    assert of(body, PHQ)["change"]["from_last"]["points"] == -6
    assert of(body, PHQ)["baseline"]["n"] == 0
    assert of(body, "gad-7.total")["baseline"]["rule"] == "first"
    with pytest.raises(UnknownBaselineRule):
        read(rows, baselines=((PHQ, "value:28"),))


def test_a_given_baseline_window_may_lie_before_the_window() -> None:
    block = phq9({-200: 20, -190: 22, 100: 18}, baseline="window:2025-07-01..2025-08-31")

    assert (block["baseline"]["level"], block["baseline"]["n"], block["n"]) == (21, 2, 1)


def test_items_are_shown_when_they_are_asked_for() -> None:
    rows = [*readings(PHQ, {100: 12}), *readings("phq-9.3", {100: 2})]

    assert [one["measure"] for one in read(rows)["measures"]] == [PHQ]
    assert [one["measure"] for one in read(rows, measures=("phq-9.3",))["measures"]] == ["phq-9.3"]


def test_an_unknown_measure_is_named_by_its_place() -> None:
    with pytest.raises(InvalidParameter) as refused:
        read(measures=(PHQ, "own.unheard"))

    assert [fault.pointer for fault in refused.value.faults] == ["/query/measures/1"]


def test_ratings_of_two_medicines_are_not_one_series() -> None:
    day = date(2026, 6, 1)
    mine = reading("dosage.adherence", day, 90, medication_id=SERTRALINE)
    other = reading("dosage.adherence", day, 10, medication_id=UUID(int=9))
    body = read([mine, other], [TREATED])

    assert of(body, "dosage.adherence")["last"]["value"] == 90
    assert [one["code"] for one in body["quality"]] == ["OTHER_MEDICINES"]


def test_another_zone_moves_what_has_a_time_and_leaves_the_day_of_waking() -> None:
    late = reading(
        "mood_cognition.mood", date(2026, 6, 1), 5, datetime(2026, 6, 1, 21, 30, tzinfo=UTC)
    )
    night = reading("sleep.quality", date(2026, 6, 1), 5, datetime(2026, 6, 2, 9, 0, tzinfo=UTC))
    body = read([late, night], tz="Asia/Tokyo")

    assert of(body, "mood_cognition.mood")["last"]["day"] == "2026-06-02"
    assert of(body, "sleep.quality")["last"]["day"] == "2026-06-01"


def test_more_than_fifty_ids_are_counted_and_the_newest_shown() -> None:
    rows = daily("mood_cognition.mood", [5] * 60)
    block = of(read(rows), "mood_cognition.mood")
    full = of(read(rows, records=True), "mood_cognition.mood")

    assert (len(block["records"]), block["records_n"]) == (50, 60)
    assert block["records"][-1] == str(rows[-1].record_id)
    assert len(full["records"]) == 60
    assert "records_n" not in full


def test_an_unregistered_measure_does_not_hide_that_a_domain_is_unjudged() -> None:
    body = read(readings("own.steps", {100: 5}))
    (other,) = [one for one in body["summary"]["domains"] if one["domain"] == "other"]

    assert (other["status"], other["reasons"]) == ("insufficient_data", ["NO_DIRECTION"])


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ((), "insufficient_data"),
        (("worsening", "improving", "stable"), "diverging"),
        (("worsening", "stable"), "worsening"),
        (("improving", "stale"), "improving"),
        (("stable", "insufficient_data"), "stable"),
        (("stable", "stale"), "stale"),
        (("insufficient_data",), "insufficient_data"),
    ],
)
def test_a_domain_is_as_bad_as_its_worst_measure(said: tuple[str, ...], word: str) -> None:
    assert domain_word({str(place): one for place, one in enumerate(said)}) == word


def test_51_a_scale_that_improves_and_one_that_worsens_are_both_named() -> None:
    rows = [
        *readings(PHQ, {90: 20, 110: 9, 125: 8}),
        *readings("gad-7.total", {90: 4, 110: 12, 125: 14}),
    ]
    summary = read(rows)["summary"]

    assert summary["diverging"] == ["PHQ-9 improves while GAD-7 worsens"]
    (mood,) = [one for one in summary["domains"] if one["domain"] == "mood_cognition"]
    assert (mood["status"], mood["primary"]) == ("diverging", "gad-7.total")


# ---- a dose outside the limits that was confirmed


def test_a_confirmed_dose_is_flagged_ever_after_for_the_prescriber_only() -> None:
    first, odd = event(START, "start", 50), event(START + timedelta(30), "change", 500)
    answer = {"flags": ["tenfold-jump"], "confirmation": {"codes": [], "reason": "read back"}}
    taken = replace(course(first, odd), events_said={odd.id: answer})
    told = read([], [taken])["medications"][0]["events"]
    own = read([], [taken], audience="patient")["medications"][0]["events"]

    assert [one["flags"] for one in told] == [[], ["tenfold-jump"]]
    assert told[1]["confirmation"]["reason"] == "read back"
    assert told[1]["to"] == 500
    assert [(one["flags"], one["confirmation"]) for one in own] == [([], None)] * 2


# ---- what else happened


def test_what_else_happened_in_the_window_is_listed_by_day() -> None:
    told = [
        Confounder("stressor", "cx_2", START + timedelta(9), "moved house"),
        Confounder("illness", "cx_1", START - timedelta(400), "ill", START + timedelta(1)),
        Confounder("stressor", "cx_0", START - timedelta(400), "long over"),
        Confounder("stressor", "cx_3", None, "no day told"),
    ]
    body = read([], [TREATED], contexts=told)

    assert [one["label"] for one in body["contexts"]] == ["ill", "moved house"]
    assert body["contexts"][1] == {
        "id": "cx_2",
        "kind": "stressor",
        "day": "2026-02-11",
        "to": None,
        "label": "moved house",
        "records": ["cx_2"],
    }
    assert "contexts" not in read([], [TREATED], contexts=told, parts=("summary",))
    assert read([], [TREATED], contexts=told, audience="patient")["contexts"] is None


# ---- the patient's own view


def test_a_patient_sees_own_numbers_and_one_sentence() -> None:
    body = read(readings(PHQ, EXAMPLE), [TREATED], audience="patient")
    block = of(body, PHQ)

    for name in ("patient", "summary", "risk", "digest", "decision_points", "basis"):
        assert body[name] is None
    assert "risk" in body["withheld"]
    assert not block.keys() & {"flags", "status", "states", "severity", "change", "references"}
    assert block["last"]["value"] == 11
    assert block["text"] == {
        "patient": "Your PHQ-9 score went from 19 to 11 since 2 February. That is a clear change."
    }


def test_while_a_risk_signal_is_open_a_patient_reads_only_the_safety_notice() -> None:
    rows = [*readings(PHQ, EXAMPLE), *readings("phq-9.9", {127: 1})]
    body = read([*rows, *readings("gad-7.total", {0: 15, 127: 13})], audience="patient")

    assert of(body, PHQ)["text"] == {"patient": None}
    assert of(body, "gad-7.total")["text"]["patient"] is not None
    assert body["safety_notice"]["text"] == "Call your local emergency number."


FORBIDDEN = (
    "caused",
    "because of",
    "due to",
    "worked",
    "failed",
    "safe",
    "should",
    "recommend",
    "consider",
    "stop",
    "switch",
    "increase",
    "decrease",
    "reduce",
    "relapse",
)


@pytest.mark.parametrize("values", [EXAMPLE, {0: 4, 100: 20, 125: 21}, {100: 18, 125: 16}])
def test_no_sentence_to_a_patient_claims_or_advises(values: dict[int, float]) -> None:
    sentence = phq9(values)["text"]["patient"]

    assert not [word for word in FORBIDDEN if word in sentence.lower()]


# ---- laws


SCORES = st.dictionaries(st.integers(0, 130), st.integers(0, 27), min_size=1, max_size=25)


@settings(max_examples=40, deadline=None)
@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_in_which_readings_come_does_not_matter(
    scores: dict[int, int], shuffler: Any
) -> None:
    rows = [
        *readings(PHQ, scores),
        *readings("gad-7.total", {d: v % 22 for d, v in scores.items()}),
    ]
    shuffled = rows.copy()
    shuffler.shuffle(shuffled)

    assert orjson.dumps(read(shuffled, [TREATED])) == orjson.dumps(read(rows, [TREATED]))


def numbers(value: Any) -> Any:
    """Leave only numbers, words and structure: days and what is written with days go."""
    if isinstance(value, dict):
        left_out = {"text", "sentence", "records", "as_of", "notes"}
        return {name: numbers(member) for name, member in value.items() if name not in left_out}
    if isinstance(value, list):
        return [numbers(member) for member in value]
    if isinstance(value, str) and value.count(":") == 3:
        return value.rpartition(":")[0]
    if isinstance(value, str) and value[:4].isdecimal() and value[4:5] == "-":
        return "a day"
    return value


@settings(max_examples=40, deadline=None)
@given(SCORES, st.integers(-60, 60))
def test_shifting_all_days_leaves_every_number(scores: dict[int, int], weeks: int) -> None:
    here = read(readings(PHQ, scores))
    shift = timedelta(weeks=weeks)
    there = read(readings(PHQ, scores, START + shift), as_of=AS_OF + shift)

    assert numbers(there["measures"]) == numbers(here["measures"])


@settings(max_examples=40, deadline=None)
@given(SCORES, st.integers(0, 27))
def test_what_happens_later_never_changes_a_report_of_an_earlier_day(
    scores: dict[int, int], later: int
) -> None:
    rows = readings(PHQ, scores)
    after = readings(PHQ, {131: later, 150: later})

    assert read([*rows, *after]) == read(rows)


@settings(max_examples=40, deadline=None)
@given(SCORES, st.integers(0, 27))
def test_a_value_before_the_window_changes_no_number_in_it(
    scores: dict[int, int], earlier: int
) -> None:
    rows = readings(PHQ, scores)

    assert read([*readings(PHQ, {-300: earlier}), *rows]) == read(rows)


@settings(max_examples=40, deadline=None)
@given(SCORES)
def test_a_mirrored_scale_has_the_mirrored_slope_and_the_same_status(
    scores: dict[int, int],
) -> None:
    def own(direction: Any) -> dict[str, Measure]:
        return {"own.x": Measure("own.x", "{score}", 0, 27, direction, "X", mcid=5)}

    down = of(read(readings("own.x", scores), own=own("lower_better")), "own.x")
    up = {day: 27 - value for day, value in scores.items()}
    mirrored = of(read(readings("own.x", up), own=own("higher_better")), "own.x")

    assert (mirrored["status"], mirrored["status_reasons"]) == (
        down["status"],
        down["status_reasons"],
    )
    slope = down["trend"][0]["slope_per_7d"]
    assert mirrored["trend"][0]["slope_per_7d"] == (None if slope is None else -slope)


def test_the_same_slice_gives_the_same_bytes_in_another_process() -> None:
    program = (
        "import orjson, hashlib; from tests.trends.slices import *;"
        "rows = [*readings('phq-9.total', EXAMPLE), *daily('mood_cognition.mood', [5, 7] * 40)];"
        "print(hashlib.sha256(orjson.dumps(read(rows, [TREATED]))).hexdigest())"
    )
    root = Path(__file__).resolve().parents[2]
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(outputs) == 1


def test_no_clock_is_asked() -> None:
    known = slice_(readings(PHQ, EXAMPLE), [TREATED])

    assert report(known, params()) == report(known, params())
    assert str(PATIENT) == report(known, params())["patient"]["id"]


@pytest.mark.parametrize(
    "events",
    [
        (event(None, "start", 50),),
        (event(START, "start", 50), event(None, "stop")),
        (event(None, "start", dose_known=False), event(START, "stop")),
        (event(START, "hold"), event(START + timedelta(9), "resume", 50)),
        (event(START, "prn_on", 1, times_per_day=None, max_per_day=2),),
    ],
)
def test_a_course_with_unknown_ends_is_told_and_drawn(events: tuple[DoseEvent, ...]) -> None:
    body = read(readings(PHQ, EXAMPLE), [course(*events)], points=True)

    assert len(body["medications"][0]["events"]) == len(events)
    assert draw(body).startswith("<svg")


# ---- flags, before and after, weeks


def test_the_examples_improvement_is_confirmed_under_the_id_of_the_specification(
    example: Json,
) -> None:
    flag = example["flags"][0]

    assert flag["id"] == "phq-9.total:SUSTAINED_IMPROVEMENT:baseline:2026-06-02"
    assert flag["level"] == "confirmed"
    assert flag["numbers"] == {"k": 3, "of": 3, "D": 6, "reference": 19, "n0": 1}
    assert flag["window"] == {"from": "2026-05-05", "to": "2026-06-09"}
    assert example["references"][0]["reasons"] == ["REFERENCE_N1"]


def test_the_examples_raise_stands_between_the_means_of_the_specification() -> None:
    body = read(readings(PHQ, EXAMPLE), [TREATED])
    raised = body["medications"][0]["events"][1]
    found = next(one for one in raised["before_after"] if one["reading"] == "onset_aware")

    assert (found["before"]["mean"], found["after"]["mean"]) == (17.666667, 13.333333)
    assert (found["diff"], found["interval"]) == (-4.333333, [-7.796169, -0.870498])
    assert (found["nap"], found["oriented"]) == (1, "better")
    assert found["verdict"] == "confounded: no clear change"
    assert "BELOW_MCID" in found["reasons"]


def test_a_planned_step_is_compared_with_nothing() -> None:
    taper = course(
        event(START, "start", 50), event(START + timedelta(60), "change", 25, planned=True)
    )
    events = read(readings(PHQ, EXAMPLE), [taper])["medications"][0]["events"]

    assert events[0]["before_after"]
    assert events[1]["before_after"] == []


def test_the_examples_week_twelve_was_missed() -> None:
    points = read(readings(PHQ, EXAMPLE), [TREATED])["decision_points"]
    last = points[-1]

    assert [one["point"] for one in points] == ["week_2", "week_4", "week_6", "week_9", "week_12"]
    assert (last["result"], last["observed"], last["clock_days"]) == ("missed", None, 102)
    assert last["window"] == {"from": "2026-05-20", "to": "2026-05-30"}


def test_a_confirmed_worsening_makes_the_status_worsening() -> None:
    block = phq9({88: 6, 102: 6, 116: 14, 129: 13})

    assert "SUSTAINED_WORSENING" in {one["code"] for one in block["flags"]}
    assert (block["status"], block["status_reasons"][0]) == ("worsening", "SUSTAINED_WORSENING")


def test_a_new_normal_retires_the_reference_and_its_flag() -> None:
    accepted = Signal(
        "s1",
        "closed",
        START + timedelta(42),
        {"flag": "phq-9.total:SUSTAINED_WORSENING:baseline:2026-03-16", "measure": PHQ},
        new_normal_on=START + timedelta(42),
    )
    scores = {0: 6, 14: 6, 28: 14, 42: 13, 56: 14, 70: 13, 84: 14}
    before, after = phq9(scores), phq9(scores, signals=[accepted])

    assert "SUSTAINED_WORSENING" in {one["code"] for one in before["flags"]}
    assert "SUSTAINED_WORSENING" not in {one["code"] for one in after["flags"]}
    assert [(one["name"], one["retired_on"]) for one in after["references"]] == [
        ("baseline", "2026-03-16"),
        ("new_normal", None),
    ]
