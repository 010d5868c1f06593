"""Worked dose lines. Days are counted from day 0; `line` writes each epoch as
`from-to: total daily dose`, so that a pharmacist can check a case without reading code."""

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.clinical.doses import (
    DoseEpoch,
    DoseEvent,
    DoseLine,
    DosePart,
    Kind,
    dose_line,
    epoch_on,
    presumed,
    stated_dose,
)
from app.clinical.units import show_dose
from tests.shared import SHARED, needs_shared

DAY_0 = date(2026, 1, 1)


def on(day: int) -> date:
    return DAY_0 + timedelta(days=day)


def event(kind: Kind, day: int | None, dose: str | None = None, **more: Any) -> DoseEvent:
    """`50 mg x1`: amount, unit, times a day; without `x` no times a day are said."""
    said: dict[str, Any] = {"id": f"{kind}@{day}", "seq": 0, **more}
    if dose is not None:
        amount, unit, *times = dose.split(" ")
        said |= {"amount": Decimal(amount), "unit": unit}
        if times:
            said["times_per_day"] = Decimal(times[0].removeprefix("x"))
    return DoseEvent(medication_id="m", day=None if day is None else on(day), kind=kind, **said)


def read(events: Sequence[DoseEvent], as_of: int = 1000, unit: str | None = None) -> DoseLine:
    return dose_line(events, as_of=on(as_of), unit=unit)


def line(read: DoseLine) -> list[str]:
    return [written(epoch) for epoch in read.epochs]


def written(epoch: DoseEpoch) -> str:
    def day(day: date | None) -> str:
        return "" if day is None else str((day - DAY_0).days)

    if epoch.hold:
        dose = "hold"
    elif epoch.prn:
        dose = "as needed"
        if epoch.max_daily is not None:
            dose += f", at most {show_dose(epoch.max_daily, 'mg')}"
    elif epoch.tdd is None:
        dose = "unknown" + (f", {epoch.direction}" if epoch.direction else "")
    elif epoch.tdd == 0:
        dose = "off"
    else:
        dose = show_dose(epoch.tdd, epoch.unit or "").replace(" per ", "/")
    return f"{day(epoch.from_day)}-{day(epoch.to_day)}: {dose}"


def codes(read: DoseLine) -> list[str]:
    return [
        note.code + ("" if note.day is None else f"@{(note.day - DAY_0).days}")
        for note in read.notes
    ]


# --- worked lines ----------------------------------------------------------------------------


def test_01_a_start_and_a_raise() -> None:
    got = read([event("start", 0, "50 mg x1"), event("change", 42, "100 mg x1")])

    assert line(got) == ["0-42: 50 mg/day", "42-: 100 mg/day"]
    assert [epoch.direction for epoch in got.epochs] == [None, "raise"]
    assert [epoch.records for epoch in got.epochs] == [("start@0",), ("change@42",)]


def test_02_a_confirmed_taper_by_half_to_a_stop() -> None:
    got = read(
        [
            event("start", 0, "200 mg x1"),
            event("change", 14, percent_of_previous=Decimal(50)),
            event("change", 28, percent_of_previous=Decimal(50)),
            event("change", 42, percent_of_previous=Decimal(50)),
            event("stop", 56),
        ]
    )

    assert line(got) == [
        "0-14: 200 mg/day",
        "14-28: 100 mg/day",
        "28-42: 50 mg/day",
        "42-56: 25 mg/day",
        "56-: off",
    ]
    assert got.epochs[1].percent == 50
    assert [epoch.direction for epoch in got.epochs[1:]] == ["lower"] * 4


