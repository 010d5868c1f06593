"""What the pharmacy handed out, over HTTP, and the cover that it makes."""

from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.medications.test_medications import COURSE, PATH, PATIENT, PERSON, SERTRALINE, faults

DISPENSES = f"{PATH}/{SERTRALINE}/dispenses"
REGIMEN = f"/v1/patients/{PATIENT}/regimen"


def fill(on: str, days: int | None = 30, **members: Any) -> dict[str, Any]:
    body = {"id": str(uuid4()), "dispensed_on": on, "days_supply": days, **members}
    return {name: value for name, value in body.items() if value is not None}


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A prescriber with one patient who is ordered sertraline 50 mg since 3 March."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", PATH, COURSE).status_code == 201
    return prescriber


def supply(caller: Caller, as_of: str) -> Any:
    (course,) = caller("GET", f"{REGIMEN}?as_of={as_of}").json()["medications"]
    return course["adherence"]["dispenses"]


def test_a_fill_is_sent_twice_corrected_and_withdrawn(caller: Caller) -> None:
    sent = fill("2026-04-14", quantity="30", unit="{tablet}")
    path = f"{DISPENSES}/{sent['id']}"

    first = caller("POST", DISPENSES, sent)
    again = caller("POST", DISPENSES, sent)
    corrected = caller("PATCH", path, {"days_supply": 28}, headers={"If-Match": '"1"'})
    stale = caller("PATCH", path, {"days_supply": 27}, headers={"If-Match": '"1"'})
    withdrawn = caller("DELETE", f"{path}?reason=typo", headers={"If-Match": '"2"'})

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json().items() >= {**sent, "medication_id": SERTRALINE, "version": 1}.items()
    assert first.headers["Location"] == path
    assert again.content == first.content
    assert (corrected.json()["days_supply"], corrected.json()["version"]) == (28, 2)
    assert stale.status_code == 412
    assert withdrawn.json()["status"] == "entered_in_error"
    assert caller("GET", DISPENSES).json()["items"] == []
    assert len(caller("GET", f"{path}/history").json()["items"]) == 3
    assert supply(caller, "2026-06-01") is None


def test_of_several_fills_all_are_kept_or_none(caller: Caller) -> None:
    good, bad = fill("2026-03-03"), fill("2026-04-02", quantity="30")

    refused = caller("POST", DISPENSES, {"dispenses": [good, bad]})
    kept = caller("POST", DISPENSES, {"dispenses": [good, fill("2026-04-02")]})

    assert faults(refused).keys() == {"/dispenses/1/unit"}
    assert kept.status_code == 201, kept.text
    assert len(caller("GET", DISPENSES).json()["items"]) == 2


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"days_supply": 0}, "/days_supply"),
        ({"days_supply": 30.5}, "/days_supply"),
        ({"days_supply": "30"}, "/days_supply"),
        ({"dispensed_on": "2026-06-05"}, "/dispensed_on"),
        ({"dispensed_on": "1990-01-01"}, "/dispensed_on"),
        ({"dispensed_on": "2026-04-14T10:00:00Z"}, "/dispensed_on"),
        ({"quantity": "-1", "unit": "mg"}, "/quantity"),
        ({"quantity": "30", "unit": "tabs"}, "/unit"),
        ({"taken": "yes"}, "/taken"),
        ({"medication_id": str(uuid4())}, "/medication_id"),
    ],
)
def test_a_fill_that_cannot_be_is_refused_where_it_stands(
    caller: Caller, wrong: dict[str, Any], pointer: str
) -> None:
    assert pointer in faults(caller("POST", DISPENSES, fill("2026-04-14") | wrong))


