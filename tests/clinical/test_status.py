import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import app.clinical.baseline
import app.clinical.status
from app.clinical.baseline import IndexCourse, Point, baseline
from app.clinical.instruments import instrument
from app.clinical.measure import Measure, unregistered
from app.clinical.response import change, reliable_threshold, states
from app.clinical.status import Status, Trend, prescriber_sentence, status

DAY0 = date(2026, 2, 2)
LOWER = Measure("other.lower", "{score}", 0, 20, "lower_better", "x", reliable_points=4)
HIGHER = replace(LOWER, code="other.higher", direction="higher_better")


def total(name: str) -> Measure:
    measure = instrument(name).total
    assert measure is not None
    return measure


PHQ9 = total("phq-9")


def points(*days_and_values: tuple[int, float]) -> list[Point]:
    return [Point(DAY0 + timedelta(day), value) for day, value in days_and_values]


def judge(
    *series: tuple[int, float],
    measure: Measure = PHQ9,
    rule: str = "auto",
    unseen: int = 0,
    **more: Any,
) -> Status:
    seen = points(*series)
    today = (seen[-1].day if seen else DAY0) + timedelta(unseen)
    return status(
        measure,
        seen,
        baseline(measure, seen, rule=rule),
        reliable_threshold(measure),
        today=today,
        cadence_days=14,
        stale_after_days=28,
        **more,
    )


def test_no_reading_is_no_data() -> None:
    assert judge() == Status("insufficient_data", 0, ("NO_DATA",))


def test_one_reading_has_no_direction_to_tell() -> None:
    assert judge((0, 18)) == Status("insufficient_data", 1, ("ONE_POINT",))


def test_two_readings_within_error_say_so() -> None:
    found = judge((0, 18), (14, 16))

    assert (found.status, found.reasons) == ("insufficient_data", ("TWO_POINTS_WITHIN_ERROR",))


@pytest.mark.parametrize(("last", "word"), [(8, "improving"), (24, "worsening")])
@pytest.mark.parametrize("with_level", [False, True])
def test_two_readings_beyond_error_are_a_direction_unconfirmed(
    last: float, word: str, with_level: bool
) -> None:
    found = judge((0, 18), (28, last), level_now=last if with_level else None)

    assert found.status == word
    assert found.reasons[-1] == "UNCONFIRMED"


def test_two_readings_that_agree_against_a_given_number_need_no_confirmation() -> None:
    assert judge((0, 10), (28, 9), rule="value:20", level_now=9).reasons == (
        "RELIABLE_IMPROVEMENT",
        "RESPONSE",
    )


def test_a_fall_where_higher_is_better_is_a_worsening() -> None:
    who5 = Measure("who-5.total", "{score}", 0, 100, "higher_better", "WHO-5", mcid=10)

    assert judge((0, 60), (14, 40), measure=who5).status == "worsening"


def test_level_and_last_both_better_are_improving() -> None:
    series = ((0, 19), (14, 18), (28, 12), (42, 11))

    found = judge(*series, level_now=11.5)

    assert (found.status, found.reasons) == ("improving", ("RELIABLE_IMPROVEMENT",))


def test_response_counts_when_the_reading_before_was_on_the_way() -> None:
    on_the_way = judge((0, 18), (14, 14), (28, 9), level_now=14)
    sudden = judge((0, 18), (14, 17), (28, 9), level_now=17)

    assert (on_the_way.status, on_the_way.reasons) == ("improving", ("RESPONSE",))
    assert sudden.status == "stable"
    assert sudden.reasons == ("LAST_POINT_BETTER", "UNCONFIRMED")


def test_two_worse_readings_in_a_row_are_worsening() -> None:
    found = judge((0, 10), (14, 11), (28, 16), (42, 17), level_now=16)

    assert (found.status, found.reasons) == ("worsening", ("RELIABLE_WORSENING",))


def test_one_worse_reading_leaves_the_status_and_is_named() -> None:
    found = judge((0, 10), (14, 11), (28, 10), (42, 17))

    assert (found.status, found.reasons) == ("stable", ("LAST_POINT_WORSE", "UNCONFIRMED"))


