"""A side effect against the dose events around it: points of timing, and never a verdict."""

from collections.abc import Mapping
from datetime import timedelta
from uuid import UUID

from app.clinical.dose_response import Confounder
from app.clinical.doses import DoseEvent
from tests.trends.slices import START, Json, course, event, read, readings

NAUSEA = "side_effects.nausea"
OTHER = UUID("019a5b10-0000-7000-8000-000000000102")
ON = event(START, "start", 50)
STOPPED = [ON, event(START + timedelta(20), "stop")]
AGAIN = [*STOPPED, event(START + timedelta(40), "restart", 50)]


def timed(rated: Mapping[int, float], *events: DoseEvent, **more: object) -> Json:
    body = read(readings(NAUSEA, rated), [course(*(events or (ON,)))], **more)  # type: ignore[arg-type]  # members of the slice
    (found,) = body["medications"][0]["side_effects"]
    told: Json = found
    return told


def items(told: Json) -> dict[str, int]:
    return {one["item"]: one["points"] for one in told["items"]}


def test_a_new_onset_within_two_weeks_of_the_start_is_possible() -> None:
    told = timed({-3: 0, 5: 2, 10: 2})

    assert (told["onset"], told["days_since_start"]) == ("2026-02-07", 5)
    assert items(told) == {"after_start_or_raise": 2}
    assert (told["temporal_points"], told["plausibility"]) == (2, "possible")
    assert told["not_assessed"] == [
        "placebo",
        "drug_level",
        "previous_reports",
        "objective_evidence",
        "earlier_exposure",
    ]


def test_one_that_eased_after_the_stop_is_compatible() -> None:
    told = timed({-3: 0, 5: 2, 18: 2, 25: 0}, *STOPPED)

    assert items(told) == {"after_start_or_raise": 2, "eased_after_lowering_or_stop": 1}
    assert told["plausibility"] == "compatible"


def test_one_that_began_before_the_first_dose_is_unlikely_where_both_sides_were_seen() -> None:
    seen = timed({-20: 0, -10: 2, 5: 2})
    once = timed({-10: 2})

    assert items(seen) == {"predates_drug": -1}
    assert (seen["plausibility"], once["plausibility"]) == ("unlikely", "not_assessable")


def test_another_cause_in_the_same_days_takes_a_point_and_is_named() -> None:
    flu = Confounder("illness", "x1", START + timedelta(2), "influenza")
    told = timed({-3: 0, 5: 2, 18: 2, 25: 0}, *STOPPED, contexts=[flu])

    assert items(told)["alternative_cause"] == -1
    assert [one["label"] for one in told["alternatives"]] == ["influenza"]
    assert told["plausibility"] == "possible"


def test_one_that_came_back_with_the_restart_has_two_points_more() -> None:
    told = timed({-3: 0, 5: 2, 18: 2, 25: 0, 39: 0, 45: 2}, *AGAIN)

    assert told["onset"] == "2026-02-07"
    assert items(told)["came_back_after_restart"] == 2


def test_one_that_did_not_come_back_loses_a_point() -> None:
    told = timed({-3: 0, 5: 2, 18: 2, 25: 0, 39: 0, 45: 0}, *AGAIN)

    assert items(told)["did_not_come_back_after_restart"] == -1
    assert (told["temporal_points"], told["plausibility"]) == (2, "possible")


def test_an_onset_long_after_the_last_change_has_no_point_of_timing() -> None:
    told = timed({0: 0, 60: 2, 70: 2})

    assert items(told) == {}
    assert told["plausibility"] == "unlikely"
