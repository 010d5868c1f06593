"""A domain of numbers that is nothing but its file, one field and this test."""

from typing import Any
from uuid import uuid4

import pytest

from tests.followups.conftest import PATH, Ward
from tests.shared import needs_shared

pytestmark = needs_shared


def entry(**exercise: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": "2026-04-13T08:00:00-04:00", "exercise": exercise}


def test_the_numbers_are_followed_and_have_a_direction(ward: Ward) -> None:
    answer = ward.check_in(entry(days_per_week=3, minutes_per_day=40)).json()

    assert answer["domains"] == ["exercise"]
    assert answer["exercise"] == {
        "days_per_week": 3, "minutes_per_day": 40, "derived": {"minutes_per_week": 120},
    }  # fmt: skip
    assert ward.values() == {"exercise.days_per_week": 3, "exercise.minutes_per_day": 40}
    measure = ward.prescriber("GET", "/v1/reference/measures/exercise.days_per_week").json()
    assert measure["direction"] == "higher_better"


def test_an_unanswered_question_is_not_a_zero(ward: Ward) -> None:
    answer = ward.check_in(entry(days_per_week=0)).json()

    assert answer["exercise"]["derived"] == {"minutes_per_week": None}
    assert ward.values() == {"exercise.days_per_week": 0}


@pytest.mark.parametrize("wrong", [{"days_per_week": 8}, {"minutes_per_day": -1}, {"steps": 1}])
def test_what_cannot_be_is_refused(ward: Ward, wrong: dict[str, int]) -> None:
    assert ward.check_in(entry(**wrong)).status_code == 422


def test_it_is_listed_by_its_name(ward: Ward) -> None:
    ward.check_in(entry(days_per_week=1))

    listed = ward.prescriber("GET", f"{PATH}/check-ins?domain=exercise").json()["items"]

    assert [one["exercise"]["days_per_week"] for one in listed] == [1]
