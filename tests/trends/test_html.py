"""The page to print: sentences first, nothing active, one style that its own policy names."""

import re
from base64 import b64encode
from dataclasses import replace
from datetime import date, timedelta
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser

from app.clinical.dose_response import Confounder
from app.trends.digest import Visit
from app.trends.html import Beside, page
from app.trends.risk import Signal
from tests.conftest import Caller, Clinic
from tests.programs import BROWSERS, needs
from tests.trends.slices import START, TREATED, Json, course, event, read, readings

PHQ, NAUSEA = "phq-9.total", "side_effects.nausea"
PLAN: Json = {
    "why": "helped in part before",
    "goals": ["sleep through & work < half days"],
    "review_on": date(2026, 6, 30),
    "overdue": False,
}


CHECKED: Json = {
    "statement": "none found among the 1 coded items",
    "findings": [],
    "possible": [],
    "not_checked": [],
}
MONITORED: Json = {"items": [], "not_checked": []}


def beside(plan: Json | None = None, *tests: Json, **checked: Any) -> Beside:
    """What the other rooms answer: a plan, tests, members of the interactions."""
    return Beside(plan, {**CHECKED, **checked}, {**MONITORED, "items": list(tests)})


def finding(severity: str, state: str = "open", *names: str) -> Json:
    substances = [{"name": name} for name in names or ("sertraline", "St John's wort")]
    effect = "serotonin toxicity"
    return {"severity": severity, "state": state, "substances": substances, "effect": effect}


def asked(what: str, state: str, **more: Any) -> Json:
    nothing = {"due_on": None, "overdue_days": None, "last": None}
    return {"what": what, "state": state, **nothing, **more}


def written(
    rows: Any = (),
    courses: Any = (TREATED,),
    other: Beside | None = None,
    **more: Any,
) -> str:
    return page(read(rows, courses, points=True, **more), other or beside())


def text_of(html: str) -> str:
    """Give what a person reads of the page without its figure."""
    seen = re.sub(r"<(style|title|svg).*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", seen).split())


def test_the_page_says_whose_it_is_what_is_taken_and_where_each_domain_stands() -> None:
    said = text_of(written(readings(PHQ, {0: 19, 28: 16, 92: 12, 127: 11})))

    assert "SYNTHETIC A, born 1988" in said
    assert "Taken now: sertraline 100 mg/d since 2 Mar 2026." in said
    assert "Mood, cognition \N{BLACK UP-POINTING TRIANGLE} improving PHQ-9: 11 on 9 June" in said


def test_a_word_that_comes_from_another_measure_than_the_one_told_of_names_it() -> None:
    better = readings(PHQ, {0: 19, 28: 16, 92: 12, 127: 11})
    old = readings("gad-7.total", {0: 9, 14: 9})
    steady = readings(PHQ, {0: 9, 28: 9, 92: 9, 127: 9})
    arrow = "\N{BLACK UP-POINTING TRIANGLE} improving"

    assert f"{arrow} PHQ-9: 11 on 9 June" in text_of(written(better))
    said = text_of(written([*steady, *old]))
    assert "No recent reading: GAD-7. PHQ-9: 9 on" in said


def test_since_a_visit_that_nobody_answered_after_nothing_is_not_called_new() -> None:
    seen = Visit("v", START + timedelta(60), "visit")
    silent = text_of(written(readings(PHQ, {0: 9, 60: 9}), visits=[seen]))
    asked_again = text_of(written(readings(PHQ, {0: 9, 60: 9, 120: 9}), visits=[seen]))

    assert "No reading since. " in silent
    assert "Nothing new. " not in silent
    assert "No reading since. " not in asked_again


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
    assert "no severe interaction found among the coded items" in said
    assert "Interactions Of the list: none found among the 1 coded items." in said
    assert "Of the tests that the coded medicines ask for, none is due." in said


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
    said = text_of(written(rows, other=beside(PLAN), visits=[visit]))

    assert "Since 23 May 2026 PHQ-9: improving" in said
    assert "Plan Next review: 30 Jun 2026. Why: helped in part before" in said
    assert "Goal: sleep through &amp; work &lt; half days" in said


