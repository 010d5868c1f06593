"""Any order of arrival of the same dose events gives the same regimen, over HTTP."""

import json
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Caller
from tests.patients.test_patients import PERSON

BEGUN = date(2025, 11, 3)
CONFIRMED = {
    "codes": [
        "above-maximum",
        "retitration-needed",
        "tenfold-jump",
        "titration-too-fast",
        "unit-not-for-drug",
    ],
    "reason": "made up for a test",
}
"""What needs a confirmation depends on what was known when it came; here all is confirmed."""

amounts = st.sampled_from(["0.5", "12.5", "25", "50", "100", "0.0001", "150.25"])
doses = st.one_of(
    st.builds(
        lambda amount, times: {
            "dose": {"amount": amount, "unit": "mg"},
            "times_per_day": times,
        },
        amounts,
        st.sampled_from([0.5, 1, 2, 3]),
    ),
    st.builds(
        lambda amount, days: {"dose": {"amount": amount, "unit": "mg"}, "interval_days": days},
        amounts,
        st.sampled_from([7, 14, 28]),
    ),
    st.builds(
        lambda morning, night: {
            "parts": [
                {"dose": {"amount": morning, "unit": "mg"}, "at": "08:00"},
                {"dose": {"amount": night, "unit": "mg"}, "at": "22:00"},
            ]
        },
        amounts,
        amounts,
    ),
    st.just({"dose": None, "dose_known": False}),
)
changes = st.one_of(
    st.builds(
        lambda kind, dose: {"kind": kind, **dose},
        st.sampled_from(["start", "change", "restart"]),
        doses,
    ),
    st.sampled_from([{"kind": "stop"}, {"kind": "hold"}, {"kind": "resume"}]),
    st.builds(
        lambda percent: {"kind": "change", "percent_of_previous": percent},
        st.sampled_from([50, 75, 150]),
    ),
    st.builds(
        lambda amount: {
            "kind": "prn_on",
            "dose": {"amount": amount, "unit": "mg"},
            "max_per_day": 2,
        },
        amounts,
    ),
)
days = st.lists(st.integers(0, 200), min_size=2, max_size=7, unique=True)


@st.composite
def lines(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[int]]:
    """Give events of one course on different days, and another order in which they arrive."""
    events = [
        {
            **draw(changes),
            "effective_on": str(BEGUN + timedelta(days=day)),
            "planned": draw(st.booleans()) and place > 0,
            "confirmation": CONFIRMED,
        }
        for place, day in enumerate(sorted(draw(days)))
    ]
    return events, draw(st.permutations(range(len(events))))


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines())
def test_any_order_of_arrival_gives_the_same_regimen(
    prescriber: Caller, line: tuple[list[dict[str, Any]], list[int]]
) -> None:
    events, order = line

    told = [regimen(prescriber, events, order) for order in (range(len(events)), order)]

    assert told[0] == told[1]
    for epoch in told[0]["epochs"]:
        if epoch["daily_dose"] is not None:
            assert isinstance(epoch["daily_dose"]["value"], str)
            assert not epoch["daily_dose"]["value"].startswith("-")


def regimen(caller: Caller, events: list[dict[str, Any]], order: Any) -> dict[str, Any]:
    """Tell the events of a new patient in an order; gives the course, its ids written as places."""
    person, course = str(uuid4()), str(uuid4())
    ids = [str(uuid4()) for _ in events]
    body = {name: value for name, value in PERSON.items() if name != "identifiers"} | {"id": person}
    assert caller("POST", "/v1/patients", body).status_code == 201
    path = f"/v1/patients/{person}/medications"
    medicine = {"id": course, "kind": "drug", "reference_id": "sertraline"}
    assert caller("POST", path, medicine).status_code == 201
    for place in order:
        sent = {"id": ids[place], **events[place]}
        answer = caller("POST", f"{path}/{course}/dose-events", sent)
        assert answer.status_code == 201, answer.text
    (told,) = caller("GET", f"/v1/patients/{person}/regimen").json()["medications"]
    del told["medication_id"]
    # Which check spoke when depends on what was known then, and stays with the event.
    del told["flagged"]
    text = json.dumps(told)
    for place, record_id in enumerate(ids):
        text = text.replace(str(UUID(record_id)), f"event {place}")
    named: dict[str, Any] = json.loads(text)
    return named