def test_a_fill_of_an_absent_course_or_clinic_is_absent(caller: Caller, clinic: Clinic) -> None:
    other = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)
    patient = clinic.as_("patient", patient_id=PATIENT)
    sent = fill("2026-04-14")

    assert caller("POST", f"{PATH}/{uuid4()}/dispenses", sent).status_code == 404
    assert other("POST", DISPENSES, sent).status_code == 404
    assert patient("POST", DISPENSES, sent).status_code == 403
    assert caller("POST", DISPENSES, {"dispenses": []}).status_code == 422
    assert patient("GET", DISPENSES).json()["items"] == []


def test_the_cover_says_its_period_its_fills_and_its_method(caller: Caller) -> None:
    """Two fills of 30 days from 3 March, the second 10 days late, looked at after 91 days."""
    caller("POST", DISPENSES, {"dispenses": [fill("2026-03-03"), fill("2026-04-12")]})

    told = supply(caller, "2026-06-01")

    assert told["method"] == "dispenses"
    assert told["window"] == {"from": "2026-03-03", "to": "2026-06-01"}
    assert (told["n"], told["n_days"], told["days_covered"]) == (2, 91, 60)
    assert told["pdc"] == told["mpr"] == pytest.approx(60 / 91)
    assert (told["adequate"], told["ran_out_on"], told["reasons"]) == (False, "2026-05-12", [])


def test_a_fill_that_does_not_say_how_long_it_lasts_leaves_the_cover_unknown(
    caller: Caller,
) -> None:
    caller("POST", DISPENSES, {"dispenses": [fill("2026-03-03"), fill("2026-04-02", None)]})

    told = supply(caller, "2026-06-01")

    assert (told["pdc"], told["mpr"], told["adequate"], told["ran_out_on"]) == (None,) * 4
    assert told["reasons"] == ["DAYS_SUPPLY_UNKNOWN"]


def test_one_short_fill_says_that_the_pqa_would_not_count_it(caller: Caller) -> None:
    caller("POST", DISPENSES, fill("2026-05-20"))

    assert supply(caller, "2026-06-01")["reasons"] == ["FEW_FILLS", "SHORT_PERIOD"]


def test_one_fill_seen_for_one_day_is_not_called_adequate(caller: Caller) -> None:
    caller("POST", DISPENSES, fill("2026-06-01"))

    (course,) = caller("GET", REGIMEN).json()["medications"]
    told = course["adherence"]["dispenses"]

    assert (told["pdc"], told["n_days"], told["reasons"]) == (1.0, 1, ["FEW_FILLS", "SHORT_PERIOD"])
    assert told["adequate"] is None
    assert course["adherence"]["assessed_on_taken_dose"] is None


def test_days_on_hold_and_after_the_stop_count_on_neither_side(caller: Caller) -> None:
    """Covered for the 20 days that were ordered: a hold from 13 to 22 March, a stop on 2 April."""
    caller("POST", DISPENSES, fill("2026-03-03", 20))
    for number, (kind, on) in enumerate(
        [("hold", "2026-03-13"), ("resume", "2026-03-23"), ("stop", "2026-04-02")], start=1
    ):
        event = {"id": str(uuid4()), "kind": kind, "effective_on": on}
        assert caller("POST", f"{PATH}/{SERTRALINE}/dose-events", event).status_code == 201, number

    told = supply(caller, "2026-06-01")

    assert told["window"] == {"from": "2026-03-03", "to": "2026-04-01"}
    assert (told["n_days"], told["days_covered"], told["pdc"]) == (20, 20, 1.0)


def test_supply_that_is_used_up_is_said_beside_the_order(caller: Caller) -> None:
    caller("POST", DISPENSES, fill("2026-03-03"))

    (course,) = caller("GET", REGIMEN).json()["medications"]

    assert [(one["code"], one["on"]) for one in course["discrepancy"]] == [
        ("SUPPLY_RAN_OUT", "2026-04-02")
    ]
    assert course["discrepancy"][0]["text"] == (
        "Ordered: 50 mg per day. Supply handed out: used up on 2026-04-02, if taken as ordered."
    )
