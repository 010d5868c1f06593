"""Why somebody has to look, and since when."""

from datetime import date, timedelta
from typing import Any

from app.trends.digest import Visit
from app.trends.risk import Signal
from tests.trends.slices import START, Json, course, event, read, readings

PHQ, NAUSEA = "phq-9.total", "side_effects.nausea"
STEADY = 8
"""Days after which sertraline stands at its level."""


def due(rows: Any = (), courses: Any = (), **more: Any) -> list[str]:
    summary: Json = read(rows, courses, **more)["summary"]
    found: list[str] = summary["review_due"]
    return found


def test_nothing_recorded_asks_for_nothing() -> None:
    assert due() == []


def test_an_open_risk_answer_is_due_until_somebody_acknowledges_it() -> None:
    rows = readings("phq-9.9", {100: 1})
    evidence = {"instrument": "phq-9", "item": 9, "value": 1, "record_id": str(rows[0].record_id)}

    def with_(state: str) -> list[str]:
        return due(rows, signals=[Signal("s1", state, START, evidence)])

    assert due(rows) == ["RISK_UNREVIEWED"]
    assert (with_("open"), with_("acknowledged")) == (["RISK_UNREVIEWED"], [])


def test_a_moderate_side_effect_waits_for_the_next_visit_or_call() -> None:
    rows = readings(NAUSEA, {100: 2})
    on_the_day = Visit("v1", START + timedelta(100), "visit")
    before = Visit("v1", START + timedelta(99), "visit")

    assert due(rows, visits=[before]) == ["SIDE_EFFECT_UNREVIEWED"]
    assert due(rows, visits=[on_the_day]) == []
    assert due(readings(NAUSEA, {100: 2, 107: 1})) == []


def test_a_dose_change_without_a_score_is_due_three_weeks_after_steady_state() -> None:
    changed = course(event(START, "start", 50))
    last = START + timedelta(STEADY + 21)

    def on(day: date, *scores: int) -> bool:
        rows = readings(PHQ, {-1: 18, **dict.fromkeys(scores, 15)})
        return "DOSE_CHANGE_WITHOUT_SCORE" in due(rows, [changed], as_of=day)

    assert (on(last), on(last + timedelta(1))) == (False, True)
    assert on(last + timedelta(1), STEADY) is False
    assert on(last + timedelta(1), STEADY - 1) is True


def test_a_stopped_course_asks_for_no_score() -> None:
    over = course(event(START, "start", 50), event(START + timedelta(20), "stop"))

    assert due(readings(PHQ, {-1: 18}), [over]) == []


def test_an_open_decision_window_is_due_and_a_future_one_is_only_listed() -> None:
    started = course(event(START, "start", 50))
    rows = readings(PHQ, {0: 18, 14: 14})
    body = read(rows, [started], as_of=START + timedelta(24))

    assert "DECISION_WINDOW_REACHED" in body["summary"]["review_due"]
    earlier = read(rows, [started], as_of=START + timedelta(20))["summary"]
    assert "DECISION_WINDOW_REACHED" not in earlier["review_due"]
    assert {"code": "DECISION_WINDOW_REACHED", "due_on": "2026-02-25"} in earlier["reviews"]


def test_a_measure_that_fell_silent_before_a_dose_change_is_due() -> None:
    raised = course(event(START, "start", 50), event(START + timedelta(110), "change", 100))
    found = due(readings(PHQ, {0: 18, 14: 16, 28: 15}), [raised])

    assert "STALE_AFTER_DOSE_CHANGE" in found
    assert "STALE_AFTER_DOSE_CHANGE" not in due(readings(PHQ, {0: 18, 28: 15, 125: 9}), [raised])
