"""The worked client in a real browser: whatever happens, the record holds each check-in once."""

from collections import Counter
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import Caller, Clinic
from tests.examples.conftest import PAGE, Site
from tests.programs import BROWSERS, needs

pytestmark = [
    needs(*BROWSERS),
    # The subject is the browser; what both databases do with a batch, tests/sync shows.
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
WORKER = """() => new Promise((resolve) => {
  if (navigator.serviceWorker.controller) resolve();
  navigator.serviceWorker.addEventListener("controllerchange", () => resolve());
})"""
MANY = """async (number) => {
  const queue = await import("./queue.js");
  for (let mood = 0; mood < number; mood++) {
    await queue.checkIn({ mood_cognition: { mood: mood % 11 }, note: `no ${mood}` });
  }
}"""


@pytest.fixture
def patient_id(prescriber: Caller) -> str:
    body = {"id": str(uuid4()), "name": {"given": "Synthetic", "family": "Example"}}
    answer = prescriber("POST", "/v1/patients", json=body)
    assert answer.status_code == 201
    return str(body["id"])


@pytest.fixture
def token(clinic: Clinic, patient_id: str) -> str:
    return clinic.as_("patient", patient_id=patient_id).token


def open_page(phone: BrowserContext, site: Site) -> Page:
    page = phone.new_page()
    page.goto(site.url)
    page.evaluate(WORKER)
    return page


def join(page: Page, secret: str) -> None:
    page.get_by_label("Code from your clinic, or a token").fill(secret)
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#check-in")).to_be_visible()


def check_in(page: Page, mood: int) -> None:
    page.locator("fieldset").filter(has_text="Mood").get_by_text(str(mood), exact=True).click()
    page.get_by_role("button", name="Check in").click()


def all_sent(page: Page) -> None:
    expect(page.locator("#sync")).to_have_text("Nothing waiting. Last sent just now.")


def kept(prescriber: Caller, patient_id: str) -> list[dict[str, Any]]:
    path = f"/v1/patients/{patient_id}/check-ins?limit=500"
    items: list[dict[str, Any]] = prescriber("GET", path).json()["items"]
    return items


def moods(prescriber: Caller, patient_id: str) -> list[int]:
    return [one["mood_cognition"]["mood"] for one in kept(prescriber, patient_id)]


def test_check_ins_made_offline_survive_a_reload_and_are_kept_once(
    phone: BrowserContext, site: Site, prescriber: Caller, patient_id: str, token: str
) -> None:
    page = open_page(phone, site)
    join(page, token)
    phone.set_offline(True)
    check_in(page, 3)
    expect(page.locator("#sync")).to_contain_text("1 waiting to be sent (no network)")
    page.reload()
    check_in(page, 5)
    expect(page.locator("#sync")).to_contain_text("2 waiting to be sent (no network)")

    phone.set_offline(False)

    all_sent(page)
    assert sorted(moods(prescriber, patient_id)) == [3, 5]


@pytest.mark.parametrize("fault", ["refuse", "lose"])
def test_a_503_in_the_middle_neither_loses_nor_doubles(
    fault: Any,
    phone: BrowserContext,
    site: Site,
    prescriber: Caller,
    patient_id: str,
    token: str,
) -> None:
    page = open_page(phone, site)
    join(page, token)
    phone.set_offline(True)
    page.evaluate(MANY, 230)
    site.faults.extend([None, fault])

    phone.set_offline(False)

    all_sent(page)
    assert [len(items) for items in site.sent] == [100, 100, 100, 30]
    assert site.sent[1] == site.sent[2]
    notes = [one["note"] for one in kept(prescriber, patient_id)]
    assert Counter(notes) == Counter(f"no {n}" for n in range(230))


def test_a_200_from_somebody_else_takes_nothing_out_of_the_queue(
    phone: BrowserContext, site: Site, prescriber: Caller, patient_id: str, token: str
) -> None:
    page = open_page(phone, site)
    join(page, token)
    site.faults.append("strange")
    check_in(page, 4)
    expect(page.locator("#sync")).to_contain_text("1 waiting to be sent (will try again)")

    page.evaluate("dispatchEvent(new Event('online'))")

    all_sent(page)
    assert moods(prescriber, patient_id) == [4]


def test_two_tabs_at_once_send_each_check_in_once(
    phone: BrowserContext, site: Site, prescriber: Caller, patient_id: str, token: str
) -> None:
    one = open_page(phone, site)
    join(one, token)
    other = open_page(phone, site)
    phone.set_offline(True)
    for page in (one, other):
        page.evaluate(MANY, 60)
    expect(one.locator("#sync")).to_contain_text("120 waiting")

    phone.set_offline(False)

    all_sent(one)
    all_sent(other)
    sent = Counter(item for items in site.sent for item in items)
    assert set(sent.values()) == {1}
    assert len(kept(prescriber, patient_id)) == len(sent) == 120


def test_what_the_record_does_not_take_stays_with_its_reason(
    phone: BrowserContext, site: Site, prescriber: Caller, patient_id: str, token: str
) -> None:
    page = open_page(phone, site)
    join(page, token)
    page.evaluate("import('./queue.js').then((queue) => queue.checkIn({ sleep: { quality: 14 } }))")
    check_in(page, 7)

    all_sent(page)
    expect(page.locator("#kept li")).to_contain_text("sleep quality: 0 to 10")
    assert moods(prescriber, patient_id) == [7]
    page.get_by_role("button", name="Put away").click()
    expect(page.locator("#kept")).to_be_hidden()


def test_an_answer_taken_back_is_not_sent(
    phone: BrowserContext, site: Site, prescriber: Caller, patient_id: str, token: str
) -> None:
    page = open_page(phone, site)
    join(page, token)
    anxiety = page.locator("fieldset").filter(has_text="Anxiety")
    anxiety.get_by_text("4", exact=True).click()
    anxiety.get_by_text("4", exact=True).click()
    check_in(page, 0)

    all_sent(page)
    (only,) = kept(prescriber, patient_id)
    assert only["mood_cognition"]["mood"] == 0
    assert only["mood_cognition"].get("anxiety") is None


def test_a_phone_that_joined_by_code_sends_after_its_token_has_expired(
    phone: BrowserContext,
    site: Site,
    clinic: Clinic,
    prescriber: Caller,
    patient_id: str,
) -> None:
    path = f"/v1/patients/{patient_id}/enrolment-codes"
    code = prescriber("POST", path, json={}, headers={"Idempotency-Key": "one"}).json()["code"]
    page = open_page(phone, site)
    join(page, code)
    clinic.clock.advance(hours=3)
    check_in(page, 6)

    all_sent(page)
    assert moods(clinic.as_("prescriber"), patient_id) == [6]


def test_a_token_that_is_no_longer_good_asks_to_join_again_and_loses_nothing(
    phone: BrowserContext, site: Site, clinic: Clinic, prescriber: Caller, patient_id: str
) -> None:
    page = open_page(phone, site)
    join(page, clinic.as_("patient", patient_id=patient_id).token)
    clinic.clock.advance(hours=3)
    check_in(page, 2)
    expect(page.locator("#sync")).to_contain_text("1 waiting to be sent (join again)")
    fresh = clinic.as_("patient", patient_id=patient_id).token

    join(page, fresh)

    all_sent(page)
    assert moods(clinic.as_("prescriber"), patient_id) == [2]


def test_the_page_loads_nothing_from_elsewhere(
    phone: BrowserContext, site: Site, token: str
) -> None:
    asked: list[str] = []
    phone.on("request", lambda request: asked.append(request.url))
    page = open_page(phone, site)
    join(page, token)

    assert {url for url in asked if not url.startswith((site.url, "data:"))} == set()
    assert len(list(PAGE.iterdir())) >= 5
