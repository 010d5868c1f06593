"""The patient's own numbers over time, for the patient's own token only."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic

Json = dict[str, Any]
PATH = "/v1/me/progress"


@pytest.fixture
def patient(prescriber: Caller) -> str:
    body = {
        "id": str(uuid4()),
        "name": {"given": "Example", "family": "Patient"},
        "birth_date": "1991-04-17",
        "time_zone": "America/New_York",
    }
    assert prescriber("POST", "/v1/patients", body).status_code == 201
    for day, total in {"2026-03-02": 18, "2026-04-27": 10, "2026-05-25": 8}.items():
        score(prescriber, body["id"], day, total=total)
    return str(body["id"])


def score(caller: Caller, patient: Any, day: str, **content: Any) -> None:
    body = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": f"{day}T10:00:00-04:00"}
    answer = caller("POST", f"/v1/patients/{patient}/assessments", body | content)
    assert answer.status_code == 201, answer.text


def test_a_patient_reads_own_numbers_and_what_has_changed(clinic: Clinic, patient: str) -> None:
    found = clinic.as_("patient", patient_id=patient)("GET", PATH).json()
    (block,) = found["measures"]

    assert (found["audience"], found["patient"]) == ("patient", None)
    assert (block["last"]["value"], block["baseline"]["level"]) == (8, 18)
    assert block["text"]["patient"].startswith("Your PHQ-9 score went from 18 to 8 since")


def test_nothing_of_the_prescribers_reading_is_in_it(clinic: Clinic, patient: str) -> None:
    own = clinic.as_("patient", patient_id=patient)
    found = own("GET", f"{PATH}?audience=prescriber&include=risk,digest,measures,basis").json()
    (block,) = found["measures"]

    assert not {"risk", "digest", "decision_points", "summary", "quality"} & found.keys()
    assert not {"status", "flags", "states", "trend", "change"} & block.keys()


def test_while_a_risk_signal_is_open_only_the_safety_notice_is_said(
    clinic: Clinic, prescriber: Caller, patient: str
) -> None:
    score(prescriber, patient, "2026-05-31", answers=[1, 0, 0, 0, 0, 0, 0, 0, 1])
    found = clinic.as_("patient", patient_id=patient)("GET", PATH).json()

    assert found["safety_notice"]["nobody_watches"] is True
    assert [block["text"]["patient"] for block in found["measures"]] == [None]


def test_a_picture_of_it_is_given_too(clinic: Clinic, patient: str) -> None:
    answer = clinic.as_("patient", patient_id=patient)("GET", f"{PATH}?format=svg")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert "worsening" not in answer.text


def test_what_the_patient_has_already_is_not_sent_again(clinic: Clinic, patient: str) -> None:
    own = clinic.as_("patient", patient_id=patient)
    tag = own("GET", PATH).headers["etag"]

    assert own("GET", PATH, headers={"If-None-Match": tag}).status_code == 304


def test_nobody_else_has_an_own_progress(clinic: Clinic, prescriber: Caller, patient: str) -> None:
    assert prescriber("GET", PATH).status_code == 403
    assert clinic.as_("system")("GET", PATH).status_code == 403
    assert clinic.http.get(PATH).status_code == 401


def test_a_parameter_that_nobody_reads_is_refused(clinic: Clinic, patient: str) -> None:
    answer = clinic.as_("patient", patient_id=patient)("GET", f"{PATH}?patient_id={patient}")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-parameter")
