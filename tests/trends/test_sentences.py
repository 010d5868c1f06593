"""Every sentence is made of fields, claims no cause, gives no advice, and says what it counts."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.adherence import Administration
from app.clinical.dose_response import Confounder
from app.trends.digest import Found, Visit
from app.trends.report import Revised
from app.trends.risk import Signal
from app.trends.taking import Taken
from tests.trends.slices import (
    EXAMPLE,
    SERTRALINE,
    START,
    TREATED,
    Json,
    course,
    daily,
    event,
    of,
    read,
    reading,
    readings,
    record_id,
)

PHQ, GAD, MOOD, NAUSEA = "phq-9.total", "gad-7.total", "mood_cognition.mood", "side_effects.nausea"
CLAIMS = ("caused", "because of", "due to", "worked", "failed", "safe")
ADVICE = (
    "should",
    "recommend",
    "consider",
    "start",
    "stop",
    "switch",
    "increase",
    "decrease",
    "raise",
    "reduce",
    "lower",
)
EVENT_NAMES = re.compile(
    r"\b(the start of|the start|the stop of|since the stop|raised to|lowered to|: start\b|: stop\b)"
)
"""Names of events are allowed: "the start", "since the stop"."""


def sentences(value: Any, audience: str) -> Iterator[str]:
    """Give every generated sentence of a body for one audience."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == "text" and isinstance(member, dict):
                if member.get(audience):
                    yield member[audience]
            elif name == "sentence" and audience == "prescriber" and member:
                yield member
            elif name == "diverging":
                yield from member
            else:
                yield from sentences(member, audience)
    elif isinstance(value, list):
        for member in value:
            yield from sentences(member, audience)


def words(sentence: str) -> set[str]:
    return set(re.findall(r"[a-z]+", sentence.lower()))


def forbidden(sentence: str, *more: str) -> list[str]:
    plain = EVENT_NAMES.sub(" ", sentence.lower())
    return [one for one in (*CLAIMS, *ADVICE, *more) if re.search(rf"\b{one}\b", plain)]


SCORES = st.dictionaries(st.integers(0, 130), st.integers(0, 27), min_size=1, max_size=14)
MOODS = st.lists(st.integers(0, 10).map(float), min_size=0, max_size=60)
WORDS = st.sampled_from(["yes", "no", "partial", "unknown"])


def story(scores: dict[int, int], moods: list[float], said: list[Any], **more: Any) -> Json:
    """Give the report of a patient to whom a good deal happens."""
    last = START + timedelta(140)
    doses = course(
        event(START, "start", 50),
        event(START + timedelta(28), "change", 100),
        event(START + timedelta(60), "change", percent_of_previous=None, dose_known=False),
        event(START + timedelta(100), "stop"),
    )
    answers = [
        Administration(str(record_id(f"a{n}")), START + timedelta(n), one)
        for n, one in enumerate(said)
    ]
    raised = Signal(
        "s1",
        "open",
        START,
        {"record_id": str(record_id("x")), "instrument": "phq-9", "item": 9, "value": 1},
    )
    late = reading(GAD, START + timedelta(30), 9)
    return read(
        [
            *readings(PHQ, scores),
            *readings(GAD, {day: value % 22 for day, value in scores.items()}),
            *readings(NAUSEA, {day: value % 5 for day, value in scores.items()}),
            *daily(MOOD, moods),
        ],
        [doses],
        as_of=last,
        visits=[Visit("v1", START + timedelta(70), "visit", 3)],
        taken={SERTRALINE: Taken(answers)},
        contexts=[Confounder("stressor", "c1", START + timedelta(80), "moved house")],
        interactions=[
            Found("f1", "r1", "major", START + timedelta(90), None, (str(SERTRALINE), "x"))
        ],
        revised=Revised([late], {PHQ: readings(PHQ, {0: 20})}),
        **({"signals": [raised]} | more),
    )


