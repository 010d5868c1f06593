"""The examples of HL7 and pathling: medicines, questionnaires, and what is not read here."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import PATIENT, bundle, journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASE = SHARED / "cases" / "hl7-fhir-r4-examples"
ANSWERS = {
    "pathling-phq9-response": ([1, 2, 3, 1, 2, 3, 0, 1, 2], 15),
    "pathling-phq9-response-with-embedded-scores": ([2, 2, 3, 1, 3, 3, 0, 1, 2], 17),
}


@pytest.fixture
def person(tmp_path: Path) -> Path:
    return bundle(tmp_path, PATIENT | {"id": "pat1"}, name="patient.json")


@pytest.fixture
def ask(prescriber: Caller) -> Any:
    def get(path: str) -> Any:
        (found,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
        return prescriber("GET", f"/v1/patients/{found['id']}/{path}").json()

    return get


def test_every_file_has_its_result_and_the_second_import_changes_nothing(
    clinic: Clinic, person: Path
) -> None:
    files = sorted(CASE.glob("*.json"))
    first = run(clinic, person, *files)
    before = journal_rows(clinic)
    second = run(clinic, person, *files)

    assert {one.file.removesuffix(".json"): (one.status, one.reason) for one in first} == {
        "patient": ("created", None),
        "adverseevent-example": ("skipped", "type_not_read"),
        "detectedissue-example": ("skipped", "type_not_read"),
        "medicationrequest0302": ("created", "dose_unknown"),
        "medicationstatementexample1": ("created", "dose_unknown"),
        "pathling-phq9": ("skipped", "type_not_read"),
        "pathling-phq9-response": ("skipped", "patient_unknown"),
        "pathling-phq9-response-with-embedded-scores": ("skipped", "patient_unknown"),
        "pathling-phq9-response-with-unlinked-answers": ("skipped", "patient_unknown"),
        "plandefinition-example": ("skipped", "type_not_read"),
        "questionnaireresponse-example": ("skipped", "instrument_unknown"),
    }
    assert all(one.words for one in first if one.status == "skipped")
    assert {one.status for one in second} == {"unchanged", "skipped"}
    assert journal_rows(clinic) == before


def test_contained_medicines_are_courses_and_doses_in_parts_wait_for_a_prescriber(
    clinic: Clinic, person: Path, ask: Any
) -> None:
    files = ("medicationrequest0302", "medicationstatementexample1")
    run(clinic, person, *(CASE / f"{name}.json" for name in files))

    courses = {one["code"]["code"]: one for one in ask("medications")["items"]}
    assert {code: one["name"] for code, one in courses.items()} == {
        "324252006": "Azithromycin 250mg capsule (product)",
        "50580-506-02": "Tylenol PM",
    }
    kept = {
        code: ask(f"medications/{one['id']}/dose-events")["items"] for code, one in courses.items()
    }
    told = {
        code: [(one["kind"], one["effective_on"], one["dose"], one["unconfirmed"]) for one in some]
        for code, some in kept.items()
    }
    assert told == {
        "324252006": [("start", "2015-01-15", None, ["dosage-in-parts"])],
        "50580-506-02": [("prn_on", "2015-01-23", None, ["dosage-in-parts"])],
    }
    assert [one["code"] for one in ask("signals")["items"]] == ["historic"]


@pytest.mark.parametrize("name", ANSWERS)
def test_a_response_is_scored_by_its_codes_or_by_the_scores_beside_them(
    clinic: Clinic, person: Path, ask: Any, tmp_path: Path, name: str
) -> None:
    response = json.loads((CASE / f"{name}.json").read_text())
    response["subject"] = {"reference": "Patient/pat1"}

    run(clinic, person, bundle(tmp_path, response))

    (kept,) = ask("assessments")["items"]
    answers, total = ANSWERS[name]
    assert (list(kept["answers"].values()), kept["total"]) == (answers, total)


def test_answers_that_are_linked_to_nothing_are_no_zeros_and_item_nine_is_seen(
    clinic: Clinic, person: Path, ask: Any, tmp_path: Path
) -> None:
    name = "pathling-phq9-response-with-unlinked-answers"
    response = json.loads((CASE / f"{name}.json").read_text())
    response["subject"] = {"reference": "Patient/pat1"}

    _, result = run(clinic, person, bundle(tmp_path, response))

    assert (result.reason, result.words) == ("answers_unread", "items 3 of phq-9")
    (kept,) = ask("assessments")["items"]
    assert kept["answers"].keys() == {"2", "4", "5", "6", "7", "8", "9"}
    assert (kept["answers"]["9"], kept["total"]) == (2, 14)
    """Two of nine may be missing: 11 of seven answers, prorated and said to be."""
    assert "total_prorated" in kept["flags"]
    assert [one["code"] for one in ask("signals")["items"]] == ["historic"]
