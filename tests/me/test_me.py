"""The patient's own view: facts and the clinic's words, for a patient's own token only."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.care.conftest import ICD10CM, PLAN, SERTRALINE, Patient, copy, patient
from tests.conftest import Clinic, TestClock

__all__ = ["patient"]

PATHS = ("/v1/me", "/v1/me/plan", "/v1/me/tasks")


Own = Callable[..., httpx.Response]


@pytest.fixture
def own(clinic: Clinic, patient: Patient, clock: TestClock) -> Own:
    """The patient on 2 March, with a plan; a token lives shorter than these tests are long."""
    clock.moment = datetime(2026, 3, 2, 15, tzinfo=UTC)
    patient.put("treatment-plan", PLAN)

    def ask(*request: Any) -> httpx.Response:
        return clinic.as_("patient", patient_id=patient.id)(*request)

    return ask


def get(own: Own, path: str) -> Any:
    answer = own("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tasks(own: Own) -> list[tuple[Any, ...]]:
    return [
        (one["instrument"] or one["kind"], one["reason"], one["due_on"], one["is_open"])
        for one in get(own, "/v1/me/tasks")["items"]
    ]


def test_the_plan_says_why_what_to_expect_and_when_it_is_looked_at(own: Own) -> None:
    plan = get(own, "/v1/me/plan")

    assert plan["why"] == "helped in part before"
    assert plan["expected"] == [
        {
            "week": 2,
            "around_on": "2026-03-16",
            "sign": "sleep may move first",
            "source": "clinic's own text",
        }
    ]
    assert plan["next_review"] == {"due": "2026-03-30", "days_left": 28, "overdue": False}
    (goal,) = plan["goals"]
    assert (goal["patient_words"], goal["target"]) == ("Get through a working day", 7)
    assert goal["label"] == "Work or study"
    assert [one["instrument"] for one in plan["fill_in_before"]] == ["phq-9", None]


def test_the_tasks_are_those_that_the_plan_is_measured_by(own: Own) -> None:
    assert tasks(own) == [
        ("phq-9", "baseline", "2026-03-02", True),
        ("check_in", "periodic", "2026-03-02", True),
    ]
    check_in = get(own, "/v1/me/tasks")["items"][1]
    assert [one["measure"] for one in check_in["measures"]] == ["sleep.quality", "functioning.work"]


def test_numbers_of_any_domain_that_the_plan_names_are_asked_for(
    own: Own, patient: Patient
) -> None:
    named = ["exercise.days_per_week", "side_effects.nausea", "dosage.adherence"]
    patient.put("treatment-plan", copy(PLAN, measured_by=named, goals=[]), 1)

    (check_in,) = get(own, "/v1/me/tasks")["items"]

    assert [one["measure"] for one in check_in["measures"]] == named[:2]


def test_an_answer_closes_the_task_whoever_sent_it(own: Own, patient: Patient) -> None:
    filled = {"instrument": "phq-9", "answers": [1] * 8 + [0], "occurred_on": "2026-03-02"}
    patient.post("assessments", filled)
    rated = {"occurred_at": "2026-03-02T09:00:00-05:00", "sleep": {"quality": 5}}
    own("POST", f"{patient.path}/check-ins", {"id": "019a5b10-0000-7000-8000-000000000001"} | rated)

    assert tasks(own) == [
        ("check_in", "periodic", "2026-03-05", False),
        ("phq-9", "before_review", "2026-03-30", False),
    ]


def test_near_a_dose_change_the_full_form_comes_in_full_and_the_ratings_daily(
    own: Own, patient: Patient, clock: TestClock
) -> None:
    filled = {"instrument": "phq-9", "answers": [0] * 9, "occurred_on": "2026-03-02"}
    patient.post("assessments", filled)
    patient.post("conditions", {"code": {"system": ICD10CM, "code": "F33.1"}})
    patient.post("medications", SERTRALINE)
    clock.moment = datetime(2026, 3, 16, 15, tzinfo=UTC)

    assert tasks(own) == [
        ("check_in", "near_dose_change", "2026-03-16", True),
        ("phq-9", "before_review", "2026-03-17", True),
    ]
    assert get(own, "/v1/me/tasks")["items"][0]["missed_in_a_row"] == 14


def test_far_from_any_change_the_short_form_goes_first_and_a_positive_one_asks_for_more(
    own: Own, patient: Patient, clock: TestClock
) -> None:
    patient.put("treatment-plan", copy(PLAN, review_interval_days=365), 1)
    calm = {"instrument": "phq-9", "answers": [0] * 9, "occurred_on": "2026-03-02"}
    patient.post("assessments", calm)
    clock.moment = datetime(2026, 3, 30, 15, tzinfo=UTC)
    assert tasks(own)[1] == ("phq-2", "periodic", "2026-03-30", True)

    screen = {"instrument": "phq-2", "answers": [2, 1], "occurred_on": "2026-03-30"}
    patient.post("assessments", screen)

    assert tasks(own)[1] == ("phq-9", "screen_positive", "2026-03-30", True)


def test_a_day_begins_at_midnight_of_the_patient(own: Own, clock: TestClock) -> None:
    clock.moment = datetime(2026, 3, 31, 3, 59, tzinfo=UTC)
    assert get(own, "/v1/me")["next_review"]["overdue"] is False
    clock.moment = datetime(2026, 3, 31, 4, 0, tzinfo=UTC)
    assert get(own, "/v1/me")["next_review"] == {
        "due": "2026-03-30",
        "days_left": -1,
        "overdue": True,
    }


def test_the_first_screen_is_one_call(own: Own, patient: Patient) -> None:
    me = get(own, "/v1/me")

    assert me["patient"]["name"] == {"given": "Example", "family": "Patient"}
    assert (me["patient_id"], me["as_of"]) == (patient.id, "2026-03-02")
    assert [one["kind"] for one in me["open_tasks"]] == ["questionnaire", "check_in"]


def test_without_a_plan_nothing_is_asked_and_it_is_said(clinic: Clinic, patient: Patient) -> None:
    own = clinic.as_("patient", patient_id=patient.id)

    assert get(own, "/v1/me/tasks") == {"as_of": "2026-06-01", "items": [], "reason": "NO_PLAN"}
    assert get(own, "/v1/me")["next_review"] is None
    assert own("GET", "/v1/me/plan").status_code == 404


@pytest.mark.parametrize("role", ["prescriber", "care_team", "system", "administrator"])
def test_nobody_else_has_an_own_view(clinic: Clinic, own: Own, role: Any) -> None:
    for path in PATHS:
        assert clinic.as_(role)("GET", path).status_code == 403


def test_a_parameter_that_nobody_reads_is_refused(own: Own) -> None:
    assert [own("GET", f"{path}?patient_id=1").status_code for path in PATHS] == [400] * 3


def test_nothing_of_what_prescribers_are_told_is_shown(own: Own, patient: Patient) -> None:
    patient.post("medications", SERTRALINE)
    patient.put("intake", {"occurred_at": "2026-03-02T09:00:00-05:00", "note": "CANARY"})
    patient.put("treatment-plan", copy(PLAN, note="CANARY"), 1)
    risky = {"instrument": "phq-9", "answers": {"9": 3}, "occurred_on": "2026-03-02"}
    patient.post("assessments", risky)

    text = "".join(json.dumps(get(own, path)) for path in PATHS)

    for word in ("CANARY", "action", "raise", "lower", "safety review", "signal", "risk"):
        assert word not in text


def test_a_proxy_learns_when_something_is_to_be_filled_in_and_not_what_it_is_or_why(
    clinic: Clinic, own: Own, patient: Patient
) -> None:
    proxy = clinic.as_("proxy", patient_id=patient.id, user_id=uuid4())

    told = get(proxy, "/v1/me/tasks")
    first = get(proxy, "/v1/me")

    own_tasks = get(own, "/v1/me/tasks")["items"]
    when = ("kind", "is_open", "opens_on", "due_on", "expires_on")
    assert [[one[name] for name in when] for one in told["items"]] == [
        [one[name] for name in when] for one in own_tasks
    ]
    for one in [*told["items"], *first["open_tasks"]]:
        assert (one["instrument"], one["title"], one["reason"], one["measures"]) == (
            None,
            None,
            None,
            [],
        )
    for path in ("/v1/me/plan", "/v1/me/progress", "/v1/me/receipts", "/v1/me/calendar-address"):
        assert proxy("GET", path).status_code == 403
