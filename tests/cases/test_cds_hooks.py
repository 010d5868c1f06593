"""The medicines in the published CDS Hooks requests, checked for interactions as a plain list."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.imports import fhir
from app.imports.r4 import each, text
from tests.conftest import Caller
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASE = SHARED / "cases" / "cds-hooks-examples"
FILES = sorted(CASE.glob("*.json"))
ORDERS = frozenset({"MedicationRequest", "MedicationOrder", "MedicationStatement"})
AMOXICILLIN = "Amoxicillin 120 MG/ML / clavulanate potassium 8.58 MG/ML Oral Suspension"
AZITHROMYCIN = "Azithromycin 20 MG/ML Oral Suspension [Zithromax]"
MEDICINES = {
    "medication-prescribe.1": [AMOXICILLIN, AZITHROMYCIN],
    "medication-prescribe.2": [AMOXICILLIN, AZITHROMYCIN],
    "medication-refill.1": ["oxybutynin (DITROPAN XL) CR tablet"],
    "medication-refill.2": [AZITHROMYCIN],
    "order-dispatch.1.fragment": [],
    "order-select.1": [AMOXICILLIN],
    "order-select.2": [AMOXICILLIN],
    "order-select.3.fragment": [AMOXICILLIN],
    "order-sign.1": [AMOXICILLIN],
    "order-sign.2": [AMOXICILLIN],
    "order-sign.3.fragment": [AMOXICILLIN],
    "patient-view.1.fragment": [],
    "patient-view.2.fragment": [],
}


def resources(part: Any) -> Iterator[dict[str, Any]]:
    """Every resource in a request, whatever bundle, prefetch or version of the hook holds it."""
    if isinstance(part, dict):
        if text(part, "resourceType") not in {None, "Bundle"}:
            yield part
        for member in part.values():
            yield from resources(member)
    elif isinstance(part, list):
        for one in part:
            yield from resources(one)


def substances(request: Any) -> list[dict[str, Any]]:
    """The medicines of a request as the list that an interaction check takes."""
    held = list(resources([each(request, "context"), each(request, "prefetch")]))
    by_name = {f"{text(one, 'resourceType')}/{text(one, 'id')}": one for one in held}
    found = []
    for one in held:
        if text(one, "resourceType") in ORDERS:
            code, name = fhir.medicine(one, by_name.get)
            said = {"code": code, "text": name}
            found.append({key: value for key, value in said.items() if value is not None})
    return found


def request(name: str) -> Any:
    return json.loads((CASE / f"{name}.json").read_text())


def test_every_published_request_is_read_also_a_fragment() -> None:
    read = {file.name.removesuffix(".json"): substances(request(file.stem)) for file in FILES}

    assert {name: [one["text"] for one in found] for name, found in read.items()} == MEDICINES
    (refill,) = substances(request("medication-refill.2"))
    assert refill["code"]["system"] == "http://www.nlm.nih.gov/research/umls/rxnorm"
    assert refill["code"]["code"] == "211307"


@pytest.mark.parametrize("name", [name for name, found in MEDICINES.items() if found])
def test_the_medicines_of_a_request_are_checked_or_said_to_be_not(
    prescriber: Caller, name: str
) -> None:
    listed = substances(request(name))

    answer = prescriber("POST", "/v1/interactions/check", {"substances": listed})

    assert answer.status_code == 200
    found = answer.json()
    unknown = [one["substance"]["text"] for one in found["not_checked"]]
    assert unknown == [one for one in MEDICINES[name] if one == AMOXICILLIN]
    assert found["checked"] + len(unknown) == len(listed)
    assert found["findings"] == []
    assert "no interactions" not in answer.text.casefold()


def test_a_draft_is_checked_against_what_the_prefetch_says_is_taken(prescriber: Caller) -> None:
    """The published request, with a medicine of ours in its prefetch and in its draft."""
    whole = request("order-sign.1")
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    taken = {
        "resourceType": "MedicationRequest",
        "id": "taken",
        "medicationReference": {"reference": "Medication/m"},
    }
    medicine = {
        "resourceType": "Medication",
        "id": "m",
        "code": {"coding": [{"system": rxnorm, "code": "36437", "display": "sertraline"}]},
    }
    entries = [{"resource": taken}, {"resource": medicine}]
    whole["prefetch"] = {"medications": {"resourceType": "Bundle", "entry": entries}}
    drafted = {
        "resourceType": "MedicationRequest",
        "medicationCodeableConcept": {"text": "tramadol"},
    }
    whole["context"]["draftOrders"]["entry"].append({"resource": drafted})

    listed = substances(whole)
    found = prescriber("POST", "/v1/interactions/check", {"substances": listed}).json()

    assert len(listed) == 3
    (pair, *_) = found["possible"]
    assert pair["severity"] == "major"
    named = {one.get("name") or one["candidate"]["reference_id"] for one in pair["substances"]}
    assert named == {"sertraline", "tramadol"}
