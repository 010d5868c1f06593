"""Every vector of the first build comes out: those that no other file asks, and that none is left.

The vectors lie beside the project; each is one parametrised test of a pure function.
"""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.clinical.dose_timing import ss_days
from app.clinical.sleep import regularity
from app.stats.two_phases import two_phases
from tests.shared import needs_shared
from tests.stats import test_vectors as arithmetic
from tests.stats.test_vectors import VECTORS

Numbers = dict[str, Any]

TESTS = Path(__file__).parents[1]
ELSEWHERE = {
    "clinical/test_adherence.py": [
        "administrations_with_partial_unknown",
        "pdc_early_refill_shifts",
    ],
    "clinical/test_decision_points.py": ["decision_week4", "decision_qids"],
    "clinical/test_doses.py": ["dose_epochs_percent_same_day_restart"],
    "clinical/test_instruments.py": [
        "phq9_prorated",
        "phq9_three_missing",
        "phq9_total_mismatch",
    ],
    "clinical/test_measure.py": ["daily_mean_sub_daily"],
    "clinical/test_response.py": [
        "rci_phq9_like",
        "rci_gad7_like",
        "rci_worse",
        "cutoff_c",
        "phq9_response_exact_half",
        "phq9_response_just_short",
        "phq9_response_remission_boundary_5",
        "phq9_response_remission_4",
        "phq9_response_zero",
        "percent_guard_at_floor",
        "percent_floor_not_zero",
        "relapse_sequence_phq9",
    ],
    "clinical/test_sleep.py": ["sleep_diary_over_midnight", "sleep_diary_impossible"],
    "stats/test_control.py": [
        "sparse_flag_phq9",
        "sparse_flag_custom_scale_floor_sd",
        "sparse_flag_long_gap",
        "dense_flag_daily_1_to_7",
        "cusum_trace",
    ],
    "stats/test_two_phases.py": ["nap_tau_lower_better", "mwu_direction_higher_better"],
}
"""Which file asks which vector by name; those of `tests/stats/test_vectors.py` have their table."""
BY_RULE = {"dose_epochs_percent_same_day_restart": '"3"'}


def welch(data: Numbers) -> Numbers:
    """Without serial correlation the interval is Welch's: no day has a neighbour here."""
    before, after = data["before"], data["after"]
    far = range(0, 100 * len(before), 100)
    found = two_phases(far, before, [3000 + day for day in far], after, least=7)
    assert found.interval is not None
    assert found.r == 0
    low, high = found.interval
    return {
        "diff": found.diff,
        "low": low,
        "high": high,
        "df": found.df,
    }


def midsleep(data: Numbers) -> Numbers:
    minutes = data["midsleep_min_after_midnight"]
    found = regularity([one / 60 for one in minutes])
    assert found.mean_midsleep_h is not None
    return {
        "circular_mean_min": 60 * found.mean_midsleep_h,
        "circular_sd_min": found.midsleep_sd_min,
    }


def steady_state(data: Numbers) -> Numbers:
    return {"ss_days": [ss_days(half_life).days for half_life in data["half_life_h"]]}


def local_days(data: Numbers) -> Numbers:
    zone = ZoneInfo(data["tz"])
    moments = [datetime.fromisoformat(text) for text in data["effective_at"]]
    days: list[date] = [moment.astimezone(zone).date() for moment in moments]
    return {"day": [day.isoformat() for day in days]}


ANSWERS: dict[str, Callable[[Numbers], Numbers]] = {
    "welch_before_after_r0": welch,
    "midsleep_circular_sd": midsleep,
    "steady_state_days": steady_state,
    "local_day_across_dst": local_days,
}


NOT_GIVEN = {"welch_before_after_r0": {"p"}, "midsleep_circular_sd": {"linear_sd_is_wrong"}}
"""The interval says what this p would; the linear figure is there to be wrong."""


@needs_shared
@pytest.mark.parametrize("name", ANSWERS)
def test_the_vector_comes_out(name: str) -> None:
    vector = VECTORS[name]
    found = ANSWERS[name](vector["input"])

    for key, value in vector["expected"].items():
        if key in NOT_GIVEN.get(name, ()):
            continue
        if isinstance(value, float):
            tolerance = vector["tolerance"]
            slack = tolerance if abs(value) < 1 else tolerance * abs(value)
            assert found[key] == pytest.approx(value, rel=0, abs=slack), key
        else:
            assert found[key] == value, key


@needs_shared
def test_no_vector_of_the_first_build_is_left_out() -> None:
    first_build = {name for name, vector in VECTORS.items() if not vector.get("later")}
    elsewhere = [name for names in ELSEWHERE.values() for name in names]

    assert {*ANSWERS, *arithmetic.ANSWERS, *elsewhere} == first_build


@pytest.mark.parametrize("file", ELSEWHERE)
def test_the_vectors_are_asked_where_the_table_says(file: str) -> None:
    written = (TESTS / file).read_text()

    for name in ELSEWHERE[file]:
        assert BY_RULE.get(name, f'"{name}"') in written, name