def test_03_a_cross_taper_is_two_courses_of_which_each_keeps_its_own_line() -> None:
    old = [
        event("start", 0, "20 mg x1"),
        event("change", 30, "10 mg x1"),
        event("stop", 44),
    ]
    new = [
        replace(event("start", 30, "37.5 mg x1"), medication_id="n"),
        replace(event("change", 44, "75 mg x1"), medication_id="n"),
    ]

    assert line(read(old)) == ["0-30: 20 mg/day", "30-44: 10 mg/day", "44-: off"]
    assert line(read(new)) == ["30-44: 37.5 mg/day", "44-: 75 mg/day"]
    with pytest.raises(ValueError, match="one course"):
        read(old + new)


def test_04_a_dose_twice_a_day_is_summed() -> None:
    assert line(read([event("start", 0, "75 mg x2")])) == ["0-: 150 mg/day"]


def test_05_every_other_day_is_half_a_dose_a_day() -> None:
    assert line(read([event("start", 0, "25 mg x0.5")])) == ["0-: 12.5 mg/day"]


def test_06_several_strengths_at_different_hours_are_one_daily_total() -> None:
    morning_and_night = (DosePart(Decimal("100"), 1), DosePart(Decimal("12.5"), 2))
    got = read([event("start", 0, unit="mg", parts=morning_and_night)])

    assert line(got) == ["0-: 125 mg/day"]


def test_07_micrograms_and_milligrams_meet_in_one_unit() -> None:
    events = [event("start", 0, "25 ug x1"), event("change", 30, "0.05 mg x1")]

    assert line(read(events)) == ["0-30: 0.025 mg/day", "30-: 0.05 mg/day"]
    assert line(read(events, unit="ug/d")) == ["0-30: 25 mcg/day", "30-: 50 mcg/day"]


def test_08_a_correction_that_arrives_late_reorders_the_line() -> None:
    got = read(
        [
            event("start", 0, "50 mg x1", seq=1),
            event("change", 40, "150 mg x1", seq=2),
            event("change", 20, "100 mg x1", seq=3),
        ]
    )

    assert line(got) == ["0-20: 50 mg/day", "20-40: 100 mg/day", "40-: 150 mg/day"]


def test_09_a_late_earlier_dose_changes_the_percent_steps_after_it() -> None:
    halved = event("change", 40, percent_of_previous=Decimal(50), seq=2)
    before = read([event("start", 0, "100 mg x1", seq=1), halved])
    after = read([event("start", 0, "100 mg x1", seq=1), halved, event("change", 20, "80 mg x1")])

    assert line(before)[-1] == "40-: 50 mg/day"
    assert line(after)[-1] == "40-: 40 mg/day"


def test_10_of_two_changes_on_one_day_the_last_sets_the_dose() -> None:
    got = read(
        [
            event("start", 0, "50 mg x1"),
            event("change", 20, "75 mg x1", id="morning", time=dt.time(9)),
            event("change", 20, "100 mg x1", id="evening", time=dt.time(18)),
        ]
    )

    assert line(got) == ["0-20: 50 mg/day", "20-: 100 mg/day"]
    assert got.epochs[1].records == ("morning", "evening")
    assert codes(got) == ["SAME_DAY_EVENTS@20"]


def test_11_a_date_without_time_stands_before_a_time_of_that_day() -> None:
    got = read(
        [
            event("start", 20, "75 mg x1", id="timed", time=dt.time(0, 5), seq=1),
            event("change", 20, "100 mg x1", id="dated", seq=2),
        ]
    )

    assert line(got) == ["-20: unknown", "20-: 75 mg/day"]


def test_12_stop_and_restart_on_one_day_leave_no_empty_epoch() -> None:
    got = read(
        [
            event("start", 0, "50 mg x1"),
            event("stop", 30, seq=1),
            event("restart", 30, "50 mg x1", seq=2),
        ]
    )

    assert line(got) == ["0-: 50 mg/day"]
    assert codes(got) == ["SAME_DAY_EVENTS@30"]


def test_13_a_restart_after_a_stop_is_a_new_epoch_of_the_same_course() -> None:
    got = read([event("start", 0, "50 mg x1"), event("stop", 30), event("restart", 60, "50 mg x1")])

    assert line(got) == ["0-30: 50 mg/day", "30-60: off", "60-: 50 mg/day"]


