import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.baseline import Baseline, IndexCourse, Point, baseline
from app.clinical.instruments import instrument
from app.clinical.measure import Measure, Reliability, ResponseRule, Threshold, unregistered
from app.clinical.response import (
    Change,
    Relapse,
    States,
    baseline_alternatives,
    change,
    computed_threshold,
    cutoff_c,
    rci,
    relapse,
    reliable_threshold,
    states,
)
from tests.shared import SHARED, needs_shared

DAY0 = date(2026, 1, 5)

WHO5 = Measure(
    "who-5.total",
    "{score}",
    0,
    100,
    "higher_better",
    "WHO-5",
    domain="mood_cognition",
    symptom_measure=True,
    response=ResponseRule("point_increase", 10),
    mcid=10,
)


def total(name: str) -> Measure:
    measure = instrument(name).total
    assert measure is not None
    return measure


PHQ9 = total("phq-9")
GAD7 = total("gad-7")


def points(*days_and_values: tuple[int, float]) -> list[Point]:
    return [Point(DAY0 + timedelta(day), value) for day, value in days_and_values]


def judge(measure: Measure, first: float, last: float) -> tuple[Change, States]:
    pair = points((0, first), (28, last))
    threshold = reliable_threshold(measure)
    base = baseline(measure, pair)
    return change(measure, pair, base, threshold), states(measure, pair, base, threshold)


def vector(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))["vectors"]
    found = next(v for v in vectors if v["name"] == name)
    return found["input"], found["expected"]


# T_rel


def test_the_published_value_comes_before_the_computed_one_and_both_are_said() -> None:
    threshold = reliable_threshold(PHQ9)

    assert (threshold.points, threshold.source) == (6, "published")
    assert threshold.computed == pytest.approx(6.763335, abs=1e-6)
    assert threshold.registered is True


def test_without_a_published_value_it_is_computed() -> None:
    threshold = reliable_threshold(replace(PHQ9, reliable_points=None))

    assert threshold.source == "computed"
    assert threshold.points == pytest.approx(6.763335, abs=1e-6)


@pytest.mark.parametrize(
    ("maximum", "mcid", "points"),
    [(28, 6, 6), (40, 8, 8), (52, 3, 5.2), (60, 2, 6), (60, 6.6, 6.6), (100, 10, 10)],
)
def test_an_mcid_counts_with_at_least_a_tenth_of_the_scale(
    maximum: float, mcid: float, points: float
) -> None:
    # ISI, WSAS, HAM-D17, MADRS, YMRS, WHO-5 as the order of T_rel names them
    measure = Measure("other.x", "{score}", 0, maximum, "lower_better", "x", mcid=mcid)
    threshold = reliable_threshold(measure, own_spread=1)

    assert threshold.source == "mcid"
    assert threshold.points == pytest.approx(points)


def test_an_mcid_in_percent_counts_a_tenth_of_the_scale() -> None:
    measure = Measure("other.x", "{score}", 0, 63, "lower_better", "x", mcid_percent=17.5)

    assert reliable_threshold(measure).points == pytest.approx(6.3)


def test_with_nothing_registered_the_persons_own_spread_decides() -> None:
    measure = Measure("other.x", "{score}", 1, 7, "lower_better", "x")
    own, assumed = reliable_threshold(measure, own_spread=2.5), reliable_threshold(measure)

    assert (own.points, own.source, own.reasons) == (2.5, "own_spread", ())
    assert assumed.points == pytest.approx(1.2)
    assert (assumed.source, assumed.reasons) == ("assumed", ("T_REL_ASSUMED",))
    assert not own.registered
    assert not assumed.registered


def test_an_unchanged_value_is_no_change_even_for_a_person_without_spread() -> None:
    measure = Measure("other.x", "{score}", 1, 7, "lower_better", "x")
    same, none = points((0, 3), (7, 3)), reliable_threshold(measure, own_spread=0)

    assert change(measure, same, baseline(measure, same), none).reliable == "none"


