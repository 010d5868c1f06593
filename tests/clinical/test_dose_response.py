"""Before and after a dose event: windows, words, and what they do not say."""

from datetime import date, timedelta

import pytest

from app.clinical.baseline import Point
from app.clinical.dose_response import Comparison, compare
from app.clinical.measure import Measure
from app.stats.gaps import cadence

EVENT = date(2026, 3, 2)
PHQ = Measure("phq-9.total", "{score}", 0, 27, "lower_better", "PHQ-9", mcid=5)
MOOD = Measure("mood_cognition.mood", "{score}", 0, 10, "higher_better", "Mood", mcid=2)


def around(
    measure: Measure,
    seen: dict[int, float],
    lag: int = 14,
    next_on: int | None = None,
    as_of: int = 200,
) -> Comparison:
    points = [Point(EVENT + timedelta(day), value, (f"r{day}",)) for day, value in seen.items()]
    return compare(
        measure,
        points,
        EVENT,
        cadence([one.day.toordinal() for one in points]),
        reading="onset_aware",
        lag=lag,
        window_days=14,
        next_event_on=None if next_on is None else EVENT + timedelta(next_on),
        as_of=EVENT + timedelta(as_of),
    )


def test_the_example_of_the_specification_comes_out() -> None:
    found = around(PHQ, {-28: 18, -14: 19, 0: 16, 50: 14, 70: 13, 90: 13})

    assert found.before_window == (date(2026, 1, 5), date(2026, 3, 2))
    assert found.after_window == (date(2026, 3, 16), date(2026, 6, 8))
    assert found.numbers.diff == pytest.approx(-4.333333, abs=1e-6)
    assert found.nap == 1.0
    assert (found.oriented, found.word) == ("better", "no clear change")
    assert "BELOW_MCID" in found.reasons


def test_a_score_of_the_day_itself_counts_as_before() -> None:
    found = around(PHQ, {0: 18, 30: 9}, lag=0)

    assert [one.records for one in found.before] == [("r0",)]
    assert [one.records for one in found.after] == [("r30",)]


def test_one_visit_a_side_shows_numbers_and_no_word() -> None:
    found = around(PHQ, {-7: 18, 30: 6})

    assert found.numbers.diff == -12
    assert found.word == "cannot say"


def test_the_next_event_of_the_course_ends_the_window() -> None:
    found = around(PHQ, {-7: 18, 20: 14, 35: 9}, next_on=28)

    assert found.truncated
    assert [one.value for one in found.after] == [14]
    assert "TRUNCATED_BY_NEXT_CHANGE" in found.reasons


def test_a_higher_better_diary_that_rises_is_better() -> None:
    low = {day: 3.0 + day % 2 for day in range(-21, 0)}
    high = {day: 7.0 + day % 2 for day in range(28)}
    found = around(MOOD, low | high, lag=0)

    assert (found.oriented, found.word) == ("better", "better")
    assert found.numbers.before.n == found.numbers.after.n == 14


def test_a_fall_that_began_before_the_event_is_named() -> None:
    falling = {day: 10.0 - day / 3 for day in range(-21, 28)}

    assert around(MOOD, falling, lag=0).trend_before


def test_with_no_reading_on_a_side_nothing_is_said() -> None:
    found = around(PHQ, {30: 6})

    assert found.numbers.diff is None
    assert (found.oriented, found.word) == ("cannot say", "cannot say")
    assert "NO_DATA" in found.reasons


def test_equal_values_on_both_sides_have_no_interval() -> None:
    found = around(PHQ, {-14: 8, -7: 8, 0: 8, 20: 8, 30: 8, 40: 8})

    assert found.numbers.interval is None
    assert "CONSTANT" in found.reasons
    assert found.word == "cannot say"


def test_days_of_one_week_are_no_three_visits_on_a_side() -> None:
    """Too few days for a diary: each of them on its own is not an independent visit."""
    low, high = {-3: 3.0, -2: 2, -1: 3}, {1: 7.0, 2: 8, 3: 7}
    days = around(MOOD, low | high, lag=0)
    weeks = around(MOOD, {-18: 3.0, -17: 3, -9: 2, -2: 3, 1: 7, 8: 8, 9: 8, 15: 7, 16: 7}, lag=0)

    assert (days.numbers.before.n, days.numbers.after.n) == (3, 3)
    assert days.numbers.interval is None
    assert "TOO_FEW_FOR_TEST" in days.reasons
    assert days.word == "cannot say"
    assert weeks.word == "cannot say"
