"""The plan, its reviews, and the day on which it is looked at again."""

from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from tests.care.conftest import ICD10CM, PLAN, SERTRALINE, Patient, copy
from tests.conftest import Clinic, TestClock

DEPRESSION = {"code": {"system": ICD10CM, "code": "F33.1"}}
REVIEW = {"reviewed_at": "2026-04-13T10:50:00-04:00", "outcome": "dose_raise_agreed"}


def due(patient: Patient) -> tuple[str, list[str]]:
    found = patient.get("treatment-plan")["next_review"]
    return found["due"], [one["code"] for one in found["why"]]


def test_a_plan_is_looked_at_after_its_interval(patient: Patient, clock: TestClock) -> None:
    clock.moment = datetime(2026, 3, 2, 15, tzinfo=UTC)

    answer = patient.put("treatment-plan", PLAN)

    assert answer.status_code == 201, answer.text
    assert answer.json()["next_review"] == {
        "due": "2026-03-30",
        "days_left": 28,
        "overdue": False,
        "why": [{"code": "plan_interval"}],
        "reasons": [],
    }
    assert patient.get("treatment-plan") == answer.json()


def test_a_new_medicine_brings_it_forward_and_the_reason_names_its_source(
    patient: Patient,
) -> None:
    patient.put("treatment-plan", PLAN)
    patient.post("conditions", DEPRESSION)
    course = patient.post("medications", SERTRALINE).json()["id"]

    (why,) = patient.get("treatment-plan")["next_review"]["why"]

    assert due(patient) == ("2026-03-17", ["follow_up_interval"])
    assert (why["medication_id"], why["rule"]["id"]) == (course, "dep-start")
    assert why["rule"]["source"].startswith("NICE NG222")


def test_an_unknown_condition_is_said(patient: Patient) -> None:
    patient.put("treatment-plan", PLAN)
    patient.post("medications", SERTRALINE)

    assert patient.get("treatment-plan")["next_review"]["reasons"] == ["CONDITION_UNKNOWN"]


def test_a_review_moves_it_and_a_raise_the_day_after_brings_it_forward_again(
    patient: Patient,
) -> None:
    patient.put("treatment-plan", PLAN)
    patient.post("conditions", DEPRESSION)
    course = patient.post("medications", SERTRALINE).json()["id"]

    review = patient.post("treatment-plan/reviews", REVIEW)

    assert review.status_code == 201, review.text
    assert (review.json()["plan_version"], review.json()["reviewed_on"]) == (1, "2026-04-13")
    assert review.json()["next_review"]["due"] == "2026-05-05"
    assert "overdue" not in review.json()["next_review"]
    assert due(patient) == ("2026-05-05", ["decision_point", "follow_up_interval"])
    raised = {
        "kind": "change",
        "effective_on": "2026-04-14",
        "dose": {"amount": "100", "unit": "mg"},
        "times_per_day": 1,
    }
    patient.post(f"medications/{course}/dose-events", raised)
    assert due(patient) == ("2026-04-28", ["dose_change", "dose_change"])


def test_an_open_risk_signal_brings_the_first_look_after_a_start_to_one_week(
    patient: Patient,
) -> None:
    patient.put("treatment-plan", PLAN)
    patient.post("conditions", DEPRESSION)
    patient.post("medications", SERTRALINE)
    risky = {"instrument": "phq-9", "answers": {"9": 1}, "occurred_on": "2026-03-02"}
    patient.post("assessments", risky)

    assert due(patient) == ("2026-03-10", ["follow_up_interval"])
    (signal,) = patient.items("signals")
    patient.caller(
        "PATCH",
        f"{patient.path}/signals/{signal['id']}",
        {"state": "closed", "action": "talked"},
        headers={"If-Match": '"1"'},
    )
    assert due(patient) == ("2026-03-17", ["follow_up_interval"])


def test_it_is_overdue_at_midnight_of_the_patients_own_zone(
    patient: Patient, clock: TestClock
) -> None:
    """Due on 30 March in New York, where midnight is at 04:00 UTC."""
    clock.moment = datetime(2026, 3, 2, 15, tzinfo=UTC)
    patient.put("treatment-plan", PLAN)

    clock.moment = datetime(2026, 3, 31, 3, 59, tzinfo=UTC)
    assert patient.get("treatment-plan")["next_review"]["overdue"] is False
    clock.moment = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
    found = patient.get("treatment-plan")["next_review"]
    assert (found["overdue"], found["days_left"]) == (True, -1)


def test_a_stopped_medicine_asks_for_nothing_any_more(patient: Patient) -> None:
    patient.put("treatment-plan", PLAN)
    course = patient.post("medications", SERTRALINE).json()["id"]
    stop = {"kind": "stop", "effective_on": "2026-03-05", "reason": "side_effect"}

    patient.post(f"medications/{course}/dose-events", stop)

    assert due(patient) == ("2026-03-30", ["plan_interval"])


def test_an_interaction_is_looked_at_a_week_after_the_second_medicine(patient: Patient) -> None:
    patient.put("treatment-plan", copy(PLAN, agreed_on="2026-03-19"))
    patient.post("conditions", DEPRESSION)
    patient.post("medications", SERTRALINE)
    wort = {
        "kind": "supplement",
        "reference_id": "st-johns-wort",
        "first_dose_event": {"kind": "start", "effective_on": "2026-03-20", "dose_known": False},
    }
    patient.post("medications", wort)

    assert due(patient) == ("2026-03-27", ["interaction"])


