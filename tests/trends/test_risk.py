"""Risk items: one an episode, shown until a named person has closed its signal."""

from datetime import date, timedelta
from typing import Any

from app.trends.readings import Reading
from app.trends.risk import Signal
from tests.trends.slices import START, Json, read, reading, readings

RASH = "side_effects.rash"


def signal(row: Reading, state: str = "open", id_: str = "s1", **more: Any) -> Signal:
    evidence = {"term": "rash", "severity": row.value, "record_id": str(row.record_id)}
    return Signal(id_, state, row.day, evidence | more)


def risk(rows: list[Reading], *signals: Signal) -> list[Json]:
    found: list[Json] = read(rows, signals=signals)["risk"]
    return found


def test_a_side_effect_rated_severe_for_weeks_is_one_item_with_its_newest_reading() -> None:
    rows = readings(RASH, dict.fromkeys(range(66), 3))
    (item,) = risk(rows, signal(rows[0]))

    assert (item["day"], item["value"], item["readings_n"]) == ("2026-04-08", 3, 66)
    assert (item["since"], item["first_time"]) == ("2026-02-02", True)
    assert item["signal"] == {"id": "s1", "state": "open"}


def test_closing_its_signal_removes_the_whole_episode() -> None:
    rows = readings(RASH, {0: 3, 7: 4, 14: 3})

    assert risk(rows, signal(rows[0], "closed")) == []


def test_a_second_signal_of_the_episode_keeps_it_until_both_are_closed() -> None:
    rows = readings(RASH, {0: 3, 7: 4})
    both = signal(rows[0], "closed"), signal(rows[1], "open", "s2")
    (item,) = risk(rows, *both)

    assert item["signal"] == {"id": "s2", "state": "open"}


def test_after_a_zero_the_next_severe_rating_is_an_episode_of_its_own() -> None:
    rows = readings(RASH, {0: 3, 7: 0, 14: 3})
    (item,) = risk(rows, signal(rows[0], "closed"))

    assert (item["day"], item["previous"], item["first_time"]) == ("2026-02-16", 0, False)
    assert item["signal"] is None


def test_an_easing_episode_keeps_its_item_and_says_where_it_stands() -> None:
    rows = readings(RASH, {0: 3, 7: 1})
    (item,) = risk(rows, signal(rows[0]))

    assert (item["value"], item["latest"]) == (3, {"day": "2026-02-09", "value": 1})


def test_each_questionnaire_has_its_own_item_for_each_has_its_own_signal() -> None:
    rows = readings("phq-9.9", {0: 1, 14: 2})
    evidence = {"instrument": "phq-9", "item": 9, "value": 1, "record_id": str(rows[0].record_id)}

    (item,) = risk(rows, Signal("s1", "closed", START, evidence))

    assert (item["day"], item["value"], item["previous"]) == ("2026-02-16", 2, 1)


def test_a_lesser_rating_alone_is_no_risk_item() -> None:
    assert risk([reading(RASH, START + timedelta(1), 2)]) == []


def test_two_readings_of_one_record_are_one_item() -> None:
    first, last = date(2026, 2, 2), date(2026, 2, 9)
    rows = [reading(RASH, first, 3, record="a"), reading(RASH, last, 3, record="a")]

    assert [one["day"] for one in risk(rows, signal(rows[0]))] == ["2026-02-09"]
