"""Two depression courses whose forms are of FHIR STU3, imported on both databases."""

import json
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.imports.files import journal_rows, run
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CASE = SHARED / "cases" / "ahrq-phq9-fhir-2-patients"
FILES = [CASE / "TEST-10.stu3.json", CASE / "TEST-17.stu3.json"]
SYSTEM = "urn:oid:2.16.840.1.113883.6.1000"


@pytest.fixture
def ask(prescriber: Caller) -> Any:
    def get(name: str, path: str) -> Any:
        query = f"/v1/patients?identifier={name}"
        (found,) = prescriber("GET", query).json()["items"]
        return prescriber("GET", f"/v1/patients/{found['id']}/{path}").json()

    return get


def expected(name: str) -> Any:
    return json.loads((CASE / "expected.json").read_text())["expected"][name]


def test_forms_of_stu3_are_read_with_a_note_and_once(clinic: Clinic) -> None:
    first = run(clinic, *FILES)
    before = journal_rows(clinic)

    forms = [one for one in first if one.type == "QuestionnaireResponse"]
    assert [(one.status, one.reason) for one in forms] == [("created", "stu3")] * 6
    assert {one.status for one in run(clinic, *FILES)} == {"unchanged"}
    assert journal_rows(clinic) == before


@pytest.mark.parametrize("name", ["TEST-10", "TEST-17"])
def test_every_visit_has_its_moment_its_answers_and_its_total(
    clinic: Clinic, ask: Any, name: str
) -> None:
    run(clinic, *FILES)

    kept = ask(name, "assessments")["items"]
    assert [
        (one["occurred_at"], list(one["answers"].values()), one["total_computed"]) for one in kept
    ] == [
        (one["authored"].replace("+00:00", "Z"), one["items"], one["item_sum"])
        for one in expected(name)["visits"]
    ]


@pytest.mark.parametrize("name", ["TEST-10", "TEST-17"])
@pytest.mark.parametrize("ways", ["forms", "forms and rows"])
def test_the_trend_has_the_expected_n_first_last_and_days(
    clinic: Clinic, ask: Any, name: str, ways: str
) -> None:
    run(clinic, *FILES)
    if ways == "forms and rows":
        run(clinic, CASE / "observations.csv", system=SYSTEM)
    visits, trend = expected(name)["visits"], expected(name)["trend"]

    path = "trends?from=2020-01-01&to=2020-12-31&include=measures,points&measures=phq-9.total"
    (series,) = (one for one in ask(name, path)["measures"] if one["measure"] == "phq-9.total")

    points = [(one["day"], one["value"]) for one in series["points"]]
    assert points == [(one["authored"][:10], one["item_sum"]) for one in visits]
    assert (series["n"], points[0][1], points[-1][1]) == (
        trend["n"],
        trend["first"],
        trend["last"],
    )


def test_the_suicidal_thoughts_of_a_past_visit_wait_in_one_signal(clinic: Clinic, ask: Any) -> None:
    run(clinic, *FILES)

    (signal,) = ask("TEST-17", "signals")["items"]
    assert signal["code"] == "historic"
    (finding,) = signal["evidence"]["findings"]
    assert (finding["item"], finding["value"], finding["on"]) == (9, 3, "2020-08-26")
    assert ask("TEST-10", "signals")["items"] == []
