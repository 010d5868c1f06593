"""People over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "identifiers": [{"system": "urn:example:mrn", "value": "A-1042"}],
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "sex": "female",
    "time_zone": "America/New_York",
    "language": "en",
}
PATH = f"/v1/patients/{PERSON['id']}"


def test_a_person_sent_twice_is_there_once(prescriber: Caller) -> None:
    first = prescriber("POST", "/v1/patients", PERSON)
    again = prescriber("POST", "/v1/patients", PERSON)

    assert first.status_code == 201, first.text
    assert first.headers["ETag"] == '"1"'
    assert first.headers["Location"] == PATH
    assert again.status_code == 200
    assert again.content == first.content
    assert len(prescriber("GET", "/v1/patients").json()["items"]) == 1


def test_an_id_taken_by_other_content_is_a_conflict(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    refused = prescriber("POST", "/v1/patients", PERSON | {"sex": "male"})

    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "already-exists"


def test_another_clinics_patient_is_as_absent_as_no_patient(clinic: Clinic) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    foreign = stranger("GET", PATH)
    absent = stranger("GET", f"/v1/patients/{uuid4()}")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() | {"request_id": 0} == absent.json() | {"request_id": 0}


def test_a_colleague_without_a_care_relation_sees_nothing(clinic: Clinic) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)

    assert clinic.as_("care_team")("GET", PATH).status_code == 404
    assert clinic.as_("system")("GET", PATH).status_code == 200
    assert clinic.as_("administrator")("GET", PATH).status_code == 403


def test_a_patient_sees_the_own_record_and_no_other(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    other = prescriber(
        "POST", "/v1/patients", PERSON | {"id": str(uuid4()), "identifiers": []}
    ).json()
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    assert patient("GET", PATH).status_code == 200
    assert patient("GET", f"/v1/patients/{other['id']}").status_code == 404


def test_a_correction_names_the_version_it_was_made_on(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patch = {"name": {"family": "Married"}}

    assert prescriber("PATCH", PATH, patch).status_code == 428
    done = prescriber("PATCH", PATH, patch, headers={"If-Match": '"1"'})
    stale = prescriber("PATCH", PATH, patch, headers={"If-Match": '"1"'})

    assert done.status_code == 200, done.text
    assert done.json()["name"] == {"given": "Example", "family": "Married"}
    assert done.json()["version"] == 2
    assert stale.status_code == 412
    assert stale.headers["ETag"] == '"2"'
    history = prescriber("GET", f"{PATH}/history").json()["items"]
    assert [one["name"]["family"] for one in history] == ["Married", "Patient"]


def test_a_missing_or_forged_token_is_refused(clinic: Clinic, prescriber: Caller) -> None:
    head, body, signature = prescriber.token.split(".")
    forged = f"{head}.{body[:-2]}AA.{signature}"

    for token in ("x", "a.b.c", forged):
        refused = clinic.http.get("/v1/patients", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
        assert "invalid_token" in refused.headers["WWW-Authenticate"]


def test_a_token_that_was_taken_back_is_refused_at_once(clinic: Clinic, prescriber: Caller) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    assert prescriber("GET", PATH).status_code == 200
    actor, _ = clinic.app.state.issuer.verify(prescriber.token, clinic.clock())

    clinic.app.state.writer.run(identity.revoke, actor, actor.token_id, operation="revoke")

    assert prescriber("GET", PATH).status_code == 401
    assert prescriber("PATCH", PATH, {}, headers={"If-Match": '"1"'}).status_code == 401
    assert clinic.as_("prescriber")("GET", PATH).status_code == 200


def test_a_version_too_long_to_be_one_is_refused_and_breaks_nothing(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    tag = '"' + "9" * 5000 + '"'

    assert (
        prescriber("PATCH", PATH, {"sex": "unknown"}, headers={"If-Match": tag}).status_code == 428
    )
