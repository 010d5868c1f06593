"""Signals are moved on by named persons, and never lost, over HTTP."""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.imports.files import PATIENT, bundle, observation, run
from tests.patients.test_patients import PATH, PERSON

SIGNALS = f"{PATH}/signals"
SEEN = {"state": "acknowledged"}
DONE = {"state": "closed", "action": "spoke with the patient and a relative"}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


@pytest.fixture
def signal(caller: Caller) -> dict[str, Any]:
    form = {"id": str(uuid4()), "instrument": "phq-9", "answers": [0] * 8 + [2]}
    answer = caller("POST", f"{PATH}/assessments", form | {"occurred_at": "2026-05-20T10:00:00Z"})
    assert answer.status_code == 201, answer.text
    (found,) = caller("GET", SIGNALS).json()["items"]
    kept: dict[str, Any] = found
    return kept


def move(caller: Caller, signal: dict[str, Any], body: Any, version: int | None = 1) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return caller("PATCH", f"{SIGNALS}/{signal['id']}", body, headers=headers)


def test_it_is_acknowledged_then_closed_and_each_version_names_who(
    caller: Caller, signal: dict[str, Any]
) -> None:
    seen = move(caller, signal, SEEN)
    done = move(caller, signal, DONE, 2)
    history = caller("GET", f"{SIGNALS}/{signal['id']}/history").json()["items"]

    assert (seen.status_code, done.status_code) == (200, 200), done.text
    assert seen.json()["acknowledged"]["by"] == seen.json()["owner"]
    assert done.json()["acknowledged"] == seen.json()["acknowledged"]
    assert done.json()["closed"]["by"] == done.json()["author"]["id"]
    assert [one["state"] for one in history] == ["closed", "acknowledged", "open"]
    assert {json.dumps(one["evidence"], sort_keys=True) for one in history} == {
        json.dumps(signal["evidence"], sort_keys=True)
    }
    assert {json.dumps(one["rule"]) for one in history} == {json.dumps(signal["rule"])}


@pytest.mark.parametrize(
    ("body", "version", "status"),
    [
        (SEEN, None, 428),
        (SEEN, 2, 412),
        ({"state": "open"}, 1, 422),
        ({"state": "deleted"}, 1, 422),
        ({"state": "closed"}, 1, 422),
        ({"state": "closed", "action": ""}, 1, 422),
        (SEEN | {"evidence": {}}, 1, 422),
        (SEEN | {"owner": str(uuid4())}, 1, 422),
        (DONE | {"new_normal": True}, 1, 422),
        (SEEN | {"patient_id": str(uuid4())}, 1, 409),
    ],
)
def test_what_is_no_move_is_refused_and_leaves_it_open(
    caller: Caller, signal: dict[str, Any], body: Any, version: int | None, status: int
) -> None:
    refused = move(caller, signal, body, version)

    assert refused.status_code == status, refused.text
    page = caller("GET", SIGNALS).json()
    assert (page["items"], page["open"]) == ([signal], 1)


def test_closed_is_closed_and_nothing_deletes_it(caller: Caller, signal: dict[str, Any]) -> None:
    assert move(caller, signal, DONE).status_code == 200

    assert move(caller, signal, SEEN, 2).status_code == 422
    assert move(caller, signal, DONE, 2).status_code == 422
    path = f"{SIGNALS}/{signal['id']}"
    assert caller("DELETE", path, headers={"If-Match": '"2"'}).status_code == 405
    page = caller("GET", SIGNALS).json()
    assert (page["open"], [one["state"] for one in page["items"]]) == (0, ["closed"])


def test_a_machine_the_patient_and_strangers_move_nothing(
    clinic: Clinic, caller: Caller, signal: dict[str, Any]
) -> None:
    patient = clinic.as_("patient", patient_id=str(PERSON["id"]))
    assert move(clinic.as_("system"), signal, SEEN).status_code == 403
    assert move(patient, signal, SEEN).status_code == 403
    assert patient("GET", SIGNALS).status_code == 403
    assert move(clinic.as_("care_team"), signal, SEEN).status_code == 404, "no relation"
    assert move(clinic.as_("prescriber", clinic_id=OTHER_CLINIC), signal, SEEN).status_code == 404
    assert caller("GET", SIGNALS).json()["items"] == [signal]


def test_what_opened_it_may_be_withdrawn_and_it_stays_open(
    caller: Caller, signal: dict[str, Any]
) -> None:
    form = f"{PATH}/assessments/{signal['evidence']['record_id']}"
    assert caller("DELETE", form, headers={"If-Match": '"1"'}).status_code == 200

    page = caller("GET", SIGNALS).json()
    assert (page["items"], page["asked"]["suicidality"]) == ([signal], None)


@pytest.fixture
def old(clinic: Clinic, prescriber: Caller, tmp_path: Path) -> Any:
    """Import old answers about suicide, by day of March; give the signals of the patient."""

    def answered(day: str) -> dict[str, Any]:
        at = {"effectiveDateTime": f"2026-03-{day}"}
        return observation(f"item-{day}", "44260-8", **at, valueInteger=2)

    def bring(*days: str) -> Any:
        run(clinic, bundle(tmp_path, PATIENT, *map(answered, days)))
        (person,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
        return prescriber("GET", f"/v1/patients/{person['id']}/signals").json()

    return bring


def days_of(signal: dict[str, Any]) -> list[str]:
    return [one["on"][-2:] for one in signal["evidence"]["findings"]]


def test_old_facts_wait_in_one_signal_and_what_comes_while_it_is_open_joins_it(
    old: Any, prescriber: Caller
) -> None:
    (first,) = old("02", "03")["items"]
    (again,) = old("02", "03")["items"]
    (more,) = old("03", "04")["items"]

    assert (first["version"], first["evidence"]["n"], days_of(first)) == (1, 2, ["02", "03"])
    assert again == first
    assert (more["version"], more["evidence"]["n"]) == (2, 3)
    assert days_of(more) == ["04", "02", "03"]
    assert {name: more[name] for name in ("id", "state", "raised_at", "owner", "rule")} == {
        name: first[name] for name in ("id", "state", "raised_at", "owner", "rule")
    }


def test_who_closes_what_has_grown_meanwhile_is_told_and_later_facts_open_another(
    old: Any, prescriber: Caller
) -> None:
    (first,) = old("02")["items"]
    old("03")
    path = f"/v1/patients/{first['patient_id']}/signals/{first['id']}"

    assert prescriber("PATCH", path, DONE, headers={"If-Match": '"1"'}).status_code == 412
    assert prescriber("PATCH", path, DONE, headers={"If-Match": '"2"'}).status_code == 200
    assert old("02", "03")["open"] == 0, "the same again says nothing new"
    page = old("04")
    assert [(one["state"], days_of(one)) for one in page["items"]] == [
        ("open", ["04"]),
        ("closed", ["03", "02"]),
    ]
