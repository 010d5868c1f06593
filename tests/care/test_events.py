"""Therapy sessions, life events and conditions: records like every other."""

from typing import Any
from uuid import uuid4

import pytest

from tests.care.conftest import ICD10CM, PLAN, SERTRALINE, Patient, copy
from tests.conftest import OTHER_CLINIC, Clinic

SESSION: dict[str, Any] = {
    "modality": "cognitive_behavioural_therapy",
    "occurred_at": "2026-04-15T16:00:00-04:00",
    "attended": True,
    "homework": "done",
}
EVENT: dict[str, Any] = {
    "kind": "stressor",
    "label": "moved house",
    "from_on": "2026-04-28",
    "to_on": "2026-05-02",
    "weight": 2,
}
CONDITION: dict[str, Any] = {"text": "hypothyroidism", "onset_on": "2019-01-01"}
EACH = [("therapy-sessions", SESSION), ("life-events", EVENT), ("conditions", CONDITION)]
each = pytest.mark.parametrize(("under", "body"), EACH)


@each
def test_it_is_kept_once_shown_corrected_and_taken_back(
    patient: Patient, under: str, body: dict[str, Any]
) -> None:
    sent = {"id": str(uuid4())} | body
    first = patient.post(under, sent)
    again = patient.post(under, sent)
    path = f"{patient.path}/{under}/{sent['id']}"

    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert again.json() == first.json() == patient.get(f"{under}/{sent['id']}")
    other = patient.post(under, copy(sent, note="other"))
    assert other.status_code == 409
    patched = patient.caller("PATCH", path, {"note": "more"}, headers={"If-Match": '"1"'})
    assert (patched.json()["version"], patched.json()["note"]) == (2, "more")
    stale = patient.caller("PATCH", path, {"note": "x"}, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    gone = patient.caller("DELETE", path, headers={"If-Match": '"2"'})
    assert gone.json()["status"] == "entered_in_error"
    assert patient.items(under) == []
    assert len(patient.items(f"{under}/{sent['id']}/history")) == 3


@each
def test_it_is_this_patients_and_no_other_ones(
    clinic: Clinic, patient: Patient, under: str, body: dict[str, Any]
) -> None:
    record = patient.post(under, body).json()["id"]
    path = f"{patient.path}/{under}"

    for caller in (
        clinic.as_("care_team"),
        clinic.as_("prescriber", clinic_id=OTHER_CLINIC),
        clinic.as_("patient", patient_id=uuid4()),
    ):
        assert caller("GET", path).status_code == 404
        assert caller("GET", f"{path}/{record}").status_code == 404
    own = clinic.as_("patient", patient_id=patient.id)
    assert own("GET", f"{path}/{record}").status_code == 200
    assert own("DELETE", f"{path}/{record}", headers={"If-Match": '"1"'}).status_code == 403


@pytest.mark.parametrize(
    ("under", "body", "members", "pointer"),
    [
        ("therapy-sessions", SESSION, {"modality": "magic"}, "/modality"),
        ("therapy-sessions", SESSION, {"attended": "yes"}, "/attended"),
        ("therapy-sessions", SESSION, {"occurred_at": "2026-04-15T16:00:00"}, "/occurred_at"),
        ("therapy-sessions", SESSION, {"occurred_at": "2026-06-03T00:00:00Z"}, "/occurred_at"),
        ("therapy-sessions", SESSION, {"occurred_at": "1991-04-16T12:00:00Z"}, "/occurred_at"),
        ("therapy-sessions", SESSION, {"duration_min": 0}, "/duration_min"),
        ("life-events", EVENT, {"from_on": None}, "/from_on"),
        ("life-events", EVENT, {"from_on": "2026-07-01", "to_on": None}, "/from_on"),
        ("life-events", EVENT, {"to_on": "2026-04-01"}, "/to_on"),
        ("life-events", EVENT, {"weight": 0}, "/weight"),
        ("life-events", EVENT, {"label": ""}, "/label"),
        ("life-events", EVENT, {"label": "x" * 201}, "/label"),
        ("life-events", EVENT, {"label": "a\u202eb"}, "/label"),
        ("conditions", CONDITION, {"text": None}, ""),
        ("conditions", CONDITION, {"ended_on": "2018-01-01"}, "/ended_on"),
        ("conditions", CONDITION, {"onset_on": "1989-01-01"}, "/onset_on"),
        ("conditions", CONDITION, {"code": {"system": "x"}}, "/code/code"),
    ],
)
def test_what_cannot_be_is_refused_by_its_place(
    patient: Patient, under: str, body: dict[str, Any], members: dict[str, Any], pointer: str
) -> None:
    answer = patient.post(under, copy(body, **members))

    assert answer.status_code == 422, answer.text
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert patient.items(under) == []


def test_life_events_are_listed_by_their_first_day_whenever_they_were_told(
    patient: Patient,
) -> None:
    patient.post("life-events", EVENT)
    patient.post("life-events", EVENT, label="loss of a friend", from_on="2026-01-05", kind="loss")

    assert [one["label"] for one in patient.items("life-events")] == [
        "loss of a friend",
        "moved house",
    ]
    first = patient.get("life-events?limit=1")
    second = patient.get(f"life-events?limit=1&cursor={first['next']}")
    assert [one["label"] for one in second["items"]] == ["moved house"]


def test_a_patient_may_tell_of_a_life_event_but_not_of_a_diagnosis(
    clinic: Clinic, patient: Patient
) -> None:
    own = Patient(clinic.as_("patient", patient_id=patient.id), patient.id)

    assert own.post("life-events", EVENT).json()["source"] == "patient"
    assert own.post("conditions", CONDITION).status_code == 403
    assert own.post("therapy-sessions", SESSION).status_code == 403


def test_a_condition_that_ended_is_no_longer_what_a_medicine_is_given_for(
    patient: Patient,
) -> None:
    code = {"system": ICD10CM, "code": "F33.1"}
    patient.put("treatment-plan", PLAN)
    patient.post("medications", SERTRALINE)
    patient.post("conditions", {"code": code, "ended_on": "2026-01-01"})
    assert patient.get("treatment-plan")["next_review"]["reasons"] == ["CONDITION_UNKNOWN"]

    patient.post("conditions", {"code": code})

    assert patient.get("treatment-plan")["next_review"]["reasons"] == []
