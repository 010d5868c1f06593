from datetime import date, timedelta

import pytest

from app.clinical.baseline import IndexCourse, Point, UnknownBaselineRule, baseline
from app.clinical.instruments import instrument
from app.clinical.measure import Measure

START = date(2026, 2, 2)
SERTRALINE = IndexCourse("sertraline", started_on=START)
MOOD = Measure("mood_cognition.mood", "{score}", 0, 10, "higher_better", "Mood")


def phq9() -> Measure:
    total = instrument("phq-9").total
    assert total is not None
    return total


def points(*days_and_values: tuple[int, float]) -> list[Point]:
    """Points on days counted from the start of the medicine."""
    return [Point(START + timedelta(day), value, (f"r{day}",)) for day, value in days_and_values]


def daily(first: int, n: int, value: float = 4) -> list[Point]:
    return points(*((first + i, value) for i in range(n)))


def test_the_last_score_up_to_the_start_is_the_baseline() -> None:
    found = baseline(phq9(), points((-40, 21), (-20, 17), (-3, 19), (14, 15)), course=SERTRALINE)

    assert (found.rule, found.level, found.n) == ("pre_start", 19, 1)
    assert found.from_day == found.to_day == START - timedelta(3)
    assert found.records == ("r-3",)
    assert found.sentence == ("last PHQ-9 on or before the start of sertraline (30 January)")
    assert found.reasons == ()


def test_a_score_of_the_start_day_counts_as_before() -> None:
    found = baseline(phq9(), points((-10, 17), (0, 20), (14, 12)), course=SERTRALINE)

    assert found.level == 20


def test_a_first_score_two_days_after_the_start_says_so() -> None:
    found = baseline(phq9(), points((2, 18), (3, 17), (30, 9)), course=SERTRALINE)

    assert (found.rule, found.level) == ("pre_start", 18)
    assert found.reasons == ("BASELINE_AFTER_START",)
    assert "after the start" in found.sentence


def test_the_score_of_the_start_may_be_four_weeks_old_or_three_days_late() -> None:
    old = baseline(phq9(), points((-40, 9), (-28, 21), (14, 15)), course=SERTRALINE)
    late = baseline(phq9(), points((3, 18), (14, 15)), course=SERTRALINE)
    later = baseline(phq9(), points((4, 18), (14, 15)), course=SERTRALINE)

    assert (old.rule, old.level) == ("pre_start", 21)
    assert (late.rule, late.reasons) == ("pre_start", ("BASELINE_AFTER_START",))
    assert (later.rule, later.reasons) == ("first", ())


def test_a_score_older_than_four_weeks_is_not_the_score_of_the_start() -> None:
    found = baseline(phq9(), points((-29, 21), (14, 15)), course=SERTRALINE)

    assert (found.rule, found.level) == ("first", 21)


def test_a_diary_takes_the_mean_of_the_two_weeks_before_and_not_the_start_day() -> None:
    before = points((-20, 9), (-14, 2), (-2, 3), (-1, 4), (0, 10))

    found = baseline(MOOD, before, cadence="dense", course=SERTRALINE)

    assert (found.rule, found.level, found.n) == ("pre_start", 3, 3)


def test_two_diary_days_before_the_start_are_too_few() -> None:
    found = baseline(
        MOOD, points((-2, 3), (-1, 4)), rule="pre_start", cadence="dense", course=SERTRALINE
    )

    assert (found.level, found.reasons) == (None, ("NO_BASELINE",))


def test_a_diary_begun_at_the_start_may_use_its_first_days() -> None:
    found = baseline(MOOD, daily(0, 30), cadence="dense", course=SERTRALINE)

    assert (found.rule, found.n, found.reasons) == ("pre_start", 4, ("BASELINE_AFTER_START",))


def test_a_running_medicine_is_judged_from_the_epoch_before_its_first_step() -> None:
    course = IndexCourse("sertraline", first_event_on=START, epoch_from=START - timedelta(60))
    before = [(-70, 20), (-60, 20), (-30, 12), (-14, 15), (0, 12), (14, 6)]

    found = baseline(phq9(), points(*before), course=course)

    assert (found.rule, found.level, found.n) == ("pre_change", 13, 3)
    assert (found.from_day, found.to_day) == (START - timedelta(30), START)
    assert "3 PHQ-9 readings before the first dose step of sertraline" in found.sentence


def test_the_epoch_before_a_step_gives_at_most_its_last_eight_scores() -> None:
    course = IndexCourse("sertraline", first_event_on=START)

    found = baseline(phq9(), points(*((day, -day) for day in range(-10, 0))), course=course)

    assert (found.level, found.n) == (4.5, 8)


def test_two_scores_before_a_step_are_too_few_for_their_mean() -> None:
    course = IndexCourse("sertraline", first_event_on=START)

    assert baseline(phq9(), points((-14, 15), (-7, 12), (7, 9)), course=course).rule == "first"


@pytest.mark.parametrize(("days", "n"), [(20, None), (21, 21), (60, 42)])
def test_a_diary_needs_three_weeks_before_a_step_and_takes_six_at_most(
    days: int, n: int | None
) -> None:
    course = IndexCourse("sertraline", first_event_on=START)

    found = baseline(
        MOOD, daily(-days, days + 5), rule="pre_change", cadence="dense", course=course
    )

    assert found.n == (n or 0)


def test_without_a_medicine_the_first_reading_is_the_baseline() -> None:
    assert baseline(phq9(), points((0, 14), (14, 12))).rule == "first"
    dense = baseline(MOOD, daily(0, 60), cadence="dense")
    assert (dense.rule, dense.n) == ("first", 42)


def test_a_window_gives_the_mean_of_what_lies_in_it() -> None:
    found = baseline(
        phq9(), points((-1, 20), (0, 12), (7, 10), (9, 3)), rule="window:2026-02-02..2026-02-09"
    )

    assert (found.level, found.n) == (11, 2)
    assert found.rule == "window:2026-02-02..2026-02-09"


def test_an_empty_window_gives_no_baseline() -> None:
    found = baseline(phq9(), points((0, 12)), rule="window:2020-01-01..2020-02-01")

    assert (found.level, found.reasons) == (None, ("NO_DATA",))


def test_a_prescriber_may_give_the_number() -> None:
    found = baseline(phq9(), points((0, 12)), rule="value:14")

    assert (found.level, found.n, found.from_day) == (14, 0, None)


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "last",
        "value:",
        "value:nan",
        "value:28",
        "value:-1",
        "window:",
        "window:2026-02-02",
        "window:a..b",
    ],
)
def test_a_rule_that_cannot_be_read_is_refused(rule: str) -> None:
    with pytest.raises(UnknownBaselineRule):
        baseline(phq9(), points((0, 12)), rule=rule)


def test_a_rating_of_change_is_never_given_a_baseline() -> None:
    total = instrument("pgi-i").total
    assert total is not None

    found = baseline(total, points((0, 3), (14, 2)))

    assert (found.level, found.reasons) == (None, ("CHANGE_RATING",))


def test_no_data_is_no_baseline() -> None:
    found = baseline(phq9(), [])

    assert (found.level, found.n, found.reasons) == (None, 0, ("NO_DATA",))


@pytest.mark.parametrize("days", [(0, 0), (7, 0)])
def test_points_are_one_a_day_and_in_order(days: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="one a day"):
        baseline(phq9(), points((days[0], 1), (days[1], 2)))


def test_a_number_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        baseline(phq9(), points((0, float("nan"))))
