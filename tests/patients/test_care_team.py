"""Who may see a patient's record, over HTTP on both databases."""

from typing import Any
from uuid import uuid4

from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

PRESCRIBER = str(identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber"))
COLLEAGUE = str(identity.built_in_user(identity.DEFAULT_CLINIC, "care_team"))
OFFICER = str(identity.built_in_user(identity.DEFAULT_CLINIC, "privacy_officer"))
STRANGER = str(identity.built_in_user(OTHER_CLINIC, "prescriber"))


def _team(*user_ids: str) -> dict[str, Any]:
    return {"members": [{"user_id": one} for one in user_ids]}


def test_whoever_registers_a_patient_is_the_first_team(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    team = prescriber("GET", f"{PATH}/care-team").json()

    assert team["version"] is None
    assert [(one["user_id"], one["role"]) for one in team["members"]] == [
        (PRESCRIBER, "prescriber")
    ]


def test_who_joins_sees_and_who_is_left_out_sees_no_more_at_once(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    colleague = clinic.as_("care_team")
    assert colleague("GET", PATH).status_code == 404

    joined = prescriber("PUT", f"{PATH}/care-team", _team(PRESCRIBER, COLLEAGUE))
    assert joined.status_code == 201, joined.text
    assert colleague("GET", PATH).status_code == 200

    left = colleague(
        "PUT", f"{PATH}/care-team", _team(COLLEAGUE), headers={"If-Match": joined.headers["ETag"]}
    )
    assert left.status_code == 200, left.text
    assert prescriber("GET", PATH).status_code == 404
    assert colleague("GET", f"{PATH}/care-team").json()["version"] == 2


def test_a_team_is_changed_on_the_version_that_was_read(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    path = f"{PATH}/care-team"
    prescriber("PUT", path, _team(PRESCRIBER))

    assert prescriber("PUT", path, _team(PRESCRIBER)).status_code == 200  # the same again
    assert prescriber("PUT", path, _team(PRESCRIBER, COLLEAGUE)).status_code == 428
    stale = prescriber("PUT", path, _team(PRESCRIBER, COLLEAGUE), headers={"If-Match": '"7"'})
    assert stale.status_code == 412


def test_only_active_clinicians_of_the_clinic_care(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    path = f"{PATH}/care-team"

    for wrong in (STRANGER, OFFICER, str(uuid4())):
        refused = prescriber("PUT", path, _team(PRESCRIBER, wrong))
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["pointer"] == "/members/1/user_id"
    assert prescriber("PUT", path, {"members": []}).status_code == 422


def test_an_administrator_sets_the_team_and_sees_nothing_else(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    administrator = clinic.as_("administrator")

    assert administrator("PUT", f"{PATH}/care-team", _team(COLLEAGUE)).status_code == 201
    assert administrator("GET", f"{PATH}/care-team").status_code == 200
    assert administrator("GET", PATH).status_code == 403
    elsewhere = clinic.as_("administrator", clinic_id=OTHER_CLINIC)
    assert elsewhere("GET", f"{PATH}/care-team").status_code == 404


def test_without_a_relation_a_patient_is_as_absent_as_none(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    colleague = clinic.as_("care_team")
    same = {"headers": {"X-Request-Id": "same"}}

    for tail in ("", "/care-team", "/labs", "/trends", "/changes"):
        hidden = colleague("GET", f"{PATH}{tail}", **same)
        absent = colleague("GET", f"/v1/patients/{uuid4()}{tail}", **same)
        assert hidden.status_code == absent.status_code == 404
        assert hidden.content == absent.content
