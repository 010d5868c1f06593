"""As little to fill in as the rules can be read from, and never less near a change of dose."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.instruments import instrument
from app.clinical.tasks import Filled, Situation, Task, check_in, ordered, questionnaire

PHQ_9, PHQ_2, FIBSER = instrument("phq-9"), instrument("phq-2"), instrument("fibser")
SINCE = date(2026, 3, 2)
CALM = Situation(today=date(2026, 9, 1), since=SINCE, review_on=date(2027, 1, 1))
"""Half a year after the agreement, nothing near."""


def phq(filled: Filled, situation: Situation, short: Filled | None = None) -> Task:
    return questionnaire(PHQ_9, filled, situation, PHQ_2, short)


def test_before_the_first_answer_it_is_asked_for_from_the_agreement_on() -> None:
    found = phq(Filled(), replace(CALM, today=SINCE))

    assert (found.instrument, found.reason, found.is_open) == ("phq-9", "baseline", True)
    assert (found.due_on, found.expires_on) == (SINCE, SINCE + timedelta(6))


def test_the_short_form_goes_first_where_the_last_full_one_was_no_case() -> None:
    found = phq(Filled(date(2026, 8, 4), 6), CALM)

    assert (found.instrument, found.instead_of) == ("phq-2", "phq-9")
    assert (found.due_on, found.is_open, found.expires_on) == (CALM.today, True, date(2026, 9, 7))


@pytest.mark.parametrize(
    "filled",
    [Filled(date(2026, 8, 4), 10), Filled(date(2026, 8, 4), 2, is_risk=True), Filled()],
    ids=["a case", "a risk answer", "never"],
)
def test_a_case_a_risk_answer_and_nothing_known_ask_for_the_full_form(filled: Filled) -> None:
    assert phq(filled, CALM).instrument == "phq-9"


def test_an_open_risk_signal_asks_for_the_full_form() -> None:
    assert phq(Filled(date(2026, 8, 4), 6), replace(CALM, at_risk=True)).instrument == "phq-9"


@pytest.mark.parametrize("change", [date(2026, 6, 10), date(2026, 9, 1), date(2026, 9, 15)])
def test_near_a_change_nothing_is_shortened_and_it_comes_every_two_weeks(change: date) -> None:
    """12 weeks after it, on its day, and 14 days before a planned one."""
    found = phq(Filled(date(2026, 8, 18), 6), replace(CALM, changes=(change,)))

    assert (found.instrument, found.reason) == ("phq-9", "near_dose_change")
    assert (found.due_on, found.is_open) == (CALM.today, True)


@pytest.mark.parametrize("change", [date(2026, 6, 9), date(2026, 9, 16)])
def test_a_day_farther_off_it_is_near_no_more(change: date) -> None:
    found = phq(Filled(date(2026, 8, 18), 6), replace(CALM, changes=(change,)))

    assert (found.instrument, found.due_on, found.is_open) == ("phq-2", date(2026, 9, 15), False)


def test_a_positive_short_form_asks_for_the_full_one_at_once() -> None:
    found = phq(Filled(date(2026, 8, 4), 6), CALM, Filled(CALM.today, 3))

    assert (found.instrument, found.reason) == ("phq-9", "screen_positive")
    assert (found.is_open, found.due_on, found.expires_on) == (True, CALM.today, None)


def test_a_full_form_after_the_positive_short_one_settles_it() -> None:
    found = phq(Filled(CALM.today, 11), CALM, Filled(date(2026, 8, 31), 5))

    assert (found.instrument, found.is_open, found.due_on) == ("phq-9", False, date(2026, 9, 29))


def test_a_negative_short_form_spares_the_full_one_this_time() -> None:
    found = phq(Filled(date(2026, 8, 4), 6), CALM, Filled(CALM.today, 2))

    assert (found.instrument, found.is_open, found.due_on) == ("phq-2", False, date(2026, 9, 29))


def test_before_a_review_the_full_form_is_asked_for() -> None:
    found = phq(Filled(date(2026, 8, 20), 6), replace(CALM, review_on=date(2026, 9, 5)))

    assert (found.instrument, found.reason) == ("phq-9", "before_review")
    assert (found.opens_on, found.due_on, found.expires_on) == (
        date(2026, 8, 29),
        date(2026, 9, 5),
        None,
    )
    assert found.is_open


def test_an_answer_in_the_week_before_the_review_is_enough() -> None:
    found = phq(Filled(date(2026, 8, 30), 6), replace(CALM, review_on=date(2026, 9, 5)))

    assert (found.reason, found.is_open) == ("periodic", False)


def test_what_expired_is_missed_and_the_next_one_comes() -> None:
    """Due on 1 September and every 28 days; each open for a week."""
    filled = Filled(date(2026, 8, 4), 14)
    rows = [
        (phq(filled, replace(CALM, today=day)).missed_in_a_row, day)
        for day in (date(2026, 9, 7), date(2026, 9, 8), date(2026, 9, 29), date(2026, 11, 3))
    ]

    assert [missed for missed, _ in rows] == [0, 1, 1, 3]
    late = phq(filled, replace(CALM, today=date(2026, 9, 8)))
    assert (late.is_open, late.due_on) == (False, date(2026, 9, 29))


def test_the_days_ratings_come_daily_near_a_change_and_every_third_day_otherwise() -> None:
    yesterday = CALM.today - timedelta(1)
    near = replace(CALM, changes=(CALM.today,))

    assert check_in(["sleep.quality"], yesterday, near).due_on == CALM.today
    assert check_in(["sleep.quality"], yesterday, near).expires_on == CALM.today
    assert check_in(["sleep.quality"], yesterday, CALM).due_on == CALM.today + timedelta(2)
    assert check_in(["sleep.quality"], yesterday, CALM).measures == ("sleep.quality",)


def test_a_questionnaire_followed_by_its_items_has_a_cadence_too() -> None:
    found = questionnaire(FIBSER, Filled(date(2026, 8, 4)), CALM)

    assert (found.instrument, found.due_on) == ("fibser", CALM.today)


days = st.dates(date(2026, 1, 1), date(2026, 12, 31))
fillings = st.builds(
    Filled, on=days, value=st.none() | st.integers(0, 27).map(float), is_risk=st.booleans()
)
situations = st.builds(
    Situation,
    today=days,
    since=days,
    review_on=days,
    changes=st.lists(days, max_size=3).map(tuple),
    at_risk=st.booleans(),
)


@given(fillings | st.just(Filled()), situations, fillings | st.none())
def test_what_is_open_has_begun_and_what_is_not_lies_ahead(
    filled: Filled, situation: Situation, short: Filled | None
) -> None:
    found = phq(filled, situation, short)

    assert found.is_open == (found.opens_on <= situation.today)
    assert found.expires_on is None or found.expires_on >= situation.today
    assert found.missed_in_a_row >= 0


@given(fillings, situations, st.integers(-14, 83))
def test_near_a_change_it_is_the_full_form_and_within_two_weeks(
    filled: Filled, situation: Situation, ago: int
) -> None:
    near = replace(situation, changes=(situation.today - timedelta(ago),))
    found = phq(filled, near)

    assert found.instrument == "phq-9"
    if filled.on is not None and filled.on <= situation.today:
        assert (found.opens_on - situation.today).days <= 14


def test_what_is_open_stands_first() -> None:
    later = check_in(["sleep.quality"], CALM.today, CALM)
    now = phq(Filled(date(2026, 8, 4), 14), CALM)

    assert ordered([later, now]) == [now, later]