def test_without_a_scale_there_is_no_threshold() -> None:
    threshold = reliable_threshold(unregistered("other.x", "1"))

    assert (threshold.points, threshold.reasons) == (None, ("NO_SCALE",))


@needs_shared
@pytest.mark.parametrize("name", ["rci_phq9_like", "rci_gad7_like", "rci_worse"])
def test_the_vectors_of_reliable_change_hold(name: str) -> None:
    given, expected = vector(name)
    known = Reliability(given["sd"], given["reliability"])
    index = rci(known, pre=given["pre"], post=given["post"])

    assert index == pytest.approx(expected["rci"], abs=1e-6)
    assert computed_threshold(known) == pytest.approx(expected["T_rel"], abs=1e-6)
    assert (abs(index) > 1.96) is expected["reliable"]


def test_without_measurement_error_there_is_no_index() -> None:
    with pytest.raises(ValueError, match="error"):
        rci(Reliability(5, 1), pre=10, post=5)


@needs_shared
def test_the_vector_of_the_cut_off_holds() -> None:
    given, expected = vector("cutoff_c")

    assert cutoff_c(**given) == pytest.approx(expected["c"], abs=1e-6)


# Change


@needs_shared
@pytest.mark.parametrize(
    "name",
    [
        "phq9_response_exact_half",
        "phq9_response_just_short",
        "phq9_response_remission_boundary_5",
        "phq9_response_remission_4",
        "phq9_response_zero",
    ],
)
def test_the_vectors_of_response_and_remission_hold(name: str) -> None:
    given, expected = vector(name)
    _, state = judge(PHQ9, given["baseline"], given["last"])

    assert state.improvement_percent == pytest.approx(expected["improvement_percent"], abs=1e-6)
    assert state.response is expected["response"]
    assert state.remission is expected["remission"]


@needs_shared
def test_the_vector_of_the_percent_guard_holds() -> None:
    given, expected = vector("percent_guard_at_floor")
    changed, state = judge(GAD7, given["baseline"], given["last"])

    assert changed.from_last is not None
    assert changed.from_last.points == expected["points"]
    assert changed.from_last.percent is expected["percent"] is None
    assert changed.from_last.reasons == (expected["reason"],)
    assert state.response is expected["response"] is None
    assert state.deterioration is expected["deterioration"]
    assert changed.reliable == "worse"


@needs_shared
def test_the_vector_of_a_floor_above_zero_holds() -> None:
    given, expected = vector("percent_floor_not_zero")
    low, high = given["scale"]
    measure = Measure("other.x", "{score}", low, high, "lower_better", "x")
    changed, _ = judge(measure, given["baseline"], given["last"])

    assert changed.from_last is not None
    assert changed.from_last.points == expected["points"]
    assert changed.from_last.percent == pytest.approx(expected["percent"])


def test_a_baseline_of_zero_divides_nothing() -> None:
    changed, state = judge(PHQ9, 0, 8)

    assert changed.from_last is not None
    assert changed.from_last.percent is None
    assert changed.from_last.points == 8
    assert state.improvement_percent is None
    assert state.reasons == ("PERCENT_AT_FLOOR",)


def test_the_two_readings_of_change_are_never_mixed() -> None:
    series = points((0, 19), (100, 13), (127, 11))
    changed = change(PHQ9, series, baseline(PHQ9, series), reliable_threshold(PHQ9), level_now=12)

    assert changed.from_last is not None
    assert changed.from_level is not None
    assert (changed.from_last.points, changed.from_level.points) == (-8, -7)
    assert changed.from_last.percent == pytest.approx(-42.105263, abs=1e-6)
    assert changed.from_level.percent == pytest.approx(-36.842105, abs=1e-6)
    assert changed.rci is not None
    assert changed.rci.value == pytest.approx(-2.318383, abs=1e-6)
    assert (changed.rci.sd, changed.rci.r, changed.rci.verified) == (6.1, 0.84, "memory")
    assert changed.reliable == "better"
    assert changed.clinically_significant is False
    assert changed.mcid == 5
    assert changed.n == 3


