"""A night's arithmetic, against the diary's own vectors and both nights that change the clock."""

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.sleep import (
    IMPLAUSIBLE,
    LEAST_NIGHTS,
    Moments,
    Night,
    disagrees,
    hours_from_midnight,
    moments,
    night,
    regularity,
)
from tests.shared import SHARED, needs_shared

NEW_YORK = ZoneInfo("America/New_York")


def clock(**times: str) -> dict[str, time]:
    return {name: time.fromisoformat(text) for name, text in times.items()}


LONG_NIGHT = clock(
    into_bed="23:30", tried_to_sleep="23:30", final_awakening="06:30", out_of_bed="06:30"
)
VISIT_NIGHT = clock(
    into_bed="22:40", tried_to_sleep="23:00", final_awakening="05:40", out_of_bed="06:10"
)


def vector(name: str) -> Any:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))
    some = vectors if isinstance(vectors, list) else vectors["vectors"]
    return next(one for one in some if one["name"] == name)


def of_vector(name: str) -> tuple[Night, Any]:
    one = vector(name)
    sent = {
        key: datetime.fromisoformat(value)
        for key, value in one["input"].items()
        if isinstance(value, str)
    }
    woke_on = sent["final_awakening"].date()
    placed = moments(
        woke_on,
        None,
        {key.replace("sleep_attempt", "tried_to_sleep"): at.time() for key, at in sent.items()},
    )
    assert placed == Moments(
        sent["into_bed"], sent["sleep_attempt"], sent["final_awakening"], sent["out_of_bed"]
    )
    given_ = one["input"]
    return night(placed, latency_min=given_["SOL_min"], waso_min=given_["WASO_min"]), one[
        "expected"
    ]


@needs_shared
def test_a_night_over_midnight_agrees_with_the_vector() -> None:
    found, expected = of_vector("sleep_diary_over_midnight")

    assert found.time_in_bed_min == expected["TIB_min"]
    assert found.total_sleep_time_min == expected["TST_min"]
    assert found.efficiency_pct == pytest.approx(expected["SE_percent"])
    assert found.terminal_wake_min == expected["TWAK_min"]
    assert found.flags == ()


@needs_shared
def test_an_impossible_night_has_no_numbers_and_says_why() -> None:
    found, expected = of_vector("sleep_diary_impossible")

    assert found.total_sleep_time_min is expected["TST_min"] is None
    assert found.efficiency_pct is expected["SE_percent"] is None
    assert found.flags == (expected["reason"],)


def test_the_night_of_a_visit_has_325_minutes_of_sleep_in_450() -> None:
    placed = moments(date(2026, 4, 13), NEW_YORK, VISIT_NIGHT)

    found = night(placed, latency_min=45, waso_min=30)

    assert found.time_in_bed_min == 450
    assert found.total_sleep_time_min == 325
    assert found.efficiency_pct == pytest.approx(72.222222, abs=1e-6)


@pytest.mark.parametrize(
    ("woke_on", "minutes"),
    [
        (date(2026, 3, 7), 420),
        (date(2026, 3, 8), 360),  # the spring night has one hour less
        (date(2026, 11, 1), 480),  # the autumn night has one more
    ],
)
def test_a_night_that_changes_the_clock_is_counted_in_real_time(
    woke_on: date, minutes: int
) -> None:
    found = night(moments(woke_on, NEW_YORK, LONG_NIGHT), latency_min=0, waso_min=0)

    assert found.time_in_bed_min == minutes
    assert found.total_sleep_time_min == minutes
    assert found.efficiency_pct == 100


def test_a_clock_time_that_occurs_twice_is_its_first_occurrence() -> None:
    late = clock(into_bed="01:30", out_of_bed="06:30")

    found = night(moments(date(2026, 11, 1), NEW_YORK, late), latency_min=None, waso_min=None)

    assert found.time_in_bed_min == 360


def test_an_unanswered_field_is_not_a_zero() -> None:
    placed = moments(date(2026, 4, 13), NEW_YORK, VISIT_NIGHT)

    found = night(placed, latency_min=45, waso_min=None)

    assert found.time_in_bed_min == 450
    assert found.total_sleep_time_min is None
    assert found.efficiency_pct is None
    assert found.flags == ()