def test_a_confirmed_relapse_is_worsening_although_the_level_is_below_baseline() -> None:
    found = judge((0, 24), (28, 4), (56, 4), (70, 13), (84, 13), level_now=13)

    assert (found.status, found.reasons) == ("worsening", ("RELAPSE",))


@pytest.mark.parametrize("code", ["SUSTAINED_WORSENING", "LOSS_OF_GAIN", "RELAPSE"])
def test_a_confirmed_flag_of_worsening_comes_before_any_improvement(code: str) -> None:
    found = judge(
        (0, 18),
        (14, 10),
        (28, 9),
        level_now=9,
        confirmed=frozenset({code, "SUSTAINED_IMPROVEMENT"}),
    )

    assert (found.status, found.reasons) == ("worsening", (code,))


def test_a_confirmed_flag_of_improvement_is_improving() -> None:
    found = judge((0, 18), (14, 17), (28, 17), confirmed=frozenset({"SUSTAINED_IMPROVEMENT"}))

    assert (found.status, found.reasons) == ("improving", ("SUSTAINED_IMPROVEMENT",))


EIGHT = tuple((14 * i, float(v)) for i, v in enumerate((12, 12, 13, 13, 14, 14, 15, 15)))
UP = Trend(n=8, slope_per_day=7 / 98, interval=(0.01, 0.1), p=0.001, span_days=98)


def test_a_trend_counts_when_it_is_significant_long_and_large() -> None:
    assert judge(*EIGHT, trend=UP).reasons == ("TREND",)
    assert judge(*EIGHT, trend=UP).status == "worsening"
    down = replace(UP, slope_per_day=-UP.slope_per_day, interval=(-0.1, -0.01))
    assert judge(*EIGHT, trend=down).status == "improving"


@pytest.mark.parametrize(
    "weaker",
    [
        {"n": 7},
        {"p": 0.05},
        {"p": None},
        {"interval": (-0.01, 0.1)},
        {"interval": (0.0, 0.1)},
        {"interval": None},
        {"slope_per_day": 5.9 / 98},
    ],
)
def test_a_trend_that_lacks_one_of_these_is_stable(weaker: dict[str, Any]) -> None:
    assert judge(*EIGHT, trend=replace(UP, **weaker)).status == "stable"


def test_where_nothing_is_registered_the_caller_says_which_trend_is_large() -> None:
    own = replace(LOWER, reliable_points=None)

    assert judge(*EIGHT, measure=own, trend=UP).status == "stable"
    assert judge(*EIGHT, measure=own, trend=UP, trend_size=7).status == "worsening"
    assert judge(*EIGHT, measure=own, trend=UP, trend_size=7.1).status == "stable"


def test_equal_readings_are_stable_with_the_change_that_could_have_been_seen() -> None:
    found = judge(*((14 * i, 12.0) for i in range(12)))

    assert (found.status, found.reasons) == ("stable", ("NO_RELIABLE_CHANGE",))
    assert found.smallest_change == 6
    assert found.n == 12


def test_three_readings_within_two_weeks_are_too_short_to_be_stable() -> None:
    assert judge((0, 12), (6, 12), (13, 12)).reasons == ("SPAN_UNDER_14_DAYS",)
    assert judge((0, 12), (6, 12), (14, 12)).status == "stable"


def test_a_recent_gap_is_not_stability() -> None:
    assert judge((0, 12), (14, 12), (60, 12)).reasons == ("RECENT_GAP",)
    assert judge((0, 12), (46, 12), (60, 12), (74, 12)).reasons == ("RECENT_GAP",)
    assert judge((0, 12), (46, 12), (60, 12), (74, 12), (88, 12)).status == "stable"


def test_silence_is_stale_and_never_stable() -> None:
    series = [(14 * i, 12.0) for i in range(6)]

    found = judge(*series, unseen=90)

    assert (found.status, found.last_known) == ("stale", "stable")
    assert found.reasons == ("LAST_SEEN_90_DAYS",)
    assert judge(*series, unseen=28).status == "stable"
    assert judge(*series, unseen=29).status == "stale"