def test_without_a_level_there_is_no_change_of_level() -> None:
    changed, _ = judge(PHQ9, 18, 16)

    assert changed.from_level is None
    assert changed.reliable == "none"


@pytest.mark.parametrize(("last", "reliable"), [(13, "none"), (12, "better"), (24, "worse")])
def test_reliable_is_at_least_the_threshold(last: float, reliable: str) -> None:
    assert judge(PHQ9, 18, last)[0].reliable == reliable


def test_six_points_are_reliable_by_the_published_rule_and_not_by_the_index() -> None:
    changed, _ = judge(PHQ9, 18, 12)

    assert changed.rci is not None
    assert abs(changed.rci.value) < 1.96
    assert "RCI_DISAGREES" in changed.reasons


def test_a_reliable_change_across_the_cut_off_is_clinically_significant() -> None:
    assert judge(PHQ9, 18, 9)[0].clinically_significant is True
    assert judge(PHQ9, 11, 9)[0].clinically_significant is False


def test_a_fall_is_bad_where_higher_is_better() -> None:
    changed, state = judge(WHO5, 60, 40)

    assert changed.from_last is not None
    assert changed.from_last.points == -20
    assert changed.from_last.percent_of_gap == pytest.approx(-50)
    assert changed.reliable == "worse"
    assert state.deterioration is True
    assert state.response is False


def test_a_rise_by_points_is_response_where_the_instrument_says_so() -> None:
    assert judge(WHO5, 30, 40)[1].response is True
    assert judge(WHO5, 30, 39)[1].response is False
    assert judge(WHO5, 30, 40)[1].improvement_percent is None


def test_a_number_without_a_direction_is_points_and_nothing_else() -> None:
    changed, state = judge(unregistered("HAMD17", "{score}"), 20, 8)

    assert changed.from_last is not None
    assert changed.from_last.points == -12
    assert changed.reliable is None
    assert "NO_DIRECTION" in changed.reasons
    assert (state.response, state.remission, state.deterioration) == (None, None, None)


@pytest.mark.parametrize(("series", "reason"), [([], "NO_DATA"), ([(0, 18.0)], "ONE_POINT")])
def test_change_needs_two_days(series: list[tuple[int, float]], reason: str) -> None:
    few = points(*series)
    base, threshold = baseline(PHQ9, few), reliable_threshold(PHQ9)
    changed, state = change(PHQ9, few, base, threshold), states(PHQ9, few, base, threshold)

    assert changed.from_last is None
    assert changed.rci is None
    assert changed.reasons == (reason,)
    assert state.response is None
    assert state.reasons == (reason,)


# States


def test_remission_is_below_five() -> None:
    assert judge(PHQ9, 18, 5)[1].remission is False
    assert judge(PHQ9, 18, 4)[1].remission is True


def test_remission_needs_one_point_only() -> None:
    one = points((0, 4))

    assert states(PHQ9, one, baseline(PHQ9, one), reliable_threshold(PHQ9)).remission is True


def test_below_caseness_there_is_no_response_to_judge_but_remission_is() -> None:
    _, state = judge(PHQ9, 7, 3)

    assert (state.response, state.partial_response) == (None, None)
    assert state.reasons == ("NOT_APPLICABLE",)
    assert state.remission is True


@pytest.mark.parametrize(
    ("last", "partial", "response"),
    [(16, False, False), (15, True, False), (11, True, False), (10, False, True)],
)
def test_partial_response_lies_between_a_quarter_and_half(
    last: float, partial: bool, response: bool
) -> None:
    _, state = judge(PHQ9, 20, last)

    assert state.partial_response is partial
    assert state.response is response


