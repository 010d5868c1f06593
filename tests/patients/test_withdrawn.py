"""What was entered in error stays so, whichever way somebody comes back to it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

COURSE = {"id": str(uuid4()), "kind": "drug", "text": "a drug"}
CHECK_IN = {
    "id": str(uuid4()),
    "occurred_at": "2026-05-30T09:00:00Z",
    "mood_cognition": {"mood": 3},
}
START = {
    "id": str(uuid4()),
    "kind": "start",
    "effective_on": "2026-05-01",
    "dose": {"amount": "50", "unit": "mg"},
    "times_per_day": 1,
}
KINDS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "check-in": ("check-ins", CHECK_IN, {"mood_cognition": {"mood": 9}}),
    "dose event": (f"medications/{COURSE['id']}/dose-events", START, {"times_per_day": 2}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_change_brings_back_what_was_entered_in_error(prescriber: Caller, kind: str) -> None:
    collection, body, changed = KINDS[kind]
    prescriber("POST", "/v1/patients", PERSON)
    prescriber("POST", f"{PATH}/medications", COURSE)
    assert prescriber("POST", f"{PATH}/{collection}", body).status_code == 201
    path = f"{PATH}/{collection}/{body['id']}"
    gone = prescriber("DELETE", path, headers={"If-Match": '"1"'})
    assert gone.json()["status"] == "entered_in_error"

    for version in (None, '"1"', '"2"'):
        headers = {"If-Match": version} if version else {}
        for method, sent in (("PUT", body | changed), ("PATCH", changed)):
            refused = prescriber(method, path, sent, headers=headers)
            assert refused.status_code == 422, (method, version, refused.text)
            assert refused.json()["errors"][0]["code"] == "entered-in-error"
    # Sent again, each is what was done before: a lost answer is given, and nothing is changed.
    for again in (
        prescriber("PUT", path, body),
        prescriber("POST", f"{PATH}/{collection}", body),
        prescriber("DELETE", path, headers={"If-Match": '"1"'}),
        prescriber("GET", path),
    ):
        assert again.status_code == 200, again.text
        assert again.content == gone.content
    assert prescriber("GET", f"{PATH}/{collection}").json()["items"] == []


def test_a_phone_that_edits_what_was_withdrawn_has_a_conflict(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    phone = clinic.as_("patient", patient_id=PERSON["id"])
    phone("POST", f"{PATH}/check-ins", CHECK_IN)
    path = f"{PATH}/check-ins/{CHECK_IN['id']}"
    assert prescriber("DELETE", path, headers={"If-Match": '"1"'}).status_code == 200
    edit = CHECK_IN | {"note": "what I wrote on the train"}

    refused = phone("PUT", path, edit, headers={"If-Match": '"2"'})
    item = {
        "op": "put",
        "type": "check_in",
        "patient_id": PERSON["id"],
        "id": CHECK_IN["id"],
        "base_version": 2,
        "client_time": "2026-05-31T09:00:00Z",
        "body": {name: value for name, value in edit.items() if name != "id"},
    }
    sent = {"sent_at": "2026-06-01T12:00:00Z", "items": [item]}
    (result,) = phone("POST", "/v1/sync", sent).json()["results"]

    assert refused.status_code == 422
    assert (result["status"], result["server"]["status"]) == ("conflict", "entered_in_error")
    # Nothing of it is lost: it stands beside the history.
    assert "what I wrote on the train" in prescriber("GET", f"{path}/history").text
    assert phone("GET", path).json()["version"] == 2
