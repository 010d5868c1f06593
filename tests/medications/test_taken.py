"""Ordered and taken, side by side: told at a contact, answered, and said in words."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic
from tests.medications.test_medications import COURSE, PATH, PATIENT, PERSON, SERTRALINE, change

P = f"/v1/patients/{PATIENT}"
EVENTS = f"{PATH}/{SERTRALINE}/dose-events"


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber with one patient who is ordered sertraline 50 mg since 3 March."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", PATH, COURSE).status_code == 201
    return prescriber


def visit(caller: Caller, on: str, **dosage: Any) -> Any:
    """Log a visit at which something was told of sertraline."""
    said = {name: [{"medication_id": SERTRALINE, **one}] for name, one in dosage.items()}
    body = {
        "id": str(uuid4()),
        "kind": "visit",
        "occurred_at": f"{on}T10:00:00-04:00",
        "dosage": said,
    }
    answer = caller("POST", f"{P}/follow-ups", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def mg(amount: str, times: int = 1) -> dict[str, Any]:
    return {"dose": {"amount": amount, "unit": "mg"}, "times_per_day": times}


def told(caller: Caller, query: str = "", **params: str) -> Any:
    (course,) = caller("GET", f"{P}/regimen{query}", params=params or None).json()["medications"]
    return course


def test_nothing_is_taken_because_it_was_ordered(caller: Caller) -> None:
    course = told(caller)

    assert course["daily_dose"]["value"] == "50"
    assert course["taking"] is None
    assert course["discrepancy"] is None
    assert course["adherence"] == {
        "self_report": None,
        "administrations": None,
        "dispenses": None,
        "prn_use": None,
        "assessed_on_taken_dose": None,
        "rule": {"id": "adherence", "version": 1},
        "reasons": ["NOTHING_RECORDED"],
    }


def test_what_is_told_stands_beside_the_order_in_words(caller: Caller) -> None:
    follow_up = visit(
        caller, "2026-04-13", taking=mg("25"), adherence={"days": 14, "missed_days": 2}
    )

    course = told(caller)

    assert course["taking"]["daily_dose"]["shown"] == "25 mg per day"
    assert course["discrepancy"] == [
        {
            "code": "TAKES_LESS",
            "on": "2026-04-13",
            "ordered": {"value": "50", "unit": "mg/d", "shown": "50 mg per day"},
            "taken": {"value": "25", "unit": "mg/d", "shown": "25 mg per day"},
            "text": "Ordered: 50 mg per day. Taken, as told on 2026-04-13: 25 mg per day.",
            "records": [follow_up["id"], COURSE["first_dose_event"]["id"]],
        }
    ]
    report = course["adherence"]["self_report"]
    assert (report["taken_share"], report["n_days"]) == (pytest.approx(12 / 14), 14)
    assert report["window"] == {"from": "2026-03-31", "to": "2026-04-13"}
    assert report["records"] == [follow_up["id"]]


def test_what_was_told_before_a_change_is_held_against_the_dose_of_that_day(
    caller: Caller,
) -> None:
    visit(caller, "2026-04-13", taking=mg("50"))
    caller("POST", EVENTS, change())

    assert told(caller)["discrepancy"] is None


def test_an_amount_that_nobody_knows_is_no_discrepancy(caller: Caller) -> None:
    visit(caller, "2026-04-13", taking={"dose": None, "dose_known": False})

    course = told(caller)

    assert course["taking"]["daily_dose"] is None
    assert course["discrepancy"] is None
    assert course["adherence"]["reasons"] == []


def test_all_days_missed_is_taking_none(caller: Caller) -> None:
    visit(caller, "2026-04-13", adherence={"days": 14, "missed_days": 14, "reason": "ran_out"})

    (found,) = told(caller)["discrepancy"]

    assert found["text"] == "Ordered: 50 mg per day. Taken, as told on 2026-04-13: none."


def test_a_corrected_follow_up_corrects_what_was_told_and_not_what_was_known(
    caller: Caller, clinic: Clinic
) -> None:
    follow_up = visit(caller, "2026-04-13", taking=mg("25"))
    before = clinic.clock().isoformat()
    clinic.clock.advance(minutes=5)
    path = f"{P}/follow-ups/{follow_up['id']}"

    patch = {"dosage": {"taking": [{"medication_id": SERTRALINE, **mg("75")}]}}
    corrected = caller("PATCH", path, patch, headers={"If-Match": '"1"'})
    assert corrected.status_code == 200, corrected.text
    now, then = told(caller), told(caller, known_at=before)
    assert (now["discrepancy"][0]["code"], then["discrepancy"][0]["code"]) == (
        "TAKES_MORE",
        "TAKES_LESS",
    )

    caller("DELETE", path, headers={"If-Match": '"2"'})
    assert told(caller)["taking"] is None


def test_a_check_in_tells_it_as_well_and_a_later_day_is_not_seen_before_it(
    caller: Caller, clinic: Clinic
) -> None:
    patient = clinic.as_("patient", patient_id=PATIENT)
    body = {
        "id": str(uuid4()),
        "occurred_at": "2026-05-20T08:00:00-04:00",
        "dosage": {"taking": [{"medication_id": SERTRALINE, **mg("25", 2)}]},
    }
    assert patient("POST", f"{P}/check-ins", body).status_code == 201

    assert told(caller)["taking"]["daily_dose"]["value"] == "50"
    assert told(caller)["discrepancy"] is None
    assert told(caller, "?as_of=2026-05-19")["taking"] is None


def test_answers_give_a_share_with_its_days_and_what_is_unknown(caller: Caller) -> None:
    answers = [
        {"id": str(uuid4()), "taken": taken, "due_at": f"2026-05-{day}T08:00:00-04:00"}
        for day, taken in ((20, "yes"), (21, "no"), (22, "partial"), (23, "unknown"))
    ]
    caller("POST", f"{PATH}/{SERTRALINE}/administrations", {"administrations": answers})

    share = told(caller)["adherence"]["administrations"]

    assert (share["taken_share"], share["n"], share["share_unknown"]) == (0.5, 3, 0.25)
    assert (share["n_days"], share["days_taken"], share["adequate"]) == (3, 1, False)
    assert share["window"] == {"from": "2026-03-10", "to": "2026-06-01"}
    assert told(caller)["adherence"]["assessed_on_taken_dose"] is False


def test_a_dose_taken_after_the_stop_is_said(caller: Caller) -> None:
    stop = change(kind="stop", effective_on="2026-05-01", dose=None, times_per_day=None)
    assert caller("POST", EVENTS, stop).status_code == 201
    answer = {"id": str(uuid4()), "taken": "yes", "at": "2026-05-10T08:00:00-04:00"}
    caller("POST", f"{PATH}/{SERTRALINE}/administrations", answer)

    (found,) = told(caller)["discrepancy"]

    assert (found["code"], found["on"]) == ("TAKEN_AT_ZERO_DOSE", "2026-05-10")
    assert found["text"] == (
        "Ordered: none. Taken, as told on 2026-05-10: a dose, amount not known."
    )
