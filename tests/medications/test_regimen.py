"""The list as it stands on a day, and as it was known at a moment; the reference as served."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
COURSE = "019a5b10-0000-7000-8000-000000000101"
EVENTS = f"{PATH}/medications/{COURSE}/dose-events"


@pytest.fixture
def sertraline(prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    start = {
        "id": "019a5b10-0000-7000-8000-000000000201",
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "25", "unit": "mg"},
        "times_per_day": 1,
    }
    code = {"system": RXNORM, "code": "36437", "display": "sertraline"}
    course = {"id": COURSE, "kind": "drug", "code": code, "first_dose_event": start}
    assert prescriber("POST", f"{PATH}/medications", course).status_code == 201
    return prescriber


@pytest.fixture
def event(sertraline: Caller) -> Callable[..., Any]:
    def send(on: str, amount: str, number: int) -> Any:
        body = {
            "id": f"019a5b10-0000-7000-8000-00000000{number:04d}",
            "kind": "change",
            "effective_on": on,
            "dose": {"amount": amount, "unit": "mg"},
            "times_per_day": 1,
        }
        answer = sertraline("POST", EVENTS, body)
        assert answer.status_code == 201, answer.text
        return answer

    return send


def course_of(caller: Caller, query: str = "") -> Any:
    return caller("GET", f"{PATH}/regimen{query}").json()["medications"][0]


def test_a_dose_below_the_minimum_counts_no_adequate_week(
    sertraline: Caller, event: Callable[..., Any]
) -> None:
    event("2026-04-14", "50", 301)

    told = course_of(sertraline, "?as_of=2026-05-05")

    assert told["daily_dose"] == {"value": "50", "unit": "mg/d", "shown": "50 mg per day"}
    assert told["weeks_at_or_above_minimum"] == 3
    assert [(one["from"], one["to"]) for one in told["epochs"]] == [
        ("2026-03-03", "2026-04-14"),
        ("2026-04-14", None),
    ]


def test_a_late_event_changes_the_line_and_not_what_was_known(
    sertraline: Caller, event: Callable[..., Any], clinic: Clinic
) -> None:
    before = clinic.clock().isoformat()
    clinic.clock.advance(minutes=5)
    event("2026-03-17", "50", 302)

    now = course_of(sertraline, "?as_of=2026-04-01")
    then = sertraline(
        "GET", f"{PATH}/regimen", params={"as_of": "2026-04-01", "known_at": before}
    ).json()["medications"][0]

    assert now["daily_dose"]["value"] == "50"
    assert then["daily_dose"]["value"] == "25"


def test_a_day_that_has_not_come_is_refused(sertraline: Caller) -> None:
    refused = sertraline("GET", f"{PATH}/regimen?as_of=2031-01-01")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/query/as_of"


def test_a_misspelling_offers_candidates_and_picks_none(prescriber: Caller) -> None:
    found = prescriber("GET", "/v1/reference/medications?text=sertralin").json()
    by_code = prescriber(
        "GET", "/v1/reference/medications", params={"system": RXNORM, "code": "36437"}
    ).json()

    assert "sertraline" in [one["reference_id"] for one in found["items"]]
    assert {one["by"] for one in found["items"]} <= {"name", "brand", "misspelling"}
    assert [one["reference_id"] for one in by_code["items"]] == ["sertraline"]
    assert by_code["reference"]["version"]


def test_an_entry_says_what_was_verified(prescriber: Caller) -> None:
    entry = prescriber("GET", "/v1/reference/medications/sertraline").json()

    assert entry["max_daily"]["value"] == "200"
    assert entry["verified"]
    assert prescriber("GET", "/v1/reference/medications/nothing").status_code == 404
