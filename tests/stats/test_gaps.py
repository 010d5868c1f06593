from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.stats.gaps import Gap, cadence, coverage, median_spacing, spacing, weekly_medians

day_lists = st.lists(st.integers(0, 400), min_size=1, max_size=60)


def test_one_day_has_no_spacing() -> None:
    assert median_spacing([5, 5]) is None
    assert spacing([5], recall_days=14).median is None


def test_weeks_with_one_left_out_have_no_gap_but_with_two_left_out_they_have() -> None:
    assert spacing([0, 7, 14, 28, 35], recall_days=14).gaps == ()
    assert spacing([0, 7, 14, 35, 42], recall_days=14).gaps == (
        Gap(last_before=14, first_after=35, days=21),
    )


def test_a_daily_series_has_a_gap_only_after_more_than_a_week() -> None:
    assert spacing([0, 1, 2, 9, 10], recall_days=1).gaps == ()
    assert [g.days for g in spacing([0, 1, 2, 10, 11], recall_days=1).gaps] == [8]


def test_readings_closer_than_their_recall_time_overlap() -> None:
    assert spacing([0, 13, 27], recall_days=14).recall_overlap
    assert not spacing([0, 14, 28], recall_days=14).recall_overlap


def test_coverage_counts_the_readings_due_from_the_first_day_on() -> None:
    found = coverage([0, 14, 14, 42, 99], first=0, last=56, cadence_days=14)

    assert (found.n, found.expected, found.share) == (3, 5, 0.6)


def test_more_readings_than_due_are_full_coverage_and_no_more() -> None:
    assert coverage(range(15), first=0, last=14, cadence_days=7).share == 1


def test_a_coverage_needs_a_stretch_of_time() -> None:
    with pytest.raises(ValueError, match="first <= last"):
        coverage([1], first=2, last=1, cadence_days=7)
    with pytest.raises(ValueError, match="positive cadence"):
        coverage([1], first=1, last=2, cadence_days=0)


def test_a_diary_is_dense_from_21_days_on() -> None:
    assert cadence(range(20)).kind == "sparse"
    assert cadence(range(21)).kind == "dense"


def test_every_second_day_is_dense_and_every_third_is_not() -> None:
    assert cadence(range(0, 84, 2)).kind == "dense"
    assert cadence(range(0, 126, 3)).kind == "sparse"


def test_only_the_last_42_days_decide_whether_a_series_is_dense() -> None:
    began_late = [*range(0, 300, 30), *range(300, 330)]
    short_of_60 = [*range(0, 300, 30), *range(300, 322)]
    tired = [*range(30), *range(30, 330, 30)]

    assert cadence(began_late).kind == "dense"
    assert cadence(short_of_60).kind == "dense"
    assert cadence(tired).kind == "sparse"


def test_three_entries_a_week_are_read_as_weekly_medians() -> None:
    found = cadence([0, 2, 4, 7, 9, 11, 14, 16, 18])

    assert (found.kind, found.weekly, found.median_spacing) == ("sparse", True, 2)


def test_weekly_visits_and_diaries_are_read_as_they_are() -> None:
    assert not cadence([0, 7, 14]).weekly
    assert not cadence([0, 5, 10]).weekly
    assert not cadence(range(30)).weekly
    assert not cadence([]).weekly


def test_a_week_is_dated_by_its_last_observed_day() -> None:
    # Day 0 is a Thursday, so the Monday after it is day 4.
    found = weekly_medians([0, 2, 3, 4, 30], [9, 3, 6, 1, 2], monday=4)

    assert (found.n, found.days, found.values) == (3, (3, 4, 30), (6, 1, 2))


def test_the_weeks_are_those_of_the_iso_calendar() -> None:
    days = range(date(2025, 12, 20).toordinal(), date(2026, 1, 20).toordinal())
    weeks = [date.fromordinal(day).isocalendar()[:2] for day in days]

    assert weekly_medians(days, [0.0] * len(days), monday=1).n == len(set(weeks))
    assert weekly_medians(days, [0.0] * len(days), monday=1).days == tuple(
        max(d for d, w in zip(days, weeks, strict=True) if w == week)
        for week in dict.fromkeys(weeks)
    )


def test_no_reading_makes_no_week() -> None:
    assert weekly_medians([], [], monday=0).n == 0


@given(day_lists, st.integers(-1000, 1000))
def test_spacing_and_cadence_do_not_know_the_date(days: list[int], k: int) -> None:
    later = [day + k for day in days]

    assert cadence(later) == cadence(days)
    assert [g.days for g in spacing(later, 7).gaps] == [g.days for g in spacing(days, 7).gaps]


@given(day_lists)
def test_the_order_of_the_readings_does_not_matter(days: list[int]) -> None:
    assert spacing(days[::-1], 7) == spacing(days, 7)
    assert cadence(days[::-1]) == cadence(days)
    values = [float(day % 11) for day in days]
    assert weekly_medians(days[::-1], values[::-1], monday=0) == weekly_medians(
        days, values, monday=0
    )