def test_a_rating_of_change_responds_by_its_last_value() -> None:
    cgi = total("cgi-i")

    assert judge(cgi, 4, 2)[1].response is True
    assert judge(cgi, 4, 3)[1].response is False
    assert judge(cgi, 4, 2)[1].deterioration is None


def test_a_measure_without_a_rule_says_so() -> None:
    assert judge(total("cgi-s"), 5, 3)[1].reasons == ("NO_RESPONSE_RULE",)


def test_a_symptom_measure_without_a_rule_of_its_own_takes_half() -> None:
    assert judge(replace(PHQ9, response=None), 18, 9)[1].response is True
    assert judge(replace(PHQ9, response=None), 19, 10)[1].response is False


@pytest.mark.parametrize(
    ("series", "sustained"),
    [
        ([(0, 18), (10, 4), (66, 3)], True),
        ([(0, 18), (10, 4), (65, 3)], False),
        ([(0, 18), (10, 4), (67, 3)], False),  # 57 days without a reading
        ([(0, 18), (10, 4), (40, 6), (66, 3)], False),
        ([(0, 18), (10, 4), (40, 3), (70, 2)], True),
        ([(0, 18), (70, 4)], False),
    ],
)
def test_sustained_remission_is_eight_weeks_of_it_without_a_long_gap(
    series: list[tuple[int, float]], sustained: bool
) -> None:
    seen = points(*series)

    state = states(PHQ9, seen, baseline(PHQ9, seen), reliable_threshold(PHQ9))

    assert state.sustained_remission is sustained


# Relapse


def follow(*series: tuple[int, float], measure: Measure = PHQ9) -> Relapse:
    seen = points(*series)
    return relapse(measure, seen, baseline(measure, seen), reliable_threshold(measure))


@needs_shared
def test_the_vector_of_the_relapse_sequence_holds() -> None:
    given, expected = vector("relapse_sequence_phq9")
    found = follow(*zip(given["days"], given["values"], strict=True))

    assert found.state == "relapse"
    assert found.remission_first_day == DAY0 + timedelta(expected["remission_first_day"])
    assert found.possible_day == DAY0 + timedelta(expected["possible_relapse_day"])
    assert found.confirmed_day == DAY0 + timedelta(expected["relapse_confirmed_day"])


def test_the_first_return_is_only_possible() -> None:
    found = follow((0, 18), (56, 4), (84, 12))

    assert found.state == "possible_relapse"
    assert found.possible_day == DAY0 + timedelta(84)
    assert found.confirmed_day is None


def test_a_return_that_is_not_repeated_is_none() -> None:
    assert follow((0, 18), (56, 4), (84, 12), (98, 6)).state is None


def test_two_returns_within_a_week_confirm_nothing() -> None:
    assert follow((0, 18), (56, 4), (84, 12), (90, 12)).state == "possible_relapse"
    assert follow((0, 18), (56, 4), (84, 12), (91, 12)).state == "relapse"


def test_a_better_point_between_two_returns_does_not_hide_them() -> None:
    assert follow((0, 18), (56, 4), (84, 12), (98, 8), (112, 13)).state == "relapse"


def test_two_returns_have_to_lie_among_the_last_three() -> None:
    found = follow((0, 18), (56, 4), (84, 12), (98, 8), (112, 8), (126, 13))

    assert found.state == "possible_relapse"
    assert found.possible_day == DAY0 + timedelta(126)


def test_a_return_is_measured_from_the_best_of_the_remission() -> None:
    eight = replace(PHQ9, relapse=Threshold(">=", 8))

    assert follow((0, 18), (28, 1), (56, 4), (84, 8), (98, 8), measure=eight).state == "relapse"
    assert follow((0, 18), (28, 4), (56, 4), (84, 8), (98, 8), measure=eight).state is None


