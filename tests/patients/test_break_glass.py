"""Reading in an emergency: one patient, one hour, to read, and everybody can see that it was."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

REASON = "Found unconscious at home; needs the list of medicines"
CONDITION = {"id": str(uuid4()), "text": "a condition"}


def _asked(**changed: Any) -> dict[str, Any]:
    return {"patient_id": PERSON["id"], "purpose": "ETREAT", "reason": REASON, **changed}


@pytest.fixture
def colleague(clinic: Clinic, prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    return clinic.as_("care_team")


def test_for_an_hour_one_patient_is_read_and_nothing_written(
    clinic: Clinic, prescriber: Caller, colleague: Caller
) -> None:
    other = prescriber("POST", "/v1/patients", PERSON | {"id": str(uuid4()), "identifiers": []})
    assert colleague("GET", PATH).status_code == 404

    broken = colleague("POST", "/v1/break-glass", _asked())
    assert broken.status_code == 201, broken.text
    assert broken.json()["expires_at"].startswith("2026-06-01T13:00:00")

    assert colleague("GET", PATH).status_code == 200
    assert colleague("GET", f"{PATH}/visit-brief").status_code == 200
    assert colleague("POST", f"{PATH}/conditions", CONDITION).status_code == 404
    assert colleague("GET", f"/v1/patients/{other.json()['id']}").status_code == 404
    assert colleague("GET", "/v1/patients").json()["items"] == []

    clinic.clock.advance(minutes=60)
    fresh = clinic.as_("care_team")
    assert fresh("GET", PATH).status_code == 404


def test_it_can_be_stopped_before(colleague: Caller) -> None:
    colleague("POST", "/v1/break-glass", _asked())

    assert colleague("DELETE", f"/v1/break-glass/{PERSON['id']}").status_code == 200
    assert colleague("GET", PATH).status_code == 404
    assert colleague("DELETE", f"/v1/break-glass/{PERSON['id']}").status_code == 404


@pytest.mark.parametrize("reason", [None, "", "emergency", " " * 30])
def test_without_a_reason_nothing_breaks(colleague: Caller, reason: str | None) -> None:
    refused = colleague("POST", "/v1/break-glass", _asked(reason=reason))

    assert refused.status_code == 403
    assert refused.json()["code"] == "break-glass-required"
    assert colleague("GET", PATH).status_code == 404


def test_only_clinicians_of_the_same_clinic_may(clinic: Clinic, colleague: Caller) -> None:
    elsewhere = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    assert elsewhere("POST", "/v1/break-glass", _asked()).status_code == 404
    for role in ("system", "administrator", "privacy_officer"):
        assert clinic.as_(role)("POST", "/v1/break-glass", _asked()).status_code == 403
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    assert patient("POST", "/v1/break-glass", _asked()).status_code == 403
    assert colleague("POST", "/v1/break-glass", _asked(purpose="TREAT")).status_code == 422


def test_start_use_and_stop_stand_in_the_access_log_and_the_officer_has_the_list(
    clinic: Clinic, colleague: Caller
) -> None:
    colleague("POST", "/v1/break-glass", _asked())
    colleague("GET", PATH)
    colleague("DELETE", f"/v1/break-glass/{PERSON['id']}")
    officer = clinic.as_("privacy_officer")

    log = officer("GET", f"/v1/access-log?patient_id={PERSON['id']}").json()["items"]
    emergency = [row["operation"] for row in reversed(log) if row["purpose"] == "ETREAT"]
    assert emergency == ["break_glass_before", "show_patient", "stop_break_glass"]

    (listed,) = officer("GET", "/v1/break-glass").json()["items"]
    assert listed["reason"] == REASON
    assert listed["by"]["role"] == "care_team"
    assert listed["stopped_at"] is not None
    assert colleague("GET", "/v1/break-glass").status_code == 403


def test_asked_again_it_is_the_same_hour(clinic: Clinic, colleague: Caller) -> None:
    first = colleague("POST", "/v1/break-glass", _asked()).json()
    clinic.clock.advance(minutes=10)

    again = colleague("POST", "/v1/break-glass", _asked())

    assert again.status_code == 200
    assert again.json()["expires_at"] == first["expires_at"]


def test_without_a_reason_nobody_learns_who_is_there(colleague: Caller) -> None:
    told = [
        colleague("POST", "/v1/break-glass", _asked(reason="x", patient_id=one)).json()
        for one in (PERSON["id"], str(uuid4()))
    ]

    assert told[0] | {"request_id": 0} == told[1] | {"request_id": 0}
    assert told[0]["status"] == 403


def test_through_broken_glass_nothing_is_written_and_nobody_let_in(colleague: Caller) -> None:
    colleague("POST", "/v1/break-glass", _asked())

    for method, path, body in (
        ("POST", f"{PATH}/check-ins", {"id": str(uuid4()), "occurred_at": "2026-05-30T09:00:00Z"}),
        ("PUT", f"{PATH}/care-team", {"members": [{"user_id": str(uuid4())}]}),
        ("POST", f"{PATH}/enrolment-codes", {}),
        ("PATCH", PATH, {"sex": "male"}),
    ):
        refused = colleague(method, path, body, headers={"If-Match": '"1"'})
        assert refused.status_code == 404, (method, path, refused.text)
    item = {"op": "put", "type": "check_in", "patient_id": PERSON["id"], "id": str(uuid4())}
    item |= {"client_time": "2026-05-30T09:00:00Z", "body": {"occurred_at": "2026-05-30T09:00:00Z"}}
    sent = {"sent_at": "2026-06-01T12:00:00Z", "items": [item]}
    (result,) = colleague("POST", "/v1/sync", sent).json()["results"]
    assert result["status"] == "rejected"
