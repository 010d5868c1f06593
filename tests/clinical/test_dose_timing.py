import json
from datetime import date
from decimal import Decimal

import pytest

from app.clinical.dose_timing import Clock, Onset, dose_clock, onset_days, phase, phases, ss_days
from app.clinical.doses import DoseEpoch
from tests.shared import SHARED, needs_shared


def epoch(begin: date | None, end: date | None, tdd: str | None, **more: object) -> DoseEpoch:
    dose = None if tdd is None else Decimal(tdd)
    known = dose is not None
    return DoseEpoch(begin, end, dose, "mg/d", known, **more)  # type: ignore[arg-type]  # flags


FEB_2, MAR_2, APR_1, JUN_12 = (
    date(2026, 2, 2),
    date(2026, 3, 2),
    date(2026, 4, 1),
    date(2026, 6, 12),
)


@needs_shared
def test_the_vector_of_section_3_4() -> None:
    vectors = json.loads((SHARED / "trend-vectors.json").read_text("utf-8"))["vectors"]
    vector = next(v for v in vectors if v["rule"] == "3.4")

    days = [ss_days(half_life).days for half_life in vector["input"]["half_life_h"]]

    assert days == vector["expected"]["ss_days"]


def test_an_unknown_half_life_is_said_to_be_assumed() -> None:
    assert ss_days(None).codes == ("HALF_LIFE_ASSUMED",)
    assert ss_days(26).codes == ()


def test_a_whole_number_of_days_is_not_rounded_up() -> None:
    assert ss_days(Decimal("4.8")).days == 1
    assert ss_days(4.8).days == 1


def test_onset_comes_from_the_reference_when_it_is_there() -> None:
    assert onset_days((2, 8), ["ssri"]) == Onset(14, 56, "reference")
    assert onset_days((0, 1), ["hypnotic"]) == Onset(0, 7, "reference")


@pytest.mark.parametrize(
    ("kinds", "early", "full"),
    [
        (["sertraline", "ssri", "antidepressant"], 14, 42),
        (["mirtazapine", "antidepressant"], 14, 42),
        (["quetiapine", "sga", "antipsychotic"], 7, 21),
        (["lithium", "mood_stabiliser"], 7, 21),
        (["methylphenidate", "stimulant"], 1, 7),
        (["buspirone", "anxiolytic"], 14, 28),
        (["zolpidem", "z_drug", "hypnotic"], 1, 7),
        (["atomoxetine", "nonstimulant_adhd"], 14, 42),
    ],
)
def test_without_a_reference_the_class_decides(kinds: list[str], early: int, full: int) -> None:
    assert onset_days(None, kinds) == Onset(early, full, "class")


def test_an_onset_of_nothing_known_is_assumed() -> None:
    assert onset_days(None) == Onset(14, 42, "assumed", ("ONSET_ASSUMED",))


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2026, 3, 2), "settling"),
        (date(2026, 3, 9), "settling"),
        (date(2026, 3, 10), "early"),
        (date(2026, 3, 15), "early"),
        (date(2026, 3, 16), "assessable"),
    ],
)
def test_a_dose_settles_then_is_early_then_assessable(day: date, expected: str) -> None:
    assert phase(day, epoch(MAR_2, None, "100"), ss_days=8, onset_early=14) == expected


def test_an_epoch_is_cut_into_its_phases_up_to_the_day_of_asking() -> None:
    def cut(one: DoseEpoch, as_of: date) -> list[tuple[str, date, date]]:
        spans = phases(one, as_of=as_of, ss_days=8, onset_early=14)
        return [(span.phase, span.from_day, span.to_day) for span in spans]

    assert cut(epoch(MAR_2, None, "100"), date(2026, 3, 12)) == [
        ("settling", MAR_2, date(2026, 3, 10)),
        ("early", date(2026, 3, 10), date(2026, 3, 13)),
    ]
    assert cut(epoch(MAR_2, None, "0"), JUN_12) == [("after_stop", MAR_2, date(2026, 3, 10))]
    assert cut(epoch(None, None, "100"), JUN_12) == []


