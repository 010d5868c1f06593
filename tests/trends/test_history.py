"""The ledger of fair trials: what came of a course, and when nobody can say."""

from typing import Any

import pytest

from tests.conftest import Caller
from tests.trends.test_trends import HOME, MEDICATION, PERSON, assess

Json = dict[str, Any]


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    assert prescriber("POST", f"{HOME}/medications", MEDICATION).status_code == 201
    return prescriber


def trials(caller: Caller) -> list[Json]:
    answer = caller("GET", f"{HOME}/treatment-history")
    assert answer.status_code == 200, answer.text
    found: list[Json] = answer.json()["trials"]
    return found


def test_scores_from_before_the_first_dose_are_no_outcome_of_it(caller: Caller) -> None:
    assess(caller, "2026-02-10", total=19)
    assess(caller, "2026-02-28", total=18)
    (trial,) = trials(caller)

    assert (trial["outcome"], trial["reasons"]) == (None, ["NO_READING_ON_COURSE"])


def test_a_score_of_the_first_weeks_calls_no_medicine_weak(caller: Caller) -> None:
    assess(caller, "2026-03-02", total=18)
    assess(caller, "2026-03-16", total=17)
    (early,) = trials(caller)
    assess(caller, "2026-03-31", total=17)
    (later,) = trials(caller)

    assert (early["outcome"], early["reasons"]) == (None, ["READ_TOO_EARLY"])
    assert (early["last"]["day"], early["last"]["value"]) == ("2026-03-16", 17)
    assert (later["outcome"], later["reasons"]) == ("no_response", [])


def test_a_response_in_the_first_weeks_is_told(caller: Caller) -> None:
    assess(caller, "2026-03-02", total=18)
    assess(caller, "2026-03-16", total=8)

    assert trials(caller)[0]["outcome"] == "response"


def recalled(caller: Caller, **more: Any) -> Json:
    trial = {
        "substance": {"reference_id": "venlafaxine"},
        "highest_dose": {"amount": "37.5", "unit": "mg"},
        "weeks": 12,
        "adherence": "good",
        "outcome": "no_response",
    }
    intake = {
        "occurred_at": "2026-03-02T10:00:00-05:00",
        "psychiatric_history": {"past_trials": [trial | more]},
    }
    answer = caller("PUT", f"{HOME}/intake", intake)
    assert answer.status_code == 201, answer.text
    return next(one for one in trials(caller) if one["source"] == "intake")


def test_a_recalled_dose_without_how_often_a_day_is_not_called_too_low(caller: Caller) -> None:
    found = recalled(caller)

    assert found["weeks_at_or_above_minimum"] is None
    assert found["fair_trial"] == {
        "fair": "cannot_say",
        "not_enough": [],
        "missing": ["DOSE_OR_DURATION_UNKNOWN"],
    }


def test_a_recalled_dose_that_was_too_low_is_no_fair_trial(caller: Caller) -> None:
    assert recalled(caller, times_per_day=1)["fair_trial"]["fair"] == "no"