def test_14_a_restart_without_a_dose_is_an_unknown_dose() -> None:
    got = read([event("start", 0, "50 mg x1"), event("stop", 30), event("restart", 60)])

    assert line(got)[-1] == "60-: unknown"
    assert codes(got) == ["DOSE_UNKNOWN@60"]
    assert got.now is not None
    assert got.now.running


def test_15_a_hold_is_not_a_stop_and_resume_returns_to_the_dose_before_it() -> None:
    got = read([event("start", 0, "900 mg x1"), event("hold", 30), event("resume", 33)])

    assert line(got) == ["0-30: 900 mg/day", "30-33: hold", "33-: 900 mg/day"]
    assert got.epochs[2].direction is None


def test_16_a_resume_at_a_lower_dose_is_lower_than_before_the_hold() -> None:
    got = read(
        [event("start", 0, "900 mg x1"), event("hold", 30), event("resume", 33, "600 mg x1")]
    )

    assert line(got)[-1] == "33-: 600 mg/day"
    assert got.epochs[-1].direction == "lower"


def test_17_an_unknown_dose_is_on_and_is_not_zero() -> None:
    got = read([event("start", 0, dose_known=False)])

    assert line(got) == ["0-: unknown"]
    assert got.epochs[0].tdd is None
    assert got.epochs[0].on
    assert codes(got) == ["DOSE_UNKNOWN@0"]


def test_18_halving_an_unknown_dose_stays_unknown_and_lower() -> None:
    got = read(
        [
            event("start", 0, dose_known=False),
            event("change", 20, percent_of_previous=Decimal(50)),
        ]
    )

    assert line(got) == ["0-20: unknown", "20-: unknown, lower"]


def test_19_a_stated_direction_is_kept_when_the_amount_is_not_known() -> None:
    got = read(
        [
            event("start", 0, "50 mg x1"),
            event("change", 20, dose_known=False, direction_stated="raise"),
        ]
    )

    assert line(got)[-1] == "20-: unknown, raise"


def test_20_as_needed_has_a_ceiling_and_no_daily_dose() -> None:
    got = read([event("prn_on", 0, "0.5 mg", max_per_day=2), event("prn_off", 40)])

    assert line(got) == ["0-40: as needed, at most 1 mg", "40-: off"]
    assert got.epochs[0].tdd is None
    assert got.epochs[0].per_use == Decimal("0.5")
    assert codes(got) == []


def test_21_a_depot_is_averaged_over_its_interval() -> None:
    got = read(
        [
            event("start", 0, "150 mg", interval_days=30),
            event("change", 60, "300 mg", interval_days=28),
        ]
    )

    assert line(got) == ["0-60: 5 mg/day", "60-: 10.7143 mg/day"]
    assert [epoch.averaged for epoch in got.epochs] == [True, True]


def test_22_a_patch_keeps_its_rate() -> None:
    got = read([event("start", 0, "25 ug/h"), event("change", 30, "0.05 mg/h")])

    assert line(got) == ["0-30: 25 mcg/hour", "30-: 50 mcg/hour"]


def test_23_a_patch_and_a_tablet_are_not_converted_into_each_other() -> None:
    got = read([event("start", 0, "25 ug/h"), event("change", 30, "10 mg x1")])

    assert line(got) == ["0-30: 25 mcg/hour", "30-: unknown"]
    assert codes(got) == ["DOSE_UNIT_CONFLICT@30"]


def test_24_tablets_without_a_strength_are_an_unknown_daily_dose() -> None:
    got = read([event("start", 0, "2 {tablet} x1")])

    assert line(got) == ["0-: unknown"]
    assert codes(got) == ["DOSE_WITHOUT_STRENGTH@0"]


