"""What a patient is told who answers about a risk, in the clinic's own words, over HTTP."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

NOTICE = "/v1/reference/safety-notice"
OURS = {"text": "Call the ward by day, the crisis team by night, or walk in."}
NOBODY = "Nobody reads this in real time. "


@pytest.fixture
def patient(clinic: Clinic, prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return clinic.as_("patient", patient_id=str(PERSON["id"]))


def asked(caller: Caller) -> dict[str, Any]:
    """Answer a questionnaire that asks about suicide, and give what is said of it."""
    body = {
        "id": str(uuid4()),
        "instrument": "phq-9",
        "occurred_at": "2026-05-20T10:00:00Z",
        "answers": [0] * 9,
    }
    answer = caller("POST", f"{PATH}/assessments", body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["safety_notice"]
    return found


def test_until_the_clinic_has_words_the_house_names_no_number(patient: Caller) -> None:
    shown = patient("GET", NOTICE).json()

    assert shown["origin"] == "house"
    assert shown["notice"] == NOBODY + shown["text"]
    assert not any(letter.isdigit() for letter in shown["notice"])
    assert asked(patient) == {"text": shown["notice"], "nobody_watches": True}


def test_the_clinics_words_follow_the_sentence_that_nobody_watches(
    patient: Caller, prescriber: Caller
) -> None:
    made = prescriber("POST", NOTICE, OURS)
    again = prescriber("POST", NOTICE, OURS)

    assert made.status_code == 201, made.text
    assert (made.headers["Location"], made.json()["origin"]) == (NOTICE, "clinic")
    assert (again.status_code, again.json()) == (200, made.json())
    assert asked(patient) == {"text": NOBODY + OURS["text"], "nobody_watches": True}
    assert patient("GET", NOTICE).json()["text"] == OURS["text"]


def test_every_door_of_a_patient_says_the_clinics_words(
    patient: Caller, prescriber: Caller
) -> None:
    prescriber("POST", NOTICE, OURS)
    form = {"instrument": "phq-9", "answers": [0, 0, 0, 0, 0, 0, 0, 0, 2]}
    check_in = {
        "id": str(uuid4()),
        "occurred_at": "2026-05-21T10:00:00Z",
        "assessments": [form],
    }
    item = {
        "op": "put",
        "type": "assessment",
        "patient_id": PERSON["id"],
        "id": str(uuid4()),
        "client_time": "2026-05-22T10:00:00Z",
        "body": form | {"occurred_at": "2026-05-22T10:00:00Z"},
    }

    told = [
        patient("POST", f"{PATH}/check-ins", check_in).json()["safety_notice"],
        patient("POST", "/v1/sync", {"items": [item]}).json()["safety_notice"],
        patient("GET", f"{PATH}/trends").json()["safety_notice"],
    ]

    assert told == [{"text": NOBODY + OURS["text"], "nobody_watches": True}] * 3


def test_the_words_are_changed_by_version_and_what_was_said_stays_said(
    patient: Caller, prescriber: Caller
) -> None:
    prescriber("POST", NOTICE, OURS)
    before = asked(patient)
    changed = {"text": "Come to the emergency room of the hospital."}

    assert prescriber("POST", NOTICE, changed).status_code == 409
    assert prescriber("PATCH", NOTICE, changed).status_code == 428
    answer = prescriber("PATCH", NOTICE, changed, headers={"If-Match": '"1"'})
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    assert prescriber("PATCH", NOTICE, changed, headers={"If-Match": '"1"'}).status_code == 412
    assert asked(patient)["text"] == NOBODY + changed["text"]
    kept = prescriber("GET", f"{PATH}/assessments").json()["items"]
    assert before in [one["safety_notice"] for one in kept]


def test_another_clinic_and_whoever_may_not_say_it_change_nothing(
    clinic: Clinic, patient: Caller, prescriber: Caller
) -> None:
    there = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    there("POST", NOTICE, {"text": "Words of another clinic."})

    assert asked(patient)["text"].startswith(NOBODY + "If you are in danger")
    assert patient("POST", NOTICE, OURS).status_code == 403
    assert clinic.as_("care_team")("POST", NOTICE, OURS).status_code == 403
    first = {"If-Match": '"1"'}
    assert prescriber("PATCH", NOTICE, OURS, headers=first).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/text"),
        ({"text": ""}, "/text"),
        ({"text": 3}, "/text"),
        ({"text": "Call.", "nobody_watches": False}, "/nobody_watches"),
        ({"text": "Call.", "code": "other"}, "/code"),
    ],
)
def test_words_that_are_none_are_refused(prescriber: Caller, body: Any, pointer: str) -> None:
    refused = prescriber("POST", NOTICE, body)

    assert refused.status_code == 422, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]
