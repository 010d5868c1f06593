"""What changed since the last visit: each kind of news, in its order, and nothing older."""

from datetime import date, timedelta
from typing import Any

from app.clinical.dose_response import Confounder
from app.trends.digest import Found, Visit
from app.trends.risk import Signal
from tests.conftest import Caller, Clinic
from tests.trends.slices import (
    AS_OF,
    SERTRALINE,
    START,
    TREATED,
    Json,
    course,
    event,
    read,
    readings,
    record_id,
)

PHQ, ISI, NAUSEA = "phq-9.total", "sleep.quality", "side_effects.nausea"
SINCE = date(2026, 5, 15)
VISIT = Visit("v12", SINCE, "visit")


def items(rows: Any = (), courses: Any = (TREATED,), **more: Any) -> list[Json]:
    found: list[Json] = read(rows, courses, visits=[VISIT], **more)["digest"]["items"]
    return found


def codes(found: list[Json]) -> list[str]:
    return [one["code"] for one in found]


def day(text: str) -> int:
    return (date.fromisoformat(text) - START).days


def test_without_a_visit_nothing_is_called_new() -> None:
    found = read(readings(PHQ, {0: 19}), [TREATED])["digest"]

    assert (found["since"], found["items"], found["reasons"]) == (None, [], ["NO_VISIT"])


def test_the_last_visit_before_the_day_is_the_reference_and_a_given_day_replaces_it() -> None:
    older = Visit("v1", START, "call")
    body = read([], [TREATED], visits=[older, VISIT])
    asked = read([], [TREATED], visits=[older, VISIT], since=date(2026, 6, 1))

    assert body["digest"]["since"] == {"visit": "v12", "day": "2026-05-15"}
    assert asked["digest"]["since"] == {"visit": None, "day": "2026-06-01"}


def test_a_reliable_change_is_told_with_both_values() -> None:
    found = items(readings(PHQ, {day("2026-05-15"): 18, day("2026-06-09"): 11}))
    change = next(one for one in found if one["code"] == "RELIABLE_CHANGE")

    assert change["numbers"] == {"before": 18, "now": 11, "points": -7, "T_rel": 6}
    assert change["text"]["prescriber"] == (
        "PHQ-9: 18 on 15 May, 11 on 9 June (-7 points; 6 or more is more than the error of this "
        "scale)."
    )


def test_risk_comes_first_and_stays_though_it_is_old() -> None:
    raised = Signal(
        "s1",
        "open",
        START,
        {"record_id": str(record_id("x")), "instrument": "phq-9", "item": 9, "value": 1},
    )
    found = items(readings(PHQ, {day("2026-06-09"): 3}), signals=[raised])

    assert found[0]["code"] == "RISK_ITEM"
    assert found[0]["numbers"]["new"] is False
    assert found[0]["signal"] == "s1"
    assert found[0]["text"]["prescriber"].startswith("PHQ-9 item 9 is 1 on ")


def test_what_was_done_to_a_dose_is_told_in_words() -> None:
    as_needed = course(
        event(date(2026, 5, 16), "prn_on", 1, times_per_day=None, max_per_day=2),
        event(date(2026, 5, 20), "hold"),
        event(date(2026, 5, 27), "resume"),
        event(date(2026, 6, 3), "prn_off"),
    )
    said = [
        one["text"]["prescriber"].partition(": ")[2]
        for one in items([], [as_needed])
        if one["code"] == "DOSE_EVENT"
    ]

    assert said == [
        "as needed from 16 May.",
        "held from 20 May.",
        "resumed on 27 May.",
        "no longer as needed from 3 June.",
    ]


def test_the_order_is_that_of_the_specification() -> None:
    changed = course(event(START, "start", 50), event(date(2026, 5, 20), "change", 100))
    found = items(
        [
            *readings(PHQ, {0: 19, day("2026-05-15"): 18, day("2026-06-09"): 11}),
            *readings(NAUSEA, {day("2026-05-10"): 1, day("2026-06-01"): 3}),
            *readings(ISI, {day("2026-05-14"): 5, day("2026-06-01"): 6}),
        ],
        [changed],
        contexts=[Confounder("stressor", "c1", date(2026, 6, 2), "moved house")],
        interactions=[
            Found("f1", "r1", "major", date(2026, 6, 1), None, (str(SERTRALINE), "other"))
        ],
    )

    assert [one["order"] for one in found] == sorted(one["order"] for one in found)
    assert {"DOSE_EVENT", "RELIABLE_CHANGE", "SIDE_EFFECT_WORSE", "INTERACTION", "SLEEP"} <= set(
        codes(found)
    )
    assert "STRESSOR" in codes(found)


def test_what_happened_before_the_visit_is_not_told_again() -> None:
    found = items(
        readings(PHQ, {0: 19, day("2026-05-01"): 12}),
        contexts=[Confounder("stressor", "c1", date(2026, 5, 2), "moved house")],
        interactions=[Found("f1", "r1", "major", date(2026, 5, 1), None, (str(SERTRALINE),))],
    )

    assert not {"STRESSOR", "INTERACTION", "DOSE_EVENT", "RELIABLE_CHANGE"} & set(codes(found))


def test_a_high_reading_that_did_not_come_back_is_said_to_be_single() -> None:
    scores = {0: 6, day("2026-05-01"): 6, day("2026-05-20"): 14, day("2026-06-09"): 6}
    found = items(readings(PHQ, scores))

    assert "SINGLE_HIGH_NOT_REPEATED" in codes(found)


