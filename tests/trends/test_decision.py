"""The options of a visit: what they rest on, and what nobody has asked about for long."""

from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller
from tests.trends.test_trends import HOME, MEDICATION, PERSON, assess

Json = dict[str, Any]
TODAY = date(2026, 6, 1)


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    """A patient on sertraline for eleven months."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    begun = MEDICATION["first_dose_event"] | {"effective_on": "2025-07-01"}  # type: ignore[operator]  # a dict
    answer = prescriber("POST", f"{HOME}/medications", MEDICATION | {"first_dose_event": begun})
    assert answer.status_code == 201, answer.text
    assess(prescriber, "2025-07-01", total=20)
    return prescriber


def well(caller: Caller, *days: int) -> None:
    """Give scores in remission, by days before today."""
    for ago in days:
        day = TODAY - timedelta(ago)
        assess(caller, day.isoformat(), occurred_at=f"{day}T07:00:00-04:00", total=3)


def decided(caller: Caller) -> tuple[Json, dict[str, Json]]:
    answer = caller("GET", f"{HOME}/decision")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body["facts"], {one["option"]: one for one in body["options"]}


def test_half_a_year_in_remission_opens_a_taper(caller: Caller) -> None:
    well(caller, *range(0, 220, 28))
    facts, options = decided(caller)

    assert facts["remission_days"] == 196
    assert options["plan_taper"]["reasons_for"] == ["SIX_MONTHS_IN_REMISSION"]


def test_two_good_scores_half_a_year_apart_are_no_half_year_in_remission(caller: Caller) -> None:
    well(caller, 182, 0)
    facts, options = decided(caller)

    assert facts["remission_days"] == 0
    assert "plan_taper" not in options


def test_a_remission_that_nobody_has_looked_at_for_months_speaks_for_nothing(
    caller: Caller,
) -> None:
    well(caller, *range(90, 300, 28))
    facts, options = decided(caller)

    assert facts["status"] == "stale"
    assert (facts["remission"], facts["response"], facts["improvement_percent"]) == (None,) * 3
    assert "plan_taper" not in options
    assert options["go_on_unchanged"]["reasons_for"] == []
    assert "TOO_LITTLE_DATA" in options["look_again"]["reasons_for"]
    assert "CHANGE_FROM_BASELINE" in options["raise_within_range"]["missing"]


def test_one_tablet_that_was_taken_is_no_share_taken(caller: Caller) -> None:
    well(caller, 0)
    path = f"{HOME}/medications/{MEDICATION['id']}/administrations"

    def answered(day: str) -> None:
        one = {"id": str(uuid4()), "taken": "yes", "at": f"{day}T08:00:00-04:00"}
        answer = caller("POST", path, {"administrations": [one]})
        assert answer.status_code == 201, answer.text

    answered("2026-05-20")
    facts, options = decided(caller)
    assert facts["taken_share"] is None
    assert options["ask_about_adherence"]["missing"] == ["ADHERENCE"]

    for day in range(1, 14):
        answered(f"2026-05-{day:02}")
    assert decided(caller)[0]["taken_share"] == 1


def test_an_antibiotic_is_not_the_medicine_of_the_visit(caller: Caller) -> None:
    well(caller, 28, 0)
    course = {
        "id": str(uuid4()),
        "kind": "drug",
        "reference_id": "azithromycin",
        "first_dose_event": {
            "id": str(uuid4()),
            "kind": "start",
            "effective_on": "2026-05-30",
            "dose": {"amount": "500", "unit": "mg"},
            "times_per_day": 1,
        },
    }
    answer = caller("POST", f"{HOME}/medications", course)
    assert answer.status_code == 201, answer.text

    assert decided(caller)[0]["medicine"] == "sertraline"


def test_what_was_handed_out_and_ran_out_is_asked_about(caller: Caller) -> None:
    well(caller, 0)
    fill = {"id": str(uuid4()), "dispensed_on": "2026-01-05", "days_supply": 30}
    path = f"{HOME}/medications/{MEDICATION['id']}/dispenses"
    assert caller("POST", path, {"dispenses": [fill]}).status_code == 201
    facts, options = decided(caller)

    assert facts["discrepancy"] == "SUPPLY_RAN_OUT"
    assert options["ask_about_adherence"]["reasons_for"] == ["ORDERED_AND_TAKEN_DIFFER"]
