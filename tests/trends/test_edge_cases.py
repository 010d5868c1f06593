"""The edge cases of trend-spec section 10, a test a row; the number stands in the docstring."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.clinical.dose_response import Confounder
from app.clinical.measure import Measure
from app.trends.digest import Visit
from app.trends.report import Revised
from app.trends.risk import Signal
from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared
from tests.trends.slices import (
    EXAMPLE,
    SERTRALINE,
    START,
    TREATED,
    Json,
    course,
    daily,
    event,
    of,
    phq9,
    read,
    reading,
    readings,
)
from tests.trends.test_trends import HOME, PERSON, TRENDS, assess, block

PHQ, GAD, MOOD = "phq-9.total", "gad-7.total", "mood_cognition.mood"
TESTS = Path(__file__).parents[1]
MIRTAZAPINE = UUID("019a5b10-0000-7000-8000-000000000102")

ELSEWHERE = {
    1: ("trends/test_report.py", "test_01_without_an_observation_every_domain_says_no_data"),
    2: ("trends/test_report.py", "test_02_one_score_has_a_level_and_no_change"),
    3: ("trends/test_report.py", "test_03_two_scores_within_error_are_no_status"),
    4: ("trends/test_report.py", "test_04_two_scores_ten_apart_are_an_unconfirmed_response"),
    5: ("trends/test_report.py", "test_05_half_the_score_is_response_and_just_short_is_not"),
    6: ("trends/test_report.py", "test_06_remission_begins_below_five"),
    7: ("trends/test_report.py", "test_07_a_baseline_at_the_floor_has_points_and_no_percent"),
    8: ("trends/test_report.py", "test_08_a_baseline_of_zero_divides_nothing"),
    9: ("trends/test_report.py", "test_09_equal_values_are_constant_and_stable"),
    11: (
        "trends/test_digest.py",
        "test_a_high_reading_that_did_not_come_back_is_said_to_be_single",
    ),
    13: (
        "trends/test_report.py",
        "test_13_of_two_questionnaires_on_a_day_the_last_counts_and_both_are_listed",
    ),
    14: ("trends/test_report.py", "test_14_five_moods_on_a_day_are_one_mean"),
    15: ("trends/test_trends.py", "test_the_same_record_sent_again_changes_no_byte"),
    16: ("trends/test_trends.py", "test_a_correction_leaves_what_was_known_before_it_as_it_was"),
    19: ("trends/test_report.py", "test_19_an_impossible_score_is_shown_and_does_not_count"),
    20: ("trends/test_report.py", "test_20_a_total_that_was_recomputed_says_both_numbers"),
    21: ("trends/test_trends.py", "test_three_missing_answers_leave_no_total_and_the_risk_item"),
    22: ("trends/test_report.py", "test_22_remission_and_a_risk_answer_stand_side_by_side"),
    23: ("trends/test_report.py", "test_23_a_later_zero_does_not_remove_an_open_risk_item"),
    24: ("trends/test_report.py", "test_24_a_scale_on_which_more_is_better_worsens_downwards"),
    25: ("trends/test_report.py", "test_25_a_number_without_a_direction_has_no_status"),
    26: ("clinical/test_sleep.py", "test_a_night_that_changes_the_clock_is_counted_in_real_time"),
    28: (
        "trends/test_report.py",
        "test_28_a_reading_without_a_time_comes_before_the_timed_one_of_its_day",
    ),
    30: ("trends/test_report.py", "test_30_silence_after_a_stable_series_is_stale_and_not_stable"),
    32: ("trends/test_report.py", "test_32_a_start_without_a_dose_is_on_and_has_no_amount"),
    33: ("clinical/test_doses.py", "test_18_halving_an_unknown_dose_stays_unknown_and_lower"),
    34: ("clinical/test_doses.py", "test_10_of_two_changes_on_one_day_the_last_sets_the_dose"),
    35: ("clinical/test_doses.py", "test_12_stop_and_restart_on_one_day_leave_no_empty_epoch"),
    38: ("trends/test_taking.py", "test_a_dose_taken_after_the_stop_is_noted_and_the_line_stays"),
    39: (
        "trends/test_taking.py",
        "test_a_dose_that_was_mostly_not_taken_is_a_confounder_in_counts",
    ),
    40: ("trends/test_taking.py", "test_as_needed_use_is_counted_a_week_and_has_no_share"),
    41: (
        "clinical/test_doses.py",
        "test_23_a_patch_and_a_tablet_are_not_converted_into_each_other",
    ),
    42: ("clinical/test_doses.py", "test_21_a_depot_is_averaged_over_its_interval"),
    43: ("clinical/test_dose_response.py", "test_a_score_of_the_day_itself_counts_as_before"),
    44: ("clinical/test_baseline.py", "test_a_first_score_two_days_after_the_start_says_so"),
    51: (
        "trends/test_report.py",
        "test_51_a_scale_that_improves_and_one_that_worsens_are_both_named",
    ),
    53: ("trends/test_report.py", "test_53_a_missing_domain_changes_nothing_in_another"),
    54: ("trends/test_report.py", "test_54_scales_of_one_family_are_never_merged"),
    55: (
        "clinical/test_decision_points.py",
        "test_week_six_is_judged_on_its_own_when_week_four_was_missed",
    ),
    58: (
        "trends/test_report.py",
        "test_58_before_the_first_record_there_is_a_report_without_data",
    ),
    59: (
        "trends/test_report.py",
        "test_59_twenty_thousand_readings_are_computed_and_one_more_is_refused",
    ),
    63: (
        "caseload/test_caseload.py",
        "test_63_a_frozen_patient_rises_with_no_write_when_the_clock_goes_on",
    ),
    65: (
        "trends/test_report.py",
        "test_65_a_planned_step_whose_day_went_by_is_listed_and_changes_no_dose",
    ),
    66: (
        "trends/test_report.py",
        "test_66_an_unconfirmed_dose_is_listed_and_changes_no_dose",
    ),
}
"""Rows whose test stands where its rule stands."""
LATER = {48}
NOT_YET = {61: "two patients cannot be merged"}


def test_no_row_of_the_table_is_left_out() -> None:
    here = {
        int(number)
        for number in re.findall(r'^    """Row (\d+)\b', Path(__file__).read_text(), re.MULTILINE)
    }

    assert here.isdisjoint(ELSEWHERE)
    assert here | ELSEWHERE.keys() | LATER | NOT_YET.keys() == set(range(1, 67))