def test_a_return_has_to_be_beyond_measurement_error() -> None:
    assert follow((0, 18), (56, 4), (84, 9), (98, 9)).state is None
    eight = replace(PHQ9, relapse=Threshold(">=", 8))
    assert follow((0, 18), (56, 4), (84, 9), (98, 9), measure=eight).state is None
    assert follow((0, 18), (56, 4), (84, 10), (98, 10), measure=eight).state == "relapse"


def test_without_remission_there_is_nothing_to_relapse_from() -> None:
    assert follow((0, 18), (28, 11), (56, 19), (84, 20)).state is None


def test_sustained_response_can_be_lost_too() -> None:
    # 24 -> 11 is 54 %, held for eight weeks; then 6 and more above the best of it
    assert follow((0, 24), (28, 11), (56, 11), (84, 11), (98, 17), (112, 18)).state == "relapse"
    assert follow((0, 24), (28, 11), (56, 11), (98, 17), (112, 18)).state is None


def test_a_return_after_half_a_year_of_remission_is_a_recurrence() -> None:
    well = [(28 + 30 * i, 3.0) for i in range(7)]
    assert follow((0, 18), *well, (222, 12), (236, 13)).state == "recurrence"
    assert follow((0, 18), *well[:-1], (222, 12), (236, 13)).state == "relapse"


def test_a_return_is_seen_although_it_is_still_a_response_to_the_baseline() -> None:
    # 24 -> 12 is 50 % and held for eight weeks; from 4 it is a return all the same
    assert follow((0, 24), (28, 4), (56, 4), (84, 12), (98, 12)).state == "relapse"


def test_a_new_remission_ends_a_relapse() -> None:
    found = follow((0, 18), (56, 4), (84, 12), (98, 12), (154, 3))

    assert found.state is None
    assert found.remission_first_day == DAY0 + timedelta(154)


def test_a_measure_without_a_relapse_threshold_has_no_state() -> None:
    assert follow((0, 5), (7, 0), (14, 6), (28, 6), measure=total("phq-2")).state is None


@needs_shared
def test_two_real_courses_read_as_their_expected_answers_say() -> None:
    file = SHARED / "cases/ahrq-phq9-fhir-2-patients/expected.json"
    for patient in json.loads(file.read_text("utf-8"))["expected"].values():
        visits = patient["visits"]
        seen = [Point(date.fromisoformat(v["authored"][:10]), v["item_sum"]) for v in visits]
        for i in range(1, len(visits)):
            upto, expected = seen[: i + 1], visits[i]
            base, threshold = baseline(PHQ9, upto), reliable_threshold(PHQ9)
            changed, state = (
                change(PHQ9, upto, base, threshold),
                states(PHQ9, upto, base, threshold),
            )
            assert changed.from_last is not None
            assert changed.from_last.percent == pytest.approx(expected["pct_change_from_first"])
            assert state.response is expected["response"]
            assert state.remission is expected["remission_lt5"]
            back = state.relapse.state is not None
            assert back is expected["relapse_after_remission_ge10"]


# Alternatives


def test_a_baseline_that_decides_the_answer_is_named_with_both_readings() -> None:
    course = IndexCourse("sertraline", started_on=DAY0 + timedelta(28))
    seen = points((0, 24), (28, 16), (56, 10))
    threshold = reliable_threshold(PHQ9)
    chosen = baseline(PHQ9, seen, course=course)
    (other,) = baseline_alternatives(PHQ9, seen, chosen, threshold, course=course)

    assert (chosen.rule, chosen.level) == ("pre_start", 16)
    assert states(PHQ9, seen, chosen, threshold).response is False
    assert (other.baseline.rule, other.baseline.level) == ("first", 24)
    assert other.response is True
    assert other.points == -14
    assert other.flips == ("response",)


def test_a_baseline_that_turns_better_into_worse_is_named() -> None:
    course = IndexCourse("sertraline", started_on=DAY0 + timedelta(28))
    seen = points((0, 12), (28, 20), (56, 16))
    chosen = baseline(PHQ9, seen, course=course)

    (other,) = baseline_alternatives(PHQ9, seen, chosen, reliable_threshold(PHQ9), course=course)

    assert other.flips == ("direction",)
    assert other.points == 4


