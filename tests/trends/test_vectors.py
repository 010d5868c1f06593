"""Twelve of the specification's vectors through the endpoint, as a clinic would ask for them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller
from tests.shared import needs_shared
from tests.stats.test_vectors import VECTORS
from tests.trends.test_trends import HOME, PERSON, TRENDS, block

Json = dict[str, Any]

DAY_0 = date(2025, 12, 1)


def scores(caller: Caller, instrument: str, days: Any, values: Any) -> None:
    for day, value in zip(days, values, strict=True):
        on = DAY_0 + timedelta(int(day))
        body = {
            "id": str(uuid4()),
            "instrument": instrument,
            "occurred_at": f"{on}T10:00:00-05:00",
            "total": int(value),
        }
        answer = caller("POST", f"{HOME}/assessments", body)
        assert answer.status_code == 201, answer.text


def ask(caller: Caller, last: float, measure: str = "phq-9.total", **query: str) -> Json:
    days = {"from": DAY_0.isoformat(), "as_of": (DAY_0 + timedelta(int(last))).isoformat()}
    answer = caller("GET", TRENDS, params=days | query)
    assert answer.status_code == 200, answer.text
    return block(answer.json(), measure)


def slope(caller: Caller, data: Json) -> Json:
    scores(caller, "phq-9", data["days"], data["values"])
    found = ask(caller, data["days"][-1])["trend"][0]
    low, high = found["interval"]
    return {
        "slope_per_7d": found["slope_per_7d"],
        "low_per_7d": low,
        "high_per_7d": high,
        "r": found["r"],
        "V_n": found["V_n"],
        "S": found["mk"]["S"],
        "p": found["mk"]["p"],
    }


def ranks(caller: Caller, data: Json) -> Json:
    values = data["values"]
    scores(caller, "phq-9", range(0, 14 * len(values), 14), values)
    found = ask(caller, 14 * len(values))["trend"][0]["mk"]
    return {"S": found["S"], "p_exact": found["p"], "tau_b": found["tau_b"]}


def states(caller: Caller, data: Json) -> Json:
    instrument = data["measure"].partition(".")[0]
    scores(caller, instrument, [0, 28], [data["baseline"], data["last"]])
    found = ask(caller, 28, data["measure"])
    change = found["change"]["from_last"]
    states_: Json = found["states"]
    return states_ | {
        "points": change["points"],
        "percent": change["percent"],
        "reason": next(iter(change["reasons"]), None),
    }


def gaps(caller: Caller, data: Json) -> Json:
    scores(caller, "phq-9", data["days"], [10] * len(data["days"]))
    found = ask(caller, data["days"][-1])["gaps"]
    return {"days": [one["days"] for one in found]}


def level(caller: Caller, data: Json) -> Json:
    scores(caller, "phq-9", data["days"], data["values"])
    found = ask(caller, data["as_of_day"])
    return {
        "last": found["last"]["value"],
        "level_now": found["level_now"]["value"],
        "n": found["level_now"]["n"],
    }


def bands(caller: Caller, data: Json) -> Json:
    scores(caller, "phq-9", data["days"], data["values"])
    found = ask(caller, data["days"][-1])
    edges = {one["label"]: f"{one['min']}-{one['max']}" for one in found["bands"]}
    return {"share": {edges[name]: share for name, share in found["time_in_band"]["share"].items()}}


def relapse(caller: Caller, data: Json) -> Json:
    scores(caller, "phq-9", data["days"], data["values"])
    found = ask(caller, data["days"][-1])["states"]["relapse"]

    def since(day: str) -> int:
        return (date.fromisoformat(day) - DAY_0).days

    return {
        "remission_first_day": since(found["remission_first_day"]),
        "possible_relapse_day": since(found["possible_day"]),
        "relapse_confirmed_day": since(found["confirmed_day"]),
    }


def flag(caller: Caller, data: Json) -> Json:
    reference = data["reference"]
    scores(caller, "phq-9", range(0, 7 * len(reference), 7), reference)
    scores(caller, "phq-9", data["days"], data["values"])
    until = DAY_0 + timedelta(7 * len(reference) - 1)
    found = ask(caller, data["days"][-1], baseline=f"window:{DAY_0}..{until}")
    first = next(one["first_day"] for one in found["flags"] if one["code"] == "SUSTAINED_WORSENING")
    return {
        "mean": found["references"][0]["m"],
        "limit_points": found["references"][0]["D"],
        "first_confirmed_day": (date.fromisoformat(first) - DAY_0).days,
    }


ANSWERS: dict[str, tuple[Callable[[Caller, Json], Json], set[str]]] = {
    "theil_sen_weekly_phq9": (slope, {"slope_per_7d", "low_per_7d", "high_per_7d"}),
    "theil_sen_irregular_visits": (slope, {"slope_per_7d", "low_per_7d", "high_per_7d"}),
    "mk_and_sen_adjusted_for_serial_correlation": (
        slope,
        {"slope_per_7d", "low_per_7d", "high_per_7d", "r", "V_n", "S", "p"},
    ),
    "mk_exact_n8": (ranks, {"S", "p_exact", "tau_b"}),
    "phq9_response_exact_half": (states, {"improvement_percent", "response", "remission"}),
    "phq9_response_remission_4": (states, {"improvement_percent", "response", "remission"}),
    "percent_guard_at_floor": (states, {"points", "percent", "reason", "response"}),
    "gap_list": (gaps, set()),
    "level_now_sparse": (level, {"last", "level_now", "n"}),
    "time_in_band_phq9": (bands, {"share"}),
    "relapse_sequence_phq9": (
        relapse,
        {"remission_first_day", "possible_relapse_day", "relapse_confirmed_day"},
    ),
    "sparse_flag_phq9": (flag, {"mean", "limit_points", "first_confirmed_day"}),
}
"""How each is asked, and which of its numbers the answer gives."""


@needs_shared
@pytest.mark.parametrize("name", ANSWERS)
def test_the_vector_comes_out_of_the_endpoint(prescriber: Caller, name: str) -> None:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    vector = VECTORS[name]
    expected = vector["expected"]
    if name == "gap_list":
        expected = {"days": [one["days"] for one in expected["gaps"]]}
    ask_, names = ANSWERS[name]
    found = ask_(prescriber, vector["input"])

    for key in names or expected:
        value = expected[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            assert found[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
        else:
            assert found[key] == value, key