@needs_shared
def test_the_table_has_no_more_rows() -> None:
    table = (SHARED / "trend-spec.md").read_text().partition("## 10 ")[2].partition("## 11 ")[0]

    assert [int(number) for number in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == list(
        range(1, 67)
    )


@pytest.mark.parametrize("row", ELSEWHERE)
def test_the_row_is_tested_where_the_list_says(row: int) -> None:
    file, name = ELSEWHERE[row]

    assert f"def {name}(" in (TESTS / file).read_text()


def own(code: str, low: float, high: float, direction: Any, **more: Any) -> dict[str, Measure]:
    return {code: Measure(code, "{score}", low, high, direction, "Own", **more)}


def flags(found: Json) -> dict[str, str]:
    return {one["code"]: one["level"] for one in found["flags"]}


def items(body: Json, code: str) -> list[Json]:
    return [one for one in body["digest"]["items"] if one["code"] == code]


def around(body: Json, number: int, reading_: str = "immediate") -> Json:
    (told,) = body["medications"]
    found: Json = next(
        one for one in told["events"][number]["before_after"] if one["reading"] == reading_
    )
    return found


def test_a_step_up_from_a_constant_reference_is_a_notice_and_no_more() -> None:
    """Row 10."""
    steady = dict.fromkeys(range(0, 70, 7), 1.0)
    body = read(
        readings("own.x", {**steady, 77: 2}),
        own=own("own.x", 1, 5, "lower_better"),
        baseline="window:2026-02-02..2026-03-30",
    )
    found = of(body, "own.x")

    assert flags(found) == {"SINGLE_HIGH": "notice"}
    assert found["references"][0]["D"] == pytest.approx(3 * 0.05 * 4 * (1 + 1 / 8) ** 0.5)


def test_two_spikes_with_a_gap_of_130_days_between_confirm_nothing() -> None:
    """Row 12."""
    found = phq9({0: 6, 14: 6, 28: 15, 158: 15}, as_of=START + timedelta(160))

    assert flags(found)["SINGLE_HIGH"] == "notice"
    assert "SUSTAINED_WORSENING" not in flags(found)
    (single,) = (one for one in found["flags"] if one["code"] == "SINGLE_HIGH")
    assert "GAP_RESET" in single["reasons"]


def test_a_baseline_that_was_taken_back_is_told_with_both_levels() -> None:
    """Row 17."""
    visit = Visit("v1", date(2026, 5, 15), "visit", 40)
    then = readings(PHQ, {0: 19, 14: 15})
    now = readings(PHQ, {14: 15, 120: 14})
    body = read(now, [TREATED], visits=[visit], revised=Revised((), {PHQ: then}))
    (item,) = items(body, "BASELINE_CHANGED")

    assert item["numbers"] == {"old": 19, "new": 15, "rule": "first"}
    assert item["text"]["prescriber"] == ("PHQ-9: the baseline is 15 now, it was 19 at the visit.")
    same = read(now, [TREATED], visits=[visit], revised=Revised((), {PHQ: readings(PHQ, {14: 15})}))
    assert items(same, "BASELINE_CHANGED") == []


def correct(caller: Caller, record: str, version: int, total: int | None) -> None:
    method = "DELETE" if total is None else "PATCH"
    body: Json = {"change_reason": {"code": "typo"}}
    answer = caller(
        method,
        f"{HOME}/assessments/{record}",
        body if total is None else body | {"total": total},
        headers={"If-Match": f'"{version}"', "Content-Type": "application/merge-patch+json"},
    )
    assert answer.status_code in (200, 204), answer.text


def test_a_record_corrected_twice_is_one_point_at_each_moment(
    clinic: Clinic, prescriber: Caller
) -> None:
    """Row 18, and 17 through the endpoint: the baseline that went is told."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    visit = {"id": str(uuid4()), "kind": "visit", "occurred_at": "2026-05-20T10:00:00-04:00"}
    record = assess(prescriber, "2026-03-01", total=20)["id"]
    assess(prescriber, "2026-04-01", total=9)
    assert prescriber("POST", f"{HOME}/follow-ups", visit).status_code == 201
    moments = [clinic.clock().isoformat()]
    for version, total in ((1, 21), (2, 22), (3, None)):
        clinic.clock.advance(minutes=1)
        correct(prescriber, record, version, total)
        moments.append(clinic.clock().isoformat())
    seen = []
    for moment in moments:
        answer = prescriber("GET", TRENDS, params={"known_at": moment, "include": "points"})
        points = block(answer.json())["points"]
        seen.append([one["value"] for one in points if one["day"] == "2026-03-01"])

    assert seen == [[20], [21], [22], []]
    (item,) = items(prescriber("GET", TRENDS).json(), "BASELINE_CHANGED")
    assert (item["numbers"]["old"], item["numbers"]["new"]) == (20, 9)


def test_a_patient_who_crosses_nine_zones_stays_on_the_days_of_the_own_clock(
    prescriber: Caller,
) -> None:
    """Row 27."""
    no_zone = {name: value for name, value in PERSON.items() if name != "time_zone"}
    assert prescriber("POST", "/v1/patients", no_zone).status_code == 201
    for moment in ("2026-05-01T23:30:00-08:00", "2026-05-02T18:30:00+01:00"):
        body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": moment, "total": 9}
        assert prescriber("POST", f"{HOME}/assessments", body).status_code == 201
    body = prescriber("GET", TRENDS, params={"include": "measures,points,quality"}).json()

    assert [one["day"] for one in block(body)["points"]] == ["2026-05-01", "2026-05-02"]
    (note,) = (one for one in body["quality"] if one["code"] == "DQ_TZ_CHANGED")
    assert len(note["records"]) == 1


def test_a_check_in_that_comes_twelve_days_late_stands_on_its_day_and_is_noted(
    clinic: Clinic, prescriber: Caller
) -> None:
    """Row 29."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assess(prescriber, "2026-04-01", total=6)
    visit = {"id": str(uuid4()), "kind": "visit", "occurred_at": "2026-05-20T10:00:00-04:00"}
    assert prescriber("POST", f"{HOME}/follow-ups", visit).status_code == 201
    late = assess(prescriber, "2026-05-08", total=15)
    body = prescriber("GET", TRENDS, params={"include": "points,measures,digest"}).json()
    (item,) = items(body, "LATE_DATA")

    assert [one["day"] for one in block(body)["points"]] == ["2026-04-01", "2026-05-08"]
    assert flags(block(body))["SINGLE_HIGH"] == "notice"
    assert (item["day"], item["records"]) == ("2026-05-08", [late["id"]])
    assert item["text"]["prescriber"] == (
        "1 reading came after the visit for days up to it (8 May)."
    )


def test_data_that_stop_with_the_medicine_say_nothing_after_the_stop() -> None:
    """Row 31."""
    stopped = course(event(START, "start", 50), event(START + timedelta(60), "stop"))
    visit = Visit("v1", START + timedelta(70), "visit")
    body = read(
        readings(PHQ, {day: 12 + day % 2 for day in range(0, 61, 10)}), [stopped], visits=[visit]
    )
    (item,) = items(body, "NO_RECENT_READING")

    assert of(body, PHQ)["status"] == "stale"
    assert "no readings since the stop of sertraline (3 April)" in item["text"]["prescriber"]
    assert around(body, 1)["verdict"] == "cannot say"


def test_a_taper_in_many_steps_is_confounded_and_flags_run_against_the_time_before() -> None:
    """Row 36: of every step but the first, which nothing came before."""
    begun = START - timedelta(400)
    doses = (150, 125, 100, 75, 50, 25)
    steps = [event(START + timedelta(70 + 10 * n), "change", mg) for n, mg in enumerate(doses, 1)]
    taper = course(event(begun, "start", 150), event(START + timedelta(70), "change", 140), *steps)
    scores = dict.fromkeys(range(0, 70, 14), 5.0) | {85: 6.0, 100: 6.0, 116: 14.0, 128: 15.0}
    body = read(readings(PHQ, scores), [taper])
    told = body["medications"][0]["events"][2:-1]
    compared = [one for step in told for one in step["before_after"]]

    assert of(body, PHQ)["baseline"]["rule"] == "pre_change"
    assert compared
    assert all(one["confounded"] for one in compared)
    assert all("TRUNCATED_BY_NEXT_CHANGE" in one["reasons"] for one in compared)
    assert flags(of(body, PHQ))["SUSTAINED_WORSENING"] == "confirmed"


def test_a_worsening_long_after_the_last_step_names_the_epoch_and_its_days() -> None:
    """Row 37."""
    body = read(readings(PHQ, {0: 6, 14: 6, 100: 6, 116: 14, 128: 15}), [TREATED])
    (flag,) = (one for one in of(body, PHQ)["flags"] if one["code"] == "SUSTAINED_WORSENING")

    assert flag["dose"] == {
        "medication_id": str(SERTRALINE),
        "epoch": "e2",
        "days_since_change": 100,
    }
    assert "100 mg" not in flag["text"]["prescriber"]


def test_a_baseline_that_decides_about_response_is_given_both_ways() -> None:
    """Row 45."""
    found = phq9({-20: 20, -1: 14, 60: 9}, courses=[TREATED])

    assert (found["baseline"]["level"], found["states"]["response"]) == (14, False)
    assert "BASELINE_SENSITIVE" in found["quality"]
    (other,) = (one for one in found["baseline_alternatives"] if one["rule"] == "first")
    assert (other["level"], other["response"], "response" in other["flips"]) == (20, True, True)


def test_therapy_that_began_with_the_raise_is_named() -> None:
    """Row 46."""
    therapy = Confounder("therapy_start", "c1", START + timedelta(30), "weekly CBT")
    body = read(readings(PHQ, EXAMPLE), [TREATED], contexts=[therapy])
    found = around(body, 1, "onset_aware")

    assert found["verdict"].startswith("confounded: ")
    assert "weekly CBT" in {one["label"] for one in found["confounders"]}
    assert "weekly CBT" in found["text"]["prescriber"]


def test_a_mood_that_rose_before_the_start_is_named_as_moving() -> None:
    """Row 47."""
    rising = [2 + n // 4 + (n % 3) / 3 for n in range(40)]
    begun = START + timedelta(20)
    body = read(daily(MOOD, rising), [course(event(begun, "start", 50))])

    assert "trend_before" in {one["kind"] for one in around(body, 0)["confounders"]}


def test_a_small_difference_of_days_that_resemble_each_other_is_no_clear_change() -> None:
    """Row 49."""
    waves = [4.0, 4, 5, 5, 6, 6, 6, 5, 5, 4, 4, 4, 5, 6]
    after = [value - 0.4 for value in reversed(waves)]
    begun = START + timedelta(14)
    body = read(daily(MOOD, [*waves, *after]), [course(event(begun, "start", 50))])
    found = around(body, 0)
    low, high = found["interval"]

    assert found["r"] >= 0.5
    assert low < 0 < high
    assert "no clear change" in found["verdict"]


def test_one_small_p_among_thirty_measures_is_not_improvement() -> None:
    """Row 50."""
    measures: dict[str, Measure] = {}
    rows = []
    for number in range(30):
        measures |= own(f"own.m{number}", 0, 100, "lower_better", mcid=20)
        values = [50 + (n * 7 + number) % 5 for n in range(10)]
        if number == 0:
            values = [54, 54, 53, 53, 52, 53, 51, 52, 51, 50]
        rows += readings(f"own.m{number}", {7 * n: value for n, value in enumerate(values)})
    body = read(rows, own=measures, as_of=START + timedelta(63))
    found = of(body, "own.m0")

    assert found["trend"][0]["mk"]["p"] < 0.05
    assert found["status"] == "stable"
    assert body["measures_watched"] == 30


def test_twenty_two_hours_of_sleep_are_shown_and_do_not_count() -> None:
    """Row 52."""
    rows = [
        *daily("sleep.duration_h", [7.0] * 3),
        reading("sleep.duration_h", START + timedelta(3), 22, source="device"),
    ]
    body = read(rows, points=True)
    found = of(body, "sleep.duration_h")

    assert (found["n"], found["last"]["value"]) == (3, 7)
    assert [one["value"] for one in found["points"] if "excluded" in one] == [22]
    assert "DQ_UNLIKELY" in {one["code"] for one in body["quality"]}


def test_below_caseness_no_week_is_judged_and_remission_is_said() -> None:
    """Row 56."""
    body = read(readings(PHQ, {0: 7, 28: 3}), [TREATED])
    reached = [one for one in body["decision_points"] if one["result"] != "ahead"]

    assert {one["result"] for one in reached} == {"not_applicable"}
    assert of(body, PHQ)["states"]["remission"] is True


@pytest.mark.parametrize("when", [{}, {"occurred_on": "visit 3"}, {"occurred_at": 3}])
def test_a_visit_number_is_no_date(prescriber: Caller, when: Json) -> None:
    """Row 57."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    body = {"id": str(uuid4()), "instrument": "phq-9", "total": 9} | when

    assert prescriber("POST", f"{HOME}/assessments", body).status_code == 422


@pytest.mark.parametrize(
    ("value", "status"), [("NaN", 400), ("Infinity", 400), ('"12"', 422), ("true", 422)]
)
def test_what_is_not_a_number_is_refused_at_the_door(
    prescriber: Caller, value: str, status: int
) -> None:
    """Row 60; the engine's own refusal is in test_report.py."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    body = (
        f'{{"id": "{uuid4()}", "instrument": "phq-9", "total": {value}, '
        '"occurred_at": "2026-05-01T10:00:00-04:00"}'
    )
    headers = {"Content-Type": "application/json"}

    answer = prescriber("POST", f"{HOME}/assessments", content=body, headers=headers)
    assert answer.status_code == status
    assert status == 422 or answer.json()["code"] == "malformed-json"


def test_a_new_normal_names_who_retired_the_old_reference_and_when() -> None:
    """Row 62."""
    day = START + timedelta(42)
    accepted = Signal(
        "s1",
        "closed",
        day,
        {"flag": "phq-9.total:SUSTAINED_WORSENING:baseline:2026-03-16", "measure": PHQ},
        new_normal_on=day,
        new_normal_by="user-7",
    )
    scores = {0: 6, 14: 6, 28: 14, 42: 13, 56: 14, 70: 13, 84: 14}
    before, after = phq9(scores, signals=[accepted])["references"]

    assert (before["name"], before["retired_on"], before["retired_by"]) == (
        "baseline",
        day.isoformat(),
        "user-7",
    )
    assert (after["name"], after["retired_by"]) == ("new_normal", None)


def test_a_hundred_records_of_other_patients_change_no_byte(
    clinic: Clinic, prescriber: Caller
) -> None:
    """Row 64."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assess(prescriber, "2026-05-01", total=12)
    before = prescriber("GET", TRENDS)
    others = [str(uuid4()) for _ in range(4)]
    for other in others:
        assert prescriber("POST", "/v1/patients", PERSON | {"id": other}).status_code == 201
    for n in range(100):
        home = f"/v1/patients/{others[n % 4]}"
        assess(prescriber, f"2026-0{1 + n // 25}-{1 + n % 25:02}", home, total=n % 28)
    after = prescriber("GET", TRENDS)

    assert after.content == before.content
    assert after.headers["ETag"] == before.headers["ETag"]