def test_no_change_against_a_change_is_no_flip() -> None:
    course = IndexCourse("sertraline", started_on=DAY0 + timedelta(28))
    seen = points((0, 16), (28, 20), (56, 16))
    chosen = baseline(PHQ9, seen, course=course)

    assert baseline_alternatives(PHQ9, seen, chosen, reliable_threshold(PHQ9), course=course) == ()


def test_rules_that_agree_are_not_named() -> None:
    course = IndexCourse("sertraline", started_on=DAY0 + timedelta(28))
    seen = points((0, 19), (28, 20), (56, 8))
    chosen = baseline(PHQ9, seen, course=course)

    assert baseline_alternatives(PHQ9, seen, chosen, reliable_threshold(PHQ9), course=course) == ()


def test_without_a_baseline_there_is_nothing_to_compare() -> None:
    none = baseline(PHQ9, [])

    assert baseline_alternatives(PHQ9, [], none, reliable_threshold(PHQ9)) == ()


# Properties

LOWER = Measure(
    "other.lower",
    "{score}",
    0,
    20,
    "lower_better",
    "x",
    response=ResponseRule("point_reduction", 5),
    remission=Threshold("<=", 4),
    caseness=Threshold(">=", 10),
    relapse=Threshold(">=", 10),
    reliable_points=4,
    reliability=Reliability(4, 0.8),
)
HIGHER = replace(
    LOWER,
    code="other.higher",
    direction="higher_better",
    response=ResponseRule("point_increase", 5),
    remission=Threshold(">=", 16),
    caseness=Threshold("<=", 10),
    relapse=Threshold("<=", 10),
)
series = st.lists(st.tuples(st.integers(1, 70), st.integers(0, 20)), min_size=1, max_size=12)


def spaced(raw: list[tuple[int, int]]) -> list[Point]:
    day, found = DAY0, []
    for step, value in raw:
        day += timedelta(step)
        found.append(Point(day, value))
    return found


def all_readings(measure: Measure, seen: list[Point]) -> tuple[Baseline, Change, States]:
    base, threshold = baseline(measure, seen), reliable_threshold(measure)
    return base, change(measure, seen, base, threshold), states(measure, seen, base, threshold)


@given(series)
def test_reversing_the_direction_mirrors_every_state(raw: list[tuple[int, int]]) -> None:
    seen = spaced(raw)
    mirrored = [Point(point.day, 20 - point.value) for point in seen]
    _, change_a, states_a = all_readings(LOWER, seen)
    _, change_b, states_b = all_readings(HIGHER, mirrored)

    assert change_a.reliable == change_b.reliable
    assert change_a.clinically_significant == change_b.clinically_significant
    for name in ("response", "remission", "sustained_remission", "deterioration", "relapse"):
        assert getattr(states_a, name) == getattr(states_b, name)


@given(series, st.integers(-400, 400))
def test_moving_all_days_moves_nothing_but_dates(raw: list[tuple[int, int]], by: int) -> None:
    seen = spaced(raw)
    moved = [point._replace(day=point.day + timedelta(by)) for point in seen]
    _, change_a, states_a = all_readings(PHQ9, seen)
    _, change_b, states_b = all_readings(PHQ9, moved)

    assert change_a == change_b
    assert replace(states_a, relapse=states_b.relapse) == states_b
    assert states_a.relapse.state == states_b.relapse.state


@given(series)
def test_response_is_never_partial_response_and_never_worse(raw: list[tuple[int, int]]) -> None:
    _, _, state = all_readings(PHQ9, spaced(raw))

    assert not (state.response and state.partial_response)
    assert not (state.response and state.deterioration)
    assert not (state.sustained_remission and not state.remission)