def test_nothing_on_the_page_is_active_and_its_policy_allows_only_its_own_style() -> None:
    bad = "<script>alert(1)</script>"
    told = beside(
        {**PLAN, "why": bad, "goals": [bad]},
        asked(bad, "due"),
        findings=[finding("major", "open", bad, "sertraline")],
        not_checked=[{"substance": {"text": bad}}],
    )
    hostile = course(event(START, "start", 50), name=bad)
    loss = Confounder("stressor", "cx", START, bad)
    html = written(readings(PHQ, {0: 19}), [hostile], told, contexts=[loss])
    (style,) = re.findall(r"<style>(.*?)</style>", html, flags=re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()

    assert "<script" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 7
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


def test_a_severe_interaction_and_a_late_test_are_framed_and_said_in_full_below() -> None:
    last = {"value": "1.08", "unit": "mmol/L", "text": None, "on": "2026-01-09"}
    late = asked("Lithium level", "overdue", overdue_days=63, last={**last, "comparable": False})
    said = text_of(written((), other=beside(None, late, findings=[finding("major")])))

    assert "! Interaction, major: sertraline with St John&#x27;s wort." in said
    assert "! Overdue: Lithium level (63 days)." in said
    assert "major, open: sertraline with St John&#x27;s wort: serotonin toxicity." in said
    assert (
        "overdue 63 days: Lithium level (last 1.08 mmol/L on 9 Jan 2026, timing not comparable)."
    ) in said


def test_an_acknowledged_or_a_moderate_interaction_is_below_and_not_in_the_frame() -> None:
    found = [finding("major", "acknowledged"), finding("moderate")]
    said = text_of(written((), other=beside(findings=found)))

    assert "! Interaction" not in said
    assert "major, acknowledged: sertraline" in said
    assert "moderate, open: sertraline" in said


def test_what_was_read_by_name_or_not_checked_is_said() -> None:
    by_name = finding("contraindicated") | {"substances": [{"text": "MAO tablets"}]}
    unknown = [{"substance": {"text": "grandmother's tea"}, "why": "unknown"}]
    told = beside(possible=[by_name], not_checked=unknown)
    told = replace(told, monitoring={"items": [], "not_checked": [{"text": "MAO tablets"}]})
    said = text_of(written((), other=told))

    assert "contraindicated, possible, read by name: MAO tablets: serotonin toxicity." in said
    assert "(not checked: grandmother&#x27;s tea)." in said
    assert "Not checked (not checked: MAO tablets)." not in said
    assert "Not checked: MAO tablets." in said


def test_a_page_of_a_past_day_says_that_it_knows_nothing_of_today() -> None:
    said = text_of(page(read((), [TREATED], points=True), None))

    assert "These are known as of today only: not on the page of a past day." in said
    assert "no test overdue" not in said
    assert "Next review" not in said


def test_a_dose_outside_the_limits_says_so_beside_what_is_taken_now() -> None:
    report = read((), [TREATED], points=True)
    report["medications"][0]["events"][-1]["flags"] = ["tenfold-jump"]
    said = text_of(page(report, beside()))

    assert "sertraline 100 mg/d since 2 Mar 2026 (! tenfold jump, confirmed, 2 Mar 2026)." in said


def test_a_dose_that_nobody_confirmed_is_framed() -> None:
    odd = event(START + timedelta(60), "change", 1000, unconfirmed=("tenfold-jump",))
    said = text_of(written((), [course(event(START, "start", 100), odd)]))

    assert "! sertraline: 1000 mg/d? unconfirmed, 3 Apr 2026." in said


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


# ---- in a real browser


@needs(*BROWSERS)
def test_nothing_of_a_hostile_name_becomes_an_element_or_runs(browser: Browser) -> None:
    bad = '"><img src=x onerror="window.ran=1"><script>window.ran=1</script>'
    hostile = course(event(START, "start", 50), name=bad)
    told = beside({**PLAN, "why": bad}, asked(bad, "due"), not_checked=[{"text": bad}])
    loss = Confounder("stressor", "cx", START, bad)
    tab = browser.new_page()
    tab.set_content(written(readings(PHQ, {0: 19}), [hostile], told, contexts=[loss]))

    assert tab.evaluate("window.ran") is None
    assert tab.locator("img, script, a, form, iframe").count() == 0
    assert tab.locator("header").inner_text().count("<script>window.ran=1</script>") == 1
    tab.close()


@needs(*BROWSERS)
def test_on_a_narrow_screen_only_the_figure_scrolls_sideways(browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 320, "height": 640})
    name = "Rhabarberbarbarabarbarbarenbartbarbierbierbar" * 2
    late = asked(name, "overdue", overdue_days=63)
    tab.set_content(written(readings(PHQ, {0: 19}), other=beside({**PLAN, "why": name}, late)))

    assert tab.evaluate("document.documentElement.scrollWidth") == 320
    assert tab.evaluate("document.querySelector('figure').scrollWidth > 600")
    tab.close()