@settings(max_examples=60, deadline=None)
@given(SCORES, MOODS, st.lists(WORDS, max_size=40))
def test_no_sentence_to_a_prescriber_claims_or_advises(
    scores: dict[int, int], moods: list[float], said: list[Any]
) -> None:
    body = story(scores, moods, said)
    body.pop("basis")
    said_to = list(sentences(body, "prescriber"))

    assert said_to
    assert {one: found for one in said_to if (found := forbidden(one))} == {}


@settings(max_examples=60, deadline=None)
@given(SCORES, MOODS, st.lists(WORDS, max_size=40))
def test_no_sentence_to_a_patient_claims_advises_or_frightens(
    scores: dict[int, int], moods: list[float], said: list[Any]
) -> None:
    body = story(scores, moods, said, signals=[], audience="patient")
    said_to = list(sentences(body, "patient"))
    baselines = {one["baseline"]["sentence"] for one in body["measures"]}

    assert set(sentences(body, "prescriber")) <= baselines
    said_to += baselines
    assert {
        one: found for one in said_to if (found := forbidden(one, "relapse", "suicid", "risk"))
    } == {}


def test_while_a_risk_signal_is_open_no_sentence_speaks_of_its_scale() -> None:
    body = story({0: 18, 100: 9}, [], [], audience="patient")

    assert of(body, PHQ)["text"] == {"patient": None}
    assert of(body, GAD)["text"]["patient"]


@settings(max_examples=30, deadline=None)
@given(SCORES)
def test_a_sentence_names_only_numbers_that_stand_in_its_block(scores: dict[int, int]) -> None:
    found = of(read(readings(PHQ, scores)), PHQ)
    said = re.sub(r"PHQ-9|\b\d{1,2} [A-Z][a-z]+( \d{4})?", "", found["text"]["prescriber"])
    known = {
        found["n"],
        found["last"]["value"],
        found["baseline"]["level"],
        found["baseline"]["n"],
        (found["change"]["from_last"] or {}).get("points"),
        (date.fromisoformat(found["last"]["day"]) - START).days - min(scores),
    }

    assert {float(one) for one in re.findall(r"[-+]?\d+(?:\.\d+)?", said)} <= {
        float(one) for one in known if one is not None
    }


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            0,
            "After none -> 50 mg per day on 2 February 2026: PHQ-9 19 (n 1) -> 17 (n 2), "
            "difference -2.",
        ),
        (
            1,
            "After 50 mg per day -> 100 mg per day on 2 March 2026: PHQ-9 17.7 (n 3) -> 13.3 "
            "(n 3), difference -4.3 (95% -7.8 to -0.9); also in this window: sertraline: start, "
            "weekly CBT.",
        ),
    ],
)
def test_a_dose_event_is_told_with_n_interval_and_what_else_there_was(
    number: int, sentence: str
) -> None:
    therapy = Confounder("therapy_start", "c1", START + timedelta(46), "weekly CBT")
    body = read(readings(PHQ, EXAMPLE), [TREATED], contexts=[therapy])
    (told,) = body["medications"]
    found = next(
        one for one in told["events"][number]["before_after"] if one["reading"] == "onset_aware"
    )

    assert found["text"]["prescriber"] == sentence


def test_without_a_reading_on_a_side_the_sentence_says_so() -> None:
    body = read(readings(PHQ, {0: 19}), [TREATED])
    (told,) = body["medications"]
    found = told["events"][0]["before_after"][0]

    assert found["text"]["prescriber"] == (
        "After none -> 50 mg per day on 2 February 2026: PHQ-9 19 (n 1) -> no reading."
    )


def test_a_flag_says_k_limit_reference_and_its_first_day() -> None:
    body = read(readings(PHQ, {0: 6, 14: 6, 100: 6, 116: 14, 128: 15}), [TREATED])
    flag = next(one for one in of(body, PHQ)["flags"] if one["code"] == "SUSTAINED_WORSENING")

    assert flag["text"]["prescriber"] == (
        "PHQ-9: 2 of the last 3 readings are at least 6 points above the reference 6 (n 1, "
        "2 February 2026). First on 10 June 2026."
    )
