"""What a dose needs before it is kept, over HTTP: asked, confirmed by name, flagged ever after."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

Send = Callable[..., Any]
ALL = ["above-maximum", "retitration-needed", "tenfold-jump", "titration-too-fast"]


def mg(amount: str, times: float | None = 1) -> dict[str, Any]:
    dose = {"dose": {"amount": amount, "unit": "mg"}}
    return dose if times is None else dose | {"times_per_day": times}


def event(kind: str, on: str, **members: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "kind": kind, "effective_on": on, **members}


def begin(caller: Caller, reference_id: str, first: dict[str, Any], **course: Any) -> Any:
    body = {"id": str(uuid4()), "kind": "drug", "reference_id": reference_id, **course}
    return caller("POST", f"{PATH}/medications", body | {"first_dose_event": first})


def add(caller: Caller, course: str, sent: dict[str, Any]) -> Any:
    return caller("POST", f"{PATH}/medications/{course}/dose-events", sent)


def codes(answer: Any) -> list[tuple[str, str]]:
    """Give what was asked about, each with its place; nothing where it was kept."""
    if answer.status_code == 201:
        return []
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == "confirmation-required"
    return [(one["pointer"], one["code"]) for one in answer.json()["errors"]]


@pytest.fixture
def adult(prescriber: Caller) -> Caller:
    prescriber("POST", "/v1/patients", PERSON)
    return prescriber


def running(caller: Caller, reference_id: str, first: dict[str, Any], **course: Any) -> str:
    answer = begin(caller, reference_id, first, **course)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_lamotrigine_step_faster_than_the_label_is_asked_about(adult: Caller) -> None:
    course = running(adult, "lamotrigine", event("start", "2026-05-01", **mg("25")))

    early = add(adult, course, event("change", "2026-05-08", **mg("50")))
    in_time = add(adult, course, event("change", "2026-05-15", **mg("50")))

    assert codes(early) == [("/dose", "titration-too-fast")]
    assert early.json()["errors"][0]["detail"].endswith("/v1/reference/titrations")
    assert codes(in_time) == []


def test_beside_valproate_the_ordinary_lamotrigine_start_is_asked_about(adult: Caller) -> None:
    running(adult, "valproate", event("start", "2026-04-01", **mg("500", 2)))

    asked = begin(adult, "lamotrigine", event("start", "2026-05-01", **mg("25")))
    slower = begin(adult, "lamotrigine", event("start", "2026-05-01", **mg("25", 0.5)))

    assert codes(asked) == [("/first_dose_event/dose", "titration-too-fast")]
    assert codes(slower) == []


def test_clozapine_after_a_gap_is_asked_about_unless_it_begins_again(adult: Caller) -> None:
    word = {"codes": ["titration-too-fast"], "reason": "as in the hospital before"}
    course = running(
        adult, "clozapine", event("start", "2026-03-01", **mg("150", 2), confirmation=word)
    )
    assert add(adult, course, event("stop", "2026-05-01")).status_code == 201

    as_before = add(adult, course, event("restart", "2026-05-04", **mg("150", 2)))
    anew = add(adult, course, event("restart", "2026-05-04", **mg("12.5")))
    step = add(adult, course, event("change", "2026-05-05", **mg("200")))

    assert codes(as_before) == [("/dose", "retitration-needed")]
    assert codes(anew) == []
    assert ("/dose", "titration-too-fast") in codes(step)


@pytest.mark.parametrize(
    ("reference_id", "dose", "found"),
    [
        (
            "sertraline",
            {"dose": {"amount": "50", "unit": "[iU]"}, "times_per_day": 1},
            ["unit-not-for-drug"],
        ),
        (
            "lithium",
            {"dose": {"amount": "12", "unit": "mmol"}, "times_per_day": 2},
            ["unit-not-for-drug"],
        ),
        ("sertraline", mg("201"), ["above-maximum"]),
        ("sertraline", mg("50", 5), ["above-maximum"]),
        ("sertraline", mg("200"), []),
        ("sertraline", mg("999999", 999999), ["above-maximum"]),
        (
            "lithium",
            {"parts": [{**mg("900", None), "at": "08:00"}, {**mg("901", None), "at": "20:00"}]},
            ["above-maximum"],
        ),
        ("paliperidone-lai", mg("234", None) | {"interval_days": 14}, ["above-maximum"]),
        ("paliperidone-lai", mg("234", None) | {"interval_days": 28}, []),
        ("sertraline", {"dose": {"amount": "2", "unit": "{tablet}"}, "times_per_day": 1}, []),
    ],
)
def test_what_the_reference_bounds_is_asked_about_where_it_is_said(
    adult: Caller, reference_id: str, dose: dict[str, Any], found: list[str]
) -> None:
    answer = begin(adult, reference_id, event("start", "2026-05-01", **dose))

    place = "parts" if "parts" in dose else "dose"
    assert codes(answer) == [(f"/first_dose_event/{place}", code) for code in found]


def test_as_needed_is_bounded_by_the_most_a_day(adult: Caller) -> None:
    few = event("prn_on", "2026-05-01", **mg("2", None), max_per_day=2)
    many = event("prn_on", "2026-05-01", **mg("2", None), max_per_day=9)

    assert codes(begin(adult, "lorazepam", few)) == []
    assert codes(begin(adult, "lorazepam", many)) == [("/first_dose_event/dose", "above-maximum")]


def test_a_step_of_a_plan_is_reviewed_as_if_the_plan_were_followed(adult: Caller) -> None:
    course = running(adult, "sertraline", event("start", "2026-05-01", **mg("100")))
    steps = [
        event("change", "2026-07-01", percent_of_previous=200, planned=True),
        event("change", "2026-08-01", percent_of_previous=150, planned=True),
    ]

    asked = adult("POST", f"{PATH}/medications/{course}/dose-events", {"steps": steps})

    assert codes(asked) == [("/steps/1/percent_of_previous", "above-maximum")]
    assert len(adult("GET", f"{PATH}/medications/{course}/dose-events").json()["items"]) == 1


@pytest.mark.parametrize(
    ("birth_date", "route", "why"),
    [
        ("2014-01-01", "oral", "NO_REFERENCE"),
        (None, "oral", "NO_REFERENCE"),
        ("1991-04-17", "intravenous", "NO_REFERENCE"),
        ("1991-04-17", "oral", None),
        ("1991-04-17", "Oral route", None),
        ("1991-04-17", None, None),
    ],
)
def test_where_the_reference_has_no_limit_for_this_age_or_route_it_says_so(
    prescriber: Caller, birth_date: str | None, route: str | None, why: str | None
) -> None:
    person = {name: value for name, value in PERSON.items() if name != "birth_date"}
    prescriber("POST", "/v1/patients", person | ({"birth_date": birth_date} if birth_date else {}))
    first = event("start", "2026-05-01", **mg("5000"))
    first["confirmation"] = {"codes": ALL, "reason": "a test of the limits"}

    answer = begin(prescriber, "sertraline", first, **({"route": route} if route else {}))
    assert answer.status_code == 201, answer.text
    course = answer.json()["id"]
    kept = prescriber("GET", f"{PATH}/medications/{course}/dose-events/{first['id']}").json()

    not_checked = {one["code"]: one["why"] for one in kept.get("not_checked", [])}
    assert not_checked.get("above-maximum") == why
    assert kept.get("flags") == (["above-maximum"] if why is None else None)


def test_a_drug_without_a_code_has_no_limits_and_says_so(adult: Caller) -> None:
    first = event("start", "2026-05-01", **mg("5000"))
    course = {"id": str(uuid4()), "kind": "drug", "text": "something of which nobody knows"}
    adult("POST", f"{PATH}/medications", course | {"first_dose_event": first})

    path = f"{PATH}/medications/{course['id']}/dose-events/{first['id']}"
    not_checked = {one["code"]: one["why"] for one in adult("GET", path).json()["not_checked"]}

    assert not_checked["above-maximum"] == not_checked["unit-not-for-drug"] == "NO_REFERENCE"


def test_a_confirmation_covers_what_it_names_and_is_flagged_ever_after(
    adult: Caller, clinic: Clinic
) -> None:
    course = running(adult, "sertraline", event("start", "2026-05-01", **mg("50")))
    sent = event("change", "2026-05-20", **mg("1000"))
    half = {"codes": ["tenfold-jump"], "reason": "as agreed"}
    whole = {"codes": ["above-maximum", "tenfold-jump"], "reason": "as agreed"}

    asked = add(adult, course, sent | {"confirmation": half})
    kept = add(adult, course, sent | {"confirmation": whole})
    noted = adult(
        "PATCH",
        f"{PATH}/medications/{course}/dose-events/{sent['id']}",
        {"reason": "partial_response"},
        headers={"If-Match": '"1"'},
    )
    (told,) = adult("GET", f"{PATH}/regimen").json()["medications"]

    assert ("/dose", "above-maximum") in codes(asked)
    assert kept.status_code == 201, kept.text
    assert noted.json()["flags"] == ["above-maximum", "tenfold-jump"]
    assert told["flagged"][0]["codes"] == ["above-maximum", "tenfold-jump"]
    assert told["flagged"][0]["reason"] == "as agreed"
    assert told["flagged"][0]["by"]["role"] == "prescriber"


@pytest.mark.parametrize(
    "word",
    [
        {"codes": []},
        {"codes": [], "reason": "as agreed"},
        {"codes": ["above-maximum"], "reason": ""},
        {"codes": ["above-maximum"]},
        {"codes": "above-maximum", "reason": "as agreed"},
    ],
)
def test_a_confirmation_without_codes_or_reason_is_none(
    adult: Caller, word: dict[str, Any]
) -> None:
    first = event("start", "2026-05-01", **mg("1000"), confirmation=word)

    assert begin(adult, "sertraline", first).status_code == 422
    assert adult("GET", f"{PATH}/medications").json()["items"] == []


def weigh(caller: Caller, loinc: str, value: str, unit: str, on: str) -> None:
    lab = {
        "id": str(uuid4()),
        "code": {"system": "http://loinc.org", "code": loinc},
        "value": value,
        "unit": unit,
        "drawn_on": on,
    }
    answer = caller("POST", f"{PATH}/labs", lab)
    assert answer.status_code == 201, answer.text


@pytest.mark.parametrize(
    ("loinc", "value", "unit"), [("29463-7", "50", "kg"), ("3141-9", "50000", "g")]
)
def test_a_limit_by_weight_is_held_against_the_newest_weight(
    adult: Caller, loinc: str, value: str, unit: str
) -> None:
    weigh(adult, "29463-7", "90", "kg", "2025-12-01")
    weigh(adult, loinc, value, unit, "2026-03-01")

    within = begin(adult, "valproate", event("start", "2026-05-01", **mg("1500", 2)))
    above = begin(adult, "valproate", event("start", "2026-05-01", **mg("1501", 2)))

    assert codes(within) == []
    assert codes(above) == [("/first_dose_event/dose", "above-maximum")]


def test_without_a_weight_of_the_last_year_a_limit_by_weight_is_not_checked(
    adult: Caller,
) -> None:
    weigh(adult, "29463-7", "50", "kg", "2025-04-30")
    start = event("start", "2026-05-01", **mg("5000"))

    answer = begin(adult, "valproate", start)

    assert codes(answer) == []
    kept = adult("GET", f"{PATH}/medications/{answer.json()['id']}/dose-events/{start['id']}")
    assert {"code": "above-maximum", "why": "WEIGHT_UNKNOWN"} in kept.json()["not_checked"]