@needs(*BROWSERS)
def test_what_does_not_fit_on_one_page_goes_on_to_the_next_and_is_not_cut(
    browser: Browser,
) -> None:
    tab = browser.new_page(viewport={"width": 718, "height": 900})
    tab.emulate_media(media="print")
    tab.set_content(written(readings("phq-9.9", dict.fromkeys(range(130), 1))))

    foot = tab.locator("footer").bounding_box()
    figure = tab.locator("figure").bounding_box()
    assert foot is not None
    assert figure is not None
    assert figure["height"] > 300
    assert foot["y"] >= figure["y"] + figure["height"]
    assert tab.evaluate("document.body.scrollHeight <= document.body.clientHeight")
    tab.close()


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


def test_the_plan_of_the_record_is_on_the_page_of_today_only(
    prescriber: Caller, patient: str
) -> None:
    plan = {
        "agreed_on": "2026-05-20",
        "why": "helped in part before",
        "goals": [{"patient_words": "to sleep"}],
        "review_interval_days": 28,
    }
    answer = prescriber("PUT", f"/v1/patients/{patient}/treatment-plan", plan)
    assert answer.status_code == 201, answer.text
    path = f"/v1/patients/{patient}/trends?format=html"
    said = prescriber("GET", path).text
    past = prescriber("GET", f"{path}&as_of=2026-05-10").text

    assert "Goal: to sleep" in said
    assert "Next review: " in said
    assert "to sleep" not in past
    assert "Next review" not in past


def test_interactions_and_tests_of_the_record_are_on_the_page_of_today_only(
    prescriber: Caller, patient: str
) -> None:
    for number, name in enumerate(("sertraline", "st-johns-wort", "lithium")):
        event_id, course_id = (f"019a5b10-0000-7000-8000-0000000002{number}{n}" for n in (0, 1))
        start = {"id": event_id, "kind": "start", "effective_on": "2026-01-05", "dose_known": False}
        kind = "supplement" if number == 1 else "drug"
        body = {"id": course_id, "kind": kind, "reference_id": name, "first_dose_event": start}
        answer = prescriber("POST", f"/v1/patients/{patient}/medications", body)
        assert answer.status_code == 201, answer.text
    path = f"/v1/patients/{patient}/trends?format=html"
    now = prescriber("GET", path)
    past = prescriber("GET", f"{path}&as_of=2026-02-01")
    known = prescriber("GET", f"{path}&known_at=2026-06-01T12:00:00Z")

    said = text_of(now.text)
    assert "! Interaction, major: sertraline with St John&#x27;s wort." in said
    assert "overdue 140 days: serum lithium, 12 hours after dose (never recorded)." in said
    for other in (past, known):
        assert "known as of today only" in text_of(other.text)
        assert "! Interaction" not in other.text
        assert other.headers["etag"] != now.headers["etag"]


def test_a_patients_own_page_is_the_patients_view(clinic: Clinic, patient: str) -> None:
    own = clinic.as_("patient", patient_id=patient)
    answer = own("GET", f"/v1/patients/{patient}/trends?format=html&audience=prescriber")

    assert answer.status_code == 200
    assert "Look first" not in answer.text
    assert "Nothing is marked" not in answer.text
