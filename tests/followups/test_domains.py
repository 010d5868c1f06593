"""What a domain says of itself, without a database."""

from datetime import date
from typing import Annotated

import pytest
from pydantic import ValidationError

from app.clinical.measure import Measure
from app.clinical.measures import find
from app.followups.domains.base import Domain, within
from app.followups.domains.functioning import Functioning
from app.followups.domains.mood_cognition import MoodCognition
from app.followups.domains.sleep import Sleep
from app.followups.schemas import CheckInIn, FollowUpIn

APPETITE = Measure("other.appetite", "{score}", 0, 5, "none", "Appetite")


class Eating(Domain):
    appetite: Annotated[int | None, APPETITE, within(APPETITE)] = None
    remark: str | None = None


def said(eating: Eating) -> list[tuple[str, float]]:
    return [(one.measure, one.value) for one in eating.dated(date(2026, 4, 13))]


def test_a_member_with_a_measure_is_a_followed_number() -> None:
    assert said(Eating(appetite=3, remark="x")) == [("other.appetite", 3)]


def test_an_absent_member_is_absent() -> None:
    assert said(Eating()) == []
    assert said(Eating(appetite=0)) == [("other.appetite", 0)]


def test_the_range_of_the_measure_is_that_of_the_wire() -> None:
    with pytest.raises(ValidationError):
        Eating(appetite=6)
    schema = Eating.model_json_schema()["properties"]["appetite"]["anyOf"][0]
    assert (schema["minimum"], schema["maximum"]) == (0, 5)


def test_the_followed_members_are_found_once_for_a_class() -> None:
    assert Eating.followed() is Eating.followed()
    assert MoodCognition.followed() is not Eating.followed()


@pytest.mark.parametrize("domain", [MoodCognition, Functioning, Sleep])
def test_every_followed_number_is_a_registered_measure(domain: type[Domain]) -> None:
    assert domain.followed()
    for _name, measure in domain.followed():
        assert find(measure.code) is measure


def test_a_check_in_has_every_domain_but_the_interactions_in_the_same_order() -> None:
    every = list(FollowUpIn.domain_types())

    assert every[-6:] == [
        "dosage",
        "side_effects",
        "mood_cognition",
        "sleep",
        "functioning",
        "interactions",
    ]
    assert list(CheckInIn.domain_types()) == every[:-1]
