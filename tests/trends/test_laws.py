"""Laws of the whole reading, for any series: what may change nothing, and what must follow."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from app.clinical.measure import Measure
from app.stats.reason import Reason
from app.trends.digest import Visit
from tests.trends.slices import (
    AS_OF,
    START,
    TREATED,
    Json,
    daily,
    of,
    params,
    read,
    readings,
    slice_,
)
from tests.trends.test_report import numbers

PHQ = "phq-9.total"
ROOT = Path(__file__).resolve().parents[2]
SCORES = st.dictionaries(st.integers(0, 130), st.integers(0, 27), min_size=1, max_size=20)
VISIT = Visit("v1", START + timedelta(60), "visit")


def own(direction: Any) -> dict[str, Measure]:
    return {"own.x": Measure("own.x", "{score}", -100, 100, direction, "X", mcid=5)}


def whole(scores: dict[int, int], **more: Any) -> Json:
    return read(readings(PHQ, scores), [TREATED], visits=[VISIT], **more)


@settings(max_examples=30, deadline=None)
@given(SCORES)
def test_a_reading_posted_again_changes_no_byte(scores: dict[int, int]) -> None:
    rows = readings(PHQ, scores)
    once = read(rows, [TREATED], visits=[VISIT])
    twice = read([*rows, *rows], [TREATED], visits=[VISIT])

    assert orjson.dumps(twice) == orjson.dumps(once)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.integers(1, 60))
def test_a_wider_as_of_never_changes_the_report_of_an_earlier_day(
    scores: dict[int, int], days: int
) -> None:
    before = START + timedelta(70)
    until = {day: score for day, score in scores.items() if day <= 70}
    later = {day + 70: score for day, score in scores.items() if 0 < day <= days}

    assert whole(until | later, as_of=before) == whole(until, as_of=before)


@settings(max_examples=30, deadline=None)
@given(SCORES, st.integers(-30, 30))
def test_adding_a_constant_leaves_slope_ranks_steps_and_differences(
    scores: dict[int, int], constant: int
) -> None:
    here = of(read(readings("own.x", scores), [TREATED], own=own("lower_better")), "own.x")
    moved = {day: score + constant for day, score in scores.items()}
    there = of(read(readings("own.x", moved), [TREATED], own=own("lower_better")), "own.x")

    for name in ("trend", "variability"):
        assert numbers(there[name]) == numbers(here[name])
    assert (there["status"], there["status_reasons"]) == (here["status"], here["status_reasons"])
    assert [(one["code"], one["first_day"]) for one in there["flags"]] == [
        (one["code"], one["first_day"]) for one in here["flags"]
    ]
    if here["change"]["from_last"]:
        assert there["change"]["from_last"]["points"] == here["change"]["from_last"]["points"]


def compared(body: Json) -> list[Json]:
    return [
        one
        for course in body["medications"]
        for event in course["events"]
        for one in event["before_after"]
    ]


@settings(max_examples=30, deadline=None)
@given(SCORES)
def test_a_reversed_scale_mirrors_status_flags_and_differences(scores: dict[int, int]) -> None:
    down = read(readings("own.x", scores), [TREATED], own=own("lower_better"))
    mirrored = {day: -score for day, score in scores.items()}
    up = read(readings("own.x", mirrored), [TREATED], own=own("higher_better"))
    here, there = of(down, "own.x"), of(up, "own.x")

    for name in ("status", "status_reasons", "last_known"):
        assert there[name] == here[name]
    assert [one["id"] for one in there["flags"]] == [one["id"] for one in here["flags"]]
    assert [(one["verdict"], one["nap"], one["oriented"]) for one in compared(up)] == [
        (one["verdict"], one["nap"], one["oriented"]) for one in compared(down)
    ]
    assert [one["diff"] for one in compared(up)] == [
        one["diff"] and -one["diff"] for one in compared(down)
    ]


@settings(max_examples=30, deadline=None)
@given(SCORES, st.integers(-30, 30))
def test_shifting_all_days_shifts_the_whole_answer(scores: dict[int, int], weeks: int) -> None:
    shift = timedelta(weeks=weeks)
    here = read(readings(PHQ, scores), visits=[VISIT])
    moved = Visit("v1", VISIT.day + shift, "visit")
    there = read(readings(PHQ, scores, START + shift), as_of=AS_OF + shift, visits=[moved])

    for part in ("summary", "measures", "risk", "quality"):
        assert numbers(there[part]) == numbers(here[part])
    assert [one["code"] for one in there["digest"]["items"]] == [
        one["code"] for one in here["digest"]["items"]
    ]


@settings(max_examples=40, deadline=None)
@given(SCORES, st.integers(0, 27))
def test_a_value_outside_the_window_changes_nothing_in_it(
    scores: dict[int, int], earlier: int
) -> None:
    rows = readings(PHQ, scores)
    outside = readings(PHQ, {-400: earlier})
    here, there = (
        of(read(given_, from_day=START - timedelta(28)), PHQ)
        for given_ in (rows, [*outside, *rows])
    )
    there.pop("baseline_alternatives")
    here.pop("baseline_alternatives")

    assert there == here


GATED = ("slope_per_7d", "interval", "mk")


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.integers(0, 18), st.integers(0, 27), min_size=2), st.data())
def test_removing_data_never_makes_an_answer_surer(weeks: dict[int, int], data: Any) -> None:
    """What few visits cannot say, fewer cannot say either.

    Visits a week or more apart: among closer ones a reading less can end the reading by weeks.
    """
    scores = {7 * week: score for week, score in weeks.items()}
    gone = data.draw(st.sampled_from(sorted(scores)[1:-1] or sorted(scores)[1:]))
    more = of(whole(scores), PHQ)["trend"][0]
    less = of(whole({d: s for d, s in scores.items() if d != gone}), PHQ)["trend"][0]

    for name in GATED:
        if more[name] is None and "CONSTANT" not in more["reasons"]:
            assert less[name] is None
    assert (less["r"] is None) or less["n"] >= 10


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 27), st.integers(1, 10))
def test_without_data_nothing_is_stable(score: int, n: int) -> None:
    """Leaving out the last weeks of a stable series makes it stale, never surer."""
    steady = dict.fromkeys(range(0, 14 * n, 14), score)
    found = of(whole(steady, as_of=START + timedelta(14 * n + 90)), PHQ)

    assert found["status"] == "stale"


CODE = re.compile(r'"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)"')
WRITTEN_IN = [
    *(ROOT / "app" / "stats").glob("*.py"),
    *(
        ROOT / "app" / "trends" / f"{name}.py"
        for name in (
            "report",
            "blocks",
            "around",
            "effects",
            "flagged",
            "digest",
            "review_due",
            "readings",
            "taking",
            "gather",
            "courses",
        )
    ),
    *(
        ROOT / "app" / "clinical" / f"{name}.py"
        for name in (
            "flags",
            "decision_points",
            "dose_response",
            "response",
            "status",
            "baseline",
            "measure",
            "doses",
            "dose_timing",
            "adherence",
        )
    ),
]


def test_every_reason_code_is_documented() -> None:
    documented = set(
        re.findall(r"^\| `([A-Z0-9_]+)` \| \S", (ROOT / "docs/reason-codes.md").read_text(), re.M)
    )
    written = {code for file in WRITTEN_IN for code in CODE.findall(file.read_text())}

    assert len(written) > 90
    assert written - documented == set()
    assert {one.value for one in Reason} <= documented


def test_the_slice_is_read_and_not_changed() -> None:
    rows = [*readings(PHQ, {0: 19, 14: 12}), *daily("mood_cognition.mood", [5, 6] * 20)]
    known = slice_(rows, [TREATED], visits=[VISIT])
    before = repr(known)
    read(rows, [TREATED])

    assert repr(known) == before
    assert params().as_of == date(2026, 6, 12)
