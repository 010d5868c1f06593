"""Early flags: what is a notice, what is confirmed, and against which level."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.baseline import Baseline, Point
from app.clinical.baseline import baseline as choose
from app.clinical.flags import Flags, by_week, flags
from app.clinical.measure import Band, Measure
from app.clinical.response import reliable_threshold
from app.stats.gaps import Cadence, cadence

FIRST = date(2026, 1, 5)
PHQ = Measure(
    "phq-9.total",
    "{score}",
    0,
    27,
    "lower_better",
    "PHQ-9",
    instrument="phq-9",
    symptom_measure=True,
    step=1,
    reliable_points=6,
    bands=(
        Band(0, 4, "minimal"),
        Band(5, 9, "mild"),
        Band(10, 14, "moderate"),
        Band(15, 27, "severe"),
    ),
)
MOOD = Measure("mood_cognition.mood", "{score}", 0, 10, "higher_better", "Mood")


def points(*pairs: tuple[int, float]) -> list[Point]:
    return [Point(FIRST + timedelta(day), value, (f"r{day}",)) for day, value in pairs]


def weekly(*values: float) -> list[Point]:
    return points(*((7 * place, value) for place, value in enumerate(values)))


def watch(
    measure: Measure,
    seen: Sequence[Point],
    rule: str = "first",
    new_normal_on: Sequence[date] = (),
) -> Flags:
    kind = cadence([one.day.toordinal() for one in seen])
    base = choose(measure, seen, rule=rule, cadence=kind.kind, course=None)
    reference = [
        one
        for one in seen
        if base.from_day and base.to_day and base.from_day <= one.day <= base.to_day
    ]
    return flags(
        measure,
        seen,
        base,
        reference,
        reliable_threshold(measure, None),
        kind,
        new_normal_on=new_normal_on,
    )


def codes(found: Flags) -> set[tuple[str, str]]:
    return {(one.code, one.level) for one in found.active}


def test_one_high_reading_is_a_notice_and_its_end_is_told() -> None:
    now = watch(PHQ, weekly(8, 8, 15))
    later = watch(PHQ, weekly(8, 8, 15, 9))

    assert ("SINGLE_HIGH", "notice") in codes(now)
    assert not later.active
    assert [(one.code, one.active) for one in later.episodes] == [("SINGLE_HIGH", False)]


def test_a_second_high_reading_confirms_and_names_its_first_day() -> None:
    found = watch(PHQ, weekly(8, 8, 15, 9, 14))
    flag = next(one for one in found.active if one.code == "SUSTAINED_WORSENING")

    assert flag.level == "confirmed"
    assert flag.id_of(PHQ.code) == "phq-9.total:SUSTAINED_WORSENING:baseline:2026-02-02"
    assert (flag.k, flag.of) == (2, 3)
    assert "SUSTAINED_WORSENING" in found.confirmed


def test_two_spikes_130_days_apart_confirm_nothing() -> None:
    found = watch(PHQ, points((0, 8), (14, 8), (28, 15), (158, 15)))

    assert ("SINGLE_HIGH", "notice") in codes(found)
    assert not found.confirmed
    assert any(one.restarted for one in found.active)


def test_what_was_gained_is_guarded_by_its_own_reference() -> None:
    seen = weekly(20, 19, 12, 11, 8, 7, 8, 8, 15, 15)
    found = watch(PHQ, seen)
    lost = [one for one in found.active if one.code == "LOSS_OF_GAIN"]

    assert [one.name for one in found.references] == ["baseline", "gain"]
    assert [one.day for one in found.references[1].points] == [p.day for p in seen[4:7]]
    assert [(one.level, one.first_day) for one in lost] == [("confirmed", seen[9].day)]


def test_a_second_gain_takes_the_place_of_the_first() -> None:
    seen = weekly(26, 26, 18, 18, 18, 18, 18, 10, 10, 10, 10, 10, 26, 26)
    found = watch(PHQ, seen)
    lost = [one for one in found.active if one.code == "LOSS_OF_GAIN"]

    assert [(one.name, one.mean, one.retired_on) for one in found.references] == [
        ("baseline", 26, None),
        ("gain", 18, seen[11].day),
        ("gain", 10, None),
    ]
    assert [(one.level, one.k) for one in lost] == [("confirmed", 2)]


def test_a_new_normal_retires_the_references_before_it() -> None:
    seen = weekly(8, 8, 15, 15, 15, 15, 15, 16)
    accepted = seen[4].day
    before, after = watch(PHQ, seen), watch(PHQ, seen, new_normal_on=[accepted])

    assert "SUSTAINED_WORSENING" in before.confirmed
    assert not after.confirmed
    assert [(one.name, one.retired_on) for one in after.references] == [
        ("baseline", accepted),
        ("new_normal", None),
    ]
    assert any(one.code == "SUSTAINED_WORSENING" and not one.active for one in after.episodes)


def test_a_constant_reference_falls_back_on_five_percent_of_the_scale() -> None:
    custom = Measure("custom.pain", "{score}", 1, 5, "lower_better", "Pain")
    found = watch(custom, weekly(2, 3), rule="first")
    own = watch(
        custom, weekly(2, 2.0, 2.0, 2.0, 3.0), rule=f"window:{FIRST}..{FIRST + timedelta(21)}"
    )

    assert found.references[0].limit == pytest.approx(0.8)
    assert own.references[0].limit == pytest.approx(3 * 0.2 * (1 + 1 / 4) ** 0.5)
    assert codes(own) == {("SINGLE_HIGH", "notice")}


def test_a_diary_needs_21_days_of_reference() -> None:
    seen = points(*((day, 6.0 + day % 2) for day in range(30)))
    short = watch(MOOD, seen, rule=f"window:{seen[20].day}..{seen[24].day}")
    daily = [(day, 6.0 + day % 2) for day in range(42)] + [(day, 2.0) for day in range(42, 70)]
    shifted = watch(MOOD, points(*daily))

    assert short.references[0].reasons == ("REFERENCE_EARLY_TREATMENT", "REFERENCE_TOO_SHORT")
    assert short.references[0].limit is None
    assert ("SUSTAINED_WORSENING", "confirmed") in codes(shifted)


def test_a_given_level_is_a_reference_of_its_own_name() -> None:
    found = watch(PHQ, weekly(14, 20, 20), rule="value:8")

    assert {one.reference for one in found.active} >= {"value:8"}


def test_two_readings_in_a_worse_band_are_noticed() -> None:
    found = watch(PHQ, weekly(8, 11, 12))
    (noticed,) = (one for one in found.active if one.code == "BAND_UP")

    assert ("BAND_UP", "notice") in codes(found)
    assert (noticed.k, noticed.of) == (2, 2)


def test_nothing_is_flagged_without_a_direction_or_a_baseline() -> None:
    aimless = replace(PHQ, direction="none", symptom_measure=False)
    level = Baseline("first", None, 0, None, None, (), "none", ("NO_BASELINE",))

    assert not watch(aimless, weekly(8, 20, 20)).episodes
    assert not flags(
        PHQ, weekly(8), level, [], reliable_threshold(PHQ, None), Cadence(1, "sparse", False, None)
    ).episodes


def test_a_week_of_entries_is_one_point_with_all_its_records() -> None:
    assert by_week(points((0, 4), (2, 8), (4, 6), (7, 3))) == [
        Point(FIRST + timedelta(4), 6.0, ("r0", "r2", "r4")),
        Point(FIRST + timedelta(7), 3.0, ("r7",)),
    ]


scores = st.lists(st.integers(0, 27).map(float), min_size=1, max_size=24)


@given(scores)
def test_reversing_the_scale_mirrors_nothing_but_the_values(values: list[float]) -> None:
    mirrored = replace(PHQ, direction="higher_better", bands=())
    here = watch(replace(PHQ, bands=()), weekly(*values))
    there = watch(mirrored, weekly(*(27 - value for value in values)))

    def shape(found: Flags) -> list[object]:
        return [(one.code, one.level, one.first_day, one.active) for one in found.episodes]

    assert shape(here) == shape(there)


@given(scores, st.integers(1, 400))
def test_moving_all_days_moves_the_flags_along(values: list[float], by: int) -> None:
    seen = weekly(*values)
    moved = [one._replace(day=one.day + timedelta(by)) for one in seen]
    here, there = watch(PHQ, seen).episodes, watch(PHQ, moved).episodes

    assert [one.first_day + timedelta(by) for one in here] == [one.first_day for one in there]


@given(scores)
def test_a_confirmed_episode_keeps_its_id_when_readings_are_added(values: list[float]) -> None:
    seen = weekly(*values)
    more = [*seen, seen[-1]._replace(day=seen[-1].day + timedelta(7))]
    before = {one.id_of("m") for one in watch(PHQ, seen).active if one.level == "confirmed"}
    after = {one.id_of("m") for one in watch(PHQ, more).episodes if one.level == "confirmed"}

    assert before <= after