def test_25_how_often_is_not_guessed() -> None:
    assert line(read([event("start", 0, "50 mg")])) == ["0-: unknown"]


def test_26_a_planned_taper_changes_nothing_until_it_is_done() -> None:
    plan = [
        event("change", 50, "50 mg x1", planned=True),
        event("change", 71, percent_of_previous=Decimal(50), planned=True),
        event("stop", 92, planned=True),
    ]
    got = read([event("start", 0, "100 mg x1"), *plan], as_of=60)

    assert line(got) == ["0-: 100 mg/day"]
    assert [(step.tdd, step.overdue) for step in got.planned] == [
        (Decimal(50), True),
        (Decimal(25), False),
        (Decimal(0), False),
    ]
    assert codes(got) == ["PLANNED_NOT_CONFIRMED@50"]


def test_27_a_confirmed_step_leaves_the_rest_of_the_plan_a_plan() -> None:
    done = event("change", 50, "50 mg x1")
    ahead = event("change", 71, percent_of_previous=Decimal(50), planned=True)
    got = read([event("start", 0, "100 mg x1"), done, ahead], as_of=60)

    assert line(got) == ["0-50: 100 mg/day", "50-: 50 mg/day"]
    assert [step.tdd for step in got.planned] == [Decimal(25)]
    assert codes(got) == []


def test_28_a_planned_step_is_not_overdue_on_its_own_day() -> None:
    step = event("change", 50, "50 mg x1", planned=True)

    assert codes(read([event("start", 0, "100 mg x1"), step], as_of=50)) == []


def test_29_an_unconfirmed_import_is_listed_and_makes_no_epoch() -> None:
    slip = event("change", 20, "1000 mg x1", unconfirmed=("tenfold-jump",))
    got = read([event("start", 0, "100 mg x1"), slip])

    assert line(got) == ["0-: 100 mg/day"]
    assert slip in got.events
    assert line(read([event("start", 0, "100 mg x1"), replace(slip, unconfirmed=())])) == [
        "0-20: 100 mg/day",
        "20-: 1,000 mg/day",
    ]


def test_30_another_brand_at_the_same_dose_does_not_split_the_epoch() -> None:
    got = read(
        [
            event("start", 0, "50 mg x1", product="brand"),
            event("change", 30, "50 mg x1", product="generic"),
        ]
    )

    assert line(got) == ["0-: 50 mg/day"]
    assert got.epochs[0].records == ("start@0", "change@30")
    assert codes(got) == ["PRODUCT_CHANGED@30"]


def test_31_a_start_on_an_unknown_day_is_on_since_before_the_record() -> None:
    got = read([event("start", None, "20 mg x1"), event("change", 10, "40 mg x1")])

    assert line(got) == ["-10: 20 mg/day", "10-: 40 mg/day"]


def test_32_a_change_without_a_start_says_that_an_unknown_dose_came_before() -> None:
    got = read([event("change", 10, "40 mg x1", direction_stated="raise")])

    assert line(got) == ["-10: unknown", "10-: 40 mg/day"]
    assert got.epochs[0].codes == ("START_NOT_RECORDED",)
    assert got.epochs[1].direction == "raise"


def test_33_a_stop_on_an_unknown_day_closes_the_course() -> None:
    got = read([event("start", 0, "50 mg x1"), event("stop", None)])

    assert line(got) == ["0-: 50 mg/day"]
    assert got.now is not None
    assert not got.now.running
    assert got.now.ended_on_unknown_day
    assert got.now.records == ("start@0", "stop@None")
    assert codes(got) == ["STOP_DAY_UNKNOWN"]
    assert epoch_on(got.epochs, on(0)) == got.now
    assert epoch_on(got.epochs, on(5)) is None


