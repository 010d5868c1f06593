"""What a prescriber reads of each story; loaded once, asked over HTTP."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from playwright.sync_api import Browser

from app.identity import service as identity
from app.main import create_app
from app.sample.load import load
from app.sample.plot import Plot
from app.sample.plots import PLOTS
from app.sample.stories import patient_id
from app.settings import Settings
from tests.conftest import NOW, Clinic, TestClock
from tests.programs import BROWSERS, needs
from tests.server import Server
from tests.trends.layout import overlapping

Json = dict[str, Any]
PAGE = re.compile(rb"/Type\s*/Page\b")


class Sample:
    """The loaded sample clinic as its prescriber sees it."""

    def __init__(self, clinic: Clinic) -> None:
        self.ask = clinic.as_("prescriber")

    def read(self, name: str, part: str) -> Json:
        (plot,) = [plot for plot in PLOTS if plot.name == name]
        answer = self.ask("GET", f"/v1/patients/{patient_id(plot)}/{part}")
        assert answer.status_code == 200, answer.text
        body: Json = answer.json()
        return body

    def block(self, name: str, measure: str, query: str = "") -> Json:
        report = self.read(name, f"trends{query}")
        (found,) = [one for one in report["measures"] if one["measure"] == measure]
        return dict(found)

    def sentence(self, name: str, measure: str) -> str:
        said: str = self.block(name, measure)["text"]["prescriber"]
        return said

    def courses(self, name: str) -> dict[str, Json]:
        return {one["name"]: one for one in self.read(name, "regimen")["medications"]}

    def monitored(self, name: str) -> dict[str, Json]:
        return {one["id"]: one for one in self.read(name, "monitoring")["items"]}


@pytest.fixture(scope="module")
def sample(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    folder = tmp_path_factory.mktemp("sample")
    file = folder / "titrate.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    clock = TestClock()
    app = create_app(Settings(database_url=f"sqlite:///{file}", data_dir=folder), clock)
    with Server(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
        load(app.state.writer, actor, NOW.date(), lambda done, total: None)
        yield Sample(Clinic(app, http, clock))


def doses(course: Json) -> list[str]:
    return [one["daily_dose"]["value"] for one in course["epochs"]]


# ---- depression


def test_the_early_responder_is_in_remission_on_the_second_course(sample: Sample) -> None:
    block = sample.block("early-responder", "phq-9.total")

    assert block["status"] == "improving"
    assert block["states"]["sustained_remission"] is True
    assert "(minimal)" in block["text"]["prescriber"]


def test_the_dose_that_was_never_adequate_changed_nothing_and_a_thought_waits_for_somebody(
    sample: Sample,
) -> None:
    block = sample.block("never-adequate", "phq-9.total")
    sertraline = sample.courses("never-adequate")["sertraline"]
    (risk,) = sample.read("never-adequate", "trends")["risk"]

    assert (block["status"], block["change"]["reliable"]) == ("stable", "none")
    assert sertraline["daily_dose"]["value"] == "25"
    assert sertraline["minimum_effective"]["value"] == "50"
    assert sertraline["weeks_at_or_above_minimum"] == 0
    assert (risk["measure"], risk["signal"]["state"]) == ("phq-9.9", "open")


def test_the_lowered_dose_kept_the_response_and_lost_the_side_effects(sample: Sample) -> None:
    block = sample.block("lowered-dose", "phq-9.total")
    sleepless = sample.block("lowered-dose", "side_effects.insomnia")

    assert doses(sample.courses("lowered-dose")["sertraline"]) == ["50", "100", "75"]
    assert block["states"]["response"] is True
    assert (sleepless["last"]["value"], sleepless["change"]["reliable"]) == (0, "better")


def test_of_the_one_who_stopped_answering_nothing_is_known_for_three_months(
    sample: Sample,
) -> None:
    block = sample.block("stopped-answering", "phq-9.total")

    assert block["status"] == "stale"
    assert block["last_seen_days"] >= 85
    assert block["status_reasons"] == [f"LAST_SEEN_{block['last_seen_days']}_DAYS"]


def test_the_slow_responder_had_nothing_to_show_at_week_8_and_responds_by_the_end(
    sample: Sample,
) -> None:
    started = sample.courses("slow-responder")["sertraline"]["epochs"][0]["from"]
    week_8 = date.fromisoformat(started) + timedelta(weeks=8)
    now = sample.block("slow-responder", "phq-9.total")
    then = sample.block("slow-responder", "phq-9.total", f"?as_of={week_8}")

    assert then["change"]["reliable"] == "none"
    assert (then["states"]["response"], now["states"]["response"]) == (False, True)
    assert now["status"] == "improving"


def test_the_taper_was_planned_one_step_came_late_and_the_illness_came_back(
    sample: Sample,
) -> None:
    course = sample.courses("late-worsening")["venlafaxine"]
    block = sample.block("late-worsening", "phq-9.total")
    stopped = course["epochs"][-1]["from"]

    assert doses(course) == ["75", "150", "75", "37.5", "0"]
    assert [step["on"] for step in course["planned"]][-1] < stopped
    assert course["notes"][-1]["code"] == "PLANNED_NOT_CONFIRMED"
    assert (block["status"], block["states"]["relapse"]["state"]) == ("worsening", "relapse")
    assert block["states"]["relapse"]["possible_day"] > stopped


def test_the_cross_taper_is_one_going_down_while_the_other_comes_in(sample: Sample) -> None:
    courses = sample.courses("cross-tapered")
    out, in_ = courses["venlafaxine"], courses["mirtazapine"]
    report = sample.read("cross-tapered", "trends")
    reasons = {
        (course["medicine"], event["reason"])
        for course in report["medications"]
        for event in course["events"]
    }

    assert (out["running"], in_["running"]) == (False, True)
    assert out["epochs"][2]["from"] == in_["epochs"][0]["from"]
    assert out["epochs"][3]["from"] == in_["epochs"][1]["from"]
    assert {("venlafaxine", "switch"), ("mirtazapine", "switch")} <= reasons
    assert sample.block("cross-tapered", "phq-9.total")["states"]["response"] is True


def test_two_changes_in_one_week_stand_beside_each_other(sample: Sample) -> None:
    report = sample.read("two-changes-one-week", "trends")
    days = {course["medicine"]: course["events"][-1]["day"] for course in report["medications"]}
    block = sample.block("two-changes-one-week", "phq-9.total")

    assert days["escitalopram"] < days["mirtazapine"] <= days["escitalopram"][:8] + "99"
    assert block["status"] == "improving"
    confounded = [
        one["confounded"]
        for course in report["medications"]
        for event in course["events"]
        if event["day"] in days.values()
        for one in event["before_after"]
        if one["measure"] == "phq-9.total"
    ]
    assert confounded
    assert all(confounded)


def test_st_johns_wort_beside_the_ssri_is_a_major_interaction(sample: Sample) -> None:
    found = sample.read("wort-added", "interactions")["findings"]

    (finding,) = [one for one in found if one["severity"] == "major"]
    assert finding["rule"]["id"] == "ssri-sjw"
    assert sample.courses("wort-added")["St John's wort"]["daily_dose"] is None
    assert sample.block("wort-added", "phq-9.total")["change"]["reliable"] == "none"


# ---- others


def test_the_lithium_level_is_overdue_and_the_last_one_was_drawn_too_early(
    sample: Sample,
) -> None:
    level = sample.monitored("overdue-level")["lithium-level"]

    assert level["state"] == "overdue"
    assert level["overdue_days"] > 30
    assert (level["last"]["hours_since_dose"], level["last"]["comparable"]) == (4, False)
    signals = sample.read("overdue-level", "signals")["items"]
    assert {one["state"] for one in signals} == {"closed"}
    assert all(one["action"].startswith("lithium raised") for one in signals)


def test_lithium_holds_the_highs(sample: Sample) -> None:
    assert doses(sample.courses("overdue-level")["lithium"]) == ["600", "900", "1200"]
    assert "(mania unlikely)" in sample.sentence("overdue-level", "asrm.total")
    assert sample.block("overdue-level", "phq-9.total")["status"] == "stable"


def test_attention_follows_the_titration_and_appetite_pays(sample: Sample) -> None:
    block = sample.block("attention-titrated", "asrs-18.total")
    monitored = sample.monitored("attention-titrated")

    assert doses(sample.courses("attention-titrated")["methylphenidate"]) == ["18", "36", "54"]
    assert (block["status"], block["states"]["response"]) == ("improving", True)
    assert {monitored[one]["state"] for one in ("stim-sbp", "stim-hr", "stim-weight")} == {"done"}
    assert sample.block("attention-titrated", "side_effects.low-appetite")["last"]["value"] == 1


def test_the_opioid_treatment_reached_its_dose_in_days_and_withdrawal_ended(
    sample: Sample,
) -> None:
    course = sample.courses("opioid-treatment-started")["buprenorphine-naloxone"]
    withdrawal = sample.block("opioid-treatment-started", "side_effects.opioid-withdrawal")

    assert doses(course) == ["4", "8", "16"]
    assert course["weeks_at_or_above_minimum"] >= 20
    assert withdrawal["last"]["value"] == 0
    assert sample.block("opioid-treatment-started", "phq-9.total")["states"]["response"] is True


def test_sleep_is_better_without_the_tablet_than_it_was_with_it(sample: Sample) -> None:
    course = sample.courses("hypnotic-tapered")["zolpidem"]
    block = sample.block("hypnotic-tapered", "isi.total")
    planned = [step["on"] for step in course["planned"]]

    assert doses(course) == ["5", "10", "5", "0"]
    assert planned == [epoch["from"] for epoch in course["epochs"][2:]]
    assert (block["status"], block["states"]["remission"]) == ("improving", True)
    efficiency = sample.block("hypnotic-tapered", "sleep.efficiency_pct")
    assert efficiency["change"]["from_level"]["points"] > 5


# ---- the pictures


@pytest.mark.parametrize("plot", PLOTS, ids=lambda plot: plot.name)
def test_in_no_picture_lies_a_text_on_another_and_each_has_its_words(
    sample: Sample, plot: Plot
) -> None:
    answer = sample.ask("GET", f"/v1/patients/{patient_id(plot)}/trends?format=svg")
    tree = ElementTree.fromstring(answer.text)
    title, said = tree[0].text or "", tree[1].text or ""

    assert overlapping(tree) == []
    assert title.startswith(f"Trends: Synthetic {plot.family}")
    assert all(
        course.medicine.reference_id.split("-")[0] in said.lower()
        for course in plot.courses
        if course.medicine.kind == "drug"
    )
    assert float(tree.attrib["height"]) < 1500


@needs(*BROWSERS)
@pytest.mark.parametrize("paper", ["A4", "Letter"])
def test_the_visit_report_of_every_story_is_one_printed_page(
    sample: Sample, browser: Browser, paper: str
) -> None:
    tab, pages = browser.new_page(), {}
    for plot in PLOTS:
        path = f"/v1/patients/{patient_id(plot)}/trends?format=html"
        tab.set_content(sample.ask("GET", path).text)
        pages[plot.name] = len(PAGE.findall(tab.pdf(format=paper)))
    tab.close()

    assert pages == dict.fromkeys(pages, 1)
    assert len(pages) == 13