def test_a_number_without_a_direction_has_no_status() -> None:
    found = judge((0, 4), (14, 9), (28, 12), measure=unregistered("HAMD17", "1"))

    assert (found.status, found.reasons) == (None, ("NO_DIRECTION",))


def test_a_rating_of_change_is_not_read_as_stable() -> None:
    found = judge((0, 6), (14, 6), (28, 6), measure=total("pgi-i"))

    assert (found.status, found.reasons) == (None, ("CHANGE_RATING",))


def test_an_old_rating_of_change_is_told_as_that_of_then() -> None:
    """Else "very much better" of summer stands beside the relapse of autumn as if it held."""
    found = judge((0, 6), (14, 1), (28, 1), measure=total("cgi-i"), unseen=100)
    said = say((0, 6), (14, 1), (28, 1), measure=total("cgi-i"), unseen=100)

    assert (found.status, found.reasons) == (None, ("CHANGE_RATING", "LAST_SEEN_100_DAYS"))
    assert said.endswith(" then, and no recent reading.")


steps = st.lists(st.tuples(st.integers(1, 40), st.integers(0, 20)), min_size=1, max_size=8)


@given(steps, st.integers(0, 60), st.none() | st.integers(0, 20))
def test_reversing_the_direction_mirrors_the_status(
    raw: list[tuple[int, int]], unseen: int, level: int | None
) -> None:
    day, series = 0, []
    for step, value in raw:
        day += step
        series.append((day, value))
    mirrored = [(day, 20 - value) for day, value in series]
    level_back = None if level is None else 20 - level

    one = judge(*series, measure=LOWER, unseen=unseen, level_now=level)
    two = judge(*mirrored, measure=HIGHER, unseen=unseen, level_now=level_back)

    assert one == two


@given(steps, st.integers(1, 60))
def test_time_alone_changes_a_status_to_stale_and_to_nothing_else(
    raw: list[tuple[int, int]], unseen: int
) -> None:
    day, series = 0, []
    for step, value in raw:
        day += step
        series.append((day, value))
    before, after = judge(*series, measure=LOWER), judge(*series, measure=LOWER, unseen=unseen)

    assert after == before if unseen <= 28 else after.last_known == before.status


# The sentence


def say(
    *series: tuple[int, float],
    measure: Measure = PHQ9,
    course: IndexCourse | None = None,
    unseen: int = 0,
) -> str:
    seen = points(*series)
    base, threshold = baseline(measure, seen, course=course), reliable_threshold(measure)
    return prescriber_sentence(
        measure,
        seen,
        base,
        change(measure, seen, base, threshold),
        states(measure, seen, base, threshold),
        judge(*series, measure=measure, unseen=unseen),
    )


def test_the_sentence_says_value_band_change_data_and_state() -> None:
    course = IndexCourse("sertraline", started_on=DAY0)
    middle = [(14 * i, 18.0) for i in range(1, 7)]

    assert say((0, 19), *middle, (127, 11), course=course) == (
        "PHQ-9: 11 on 9 June (moderate), -8 points from baseline 19 "
        "(last on or before the start, 2 February); 8 readings over 127 days; partial response."
    )


def test_what_is_unknown_is_left_out_of_the_sentence() -> None:
    assert say() == "PHQ-9: no readings."
    assert say((0, 12)) == (
        "PHQ-9: 12 on 2 February (moderate); 1 reading; change cannot be judged."
    )
    pgi = say((0, 3), (14, 5), measure=total("pgi-i"))
    assert (
        pgi
        == "PGI-I: 5 on 16 February (slightly worse); 2 readings over 14 days; a rating of change."
    )


def test_a_baseline_of_another_year_names_both_years() -> None:
    assert say((-60, 18), (1, 18)) == (
        "PHQ-9: 18 on 3 February 2026 (moderately severe), +0 points from baseline 18 "
        "(first reading, 4 December 2025); 2 readings over 61 days; no reliable change."
    )


