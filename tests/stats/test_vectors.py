"""The vectors of the specification that arithmetic alone can answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.stats.gaps import cadence, spacing
from app.stats.level import level_of_diary, level_of_visits
from app.stats.serial import serial_correlation, variance_inflation
from app.stats.trend import mann_kendall, sen_interval, theil_sen, trend
from app.stats.variability import time_in_band, variability
from tests.shared import SHARED, needs_shared

Numbers = dict[str, Any]


def line(data: Numbers) -> Numbers:
    slope = theil_sen(data["days"], data["values"])
    interval = sen_interval(data["days"], data["values"])
    assert slope is not None
    assert interval is not None
    return {
        "slope_per_7d": 7 * slope.per_day,
        "low_per_7d": 7 * interval[0],
        "high_per_7d": 7 * interval[1],
        "intercept": slope.intercept,
    }


def visit_numbers(data: Numbers) -> Numbers:
    wrong = theil_sen(data["wrong_days"], data["values"])
    assert wrong is not None
    return line(data) | {"must_not_equal_per_7d": 7 * wrong.per_day}


def rank_test(data: Numbers) -> Numbers:
    test = mann_kendall(range(len(data["values"])), data["values"])
    assert test is not None
    found: Numbers = {"S": test.s, "VarS": test.var_s, "Z": test.z, "p": test.p}
    if test.exact:
        found["p_exact"] = test.p
    return found | {"tau_b": test.tau_b}


def constant(data: Numbers) -> Numbers:
    days = range(0, 7 * len(data["values"]), 7)
    found = trend(days, data["values"], cadence=cadence(days), monday=0)
    assert found.mk is not None
    return {
        "S": found.mk.s,
        "p": found.mk.p,
        "slope": found.slope_per_day,
        "reason": "CONSTANT" if "CONSTANT" in found.reasons else None,
    }


def adjusted_trend(data: Numbers) -> Numbers:
    days, values = data["days"], data["values"]
    found = trend(days, values, cadence=cadence(days), monday=0)
    plain, plain_interval = mann_kendall(days, values), sen_interval(days, values)
    assert found.slope_per_day is not None
    assert found.interval_per_day is not None
    assert found.mk is not None
    assert plain is not None
    assert plain_interval is not None
    return {
        "r0": found.r0,
        "r": found.r,
        "V_n": found.v_n,
        "S": found.mk.s,
        "VarS": found.mk.var_s,
        "Z": found.mk.z,
        "p": found.mk.p,
        "Z_plain": plain.z,
        "p_plain": plain.p,
        "slope_per_7d": 7 * found.slope_per_day,
        "low_per_7d": 7 * found.interval_per_day[0],
        "high_per_7d": 7 * found.interval_per_day[1],
        "plain_low_per_7d": 7 * plain_interval[0],
        "plain_high_per_7d": 7 * plain_interval[1],
    }


def inflation(data: Numbers) -> Numbers:
    return {"V_n": variance_inflation(data["n"], data["r"])}


def two_phases(data: Numbers) -> Numbers:
    before, after = data["before"], data["after"]
    found = serial_correlation(
        (range(len(before)), before), (range(len(before), len(before) + len(after)), after)
    )
    assert found.r is not None
    return {
        "r0": found.r0,
        "r": found.r,
        "V_before": variance_inflation(len(before), found.r),
        "V_after": variance_inflation(len(after), found.r),
    }


def successive_differences(data: Numbers) -> Numbers:
    days, values = data["days"], data["values"]
    found = variability(days, values, cadence=cadence(range(28)), monday=0)
    return {"pairs": found.pairs, "mssd": found.mssd, "rmssd": found.rmssd}


def bands(data: Numbers) -> Numbers:
    names = ["0-4", "5-9", "10-14", "15-19", "20-27"]
    found = time_in_band(data["values"], [0, 5, 10, 15, 20])
    assert found.shares is not None
    return {"share": dict(zip(names, found.shares, strict=True))}


def gap_list(data: Numbers) -> Numbers:
    found = spacing(data["days"], data["recall_days"])
    return {
        "median_spacing": found.median,
        "gaps": [
            {"last_before": g.last_before, "first_after": g.first_after, "days": g.days}
            for g in found.gaps
        ],
    }


def visits_now(data: Numbers) -> Numbers:
    found = level_of_visits(data["days"], data["values"], sem=None)
    return {"last": found.last, "level_now": found.value, "n": found.n}


def diary_now(data: Numbers) -> Numbers:
    values = data["values_last_14_days"]
    days = range(len(values))
    found = level_of_diary(days, values, reference_r=None)
    assert found.interval is not None
    return {
        "level": found.value,
        "r0": serial_correlation((days, values)).r0,
        "r": found.r,
        "interval": list(found.interval),
    }


ANSWERS: dict[str, Callable[[Numbers], Numbers]] = {
    "theil_sen_weekly_phq9": line,
    "theil_sen_irregular_visits": line,
    "nominal_visit_numbers_are_wrong": visit_numbers,
    "mann_kendall_ties": rank_test,
    "mann_kendall_constant": constant,
    "mk_exact_monotone_n4": rank_test,
    "mk_exact_monotone_n5": rank_test,
    "mk_exact_monotone_n7": rank_test,
    "mk_exact_n8": rank_test,
    "mk_and_sen_adjusted_for_serial_correlation": adjusted_trend,
    "V_n_7_0.2": inflation,
    "V_n_14_0.3": inflation,
    "V_n_28_0.5": inflation,
    "V_n_42_0.7": inflation,
    "before_after_serially_correlated": two_phases,
    "before_after_clear": two_phases,
    "mssd_skips_gap": successive_differences,
    "time_in_band_phq9": bands,
    "gap_list": gap_list,
    "level_now_sparse": visits_now,
    "level_now_dense_interval": diary_now,
}
NOT_ASKED_HERE = {
    "before_after_serially_correlated": {
        "diff",
        "df",
        "low",
        "high",
        "welch_low",
        "welch_high",
        "verdict",
    },
    "before_after_clear": {"diff", "df", "low", "high", "verdict"},
}


def vectors() -> dict[str, Numbers]:
    path = SHARED / "trend-vectors.json"
    if not path.is_file():
        return {}
    return {v["name"]: v for v in json.loads(path.read_text())["vectors"]}


VECTORS = vectors()


@needs_shared
@pytest.mark.parametrize("name", ANSWERS)
def test_the_vector_comes_out(name: str) -> None:
    vector = VECTORS[name]
    expected = {
        key: value
        for key, value in vector["expected"].items()
        if key not in NOT_ASKED_HERE.get(name, set())
    }
    tolerance = vector["tolerance"]

    found = ANSWERS[name](vector["input"])

    assert expected
    for key, value in expected.items():
        if isinstance(value, int | float):
            slack = tolerance if abs(value) < 1 else tolerance * abs(value)
            assert found[key] == pytest.approx(value, rel=0, abs=slack), key
        elif key == "interval":
            assert found[key] == pytest.approx(value, rel=tolerance), key
        else:
            assert found[key] == value, key