def test_34_a_restart_puts_an_undated_stop_before_itself() -> None:
    got = read(
        [event("start", 0, "50 mg x1"), event("stop", None), event("restart", 80, "25 mg x1")]
    )

    assert line(got) == ["0-: 50 mg/day", "80-: 25 mg/day"]
    assert [epoch.running for epoch in got.epochs] == [False, True]


def test_35_an_undated_stop_does_not_close_a_day_before_the_last_change() -> None:
    events = [event("start", 0, "50 mg x1"), event("change", 30, "75 mg x1"), event("stop", None)]

    at_day_10 = read(events, as_of=10)

    assert at_day_10.now is not None
    assert at_day_10.now.running


def test_36_a_change_while_stopped_is_taken_as_it_stands_and_noted() -> None:
    got = read([event("start", 0, "50 mg x1"), event("stop", 20), event("change", 30, "25 mg x1")])

    assert line(got)[-1] == "30-: 25 mg/day"
    assert codes(got) == ["CHANGE_WHILE_OFF@30"]


def test_37_a_percent_after_a_stop_is_of_the_last_dose_that_was_on() -> None:
    got = read(
        [
            event("start", 0, "100 mg x1"),
            event("stop", 20),
            event("restart", 25, percent_of_previous=Decimal(50)),
        ]
    )

    assert line(got)[-1] == "25-: 50 mg/day"


def test_38_resume_without_a_hold_invents_no_dose() -> None:
    running = read([event("start", 0, "50 mg x1"), event("resume", 10)])
    stopped = read([event("start", 0, "50 mg x1"), event("stop", 5), event("resume", 10)])

    assert line(running) == ["0-: 50 mg/day"]
    assert line(stopped)[-1] == "10-: unknown"
    assert "RESUME_WITHOUT_HOLD@10" in codes(running)


def test_39_two_unknown_doses_are_not_known_to_be_equal() -> None:
    got = read([event("start", 0, dose_known=False), event("change", 20, dose_known=False)])

    assert line(got) == ["0-20: unknown", "20-: unknown"]


def test_40_the_line_ends_at_as_of() -> None:
    events = [event("start", 0, "50 mg x1"), event("change", 42, "100 mg x1")]

    assert line(read(events, as_of=41)) == ["0-: 50 mg/day"]
    assert line(read(events, as_of=42)) == ["0-42: 50 mg/day", "42-: 100 mg/day"]
    assert line(read(events, as_of=-1)) == []
    assert line(read([])) == []


def test_41_two_starts_or_two_stops_on_unknown_days_are_one() -> None:
    starts = [event("start", None, "20 mg x1", seq=1), event("start", None, "40 mg x1", seq=2)]
    stops = [event("stop", None, id="a"), event("stop", None, id="b")]
    got = read([*starts, *stops])

    assert line(got) == ["-: 40 mg/day"]
    assert got.epochs[0].codes == ("STOP_DAY_UNKNOWN",)
    assert len(got.epochs[0].records) == 4


def test_an_epoch_counts_its_days_up_to_as_of() -> None:
    got = read([event("start", 0, "50 mg x1"), event("change", 42, "100 mg x1")])

    assert got.epochs[0].days(on(100)) == 42
    assert got.epochs[0].days(on(9)) == 10
    assert got.epochs[1].days(on(42)) == 1


def test_the_dose_one_event_states_is_read_without_the_events_after_it() -> None:
    halved = event("change", 40, percent_of_previous=Decimal(50))

    assert stated_dose(halved, [event("start", 0, "75 mg x2")]).tdd == 75


# --- what a dose cannot be -------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"amount": Decimal(0), "unit": "mg"},
        {"amount": Decimal(-1), "unit": "mg"},
        {"amount": Decimal(1)},
        {"amount": Decimal(1), "unit": "mg", "percent_of_previous": Decimal(50)},
        {"amount": Decimal(1), "unit": "mg", "times_per_day": 1, "interval_days": 28},
        {"amount": Decimal(1), "unit": "mg", "times_per_day": 0},
        {"interval_days": 0},
        {"percent_of_previous": Decimal(0)},
        {"parts": (DosePart(Decimal(1), 1),)},
    ],
)
def test_a_dose_of_nothing_or_said_twice_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        event("start", 0, **wrong)