def test_a_side_effect_that_went_is_gone_and_an_absent_answer_is_not_zero() -> None:
    gone = items(readings(NAUSEA, {day("2026-05-10"): 2, day("2026-06-01"): 0}))
    silent = items(readings(NAUSEA, {day("2026-05-10"): 2}))

    assert "SIDE_EFFECT_GONE" in codes(gone)
    assert not [code for code in codes(silent) if code.startswith("SIDE_EFFECT")]


def test_what_did_not_come_is_told() -> None:
    found = items(readings(PHQ, {0: 19, 14: 18}))
    missing = next(one for one in found if one["code"] == "NO_RECENT_READING")

    assert missing["numbers"]["last_seen_days"] == (AS_OF - START).days - 14


def test_a_unchanged_measure_is_named_in_one_line() -> None:
    steady = {day("2026-04-20") + 14 * n: 12 + n % 2 for n in range(4)}
    found = items(readings(PHQ, {0: 12, 28: 12, 56: 12, **steady}))

    assert codes(found)[-1] == "UNCHANGED"
    assert found[-1]["text"]["prescriber"] == "No reliable change: PHQ-9."


def test_the_digest_is_one_call(clinic: Clinic, prescriber: Caller) -> None:
    from tests.patients.test_patients import PERSON

    prescriber("POST", "/v1/patients", PERSON)
    path = f"/v1/patients/{PERSON['id']}"
    visit = {
        "id": str(record_id("visit")),
        "kind": "visit",
        "occurred_at": "2026-04-13T10:30:00-04:00",
    }
    assert prescriber("POST", f"{path}/follow-ups", visit).status_code == 201
    answer = prescriber("GET", f"{path}/digest")
    body = answer.json()

    assert answer.status_code == 200, answer.text
    assert body["digest"]["since"]["visit"] == visit["id"]
    assert set(body) >= {"summary", "risk", "digest"}
    assert "measures" not in body
    assert prescriber("GET", f"{path}/digest?since=2099-01-01").status_code == 400
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    assert patient("GET", f"{path}/digest").status_code == 403


def test_a_side_effect_from_before_the_window_is_not_called_new() -> None:
    long_ago = readings(NAUSEA, {-300: 3}) + readings(NAUSEA, {day("2026-06-01"): 2})
    (item,) = (one for one in items(long_ago) if one["code"].startswith("SIDE_EFFECT"))
    first = items(readings(NAUSEA, {day("2026-06-01"): 2}))
    (fresh,) = (one for one in first if one["code"].startswith("SIDE_EFFECT"))

    assert (item["code"], item["numbers"]) == ("SIDE_EFFECT_EASING", {"before": 3, "now": 2})
    assert fresh["code"] == "SIDE_EFFECT_NEW"
    assert fresh["text"]["prescriber"] == (
        "Feeling sick: new, moderate on 1 June (not rated before)."
    )


def test_a_visit_from_before_the_window_is_compared_with_all_the_same() -> None:
    long_ago = Visit("v1", START - timedelta(100), "visit")
    rows = readings(PHQ, {-110: 20, -105: 19, 100: 8, 120: 8})
    body = read(rows, [TREATED], visits=[long_ago], from_day=START)
    (change,) = (one for one in body["digest"]["items"] if one["code"] == "RELIABLE_CHANGE")

    assert (change["numbers"]["before"], change["numbers"]["now"]) == (19, 8)
    assert "19 on 20 October 2025" in change["text"]["prescriber"]


def test_what_was_not_measured_since_is_not_called_unchanged() -> None:
    steady = dict.fromkeys(range(0, day("2026-05-15"), 14), 9)
    quiet = items(readings(PHQ, steady))
    (silent,) = (one for one in quiet if one["code"] == "NO_READING_SINCE")
    measured = items(readings(PHQ, steady | {day("2026-06-01"): 9}))

    assert "UNCHANGED" not in codes(quiet)
    assert silent["text"]["prescriber"] == "No reading since: PHQ-9."
    assert "UNCHANGED" in codes(measured)
    assert "NO_READING_SINCE" not in codes(measured)


def test_an_old_risk_answer_says_its_year_and_what_came_after() -> None:
    rows = readings("phq-9.9", {-200: 1, -150: 0})
    (risk,) = (one for one in items(rows) if one["code"] == "RISK_ITEM")

    assert risk["text"]["prescriber"] == (
        "PHQ-9 item 9 is 1 on 17 July 2025 (not asked before, 0 on 5 September 2025)."
    )


def test_a_change_is_called_by_what_its_size_stands_on() -> None:
    rows = readings("mood_cognition.anxiety", {day("2026-05-10"): 8, day("2026-06-01"): 3})
    (change,) = (one for one in items(rows) if one["code"] == "RELIABLE_CHANGE")

    assert "2 or more is taken for a difference that matters" in change["text"]["prescriber"]


def test_an_interaction_that_ended_later_was_there_on_the_day() -> None:
    found = Found("i1", "r", "major", date(2026, 6, 1), date(2026, 6, 11), (str(SERTRALINE),))
    then = read([], [TREATED], date(2026, 6, 5), visits=[VISIT], interactions=[found])

    assert "INTERACTION" in codes(then["digest"]["items"])