def test_without_a_zone_the_day_is_that_of_utc_and_it_is_said(
    patient: Patient, clock: TestClock
) -> None:
    gone = patient.caller("PATCH", patient.path, {"time_zone": None}, headers={"If-Match": '"1"'})
    assert gone.status_code == 200, gone.text
    patient.put("treatment-plan", PLAN)

    clock.moment = datetime(2026, 3, 30, 23, 59, tzinfo=UTC)
    on_the_day = patient.get("treatment-plan")["next_review"]
    clock.moment = datetime(2026, 3, 31, 0, 0, tzinfo=UTC)
    after = patient.get("treatment-plan")["next_review"]

    assert (on_the_day["overdue"], after["overdue"]) == (False, True)
    assert after["reasons"] == ["DQ_TZ_ASSUMED"]


def test_a_change_of_the_plan_is_a_new_version_and_the_versions_stay(patient: Patient) -> None:
    patient.put("treatment-plan", PLAN)
    changed = copy(PLAN, agreed_on="2026-05-20", review_interval_days=56)

    assert patient.put("treatment-plan", changed).status_code == 428
    assert patient.put("treatment-plan", changed, 3).status_code == 412
    answer = patient.put("treatment-plan", changed, 1)

    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert answer.json()["next_review"]["due"] == "2026-07-15"
    versions = patient.items("treatment-plan/history")
    assert [one["agreed_on"] for one in versions] == ["2026-05-20", "2026-03-02"]
    assert all("next_review" not in one for one in versions)


def test_the_same_plan_again_is_the_same_plan(patient: Patient) -> None:
    first = patient.put("treatment-plan", PLAN)
    again = patient.put("treatment-plan", PLAN)

    assert (again.status_code, again.json()) == (200, first.json())


def test_a_review_is_kept_corrected_and_never_deleted(patient: Patient) -> None:
    patient.put("treatment-plan", PLAN)
    review_id = patient.post("treatment-plan/reviews", REVIEW).json()["id"]
    path = f"{patient.path}/treatment-plan/reviews/{review_id}"

    moved = {"reviewed_at": "2026-04-20T10:50:00-04:00"}
    corrected = patient.caller("PATCH", path, moved, headers={"If-Match": '"1"'})

    assert corrected.json()["next_review"]["due"] == "2026-05-18"
    assert patient.caller("DELETE", path, headers={"If-Match": '"2"'}).status_code == 405
    assert len(patient.items("treatment-plan/reviews")) == 1
    again = patient.caller("POST", f"{patient.path}/treatment-plan/reviews", REVIEW)
    assert again.status_code == 400


def test_a_late_logged_review_does_not_turn_the_plan_back(patient: Patient) -> None:
    patient.put("treatment-plan", PLAN)
    patient.post("treatment-plan/reviews", REVIEW)

    late = patient.post("treatment-plan/reviews", REVIEW, reviewed_at="2026-03-20T10:00:00-04:00")

    assert late.json()["next_review"]["due"] == "2026-05-11"
    assert due(patient)[0] == "2026-05-11"


def test_without_a_plan_there_is_nothing_to_show_or_to_review(patient: Patient) -> None:
    assert patient.caller("GET", f"{patient.path}/treatment-plan").status_code == 404
    assert patient.post("treatment-plan/reviews", REVIEW).status_code == 404


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"agreed_on": "2026-07-01"}, "/agreed_on"),
        ({"agreed_on": "1990-01-01"}, "/agreed_on"),
        ({"why": ""}, "/why"),
        ({"measured_by": ["phq-9.totl"]}, "/measured_by/0"),
        ({"measured_by": ["labs.2951-3"]}, "/measured_by/0"),
        ({"goals": [{"patient_words": "x", "target": 5}]}, "/goals/0/measure"),
        (
            {"goals": [{"patient_words": "x", "measure": "functioning.work", "target": 11}]},
            "/goals/0/target",
        ),
        ({"review_interval_days": 0}, "/review_interval_days"),
        ({"review_interval_days": True}, "/review_interval_days"),
        ({"phase": "cure"}, "/phase"),
        ({"therapy": [{"modality": "talking"}]}, "/therapy/0/modality"),
        ({"expected": [{"week": -1, "sign": "x"}]}, "/expected/0/week"),
        ({"next_review": {"due": "2027-01-01"}}, "/next_review"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(
    patient: Patient, members: dict[str, Any], pointer: str
) -> None:
    answer = patient.put("treatment-plan", copy(PLAN, **members))

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_a_lab_and_a_measure_of_the_clinic_can_be_what_it_is_measured_by(
    patient: Patient,
) -> None:
    own = {"code": "clinic.calm", "label": "Calm", "unit": "{score}", "direction": "higher_better"}
    made = patient.caller("POST", "/v1/reference/measures", own | {"min": 0, "max": 4})
    assert made.status_code == 201, made.text

    measured = copy(PLAN, measured_by=["labs.2951-2", "clinic.calm", "side_effects.nausea"])
    assert patient.put("treatment-plan", measured).status_code == 201


def test_only_clinicians_agree_on_a_plan(clinic: Clinic, patient: Patient) -> None:
    own = clinic.as_("patient", patient_id=patient.id)
    path = f"{patient.path}/treatment-plan"
    patient.put("treatment-plan", PLAN)

    assert own("PUT", path, PLAN).status_code == 403
    assert own("POST", f"{path}/reviews", REVIEW | {"id": str(uuid4())}).status_code == 403
    assert own("GET", path).json()["why"] == PLAN["why"]
    assert set(own("GET", path).json()["next_review"]) == {"due", "days_left", "overdue"}
    assert clinic.as_("care_team")("GET", path).status_code == 404
