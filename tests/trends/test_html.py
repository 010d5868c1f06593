"""The page to print: sentences first, nothing active, one style that its own policy names."""

import re
from base64 import b64encode
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import pytest

from app.trends.digest import Visit
from app.trends.html import page
from app.trends.risk import Signal
from tests.conftest import Caller, Clinic
from tests.trends.slices import START, TREATED, Json, course, event, read, readings

PHQ, NAUSEA = "phq-9.total", "side_effects.nausea"
PLAN: Json = {
    "why": "helped in part before",
    "goals": ["sleep through & work < half days"],
    "review_on": date(2026, 6, 30),
    "overdue": False,
}


def written(
    rows: Any = (), courses: Any = (TREATED,), plan: Json | None = None, **more: Any
) -> str:
    return page(read(rows, courses, points=True, **more), plan)


def text_of(html: str) -> str:
    """Give what a person reads of the page without its figure."""
    seen = re.sub(r"<(style|title|svg).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", seen).split())


def test_the_page_says_whose_it_is_what_is_taken_and_where_each_domain_stands() -> None:
    said = text_of(written(readings(PHQ, {0: 19, 28: 16, 92: 12, 127: 11})))

    assert "SYNTHETIC A, born 1988" in said
    assert "Taken now: sertraline 100 mg/d since 2 Mar 2026." in said
    assert "Mood, cognition \N{BLACK UP-POINTING TRIANGLE} improving PHQ-9: 11 on 9 June" in said


def test_sentences_come_before_the_figure() -> None:
    html = written(readings(PHQ, {0: 19, 127: 11}))

    assert html.index("PHQ-9: 11 on 9 June") < html.index("<svg")


def test_risk_is_framed_first_with_its_signal() -> None:
    rows = readings("phq-9.9", {100: 0, 125: 1})
    evidence = {"instrument": "phq-9", "item": 9, "value": 1, "record_id": str(rows[1].record_id)}
    said = text_of(written(rows, signals=[Signal("s1", "open", START, evidence)]))

    assert "Look first \N{BLACK DIAMOND} PHQ-9 item 9 = 1 on 7 Jun 2026 (first time; sig" in said


def test_that_nothing_is_marked_is_said() -> None:
    said = text_of(written(readings(PHQ, {0: 3}), [], visits=[Visit("v", START, "visit")]))

    assert "Nothing is marked in the trends No risk item, no confirmed worsening" in said
    assert "Tests due and interactions are not on this page" in said


def test_confirmed_worsenings_are_named_once_a_measure() -> None:
    rows = readings(PHQ, {0: 12, 100: 20, 114: 21})
    said = text_of(written(rows, [course(event(START - timedelta(400), "start", 50))]))

    assert said.count("confirmed sustained worsening") == 1
    assert "PHQ-9: confirmed sustained worsening, since 27 May 2026." in said


def test_of_the_week_table_only_what_still_asks_for_somebody_is_said() -> None:
    started = course(event(START, "start", 50))
    missed = text_of(
        written(readings(PHQ, {0: 18, 14: 18}), [started], as_of=START + timedelta(50))
    )
    later = text_of(
        written(readings(PHQ, {0: 18, 14: 18, 42: 8}), [started], as_of=START + timedelta(50))
    )

    assert "PHQ-9: no score in the window of week 4, 6." in missed
    assert "no score" not in later


def test_a_stopped_course_is_said_to_be_over() -> None:
    over = course(event(START, "start", 50), event(START + timedelta(20), "stop"))

    assert "Taken now: nothing; sertraline until 22 Feb 2026." in text_of(written((), [over]))


def test_the_plan_and_the_news_since_the_visit_stand_below() -> None:
    rows = readings(PHQ, {0: 18, 100: 18, 125: 9})
    visit = Visit("v", START + timedelta(110), "visit")
    said = text_of(written(rows, visits=[visit], plan=PLAN))

    assert "Since 23 May 2026 PHQ-9: improving" in said
    assert "Plan Next review: 30 Jun 2026. Why: helped in part before" in said
    assert "Goal: sleep through &amp; work &lt; half days" in said


def test_nothing_on_the_page_is_active_and_its_policy_allows_only_its_own_style() -> None:
    html = written(readings(PHQ, {0: 19}), plan={**PLAN, "why": "<script>alert(1)</script>"})
    (style,) = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert "<script" not in html
    assert not re.search(r"\s(on\w+|style|href|src)=", html.replace("http-equiv", ""))
    assert f"style-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html