@pytest.mark.parametrize(
    "wrong", [{"amount": 1.5, "unit": "mg"}, {"percent_of_previous": 50.0}, {"times_per_day": True}]
)
def test_a_float_never_becomes_a_dose(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        event("start", 0, **wrong)


def test_only_a_start_and_a_stop_may_lack_their_day() -> None:
    with pytest.raises(ValueError, match="unknown day"):
        event("change", None, "50 mg x1")


# --- rules that hold for every line ------------------------------------------------------------

DOSES: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(
        lambda amount, unit, times: {"amount": amount, "unit": unit, "times_per_day": times},
        st.decimals("0.5", "900", places=1),
        st.sampled_from(["mg", "ug", "g", "mmol", "{tablet}"]),
        st.sampled_from([None, 1, 2, Decimal("0.5")]),
    ),
    st.builds(lambda p: {"percent_of_previous": p}, st.decimals("1", "300", places=0)),
    st.builds(
        lambda amount: {"amount": amount, "unit": "mg", "interval_days": 28},
        st.decimals("25", "400", places=0),
    ),
    st.just({}),
    st.just({"dose_known": False}),
)
KINDS: tuple[Kind, ...] = (
    *("start", "change", "stop", "restart", "hold", "resume", "prn_on", "prn_off"),
)


@st.composite
def courses(draw: st.DrawFn, *, one_a_day: bool = False) -> list[DoseEvent]:
    days = draw(st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=one_a_day))
    return [
        event(
            draw(st.sampled_from(KINDS)),
            day,
            id=f"e{i}",
            seq=i,
            planned=draw(st.integers(0, 9)) == 0,
            **draw(DOSES),
        )
        for i, day in enumerate(days)
    ]