def test_after_a_stop_the_medicine_washes_out() -> None:
    stopped = epoch(MAR_2, None, "0")

    assert phase(date(2026, 3, 9), stopped, ss_days=8, onset_early=14) == "after_stop"
    assert phase(date(2026, 3, 10), stopped, ss_days=8, onset_early=14) is None


def test_an_unknown_dose_has_a_phase_and_as_needed_use_has_none() -> None:
    assert phase(MAR_2, epoch(MAR_2, None, None), ss_days=8, onset_early=14) == "settling"
    as_needed = epoch(MAR_2, None, None, prn=True)
    assert phase(MAR_2, as_needed, ss_days=8, onset_early=14) is None


def test_a_phase_needs_the_day_on_which_the_dose_began() -> None:
    assert phase(MAR_2, epoch(None, None, "50"), ss_days=8, onset_early=14) is None


def test_a_phase_is_not_asked_outside_its_epoch() -> None:
    with pytest.raises(ValueError):
        phase(APR_1, epoch(FEB_2, MAR_2, "50"), ss_days=8, onset_early=14)


RAISED = [epoch(FEB_2, MAR_2, "50"), epoch(MAR_2, None, "100", direction="raise")]


def test_the_clock_runs_from_the_last_raise() -> None:
    clock = dose_clock(RAISED, as_of=JUN_12, minimum_effective=Decimal(100))

    assert clock == Clock(since=MAR_2, days=102, adequate_days=102, unknown_days=0)


def test_a_raise_after_a_response_does_not_set_the_clock_back() -> None:
    clock = dose_clock(RAISED, as_of=JUN_12, response_on=date(2026, 2, 20))

    assert (clock.since, clock.days) == (FEB_2, 130)


def test_a_lower_dose_does_not_set_the_clock_back_and_may_be_inadequate() -> None:
    lowered = [epoch(FEB_2, MAR_2, "100"), epoch(MAR_2, None, "50", direction="lower")]

    clock = dose_clock(lowered, as_of=APR_1, minimum_effective=Decimal(100))

    assert (clock.since, clock.days, clock.adequate_days) == (FEB_2, 58, 28)


def test_days_on_hold_are_not_counted() -> None:
    held = [
        epoch(FEB_2, date(2026, 2, 12), "50"),
        epoch(date(2026, 2, 12), date(2026, 2, 15), "0", hold=True, direction="lower"),
        epoch(date(2026, 2, 15), None, "50"),
    ]

    assert dose_clock(held, as_of=MAR_2).days == 28 - 3


def test_a_restart_after_a_stop_begins_a_new_clock() -> None:
    again = [
        epoch(FEB_2, MAR_2, "50"),
        epoch(MAR_2, APR_1, "0", direction="lower"),
        epoch(APR_1, None, "25", direction="raise"),
    ]

    assert dose_clock(again, as_of=date(2026, 4, 11)).days == 10


def test_days_at_an_unknown_dose_count_as_on_and_are_named() -> None:
    clock = dose_clock([epoch(FEB_2, None, None)], as_of=MAR_2, minimum_effective=Decimal(50))

    assert (clock.days, clock.adequate_days, clock.unknown_days) == (28, 0, 28)


def test_without_a_minimum_dose_no_day_is_called_adequate() -> None:
    clock = dose_clock(RAISED, as_of=JUN_12)

    assert clock.adequate_days is None
    assert clock.codes == ("NO_MINIMUM_DOSE",)


@pytest.mark.parametrize(
    ("epochs", "code"),
    [
        ([], "NOT_RUNNING"),
        ([epoch(FEB_2, MAR_2, "50"), epoch(MAR_2, None, "0")], "NOT_RUNNING"),
        ([epoch(FEB_2, None, None, prn=True)], "NOT_RUNNING"),
        ([epoch(None, None, "50")], "START_UNKNOWN"),
        ([epoch(FEB_2, None, "50", codes=("STOP_DAY_UNKNOWN",))], "STOP_DAY_UNKNOWN"),
    ],
)
def test_a_clock_that_cannot_be_read_says_why(epochs: list[DoseEpoch], code: str) -> None:
    assert dose_clock(epochs, as_of=JUN_12) == Clock(None, None, None, 0, (code,))