def test_a_night_without_clock_times_has_no_numbers() -> None:
    assert night(moments(date(2026, 4, 13), NEW_YORK, {}), latency_min=5, waso_min=5) == Night()


def test_sleep_by_day_belongs_to_the_day_of_waking() -> None:
    shift = clock(
        into_bed="09:00", tried_to_sleep="09:10", final_awakening="16:00", out_of_bed="16:20"
    )
    placed = moments(date(2026, 4, 13), NEW_YORK, shift)

    assert placed.into_bed == datetime(2026, 4, 13, 9, 0, tzinfo=NEW_YORK)
    assert night(placed, latency_min=10, waso_min=0).total_sleep_time_min == 400


def test_getting_up_after_midnight_is_after_waking() -> None:
    placed = moments(
        date(2026, 4, 13),
        None,
        clock(into_bed="16:00", final_awakening="23:50", out_of_bed="00:10"),
    )

    assert placed.out_of_bed == datetime(2026, 4, 14, 0, 10)  # noqa: DTZ001 - a clock without a zone
    assert night(placed, latency_min=None, waso_min=None).time_in_bed_min == 490


def test_trying_to_sleep_before_going_to_bed_is_a_contradiction() -> None:
    swapped = clock(
        into_bed="23:10", tried_to_sleep="23:00", final_awakening="06:00", out_of_bed="06:10"
    )

    found = night(moments(date(2026, 4, 13), NEW_YORK, swapped), latency_min=5, waso_min=5)

    assert found == Night(flags=(IMPLAUSIBLE,))


clock_times = st.times().map(lambda at: at.replace(second=0, microsecond=0, fold=0))


@given(
    woke_on=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    times=st.lists(clock_times, min_size=4, max_size=4),
    latency=st.integers(0, 600),
    waso=st.integers(0, 600),
)
def test_whatever_is_sent_sleep_fits_into_bed_and_bed_into_a_day(
    woke_on: date, times: list[time], latency: int, waso: int
) -> None:
    names = ("into_bed", "tried_to_sleep", "final_awakening", "out_of_bed")
    placed = moments(woke_on, NEW_YORK, dict(zip(names, times, strict=True)))

    found = night(placed, latency_min=latency, waso_min=waso)

    if found.flags:
        assert found == Night(flags=(IMPLAUSIBLE,))
    else:
        assert found.total_sleep_time_min is not None
        assert found.time_in_bed_min is not None
        assert found.efficiency_pct is not None
        assert 0 <= found.total_sleep_time_min <= found.time_in_bed_min <= 1440
        assert 0 <= found.efficiency_pct <= 100


@given(
    minutes=st.lists(st.integers(0, 300), min_size=3, max_size=3),
    into_bed=st.integers(18 * 60, 30 * 60),
)
def test_an_ordinary_night_is_found_again_from_its_clock_times(
    minutes: list[int], into_bed: int
) -> None:
    evening = datetime(2026, 4, 12, tzinfo=NEW_YORK)
    ends = [evening + timedelta(minutes=into_bed + sum(minutes[:k])) for k in range(4)]
    if ends[2].date() == ends[0].date() == date(2026, 4, 12):
        return
    names = ("into_bed", "tried_to_sleep", "final_awakening", "out_of_bed")

    placed = moments(
        ends[2].date(), NEW_YORK, {name: at.time() for name, at in zip(names, ends, strict=True)}
    )

    assert placed == Moments(*ends)


# ---- midsleep, regularity, and both changes of the clock


def test_midsleep_lies_half_way_between_falling_asleep_and_waking() -> None:
    found = night(moments(date(2026, 4, 13), NEW_YORK, VISIT_NIGHT), latency_min=45, waso_min=None)

    # asleep 23:45, awake 05:40
    assert found.midsleep is not None
    assert f"{found.midsleep:%H:%M:%S}" == "02:42:30"
    assert hours_from_midnight(found.midsleep, date(2026, 4, 13)) == pytest.approx(2 + 42.5 / 60)


def test_without_a_latency_there_is_no_midsleep() -> None:
    placed = moments(date(2026, 4, 13), NEW_YORK, VISIT_NIGHT)

    assert night(placed, latency_min=None, waso_min=5).midsleep is None