def test_the_figure_has_a_text_alternative() -> None:
    html = written(readings(PHQ, {0: 19, 127: 11}))
    (svg,) = re.findall(r"<svg.*</svg>", html, flags=re.DOTALL)
    root = ElementTree.fromstring(svg)
    (desc,) = root.findall("{http://www.w3.org/2000/svg}desc")

    assert root.get("role") == "img"
    assert "sertraline: 50 mg/d from 2 Feb 2026" in (desc.text or "")


def test_every_risk_item_is_named_however_many_there_are() -> None:
    names = ("rash", "nausea", "headache", "insomnia", "tremor", "dizziness", "sweating")
    side = [row for name in names for row in readings(f"side_effects.{name}", {120: 3})]
    said = text_of(written([*readings("phq-9.9", {101: 1, 102: 2}), *side]))

    assert said.count("= 3 on 2 Jun 2026") == len(names)
    assert said.count("PHQ-9 item 9 =") == 2


def test_other_lines_that_do_not_fit_are_counted() -> None:
    started = course(event(START, "start", 50))
    rows = [
        row
        for code in (PHQ, "gad-7.total", "phq-2.total")
        for row in readings(code, {0: 20 if code == PHQ else 6 if code == "phq-2.total" else 19})
    ]
    said = text_of(
        written([*rows, *readings("phq-9.9", dict.fromkeys(range(100, 106), 1))], [started])
    )

    assert "more in the full answer." in said


def test_a_domain_without_a_reading_says_so() -> None:
    said = text_of(written(readings(PHQ, {0: 19})))

    assert "Sleep \N{WHITE CIRCLE} too little to say No reading." in said
    assert "Side effects \N{WHITE CIRCLE} too little to say No reading." in said


def test_a_patient_reads_own_numbers_and_no_word_of_risk_or_flags() -> None:
    rows = [*readings(PHQ, {0: 12, 100: 20, 114: 21}), *readings("phq-9.9", {114: 2})]
    html = written(rows, audience="patient")
    said = text_of(html)

    assert "own data" in said
    assert "Call your local emergency number." in said
    for word in ("item 9", "worsening", "relapse", "Look first", "Plan", "signal"):
        assert word not in html.split("<footer>")[0]


def test_no_reading_at_all_is_a_page_too() -> None:
    said = text_of(written((), ()))

    assert "Taken now: nothing." in said
    assert "No visit recorded." in said


def test_the_same_report_gives_the_same_bytes() -> None:
    rows = readings(PHQ, {0: 19, 127: 11})

    assert written(rows) == written(rows)


# ---- over HTTP


@pytest.fixture
def patient(prescriber: Caller) -> str:
    body = {
        "id": "019a5b10-0000-7000-8000-000000000001",
        "name": {"given": "Example", "family": "<b>Patient"},
        "birth_date": "1991-04-17",
        "time_zone": "America/New_York",
    }
    assert prescriber("POST", "/v1/patients", body).status_code == 201
    return str(body["id"])


def test_a_page_is_given_by_parameter_and_by_accept_and_saved_not_shown(
    prescriber: Caller, patient: str
) -> None:
    path = f"/v1/patients/{patient}/trends"
    named = prescriber("GET", f"{path}?format=html")
    accepted = prescriber("GET", path, headers={"Accept": "text/html"})

    assert (named.status_code, named.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert named.headers["content-disposition"] == 'attachment; filename="trends.html"'
    assert named.content == accepted.content
    assert "Example &lt;b&gt;Patient" in named.text


def test_a_page_is_whole_whatever_parts_are_asked_for(prescriber: Caller, patient: str) -> None:
    path = f"/v1/patients/{patient}/trends"

    assert prescriber("GET", f"{path}?format=html&include=summary").status_code == 200
    assert prescriber("GET", f"{path}?format=svg&include=summary").status_code == 200


def test_the_plan_of_the_record_is_on_the_page(prescriber: Caller, patient: str) -> None:
    plan = {
        "agreed_on": "2026-05-20",
        "why": "helped in part before",
        "goals": [{"patient_words": "to sleep"}],
        "review_interval_days": 28,
    }
    answer = prescriber("PUT", f"/v1/patients/{patient}/treatment-plan", plan)
    assert answer.status_code == 201, answer.text
    said = prescriber("GET", f"/v1/patients/{patient}/trends?format=html").text

    assert "Goal: to sleep" in said
    assert "Next review: " in said


def test_a_patients_own_page_is_the_patients_view(clinic: Clinic, patient: str) -> None:
    own = clinic.as_("patient", patient_id=patient)
    answer = own("GET", f"/v1/patients/{patient}/trends?format=html&audience=prescriber")

    assert answer.status_code == 200
    assert "Look first" not in answer.text
    assert "Nothing is marked" not in answer.text
