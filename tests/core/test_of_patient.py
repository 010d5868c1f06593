"""What every body of a patient shares: whom it names, and a text beside `other`."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller
from tests.medications.test_medications import COURSE, PATH, PERSON, SERTRALINE

PATIENT = str(PERSON["id"])
P = f"/v1/patients/{PATIENT}"
COURSE_PATH = f"{PATH}/{SERTRALINE}"
MOMENT = "2026-05-11T08:10:00-04:00"
LITHIUM = {"system": "http://loinc.org", "code": "14334-7"}
BODIES: dict[str, dict[str, Any]] = {
    PATH: {"kind": "drug", "reference_id": "lithium"},
    f"{COURSE_PATH}/dose-events": {"kind": "stop", "effective_on": "2026-05-20"},
    f"{COURSE_PATH}/administrations": {"taken": "yes", "at": MOMENT},
    f"{COURSE_PATH}/dispenses": {"dispensed_on": "2026-05-20", "days_supply": 30},
    f"{P}/labs": {"code": LITHIUM, "value": "0.8", "unit": "mmol/L", "drawn_at": MOMENT},
    f"{P}/assessments": {"instrument": "phq-9", "total": 12, "occurred_at": MOMENT},
    f"{P}/side-effects": {"term": "insomnia", "severity": 2, "onset_on": "2026-05-11"},
    f"{P}/life-events": {
        "kind": "travel",
        "label": "a week away",
        "weight": 1,
        "from_on": "2026-05-11",
    },
    f"{P}/therapy-sessions": {
        "modality": "mindfulness_based",
        "occurred_at": MOMENT,
        "attended": True,
    },
    f"{P}/conditions": {"text": "asthma"},
    f"{P}/follow-ups": {"kind": "call", "occurred_at": MOMENT},
}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber with one patient who is ordered sertraline."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", PATH, COURSE).status_code == 201
    return prescriber


def test_the_patient_of_the_path_may_be_named_in_every_body_and_another_is_refused(
    caller: Caller,
) -> None:
    for path, content in BODIES.items():
        body = {"id": str(uuid4()), **content}

        other = caller("POST", path, body | {"patient_id": str(uuid4())})
        named = caller("POST", path, body | {"patient_id": PATIENT})
        again = caller("POST", path, body)

        assert (other.status_code, other.json()["code"]) == (409, "patient-mismatch"), path
        assert other.json()["errors"][0]["pointer"] == "/patient_id"
        assert named.status_code == 201, (path, named.text)
        assert (again.status_code, again.content) == (200, named.content), path
        assert named.json()["patient_id"] == PATIENT


def test_what_stands_inside_a_body_names_no_other_patient_either(caller: Caller) -> None:
    fills = [
        {"id": str(uuid4()), "dispensed_on": "2026-05-20", "patient_id": one}
        for one in (PATIENT, str(uuid4()))
    ]
    path = f"{COURSE_PATH}/dispenses"

    refused = caller("POST", path, {"patient_id": PATIENT, "dispenses": fills})
    kept = caller("POST", path, {"patient_id": PATIENT, "dispenses": fills[:1]})

    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "/dispenses/1/patient_id"
    assert kept.status_code == 201, kept.text


def test_a_patch_names_no_other_patient_either(caller: Caller) -> None:
    body = {"id": str(uuid4()), **BODIES[f"{P}/conditions"]}
    path = f"{P}/conditions/{body['id']}"
    caller("POST", f"{P}/conditions", body)

    other = caller(
        "PATCH", path, {"note": "x", "patient_id": str(uuid4())}, headers={"If-Match": '"1"'}
    )
    same = caller("PATCH", path, {"note": "x", "patient_id": PATIENT}, headers={"If-Match": '"1"'})

    assert (other.status_code, other.json()["code"]) == (409, "patient-mismatch")
    assert same.status_code == 200, same.text


@pytest.mark.parametrize(
    ("under", "member"),
    [
        ("medications/{course}/dose-events", "reason"),
        ("medications/{course}/administrations", "reason"),
        ("side-effects", "action"),
        ("life-events", "kind"),
        ("therapy-sessions", "modality"),
    ],
)
def test_other_says_in_a_text_beside_it_what_it_is(caller: Caller, under: str, member: str) -> None:
    path = f"{P}/{under.format(course=SERTRALINE)}"
    body = {"id": str(uuid4()), **BODIES[path], member: "other"}

    refused = caller("POST", path, body)
    kept = caller("POST", path, body | {f"{member}_text": "as the patient says"})

    assert refused.status_code == 422
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        (f"/{member}_text", "required")
    ]
    assert kept.status_code == 201, kept.text
