"""Where a patient stands by week, by the table of the specification."""

from datetime import date, timedelta
from typing import Any

import pytest

from app.clinical.baseline import Baseline, Point
from app.clinical.decision_points import Clock, DecisionPoint, decision_points
from app.clinical.measure import Measure, Threshold
from app.clinical.measures import find
from app.clinical.response import reliable_threshold
from tests.shared import needs_shared
from tests.stats.test_vectors import VECTORS

START = date(2026, 3, 2)
PHQ = find("phq-9.total")
QIDS = Measure(
    "qids-sr16.total",
    "{score}",
    0,
    27,
    "lower_better",
    "QIDS",
    instrument="qids-sr16",
    symptom_measure=True,
    remission=Threshold("<=", 5),
    caseness=Threshold(">=", 11),
)


def check(
    measure: Measure | None,
    level: float | None,
    seen: dict[int, float],
    today: int = 120,
    clock: Clock | None = None,
    **more: Any,
) -> dict[str, DecisionPoint]:
    assert measure is not None
    points = [Point(START + timedelta(day), value) for day, value in seen.items()]
    base = Baseline("pre_start", level, 1, START, START, (), "the start", ())
    found = decision_points(
        measure,
        points,
        base,
        reliable_threshold(measure),
        clock or Clock(START),
        today=START + timedelta(today),
        **more,
    )
    return {one.point: one for one in found}


@needs_shared
@pytest.mark.parametrize("name", ["decision_week4", "decision_qids"])
def test_the_vector_comes_out(name: str) -> None:
    data, expected = VECTORS[name]["input"], VECTORS[name]["expected"]
    found = check(
        {"phq-9.total": PHQ, "qids-sr16.total": QIDS}[data["measure"]],
        data["baseline"],
        dict(data["points"]),
    )

    for week, result in expected.items():
        if week.startswith("week"):
            assert found[f"week_{week[4:]}"].result == result


def test_a_window_without_a_score_is_due_then_missed_and_takes_no_neighbour() -> None:
    assert check(PHQ, 18, {21: 9}, today=30)["week_4"].result == "due"
    missed = check(PHQ, 18, {21: 9, 36: 8}, today=36)["week_4"]

    assert (missed.result, missed.observed) == ("missed", None)


def test_week_six_is_judged_on_its_own_when_week_four_was_missed() -> None:
    found = check(PHQ, 18, {42: 9}, today=60)

    assert (found["week_4"].result, found["week_6"].result) == ("missed", "on_track")


def test_week_two_never_says_more_than_watch() -> None:
    assert check(PHQ, 18, {14: 27}, today=20)["week_2"].result == "watch"


def test_a_fall_that_was_reached_and_lost_is_to_be_watched() -> None:
    assert check(PHQ, 20, {14: 14, 28: 18})["week_4"].result == "watch"
    assert check(PHQ, 20, {14: 18, 28: 18})["week_4"].result == "not_on_track"


def test_half_without_remission_at_week_nine_counts_only_while_it_still_falls() -> None:
    assert check(PHQ, 20, {42: 12, 63: 9})["week_9"].result == "on_track"
    assert check(PHQ, 20, {42: 9, 63: 9})["week_9"].result == "watch"
    assert check(PHQ, 20, {63: 4})["week_9"].result == "on_track"


def test_the_reading_nearest_the_middle_counts_and_of_two_the_later() -> None:
    found = check(PHQ, 20, {26: 20, 30: 10})["week_4"]

    assert found.observed is not None
    assert found.observed.value == 10


@pytest.mark.parametrize(
    ("level", "clock", "reason"),
    [
        (7, Clock(START), "BELOW_CASENESS"),
        (None, Clock(START), "NO_BASELINE"),
        (18, Clock(START, lowered_on=START + timedelta(20)), "TAPER"),
        (18, Clock(START, fits=False), "CLASS_NOT_COVERED"),
    ],
)
def test_where_the_table_was_not_made_for_it_nothing_is_judged(
    level: float | None, clock: Clock, reason: str
) -> None:
    found = check(PHQ, level, {28: 3}, clock=clock)

    assert {one.result for one in found.values()} == {"not_applicable"}
    assert found["week_4"].reasons == (reason,)


def test_after_half_a_year_at_a_dose_it_is_maintenance() -> None:
    assert check(PHQ, 18, {28: 3}, today=183)["week_4"].reasons == ("MAINTENANCE",)


def test_a_confirmed_worsening_at_the_last_reading_is_not_on_track_at_any_week() -> None:
    found = check(PHQ, 12, {14: 20}, today=20, deterioration_confirmed=True)

    assert found["week_2"].result == "not_on_track"


def test_the_next_window_is_told_with_its_days() -> None:
    ahead = check(PHQ, 18, {14: 12}, today=20)["week_4"]

    assert ahead.result == "ahead"
    assert (ahead.opens_on, ahead.closes_on) == (START + timedelta(23), START + timedelta(33))