@given(courses(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_handed_in_does_not_matter(
    events: list[DoseEvent], random: Any
) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)

    assert read(shuffled, as_of=50) == read(events, as_of=50)


@given(courses(one_a_day=True), st.data())
def test_any_order_of_arrival_gives_the_same_regimen(
    events: list[DoseEvent], data: st.DataObject
) -> None:
    arrivals = data.draw(st.permutations(range(len(events))))
    arrived = [replace(e, seq=seq) for e, seq in zip(events, arrivals, strict=True)]

    assert read(arrived, as_of=50).epochs == read(events, as_of=50).epochs


@given(courses())
def test_a_daily_dose_is_never_negative_and_never_a_float(events: list[DoseEvent]) -> None:
    for epoch in read(events).epochs:
        for dose in (epoch.tdd, epoch.per_use, epoch.max_daily):
            assert dose is None or (type(dose) is Decimal and dose >= 0)
        assert (epoch.tdd is not None) == (epoch.known and not epoch.prn)


@given(courses())
def test_epochs_follow_each_other_without_gap_overlap_or_empty_stretch(
    events: list[DoseEvent],
) -> None:
    epochs = read(events).epochs

    for one, following in pairwise(epochs):
        assert one.to_day == following.from_day
    for epoch in epochs:
        if epoch.from_day and epoch.to_day:
            assert epoch.from_day < epoch.to_day
    if epochs:
        assert epochs[-1].to_day is None


@given(courses(), st.lists(st.sampled_from(["start", "stop"]), max_size=3))
def test_at_most_the_last_epoch_is_running(events: list[DoseEvent], undated: list[Kind]) -> None:
    loose = [event(kind, None, id=f"u{i}", seq=i) for i, kind in enumerate(undated)]

    epochs = read([*loose, *events]).epochs

    assert not any(epoch.running for epoch in epochs[:-1])
    assert read([*events, *loose]).epochs == epochs


@given(courses(), st.integers(0, 60), st.integers(0, 60))
def test_later_events_never_change_an_earlier_day(
    events: list[DoseEvent], day: int, more: int
) -> None:
    seen = [epoch_on(read(events, as_of=d).epochs, on(day)) for d in (day, day + more)]

    assert len({(e.from_day, e.tdd, e.prn, e.hold) if e else None for e in seen}) == 1


@given(courses(), st.integers(1, 400))
def test_moving_all_days_moves_the_line_and_nothing_else(
    events: list[DoseEvent], days: int
) -> None:
    moved = [replace(e, day=e.day + timedelta(days=days)) for e in events if e.day]

    assert [e.tdd for e in read(moved).epochs] == [e.tdd for e in read(events).epochs]


# --- vectors -----------------------------------------------------------------------------------


@needs_shared
def test_the_vector_of_section_3() -> None:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"), parse_float=Decimal)
    vector = next(v for v in vectors["vectors"] if v["rule"] == "3")
    events = []
    for seq, sent in enumerate(vector["input"]["events"]):
        more = {k: v for k, v in sent.items() if k not in ("day", "kind")}
        for number in ("amount", "percent_of_previous"):
            if number in more:
                more[number] = Decimal(more[number])
        events.append(event(sent["kind"], sent["day"], id=f"e{seq}", seq=seq, **more))
    until = vector["input"]["until"]

    got = read(events, as_of=until)

    assert [
        {
            "from_day": (e.from_day - DAY_0).days if e.from_day else None,
            "to_day": (e.to_day - DAY_0).days if e.to_day else until,
            "tdd": e.tdd,
        }
        for e in got.epochs
    ] == vector["expected"]["epochs"]
    assert codes(got) == vector["expected"]["notes"]


# --- what is read for those who have to see every medicine ----------------------------------


def test_what_waits_for_a_confirmation_is_presumed_taken_at_an_unknown_dose() -> None:
    waiting = event("start", 0, "3000 mg x1", unconfirmed=("above-maximum",))

    assert line(read([waiting])) == []
    assert line(read(presumed([waiting]))) == ["0-: unknown"]


def test_an_unconfirmed_stop_ends_nothing_for_those_who_have_to_see_it() -> None:
    events = [event("start", 0, "50 mg x1"), event("stop", 30, unconfirmed=("unclear",))]

    assert line(read(presumed(events))) == ["0-: 50 mg/day"]


# --- planned and done -----------------------------------------------------------------------


def test_a_step_that_was_carried_out_keeps_what_was_planned_beside_what_was_done() -> None:
    told = read(
        [
            event("start", 0, "100 mg x1"),
            event("change", 30, "50 mg x1", id="first", planned=True),
            event("change", 60, percent_of_previous=Decimal(50), id="second", planned=True),
            event("change", 39, "60 mg x1", id="done", planned_step="first"),
        ],
        as_of=50,
    )

    assert [(one.event.id, one.tdd, one.done_by, one.overdue) for one in told.planned] == [
        ("first", Decimal(50), "done", False),
        ("second", Decimal(30), None, False),
    ]
    assert "PLANNED_NOT_CONFIRMED@30" not in codes(told)


def test_the_same_said_on_another_day_does_not_carry_a_step_out() -> None:
    told = read(
        [
            event("start", 0, "100 mg x1"),
            event("change", 30, "50 mg x1", id="step", planned=True),
            event("change", 31, "50 mg x1"),
        ],
        as_of=50,
    )

    assert [one.done_by for one in told.planned] == [None]
    assert "PLANNED_NOT_CONFIRMED@30" in codes(told)


def test_a_dose_that_nobody_could_take_is_unknown_and_not_a_number() -> None:
    (epoch,) = read([event("start", 0, "999999 mg x999999")]).epochs

    assert (epoch.tdd, epoch.known, epoch.codes) == (None, False, ("DOSE_OUT_OF_RANGE",))
