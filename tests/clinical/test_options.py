"""Options with reasons: which stand open, in one order, and never without going on unchanged."""

from dataclasses import replace
from typing import get_type_hints

from hypothesis import given
from hypothesis import strategies as st

from app.clinical.options import OPTIONS, Facts, options

SIX_WEEKS = Facts(
    measure="phq-9.total",
    medicine="sertraline",
    status="stable",
    decision="not_on_track",
    improvement_percent=10.0,
    response=False,
    remission=False,
    weeks_on_dose=6.0,
    weeks_adequate=6.0,
    weeks_treated=6.0,
    dose_room=True,
    taken_share=0.95,
    fibser_burden=1,
    worst_side_effect=1,
    therapy_planned=True,
)


def names(facts: Facts) -> list[str]:
    return [one.option for one in options(facts)]


def test_without_any_data_it_is_said_and_nothing_is_proposed_about_the_dose() -> None:
    assert names(Facts()) == ["go_on_unchanged", "look_again"]


def test_six_weeks_without_response_opens_a_raise_and_a_switch_with_what_speaks_against() -> None:
    found = {one.option: one for one in options(SIX_WEEKS)}

    assert found["go_on_unchanged"].reasons_against == ("NOT_ON_TRACK",)
    assert found["raise_within_range"].reasons_for == ("LESS_THAN_25_PERCENT",)
    assert found["switch"].reasons_against == ("DOSE_BELOW_CEILING",)
    assert "augment_or_combine" not in found


def test_a_partial_response_opens_augmenting_and_not_switching() -> None:
    found = names(replace(SIX_WEEKS, improvement_percent=30.0))

    assert "augment_or_combine" in found
    assert "switch" not in found


def test_what_is_not_taken_is_asked_about_and_speaks_against_a_raise() -> None:
    found = {one.option: one for one in options(replace(SIX_WEEKS, taken_share=0.5))}

    assert found["ask_about_adherence"].reasons_for == ("TAKEN_BELOW_80_PERCENT",)
    assert "TAKEN_BELOW_80_PERCENT" in found["raise_within_range"].reasons_against


def test_unknown_adherence_is_listed_as_missing() -> None:
    found = {one.option: one for one in options(replace(SIX_WEEKS, taken_share=None))}

    assert found["ask_about_adherence"].missing == ("ADHERENCE",)
    assert "ADHERENCE" in found["switch"].missing


def test_a_burden_of_five_opens_lowering_whatever_the_scale_says() -> None:
    good = replace(
        SIX_WEEKS, remission=True, response=True, improvement_percent=80, fibser_burden=5
    )
    found = {one.option: one for one in options(good)}

    assert found["lower"].reasons_against == ("RESPONSE",)
    assert "switch" in found


def test_at_the_ceiling_no_raise_stands_open() -> None:
    assert "raise_within_range" not in names(replace(SIX_WEEKS, dose_room=False))


def test_three_weeks_are_too_early_for_any_change_of_dose() -> None:
    early = names(replace(SIX_WEEKS, weeks_on_dose=3.0, decision="watch"))

    assert not {"raise_within_range", "switch", "augment_or_combine"} & set(early)
    assert "look_again" in early


def test_two_fair_trials_open_a_consultation() -> None:
    found = {one.option: one for one in options(replace(SIX_WEEKS, fair_trials=2))}

    assert found["seek_consultation"].reasons_for == ("TWO_FAIR_TRIALS",)
    assert "review_diagnosis" in found


def test_a_taper_stands_open_only_after_half_a_year_in_remission() -> None:
    well = replace(SIX_WEEKS, remission=True, response=True, remission_days=181)

    assert "plan_taper" not in names(well)
    assert "plan_taper" in names(replace(well, remission_days=182))


def test_mania_opens_a_look_at_the_diagnosis() -> None:
    assert "review_diagnosis" in names(replace(SIX_WEEKS, opposite_pole=True))


numbers = st.none() | st.floats(-100, 200, allow_nan=False)
facts = st.builds(
    Facts,
    status=st.sampled_from([None, "stable", "improving", "worsening", "stale"]),
    decision=st.sampled_from([None, "on_track", "watch", "not_on_track", "due", "missed"]),
    improvement_percent=numbers,
    response=st.none() | st.booleans(),
    remission=st.none() | st.booleans(),
    weeks_on_dose=st.none() | st.floats(0, 60),
    weeks_adequate=st.none() | st.floats(0, 60),
    dose_room=st.none() | st.booleans(),
    taken_share=st.none() | st.floats(0, 1),
    fibser_burden=st.none() | st.integers(0, 6),
    worst_side_effect=st.none() | st.integers(0, 4),
    fair_trials=st.integers(0, 4),
    medicine=st.none() | st.just("sertraline"),
)


@given(facts)
def test_going_on_unchanged_is_always_there_and_the_order_is_closed(known: Facts) -> None:
    found = names(known)

    assert found[0] == "go_on_unchanged"
    assert found == [name for name in OPTIONS if name in found]
    assert set(get_type_hints(Facts)) >= {"measure", "medicine"}


@given(facts)
def test_every_option_says_why_it_is_listed_or_what_is_missing(known: Facts) -> None:
    for one in options(known)[1:]:
        assert one.reasons_for or one.missing or one.option == "look_again"
