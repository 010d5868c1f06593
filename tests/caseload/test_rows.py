"""A row's columns from a report: facts and dates, nothing that time alone changes."""

from datetime import date, timedelta
from typing import Any

import orjson

from app.caseload.rows import columns, regimen_line, worsenings
from app.clinical.doses import DoseEvent
from tests.trends.slices import START, TREATED, Json, course, event, read, readings

PHQ, SLEEP = "phq-9.total", "sleep.quality"
ON_50 = course(event(START, "start", 50))


def row(rows: Any = (), courses: Any = (ON_50,), **more: Any) -> Json:
    return columns(read(rows, courses, **more), lab_due_on=None, next_visit_on=None)


def line(*events: DoseEvent, **more: Any) -> str | None:
    return regimen_line(read((), [course(*events, **more)])["medications"])


def test_the_regimen_line_names_what_runs_now() -> None:
    assert line(event(START, "start", 50)) == "sertraline 50 mg/d"
    assert line(event(START, "start")) == "sertraline dose unknown"
    assert line(event(START, "start", 50), event(START + timedelta(9), "hold")) == "sertraline hold"


def test_what_was_stopped_or_is_a_substance_is_not_in_it() -> None:
    assert line(event(START, "start", 50), event(START + timedelta(9), "stop")) is None
    assert line(event(START, "start", 50), kind="substance") is None


def test_somebody_is_expected_who_takes_or_fills_in_something() -> None:
    assert row((), ())["is_expected"] is False
    assert row()["is_expected"] is True
    assert row(readings(PHQ, {0: 18}), ())["is_expected"] is True


def test_mood_speaks_for_the_patient_before_sleep() -> None:
    both = [*readings(PHQ, {0: 18, 120: 9}), *readings(SLEEP, dict.fromkeys(range(100, 125), 6))]
    primary = orjson.loads(row(both)["facts"])["primary"]

    assert (primary["measure"], primary["last"], primary["baseline"]) == (PHQ, 9, 18)
    assert (primary["points"], primary["band"]) == (-9, "mild")


def test_the_status_is_that_of_the_last_day_even_where_it_is_stale_by_now() -> None:
    found = row(readings(PHQ, {0: 18, 14: 14, 28: 8}))

    assert found["status"] == "improving"
    assert found["primary_stale_on"] == START + timedelta(28 + 57)


def test_a_dose_changed_after_the_last_score_has_a_day_of_its_own() -> None:
    raised = course(event(START, "start", 50), event(START + timedelta(110), "change", 100))
    silent = row(readings(PHQ, {0: 18, 14: 14, 28: 8}), [raised])
    scored = row(readings(PHQ, {0: 18, 14: 14, 115: 8}), [raised])

    assert silent["stale_after_change_on"] == START + timedelta(110)
    assert scored["stale_after_change_on"] is None


def test_the_newest_judged_point_counts_and_the_first_unscored_after_it() -> None:
    found = row(readings(PHQ, {0: 18, 28: 18, 42: 17}), as_of=START + timedelta(50))
    (judged,) = orjson.loads(f"[{found['judged']}]")

    assert (judged["point"], judged["result"]) == ("week_6", "not_on_track")
    assert found["not_on_track_until"] == START + timedelta(182)
    assert found["window_point"] == "week_9"
    assert found["window_opens_on"] == START + timedelta(58)


def test_a_later_good_score_takes_an_earlier_not_on_track_away() -> None:
    found = row(readings(PHQ, {0: 18, 28: 18, 42: 6}), as_of=START + timedelta(50))

    assert found["not_on_track_until"] is None


def test_improvements_are_no_notices() -> None:
    found = row(readings(PHQ, {0: 19, 92: 12, 120: 11, 127: 10}), [TREATED])

    assert (found["flags_confirmed"], found["flags_notice"]) == (0, 0)


def test_only_confirmed_worsenings_open_signals() -> None:
    once = read(readings(PHQ, {0: 12, 114: 21}), [ON_50])
    twice = read(readings(PHQ, {0: 12, 100: 20, 114: 21}), [ON_50])

    assert list(worsenings(once)) == []
    ((flag, code, evidence),) = worsenings(twice)
    assert (code, evidence["flag"], evidence["measure"]) == ("SUSTAINED_WORSENING", flag, PHQ)
    assert len(evidence["records"]) >= 2


def test_what_nobody_recorded_is_none() -> None:
    found = row((), ())
    dates = {name: found[name] for name in found if name.endswith("_on")}

    assert set(dates.values()) == {None}
    assert orjson.loads(found["facts"]) == {
        "primary": None,
        "worst": None,
        "flags_confirmed": 0,
        "flags_notice": 0,
        "regimen_line": None,
    }


def test_the_days_given_to_it_are_kept() -> None:
    lab, visit = date(2026, 7, 1), date(2026, 7, 2)
    found = columns(read((), ()), lab_due_on=lab, next_visit_on=visit)

    assert (found["lab_due_on"], found["next_visit_on"]) == (lab, visit)
