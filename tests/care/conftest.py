"""A patient with the intake, medicine and plan that the tests of this room begin from."""

import json
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import Caller, Clinic

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"

INTAKE: dict[str, Any] = {
    "occurred_at": "2026-03-02T09:00:00-05:00",
    "presenting_problem": "Low mood",
    "exposures": [
        {
            "substance": {"reference_id": "alcohol"},
            "amount": "4",
            "unit": "{drink}",
            "per": "wk",
            "from_on": None,
        }
    ],
    "stressors": [{"label": "job loss", "from_on": "2025-11-10"}],
    "risk": {"suicidal_ideation": "none", "firearms_access": "unknown"},
    "conditions": [{"code": {"system": ICD10CM, "code": "F33.1"}}],
    "assessments": [{"instrument": "phq-9", "answers": [2, 3, 3, 2, 2, 2, 2, 1, 0]}],
}
PLAN: dict[str, Any] = {
    "agreed_on": "2026-03-02",
    "why": "helped in part before",
    "goals": [
        {
            "patient_words": "Get through a working day",
            "measure": "functioning.work",
            "target": 7,
            "due_on": "2026-06-01",
        }
    ],
    "measured_by": ["phq-9.total", "sleep.quality"],
    "expected": [{"week": 2, "sign": "sleep may move first", "source": "clinic's own text"}],
    "review_interval_days": 28,
}
SERTRALINE: dict[str, Any] = {
    "kind": "drug",
    "code": {"system": RXNORM, "code": "36437", "display": "sertraline"},
    "first_dose_event": {
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "50", "unit": "mg"},
        "times_per_day": 1,
    },
}


class Patient:
    """One patient as a caller sees them."""

    def __init__(self, caller: Caller, patient_id: str) -> None:
        self.caller = caller
        self.id = patient_id
        self.path = f"/v1/patients/{patient_id}"

    def put(self, under: str, body: Any, version: int | None = None) -> httpx.Response:
        headers = {"If-Match": f'"{version}"'} if version else {}
        return self.caller("PUT", f"{self.path}/{under}", body, headers=headers)

    def post(self, under: str, body: dict[str, Any], **more: Any) -> httpx.Response:
        sent = {"id": str(uuid4())} | body | more
        return self.caller("POST", f"{self.path}/{under}", sent)

    def get(self, under: str) -> Any:
        answer = self.caller("GET", f"{self.path}/{under}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def items(self, under: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get(under)["items"]
        return found


@pytest.fixture
def patient(clinic: Clinic, prescriber: Caller) -> Patient:
    born = prescriber(
        "POST",
        "/v1/patients",
        {
            "id": str(uuid4()),
            "name": {"given": "Example", "family": "Patient"},
            "birth_date": "1991-04-17",
            "time_zone": "America/New_York",
        },
    )
    assert born.status_code == 201, born.text
    return Patient(prescriber, born.json()["id"])


def copy(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Give a body of one's own, with some members changed."""
    fresh: dict[str, Any] = json.loads(json.dumps(body))
    return fresh | more
