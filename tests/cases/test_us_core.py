"""The examples of US Core: one PHQ-9 that comes three ways, an AUDIT-C, an order and its fill."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import MRN, PATIENT, bundle, journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASE = SHARED / "cases" / "us-core-phq9"
FILES = [one for one in sorted(CASE.glob("*.json")) if one.name != "expected.json"]


@pytest.fixture
def person(tmp_path: Path) -> Path:
    """The patient that the examples speak of and do not bring."""
    return bundle(tmp_path, PATIENT | {"id": "example"}, name="patient.json")


@pytest.fixture
def ask(prescriber: Caller) -> Any:
    def get(path: str) -> Any:
        (found,) = prescriber("GET", "/v1/patients?identifier=S-1").json()["items"]
        return prescriber("GET", f"/v1/patients/{found['id']}/{path}").json()

    return get


def phq9(ask: Any) -> list[Any]:
    return [one for one in ask("assessments")["items"] if one["instrument"] == "phq-9"]


def test_single_resources_in_many_files_are_one_source_and_twice_changes_nothing(
    clinic: Clinic, person: Path
) -> None:
    first = run(clinic, person, *FILES)
    before = journal_rows(clinic)
    second = run(clinic, person, *FILES)

    assert [one.file for one in first] == [person.name, *(one.name for one in FILES)]
    assert Counter((one.type, one.status) for one in first) == {
        ("Patient", "created"): 1,
        ("Observation", "created"): 16,
        ("Observation", "skipped"): 1,
        ("Questionnaire", "skipped"): 2,
        ("QuestionnaireResponse", "created"): 2,
        ("MedicationRequest", "created"): 1,
        ("MedicationDispense", "created"): 1,
    }
    assert Counter(one.status for one in second) == {"unchanged": 21, "skipped": 3}
    assert journal_rows(clinic) == before


def test_the_answers_are_the_expected_ones_and_their_total_is_computed(
    clinic: Clinic, person: Path, ask: Any
) -> None:
    run(clinic, person, *FILES)
    expected = json.loads((CASE / "expected.json").read_text())
    scores = {"LA6568-5": 0, "LA6569-3": 1, "LA6570-1": 2, "LA6571-9": 3}
    items = {code.removeprefix("/"): answer for code, answer, _, _ in expected["items"]}
    order = "44250-9 44255-8 44259-0 44254-1 44251-7 44258-2 44252-5 44253-3 44260-8"
    wanted = [scores[items[code]] for code in order.split(" ")]

    (kept,) = phq9(ask)
    assert list(kept["answers"].values()) == wanted
    assert kept["total_computed"] == kept["total_received"] == expected["item_sum_of_9_scored"]
    assert kept["flags"] == []


@pytest.mark.parametrize("first", ["response", "panel"])
def test_the_response_the_panel_and_a_row_say_one_score_once_also_in_calls_of_their_own(
    clinic: Clinic, person: Path, ask: Any, tmp_path: Path, first: str
) -> None:
    response = [CASE / "QuestionnaireResponse-phq-9-example.json"]
    panel = sorted(CASE.glob("Observation-PHQ9-*.json"))
    row = tmp_path / "row.csv"
    row.write_text("subject,date,domain,measure,value\nS-1,2022-11-29,symptom,phq-9.total,12\n")
    ways = [response, panel] if first == "response" else [panel, response]

    run(clinic, person, *ways[0])
    for files in (ways[1], [row]):
        results = run(clinic, person, *files)
        assert {one.status for one in results if one.reason != "not_a_number"} == {"unchanged"}

    (kept,) = phq9(ask)
    assert kept["total"] == 12
    path = "trends?from=2022-01-01&to=2022-12-31&include=measures,points&measures=phq-9.total"
    (series,) = (one for one in ask(path)["measures"] if one["measure"] == "phq-9.total")
    assert [(one["day"], one["value"]) for one in series["points"]] == [("2022-11-29", 12)]


def test_a_row_of_another_total_on_that_day_is_another_assessment(
    clinic: Clinic, person: Path, ask: Any, tmp_path: Path
) -> None:
    row = tmp_path / "row.csv"
    row.write_text("subject,date,domain,measure,value\nS-1,2022-11-29,symptom,phq-9.total,11\n")

    run(clinic, person, CASE / "QuestionnaireResponse-phq-9-example.json", row)

    assert sorted(one["total"] for one in phq9(ask)) == [11, 12]


def test_a_suicidal_thoughts_item_without_its_panel_is_not_lost(
    clinic: Clinic, person: Path, ask: Any, tmp_path: Path
) -> None:
    item = json.loads((CASE / "Observation-PHQ9-item-example-44260-8.json").read_text())
    several = {"coding": [{"system": "http://loinc.org", "code": "LA6569-3"}]}
    today = {"effectiveDateTime": "2026-05-31", "derivedFrom": []}

    run(clinic, person, bundle(tmp_path, item | today | {"valueCodeableConcept": several}))

    (kept,) = phq9(ask)
    assert (kept["answers"], kept["total"]) == ({"9": 1}, None)
    assert [one["code"] for one in ask("signals")["items"]] == ["suicidal_ideation_item"]


def test_an_audit_c_whose_answers_give_no_total_keeps_the_stated_one(
    clinic: Clinic, person: Path, ask: Any
) -> None:
    results = run(clinic, person, *FILES)

    (kept,) = (one for one in ask("assessments")["items"] if one["instrument"] == "audit-c")
    assert (kept["total"], kept["answers"]) == (0, {})
    (response,) = (one for one in results if one.file == "QuestionnaireResponse-AUDIT-C.json")
    assert (response.reason, response.words) == ("answers_unread", "items 2, 3 of audit-c")


def test_the_order_and_its_fill_are_of_one_course(clinic: Clinic, person: Path, ask: Any) -> None:
    run(clinic, person, *FILES)

    (course,) = ask("medications")["items"]
    assert course["code"]["code"] == "476872"
    (event,) = ask(f"medications/{course['id']}/dose-events")["items"]
    assert (event["kind"], event["effective_on"]) == ("start", "2008-04-05")
    assert (event["dose"], event["times_per_day"]) == ({"amount": "10", "unit": "mL"}, 2)
    (fill,) = ask(f"medications/{course['id']}/dispenses")["items"]
    assert (fill["dispensed_on"], fill["quantity"], fill["unit"]) == ("2016-12-08", "480", "mL")
    assert fill.get("days_supply") is None


def test_a_fill_of_a_medicine_that_nobody_ordered_begins_no_course(
    clinic: Clinic, person: Path, ask: Any
) -> None:
    results = run(clinic, person, CASE / "medicationdispense-example.json")

    assert [one.reason for one in results] == [None, "course_unknown"]
    assert ask("medications")["items"] == []


def test_a_reference_to_a_patient_of_no_file_needs_the_system_of_its_id(clinic: Clinic) -> None:
    order = CASE / "medicationrequest-coded-oral-axid.json"

    (alone,) = run(clinic, order)
    assert (alone.status, alone.reason) == ("skipped", "patient_unknown")
    assert alone.words is not None
    assert "--system" in alone.words
    (named,) = run(clinic, order, system=MRN)
    assert named.status == "created"
