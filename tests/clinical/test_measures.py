"""The measures of the house."""

from app.clinical import measures
from app.clinical.measure import oriented


def test_every_measure_of_the_house_is_found_by_its_code() -> None:
    known = measures.built_in()

    assert all(measures.find(code) is known[code] for code in known)
    assert known["sleep.quality"] is measures.SLEEP_QUALITY
    assert known["phq-9.total"].instrument == "phq-9"
    assert measures.find("nobody.knows") is None
    assert measures.find("side_effects.") is None


def test_a_side_effect_outside_the_vocabulary_is_a_measure_too() -> None:
    strange = measures.find("side_effects.humming-ears")

    assert strange is not None
    assert (strange.domain, strange.label) == ("side_effects", "Humming ears")
    assert (strange.minimum, strange.maximum, strange.daily_aggregate) == (0, 4, "max")


def test_more_sleep_is_better_only_up_to_the_target() -> None:
    worse = [oriented(measures.SLEEP_DURATION, hours) for hours in (4, 6, 9, 11)]

    assert worse == [2, 0, 0, 2]


def test_a_diary_is_stale_after_a_week_and_what_a_visit_asks_after_its_own_time() -> None:
    assert measures.MOOD.stale_after_days == (7, 7)
    assert measures.DAYS_OUT_OF_ROLE.stale_after_days == (28, 56)


def test_a_rating_says_that_its_smallest_difference_is_a_choice() -> None:
    assert measures.MOOD.mcid == 2
    assert measures.MOOD.mcid_source == measures.PRODUCT