def test_midsleep_before_midnight_is_negative() -> None:
    early = clock(tried_to_sleep="19:00", final_awakening="03:00")
    found = night(moments(date(2026, 4, 13), None, early), latency_min=0, waso_min=0)

    assert found.midsleep is not None
    assert hours_from_midnight(found.midsleep, date(2026, 4, 13)) == -1


def test_regularity_needs_some_nights() -> None:
    few = regularity([3.0] * (LEAST_NIGHTS - 1))

    assert (few.n, few.midsleep_sd_min, few.codes) == (6, None, ("TOO_FEW_NIGHTS",))
    assert regularity([]).midsleep_sd_min is None


def test_regularity_is_the_standard_deviation_in_minutes() -> None:
    found = regularity([2.0, 3.0, 4.0, 3.0, 3.0, 3.0, 3.0])

    assert found.midsleep_sd_min == pytest.approx(32.058, abs=1e-3)
    assert found.mean_midsleep_h == pytest.approx(3)


def test_nights_that_cancel_out_have_no_regularity() -> None:
    found = regularity([-6.0, 6.0] * 4)

    assert (found.midsleep_sd_min, found.codes) == (None, ("AROUND_THE_CLOCK",))


def test_a_day_more_on_the_calendar_is_the_same_clock() -> None:
    assert regularity([-0.2, 0.2] * 4).midsleep_sd_min == pytest.approx(
        regularity([23.8, 0.2] * 4).midsleep_sd_min
    )


@given(st.lists(st.floats(-12, 12), min_size=LEAST_NIGHTS, max_size=40))
def test_regularity_does_not_depend_on_the_order_of_nights(hours: list[float]) -> None:
    found = regularity(hours)

    if found.midsleep_sd_min is not None:
        minutes = [60 * hour for hour in hours]
        assert found.midsleep_sd_min == pytest.approx(
            scipy.stats.circstd(minutes, high=1440), rel=1e-6, abs=1e-4
        )
    assert regularity(hours[::-1]) == found


def test_diary_and_device_disagree_from_an_hour_on() -> None:
    assert disagrees(400, 460) is True
    assert disagrees(400, 459) is False
    assert disagrees(None, 460) is None


CHANGES = [
    ("America/New_York", date(2026, 3, 8), -60),
    ("America/New_York", date(2026, 11, 1), 60),
    ("Europe/Berlin", date(2026, 3, 29), -60),
    ("Europe/Berlin", date(2026, 10, 25), 60),
    ("Australia/Lord_Howe", date(2026, 4, 5), 30),
    ("Australia/Lord_Howe", date(2026, 10, 4), -30),
]
minutes_before = st.integers(21 * 60, 24 * 60 - 1)
minutes_after = st.integers(4 * 60, 11 * 60)


def at_minute(minutes: int) -> time:
    return time(minutes // 60, minutes % 60)


@pytest.mark.parametrize(("zone", "woke_on", "more"), CHANGES)
@given(bed=minutes_before, wake=minutes_after, latency=st.integers(0, 60), waso=st.integers(0, 60))
def test_a_changed_clock_changes_time_asleep_by_just_that_much(
    zone: str, woke_on: date, more: int, bed: int, wake: int, latency: int, waso: int
) -> None:
    times = {
        "into_bed": at_minute(bed),
        "tried_to_sleep": at_minute(bed),
        "final_awakening": at_minute(wake),
        "out_of_bed": at_minute(wake),
    }
    changed = night(moments(woke_on, ZoneInfo(zone), times), latency_min=latency, waso_min=waso)
    plain = night(
        moments(woke_on - timedelta(days=7), ZoneInfo(zone), times),
        latency_min=latency,
        waso_min=waso,
    )

    assert changed.total_sleep_time_min is not None
    assert plain.total_sleep_time_min is not None
    assert changed.total_sleep_time_min - plain.total_sleep_time_min == more
    assert changed.time_in_bed_min == (wake + 24 * 60 - bed) + more
    assert changed.midsleep is not None
    asleep = datetime.combine(woke_on - timedelta(days=1), at_minute(bed), ZoneInfo(zone))
    since = changed.midsleep.astimezone(UTC) - asleep.astimezone(UTC)
    assert since == timedelta(minutes=latency + (changed.time_in_bed_min - latency) / 2)
