"""The list as it stands on a day, and as it was known at a moment."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
COURSE = "019a5b10-0000-7000-8000-000000000101"
EVENTS = f"{PATH}/medications/{COURSE}/dose-events"


@pytest.fixture
def sertraline(prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    start = {
        "id": "019a5b10-0000-7000-8000-000000000201",
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "25", "unit": "mg"},
        "times_per_day": 1,
    }
    code = {"system": RXNORM, "code": "36437", "display": "sertraline"}
    course = {"id": COURSE, "kind": "drug", "code": code, "first_dose_event": start}
    assert prescriber("POST", f"{PATH}/medications", course).status_code == 201
    return prescriber


@pytest.fixture
def event(sertraline: Caller) -> Callable[..., Any]:
    def send(on: str, amount: str, number: int) -> Any:
        body = {
            "id": f"019a5b10-0000-7000-8000-00000000{number:04d}",
            "kind": "change",
            "effective_on": on,
            "dose": {"amount": amount, "unit": "mg"},
            "times_per_day": 1,
        }
        answer = sertraline("POST", EVENTS, body)
        assert answer.status_code == 201, answer.text
        return answer

    return send


def course_of(caller: Caller, query: str = "") -> Any:
    return caller("GET", f"{PATH}/regimen{query}").json()["medications"][0]


def test_a_dose_below_the_minimum_counts_no_adequate_week(
    sertraline: Caller, event: Callable[..., Any]
) -> None:
    event("2026-04-14", "50", 301)

    told = course_of(sertraline, "?as_of=2026-05-05")

    assert told["daily_dose"] == {"value": "50", "unit": "mg/d", "shown": "50 mg per day"}
    assert told["weeks_at_or_above_minimum"] == 3
    assert [(one["from"], one["to"]) for one in told["epochs"]] == [
        ("2026-03-03", "2026-04-14"),
        ("2026-04-14", None),
    ]


def test_the_run_counts_on_where_a_raise_sets_the_clock_back(
    sertraline: Caller, event: Callable[..., Any]
) -> None:
    """Sertraline works from 50 mg: five weeks at it, then three at 100 mg."""
    event("2026-03-10", "50", 301)
    event("2026-04-14", "100", 302)

    told = course_of(sertraline, "?as_of=2026-05-05")

    assert (told["since"], told["weeks_at_or_above_minimum"]) == ("2026-04-14", 3)
    assert told["run"] == {"since": "2026-03-03", "days": 63, "weeks_at_or_above_minimum": 8}


def test_a_late_event_changes_the_line_and_not_what_was_known(
    sertraline: Caller, event: Callable[..., Any], clinic: Clinic
) -> None:
    before = clinic.clock().isoformat()
    clinic.clock.advance(minutes=5)
    event("2026-03-17", "50", 302)

    now = course_of(sertraline, "?as_of=2026-04-01")
    then = sertraline(
        "GET", f"{PATH}/regimen", params={"as_of": "2026-04-01", "known_at": before}
    ).json()["medications"][0]

    assert now["daily_dose"]["value"] == "50"
    assert then["daily_dose"]["value"] == "25"


def test_before_a_stop_that_is_all_we_know_the_order_is_unknown(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    course = {"id": COURSE, "kind": "drug", "reference_id": "sertraline"}
    assert prescriber("POST", f"{PATH}/medications", course).status_code == 201
    stop = {"id": str(uuid4()), "kind": "stop", "effective_on": "2026-05-01"}
    assert prescriber("POST", EVENTS, stop).status_code == 201

    before = course_of(prescriber, "?as_of=2026-04-01")

    assert (before["running"], before["ordered"], before["daily_dose"]) == (True, None, None)
    assert course_of(prescriber)["running"] is False


def test_a_course_of_which_no_dose_event_is_told_is_not_known_to_run_or_not(
    prescriber: Caller,
) -> None:
    """Interactions count it as taken, so nothing may say that it is not."""
    prescriber("POST", "/v1/patients", PERSON)
    course = {"id": COURSE, "kind": "drug", "reference_id": "sertraline"}
    assert prescriber("POST", f"{PATH}/medications", course).status_code == 201

    told = course_of(prescriber)
    (shown,) = prescriber("GET", f"{PATH}/visit-brief").json()["medications"]

    assert (told["running"], told["ordered"], told["since"]) == (None, None, None)
    assert told["reasons"][0] == "NO_DOSE_EVENT"
    assert "NOT_RUNNING" not in told["reasons"]
    assert (shown["running"], shown["reasons"]) == (None, told["reasons"])
    assert prescriber("GET", f"{PATH}/interactions").json()["checked"] == 1
    for reading in ("decision", "treatment-history", "digest?since=2026-05-01"):
        assert prescriber("GET", f"{PATH}/{reading}").status_code == 200, reading


def test_a_day_that_has_not_come_is_refused(sertraline: Caller) -> None:
    refused = sertraline("GET", f"{PATH}/regimen?as_of=2031-01-01")

    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "/query/as_of"


# ---- any drug, any way to say its dose


Send = Callable[..., Any]


@pytest.fixture
def prescribe(prescriber: Caller) -> Send:
    """Give a function that begins a course of a substance of the reference; gives its id."""
    prescriber("POST", "/v1/patients", PERSON)

    def begin(reference_id: str, on: str, kind: str = "start", **members: Any) -> str:
        course_id = str(uuid4())
        first: dict[str, Any] = {"id": str(uuid4()), "kind": kind, "effective_on": on, **members}
        body = {"id": course_id, "kind": "drug", "reference_id": reference_id}
        answer = prescriber("POST", f"{PATH}/medications", body | {"first_dose_event": first})
        assert answer.status_code == 201, answer.text
        return course_id

    return begin


def mg(amount: str, times: float | None = 1) -> dict[str, Any]:
    dose = {"dose": {"amount": amount, "unit": "mg"}}
    return dose if times is None else dose | {"times_per_day": times}


def add(caller: Caller, course: str, kind: str, on: str, **members: Any) -> Any:
    body = {"id": str(uuid4()), "kind": kind, "effective_on": on, **members}
    answer = caller("POST", f"{PATH}/medications/{course}/dose-events", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def listed(caller: Caller, query: str = "") -> dict[str, Any]:
    """Give the courses by the id of their medicine."""
    told = caller("GET", f"{PATH}/regimen{query}").json()
    return {one["reference_id"]: one for one in told["medications"]}


def test_several_strengths_at_their_hours_are_one_exact_daily_total(
    prescriber: Caller, prescribe: Send
) -> None:
    parts = [
        {"dose": {"amount": "300", "unit": "mg"}, "at": "08:00"},
        {"dose": {"amount": "150.5", "unit": "mg"}, "times_per_day": 2},
    ]
    prescribe("lithium", "2026-05-01", parts=parts)

    told = listed(prescriber)["lithium"]

    assert told["daily_dose"] == {"value": "601", "unit": "mg/d", "shown": "601 mg per day"}
    assert told["ordered"]["parts"] == parts


def test_an_injection_is_averaged_over_its_interval_and_says_so(
    prescriber: Caller, prescribe: Send
) -> None:
    prescribe("paliperidone-lai", "2026-04-01", **mg("156", None), interval_days=28)

    told = listed(prescriber)["paliperidone-lai"]

    assert told["daily_dose"]["value"] == "5.5714"
    assert told["epochs"][0]["averaged"] is True
    assert (told["ordered"]["interval_days"], told["ordered"]["dose"]["amount"]) == (28, "156")
    assert told["minimum_effective"]["unit"] == "mg/mo"
    assert told["weeks_at_or_above_minimum"] == 8


def test_a_patch_keeps_its_rate_by_the_hour(prescriber: Caller, prescribe: Send) -> None:
    prescribe("methylphenidate", "2026-05-01", rate={"amount": "1.1", "unit": "mg/h"})

    told = listed(prescriber)["methylphenidate"]

    assert told["daily_dose"]["shown"] == "1,100 mcg per hour"
    assert told["ordered"]["rate"] == {"amount": "1.1", "unit": "mg/h"}


def test_micrograms_are_shown_as_mcg_and_half_a_milligram_with_its_zero(
    prescriber: Caller, prescribe: Send
) -> None:
    prescribe("liothyronine", "2026-05-01", dose={"amount": "25.0", "unit": "mcg"}, times_per_day=1)
    prescribe("lorazepam", "2026-05-01", **mg("0.50"))
    prescribe("clonazepam", "2026-05-01", **mg("1.0"))

    shown = {name: one["daily_dose"]["shown"] for name, one in listed(prescriber).items()}

    assert shown == {
        "liothyronine": "25 mcg per day",
        "lorazepam": "0.5 mg per day",
        "clonazepam": "1 mg per day",
    }


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"parts": []}, "/parts"),
        ({"parts": [{"dose": {"amount": "1", "unit": "mg"}}]}, "/parts/0/at"),
        (
            {"parts": [{"dose": {"amount": "1", "unit": "mg"}, "at": "25:00"}]},
            "/parts/0/at",
        ),
        (
            {
                "parts": [
                    {"dose": {"amount": "1", "unit": "mg"}, "at": "08:00"},
                    {"dose": {"amount": "1", "unit": "ug"}, "at": "20:00"},
                ]
            },
            "/parts/1/dose/unit",
        ),
        ({**mg("1"), "parts": [{**mg("1", None), "at": "08:00"}]}, "/parts"),
        ({**mg("1"), "interval_days": 28}, "/times_per_day"),
        ({**mg("1", None), "interval_days": 0}, "/interval_days"),
        ({"percent_of_previous": 50, "interval_days": 28}, "/interval_days"),
        ({**mg("1"), "direction": "up"}, "/direction"),
        ({**mg("1"), "planned_step_id": str(uuid4())}, "/planned_step_id"),
    ],
)
def test_a_dose_said_twice_or_by_halves_is_refused_where_it_stands(
    sertraline: Caller, wrong: dict[str, Any], pointer: str
) -> None:
    body = {"id": str(uuid4()), "kind": "change", "effective_on": "2026-04-14", **wrong}

    refused = sertraline("POST", EVENTS, body)

    assert refused.status_code == 422, refused.text
    assert pointer in [one["pointer"] for one in refused.json()["errors"]]


def test_a_percent_of_the_dose_before_is_worked_out_and_kept(sertraline: Caller) -> None:
    add(sertraline, COURSE, "change", "2026-04-01", percent_of_previous=50)
    add(sertraline, COURSE, "change", "2026-04-15", percent_of_previous=50)

    epochs = course_of(sertraline)["epochs"]

    assert [one["daily_dose"]["value"] for one in epochs] == ["25", "12.5", "6.25"]
    assert [one["percent_of_previous"] for one in epochs] == [None, "50", "50"]


def test_percents_of_percents_come_to_no_dose_that_nobody_could_take(sertraline: Caller) -> None:
    word = {"codes": ["above-maximum", "tenfold-jump"], "reason": "a slip at every step"}
    for day in range(1, 9):
        add(
            sertraline,
            COURSE,
            "change",
            f"2026-04-0{day}",
            percent_of_previous=999999,
            confirmation=word,
        )

    epochs = course_of(sertraline)["epochs"]

    assert [one["known"] for one in epochs] == [True, True] + [False] * 7
    assert epochs[2]["reasons"] == ["DOSE_OUT_OF_RANGE"]


def test_an_unknown_dose_keeps_the_direction_that_was_said(sertraline: Caller) -> None:
    add(sertraline, COURSE, "change", "2026-04-01", dose=None, dose_known=False, direction="lower")

    told = course_of(sertraline)

    assert (told["daily_dose"], told["running"]) == (None, True)
    assert (told["epochs"][1]["known"], told["epochs"][1]["direction"]) == (False, "lower")


def test_hold_resume_stop_and_restart_are_told_apart(sertraline: Caller) -> None:
    for kind, on in (("hold", "2026-04-01"), ("resume", "2026-04-05"), ("stop", "2026-05-01")):
        add(sertraline, COURSE, kind, on)
    add(sertraline, COURSE, "restart", "2026-05-20", **mg("25"))

    told = course_of(sertraline)

    assert [(one["from"], one["daily_dose"]["value"], one["hold"]) for one in told["epochs"]] == [
        ("2026-03-03", "25", False),
        ("2026-04-01", "0", True),
        ("2026-04-05", "25", False),
        ("2026-05-01", "0", False),
        ("2026-05-20", "25", False),
    ]
    assert [span["phase"] for span in told["epochs"][3]["phases"]] == ["after_stop"]
    assert course_of(sertraline, "?as_of=2026-05-02")["phase"] == "after_stop"
    assert course_of(sertraline, "?as_of=2026-05-02")["ordered"] is None
    assert course_of(sertraline, "?as_of=2026-04-08")["ordered"]["dose"]["amount"] == "25"


def test_a_dose_settles_is_early_and_then_assessable(sertraline: Caller) -> None:
    """Sertraline by the reference: half-lives of up to 36 h, a first effect after two weeks."""
    (epoch,) = course_of(sertraline)["epochs"]

    assert [(span["phase"], span["from"]) for span in epoch["phases"]] == [
        ("settling", "2026-03-03"),
        ("early", "2026-03-11"),
        ("assessable", "2026-03-17"),
    ]


def test_as_needed_has_a_ceiling_and_counts_by_the_week_and_no_percentage(
    prescriber: Caller, prescribe: Send
) -> None:
    course = prescribe("lorazepam", "2026-05-11", kind="prn_on", **mg("0.5", None), max_per_day=2)
    taken = [
        {"id": str(uuid4()), "taken": answer, "at": f"2026-05-{day}T21:00:00-04:00"}
        for day, answer in ((11, "yes"), (12, "no"), (13, "partial"), (20, "yes"), (30, "unknown"))
    ]
    path = f"{PATH}/medications/{course}"
    prescriber("POST", f"{path}/administrations", {"administrations": taken})
    prescriber(
        "POST",
        f"{path}/dispenses",
        {"id": str(uuid4()), "dispensed_on": "2026-05-11", "days_supply": 30},
    )

    told = listed(prescriber)["lorazepam"]
    use = told["adherence"]["prn_use"]

    assert told["daily_dose"] is None
    assert (told["epochs"][0]["per_use"], told["epochs"][0]["max_daily"]) == ("0.5", "1")
    assert [(week["from"], week["uses"]) for week in use["weeks"]] == [
        ("2026-05-11", 2),
        ("2026-05-18", 1),
        ("2026-05-25", None),
        ("2026-06-01", None),
    ]
    assert (use["uses"], use["n"], use["n_days"]) == (3, 4, 14)
    assert told["adherence"]["administrations"] is None
    assert told["adherence"]["dispenses"] is None
    add(prescriber, course, "prn_off", "2026-05-31")
    assert listed(prescriber)["lorazepam"]["running"] is False


# ---- planned and done


def plan(caller: Caller) -> list[str]:
    """Plan 50 mg on 21 April, half of it on 12 May, nothing from 26 May; gives the ids."""
    steps = [
        {"kind": "change", "effective_on": "2026-04-21", **mg("20")},
        {"kind": "change", "effective_on": "2026-05-12", "percent_of_previous": 50},
        {"kind": "stop", "effective_on": "2026-05-26"},
    ]
    for step in steps:
        step |= {"id": str(uuid4()), "planned": True, "reason": "taper"}
    answer = caller("POST", EVENTS, {"steps": steps})
    assert answer.status_code == 201, answer.text
    return [str(step["id"]) for step in steps]


def steps_of(caller: Caller) -> list[tuple[Any, ...]]:
    return [
        (one["on"], one["daily_dose"]["value"], one["overdue"], bool(one["done"]))
        for one in course_of(caller)["planned"]
    ]


def test_a_plan_changes_no_dose_and_shows_what_it_would_come_to(sertraline: Caller) -> None:
    plan(sertraline)

    assert course_of(sertraline)["daily_dose"]["value"] == "25"
    assert steps_of(sertraline) == [
        ("2026-04-21", "20", True, False),
        ("2026-05-12", "10", True, False),
        ("2026-05-26", "0", True, False),
    ]


def test_a_later_event_that_names_its_step_carries_it_out_on_its_own_day(
    sertraline: Caller,
) -> None:
    first, *_ = plan(sertraline)
    done = add(sertraline, COURSE, "change", "2026-04-28", **mg("15"), planned_step_id=first)

    assert steps_of(sertraline) == [
        ("2026-04-21", "20", False, True),
        ("2026-05-12", "7.5", True, False),
        ("2026-05-26", "0", True, False),
    ]
    assert course_of(sertraline)["planned"][0]["done"] == {
        "dose_event_id": done["id"],
        "on": "2026-04-28",
    }
    assert course_of(sertraline)["daily_dose"]["value"] == "15"


def test_an_event_of_the_day_that_says_the_same_carries_the_step_out(sertraline: Caller) -> None:
    plan(sertraline)
    add(sertraline, COURSE, "change", "2026-04-21", **mg("20"))

    assert [done for *_, done in steps_of(sertraline)] == [True, False, False]


def test_a_step_is_confirmed_as_done_by_a_patch_and_what_was_planned_stays(
    sertraline: Caller,
) -> None:
    first, *_ = plan(sertraline)
    path = f"{EVENTS}/{first}"

    patched = sertraline(
        "PATCH",
        path,
        {"planned": False, "effective_on": "2026-04-23"},
        headers={"If-Match": '"1"'},
    )

    assert patched.status_code == 200, patched.text
    assert [one["on"] for one in course_of(sertraline)["planned"]] == ["2026-05-12", "2026-05-26"]
    assert course_of(sertraline)["epochs"][1]["from"] == "2026-04-23"
    history = sertraline("GET", f"{path}/history").json()["items"]
    assert [(one["effective_on"], one["planned"]) for one in history] == [
        ("2026-04-23", False),
        ("2026-04-21", True),
    ]


def test_a_step_of_another_course_is_refused(sertraline: Caller, prescribe: Send) -> None:
    other = prescribe("lorazepam", "2026-05-01", **mg("1"))
    first, *_ = plan(sertraline)
    body = {
        "id": str(uuid4()),
        "kind": "stop",
        "effective_on": "2026-05-20",
        "planned_step_id": first,
    }

    refused = sertraline("POST", f"{PATH}/medications/{other}/dose-events", body)

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/planned_step_id"


# ---- beside each other


def test_a_switch_and_a_cross_taper_are_linked(prescriber: Caller, prescribe: Send) -> None:
    first = prescribe("escitalopram", "2026-01-05", **mg("10"))
    add(prescriber, first, "stop", "2026-03-02", reason="switch")
    second = prescribe("sertraline", "2026-03-02", **mg("50"), reason="switch")
    third = prescribe("mirtazapine", "2026-04-20", **mg("15"))
    add(prescriber, second, "change", "2026-04-27", **mg("25"))
    add(prescriber, second, "stop", "2026-05-04")

    told = prescriber("GET", f"{PATH}/regimen").json()["switches"]

    assert [
        (one["kind"], one["from_medication_id"], one["to_medication_id"], one["basis"])
        for one in told
    ] == [("switch", first, second, "reason"), ("cross_taper", second, third, "group")]
    assert (told[0]["gap_days"], told[1]["overlap_days"]) == (0, 14)
    assert prescriber("GET", f"{PATH}/regimen?as_of=2026-02-01").json()["switches"] == []


def test_an_equivalent_is_given_only_by_the_table_and_with_its_source(
    prescriber: Caller, prescribe: Send
) -> None:
    prescribe("lorazepam", "2026-05-01", **mg("1.5"))
    prescribe("olanzapine", "2026-05-01", **mg("15"))
    prescribe("lithium", "2026-05-01", **mg("900"))
    prescribe("sertraline", "2026-05-01", dose=None, dose_known=False)

    told = listed(prescriber)

    assert [(one["of"], one["value"]) for one in told["lorazepam"]["equivalents"]] == [
        ("diazepam", "15")
    ]
    assert {one["of"]: one["value"] for one in told["olanzapine"]["equivalents"]} == {
        "chlorpromazine": "300",
        "olanzapine": "15",
    }
    assert told["lithium"]["equivalents"] == []
    assert told["sertraline"]["equivalents"][0]["value"] is None
    assert all(
        one["source"] and one["verified"]
        for course in told.values()
        for one in course["equivalents"]
    )


def test_a_course_says_form_route_indication_prescriber_and_tall_man(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    about = {
        "form": "tablet",
        "route": "oral",
        "indication": {"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F33.1"},
        "prescriber": "Dr Example",
    }
    course = {"id": str(uuid4()), "kind": "drug", "reference_id": "bupropion", **about}

    stored = prescriber("POST", f"{PATH}/medications", course)
    told = listed(prescriber)["bupropion"]

    assert stored.json().items() >= about.items()
    assert told.items() >= about.items()
    assert told["display"] == "buPROPion"
    assert (told["running"], told["daily_dose"]) == (None, None)


# ---- what waits for a confirmation


def test_an_order_that_waits_is_running_at_an_unknown_dose_and_in_no_epoch(
    prescriber: Caller, clinic: Clinic
) -> None:
    """Hazard: a drug that the patient takes must be seen, whoever has to confirm its dose."""
    prescriber("POST", "/v1/patients", PERSON)
    system = clinic.as_("system")
    first = {"id": str(uuid4()), "kind": "start", "effective_on": "2026-05-01", **mg("3000")}
    course = {"id": str(uuid4()), "kind": "drug", "reference_id": "lithium"}
    sent = system("POST", f"{PATH}/medications", course | {"first_dose_event": first})
    assert sent.status_code == 201, sent.text

    told = listed(prescriber)["lithium"]
    active = prescriber("GET", f"{PATH}/medications?active_on=2026-05-02").json()["items"]
    due = prescriber("GET", f"{PATH}/monitoring").json()["items"]

    assert (told["running"], told["epochs"], told["daily_dose"]) == (True, [], None)
    assert told["unconfirmed"][0]["codes"] == ["above-maximum"]
    assert "DOSE_UNCONFIRMED" in told["reasons"]
    assert [one["id"] for one in active] == [course["id"]]
    assert any("lithium" in one["for"] for one in due)

    event = f"{PATH}/medications/{course['id']}/dose-events/{first['id']}"
    word = {"codes": ["above-maximum"], "reason": "as agreed with the pharmacist"}
    patch = {"confirmation": word, "change_reason": {"code": "late_information"}}
    confirmed = prescriber("PATCH", event, patch, headers={"If-Match": '"1"'})
    assert confirmed.status_code == 200, confirmed.text
    told = listed(prescriber)["lithium"]
    assert (told["daily_dose"]["value"], told["unconfirmed"]) == ("3000", [])
    assert [(one["codes"], one["reason"]) for one in told["flagged"]] == [
        (["above-maximum"], "as agreed with the pharmacist")
    ]
