"""What each dose event stands between, and what else counts as having gone on."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

from app.trends.around import standing
from tests.trends.slices import START, Json, course, event, read, readings

PHQ = "phq-9.total"
OTHER = UUID("019a5b10-0000-7000-8000-000000000102")
VISITS = {-20: 18, -10: 18, 0: 18, 20: 16, 40: 14, 60: 12}


def confounders(body: Json) -> list[str]:
    (first, *_rest) = body["medications"][0]["events"]
    found = [one for one in first["before_after"] if one["reading"] == "immediate"]
    return [one["label"] for one in found[0]["confounders"]]


def test_the_courses_own_next_change_on_the_day_of_the_last_score_is_no_confounder() -> None:
    raised = course(event(START, "start", 50), event(START + timedelta(60), "change", 100))

    assert confounders(read(readings(PHQ, VISITS), [raised])) == []


def test_another_courses_change_inside_the_window_is_one() -> None:
    alone = course(event(START, "start", 50))
    begun = replace(event(START + timedelta(30), "start", 15), medication_id=str(OTHER))
    beside = course(begun, name="mirtazapine", id_=OTHER)

    assert confounders(read(readings(PHQ, VISITS), [alone, beside])) == ["mirtazapine: start"]


def point(name: str, first: str, result: str, measure: str = PHQ) -> Json:
    return {"measure": measure, "point": name, "window": {"from": first}, "result": result}


def test_where_a_later_score_has_judged_an_earlier_window_says_nothing_any_more() -> None:
    week_4 = point("week_4", "2026-03-01", "missed")
    week_6 = point("week_6", "2026-03-15", "watch")
    week_9 = point("week_9", "2026-04-01", "due")

    assert standing([week_9, week_4, week_6]) == {PHQ: (week_6, [week_9])}
    assert standing([week_4]) == {PHQ: (None, [week_4])}


def test_a_point_that_does_not_apply_is_no_standing() -> None:
    assert standing([point("week_4", "2026-03-01", "not_applicable")]) == {}