@pytest.mark.parametrize(
    ("series", "words"),
    [
        (((0, 18), (28, 4)), "remission"),
        (((0, 18), (28, 4), (56, 3), (84, 3)), "sustained remission"),
        (((0, 18), (28, 8)), "response"),
        (((0, 10), (28, 17)), "reliably worse"),
        (((0, 24), (28, 4), (56, 12)), "possible relapse"),
        (((0, 24), (28, 4), (56, 12), (70, 12)), "relapse"),
        (((0, 18), (28, 17)), "no reliable change"),
    ],
)
def test_the_state_stands_last(series: tuple[tuple[int, float], ...], words: str) -> None:
    assert say(*series).endswith(f"; {words}.")


def test_the_sentence_names_how_a_mean_was_taken() -> None:
    course = IndexCourse("sertraline", first_event_on=DAY0 + timedelta(28))

    sentence = say((0, 12), (14, 15), (28, 13), (42, 9), course=course)

    assert "-4.3 points from baseline 13.3 (mean of 3 before the first dose step, " in sentence
    assert "2 February to 2 March)" in sentence


def test_no_template_claims_a_cause_or_gives_advice() -> None:
    forbidden = (
        r"caused|because of|due to|worked|failed|safe|should|recommend|consider|"
        r"switch|increase|decrease|raise|reduce|lower|(?<!the )\bstart\b|(?<!the )\bstop\b"
    )
    for module in (app.clinical.baseline, app.clinical.status):
        text = Path(str(module.__file__)).read_text("utf-8")
        templates = re.findall(r'f?"([^"\n]* [^"\n]*)"', re.sub(r'"""[\s\S]*?"""', "", text))
        assert templates
        assert [t for t in templates if re.search(forbidden, t)] == []


def test_nothing_that_was_compared_with_nothing_is_stable() -> None:
    same = [(14 * i, 12.0) for i in range(4)]
    own = replace(LOWER, reliable_points=None, minimum=None, maximum=None)

    assert judge(*same, rule="pre_start").reasons == ("NO_BASELINE",)
    assert judge(*same, rule="pre_start").status == "insufficient_data"
    assert judge(*same, measure=own) == Status("insufficient_data", 4, ("NO_SCALE",))


def test_a_score_from_before_the_start_is_not_compared_with_itself() -> None:
    course = IndexCourse("sertraline", started_on=DAY0 + timedelta(60))
    before = points((0, 25), (20, 12), (40, 12), (55, 12))
    base, threshold = baseline(PHQ9, before, course=course), reliable_threshold(PHQ9)
    found = status(
        PHQ9,
        before,
        base,
        threshold,
        today=DAY0 + timedelta(60),
        cadence_days=14,
        stale_after_days=28,
    )
    told, states_ = change(PHQ9, before, base, threshold), states(PHQ9, before, base, threshold)

    assert (base.rule, base.level) == ("pre_start", 12)
    assert (found.status, found.reasons) == ("insufficient_data", ("NOTHING_AFTER_BASELINE",))
    assert (told.from_last, told.reliable, told.reasons) == (
        None,
        None,
        ("NOTHING_AFTER_BASELINE",),
    )
    assert (states_.response, states_.deterioration) == (None, None)
    assert states_.reasons == ("NOTHING_AFTER_BASELINE",)


def test_two_bad_days_in_one_week_confirm_nothing() -> None:
    close = judge((0, 2), (1, 9), (2, 9), measure=LOWER)
    apart = judge((0, 2), (1, 9), (8, 9), measure=LOWER)

    assert (close.status, close.reasons) == ("worsening", ("RELIABLE_WORSENING", "UNCONFIRMED"))
    assert apart.reasons == ("RELIABLE_WORSENING",)
    assert judge((0, 12), (1, 2), (2, 2), measure=LOWER, level_now=2).reasons == (
        "RELIABLE_IMPROVEMENT",
        "UNCONFIRMED",
    )


def test_the_state_of_a_stale_measure_is_that_of_then() -> None:
    said = say((0, 18), (14, 10), (28, 4), unseen=100)

    assert said.endswith("; remission then, and no recent reading.")
