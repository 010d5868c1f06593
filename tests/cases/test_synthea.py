"""A synthetic patient of Synthea, imported and read back on both databases."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from app.imports.results import Unreadable
from tests.conftest import Caller, Clinic
from tests.imports.files import journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASE = SHARED / "cases" / "synthea-fhir"
TRIMMED = CASE / "Judi176_Sawayn19.trimmed.json"
FULL = CASE / "Judi176_Sawayn19.full.json"
SUBOXONE = "351266"


@pytest.fixture
def patient(clinic: Clinic, prescriber: Caller) -> str:
    run(clinic, TRIMMED)
    value = "cd5a6b35-2a1f-1f73-048e-c205f88f61bb"
    (found,) = prescriber("GET", f"/v1/patients?identifier={value}").json()["items"]
    return f"/v1/patients/{found['id']}"


def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((CASE / "expected.json").read_text())["expected"]
    return found


def test_each_entry_has_a_result_and_the_second_import_changes_nothing(clinic: Clinic) -> None:
    first = run(clinic, TRIMMED)
    before = journal_rows(clinic)
    second = run(clinic, TRIMMED)

    assert len(first) == len(second) == 186
    counted = Counter((one.type, one.status) for one in first if one.reason != "type_not_read")
    assert counted == {
        ("Patient", "created"): 1,
        ("MedicationRequest", "created"): 13,
        ("Observation", "created"): 68,
        ("Observation", "skipped"): 12,
    }
    assert {one.reason for one in first if one.status == "skipped"} == {
        "type_not_read",
        "not_a_number",
    }
    assert Counter(one.status for one in second) == {"unchanged": 82, "skipped": 104}
    assert journal_rows(clinic) == before


@pytest.mark.parametrize(("name", "instrument"), [("PHQ-2", "phq-2"), ("GAD-7", "gad-7")])
def test_the_scores_and_their_days_are_the_expected_ones(
    prescriber: Caller, patient: str, name: str, instrument: str
) -> None:
    answer = prescriber("GET", f"{patient}/assessments?limit=500").json()
    kept = [one for one in answer["items"] if one["instrument"] == instrument]

    assert [[one["occurred_on"], one["total"]] for one in kept] == expected()[name]["values"]
    assert {tuple(one["flags"]) for one in kept} == {("items_absent",)}


@pytest.mark.parametrize(("name", "measure"), [("PHQ-2", "phq-2.total"), ("GAD-7", "gad-7.total")])
def test_the_trend_has_the_expected_n_first_and_last(
    prescriber: Caller, patient: str, name: str, measure: str
) -> None:
    wanted = expected()[name]
    path = f"{patient}/trends?from=2010-01-01&to=2022-01-31&include=measures,points"
    found = prescriber("GET", f"{path}&measures={measure}").json()
    (series,) = (one for one in found["measures"] if one["measure"] == measure)
    points = [[one["day"], one["value"]] for one in series["points"]]

    assert series["n"] == wanted["trend"]["n"] == len(points)
    assert points == wanted["values"]
    assert (points[0][1], points[-1][1]) == (wanted["trend"]["first"], wanted["trend"]["last"])


def test_eleven_requests_of_one_product_are_one_course_whose_dose_nobody_guesses(
    prescriber: Caller, patient: str
) -> None:
    courses = prescriber("GET", f"{patient}/medications").json()["items"]
    by_code = {one["code"]["code"]: one for one in courses}
    assert by_code.keys() == {SUBOXONE, "310965", "562251"}
    assert by_code[SUBOXONE]["reference_id"] is None

    path = f"{patient}/medications/{by_code[SUBOXONE]['id']}/dose-events"
    events = prescriber("GET", path).json()["items"]
    assert [one["kind"] for one in events] == ["start"] + ["restart"] * 10
    assert (events[0]["effective_on"], events[-1]["effective_on"]) == ("2014-04-03", "2021-12-29")
    assert {tuple(one["unconfirmed"]) for one in events} == {("unit-missing",)}
    assert {one["dose"] for one in events} == {None}

    signals = prescriber("GET", f"{patient}/signals").json()["items"]
    assert [one["code"] for one in signals] == ["historic"]


def test_what_stopped_without_an_end_closes_on_an_unknown_day(
    prescriber: Caller, patient: str
) -> None:
    courses = prescriber("GET", f"{patient}/medications").json()["items"]
    for code, begins in (("310965", "prn_on"), ("562251", "start")):
        (course,) = (one for one in courses if one["code"]["code"] == code)
        path = f"{patient}/medications/{course['id']}/dose-events"
        events = prescriber("GET", path).json()["items"]

        assert [one["kind"] for one in events] == [begins, "stop"]
        assert events[1]["effective_on"] is None


def test_the_full_bundle_adds_only_what_the_trimmed_one_lacks(clinic: Clinic, patient: str) -> None:
    results = [one for one in run(clinic, FULL) if one.reason != "type_not_read"]

    assert Counter((one.type, one.status) for one in results) == {
        ("Patient", "unchanged"): 1,
        ("MedicationRequest", "unchanged"): 13,
        ("Observation", "unchanged"): 68,
        ("Observation", "created"): 89,
        ("Observation", "skipped"): 18,
    }


def test_a_copy_cut_short_is_one_sentence_with_its_place(clinic: Clinic, tmp_path: Path) -> None:
    file = tmp_path / "cut.json"
    file.write_bytes(FULL.read_bytes()[:100_000])

    with pytest.raises(Unreadable, match=r"cut\.json, line \d+ column \d+: is not JSON"):
        run(clinic, file)
