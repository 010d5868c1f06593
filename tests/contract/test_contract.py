"""The contract's requests, sent as they stand and in their order, on both databases."""

import json
from typing import Any

import pytest

from app.identity import service as identity
from app.imports import service as imports
from tests.conftest import Caller, Clinic
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared
CONTRACT = SHARED / "contract"
PATIENT = "019a5b10-0000-7000-8000-000000000001"
P = f"/v1/patients/{PATIENT}"
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"
ST_JOHNS_WORT = "019a5b10-0000-7000-8000-000000000102"
FOLLOW_UP = "019a5b10-0000-7000-8000-000000000301"


def body(name: str) -> Any:
    return json.loads((CONTRACT / name).read_text())


def fits(answer: Any, expected: Any) -> bool:
    """Say whether an answer holds what is promised; `…` stands for what differs per run."""
    if expected == "…":
        return answer is not None
    if isinstance(expected, dict):
        return isinstance(answer, dict) and all(
            name in answer and fits(answer[name], value) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(answer, list)
            and len(answer) == len(expected)
            and all(fits(one, other) for one, other in zip(answer, expected, strict=True))
        )
    return bool(answer == expected)


@pytest.fixture
def replayed(clinic: Clinic, prescriber: Caller) -> Clinic:
    """The clinic after 01, 03 to 07, 09, 10 and 18."""
    for name, path in (
        ("01-patient.json", "/v1/patients"),
        ("03-medication.json", f"{P}/medications"),
        ("04-supplement.json", f"{P}/medications"),
        ("05-dose-event.json", f"{P}/medications/{SERTRALINE}/dose-events"),
        ("06-follow-up.json", f"{P}/follow-ups"),
    ):
        answer = prescriber("POST", path, body(name))
        assert answer.status_code == 201, (name, answer.text)
    patient = clinic.as_("patient", patient_id=PATIENT)
    answer = patient("POST", f"{P}/check-ins", body("07-check-in.json"))
    assert answer.status_code == 201, answer.text
    for name, path in (
        ("09-side-effect.json", f"{P}/side-effects"),
        ("10-assessment.json", f"{P}/assessments"),
        ("18-measure.json", "/v1/reference/measures"),
    ):
        answer = prescriber("POST", path, body(name))
        assert answer.status_code == 201, (name, answer.text)
    return clinic


def test_each_request_is_taken_and_read_back(replayed: Clinic, prescriber: Caller) -> None:
    courses = prescriber("GET", f"{P}/medications").json()["items"]
    assert {one["id"] for one in courses} == {
        SERTRALINE,
        ST_JOHNS_WORT,
        "019a5b10-0000-7000-8000-000000000103",
    }
    follow_up = prescriber("GET", f"{P}/follow-ups/{FOLLOW_UP}").json()
    expected = json.loads((CONTRACT / "answers/06-follow-up.json").read_text())
    assert fits(follow_up, expected), follow_up
    assessment = prescriber("GET", f"{P}/assessments/{expected_id('10-assessment.json')}").json()
    assert fits(assessment, json.loads((CONTRACT / "answers/10-assessment.json").read_text()))


def expected_id(name: str) -> str:
    return str(body(name)["id"])


def test_each_request_again_is_a_replay(replayed: Clinic, prescriber: Caller) -> None:
    for name, path in (
        ("01-patient.json", "/v1/patients"),
        ("03-medication.json", f"{P}/medications"),
        ("04-supplement.json", f"{P}/medications"),
        ("05-dose-event.json", f"{P}/medications/{SERTRALINE}/dose-events"),
        ("06-follow-up.json", f"{P}/follow-ups"),
        ("09-side-effect.json", f"{P}/side-effects"),
        ("10-assessment.json", f"{P}/assessments"),
        ("18-measure.json", "/v1/reference/measures"),
    ):
        answer = prescriber("POST", path, body(name))
        assert answer.status_code == 200, (name, answer.text)


def test_the_insomnia_of_the_check_in_is_a_reading_of_the_open_episode(
    replayed: Clinic, prescriber: Caller
) -> None:
    episodes = prescriber("GET", f"{P}/side-effects").json()["items"]

    assert [one["term"] for one in episodes].count("insomnia") == 1


def test_item_nine_opened_one_signal_although_the_total_fell(
    replayed: Clinic, prescriber: Caller
) -> None:
    signals = prescriber("GET", f"{P}/signals").json()["items"]

    assert [(one["code"], one["evidence"]["value"]) for one in signals] == [
        ("suicidal_ideation_item", 1)
    ]


def test_the_csv_files_join_what_is_there_and_change_nothing_the_second_time(
    replayed: Clinic, prescriber: Caller
) -> None:
    files = [CONTRACT / "16-observations.csv", CONTRACT / "17-dose-events.csv"]
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "system")

    def run() -> list[str]:
        return [
            result.status
            for result in imports.import_files(
                replayed.app.state.writer,
                actor,
                files,
                format="csv",
                create_patients=True,
                system=None,
                care_team=None,
                dry_run=False,
                progress=lambda done, total: None,
            )
        ]

    first, second = run(), run()

    assert first == ["created"] * 4 + ["unchanged", "unchanged", "created"]
    assert second == ["unchanged"] * 7
    trend = prescriber("GET", f"{P}/trends?as_of=2026-06-01&include=measures,points").json()
    by_code = {one["measure"]: one for one in trend["measures"]}
    assert by_code["phq-9.total"]["n"] == 4
    restless = by_code["restlessness_1_to_7"]
    assert restless["direction"] == "lower_better"


def test_a_tenfold_dose_asks_for_a_confirmation_and_is_flagged_with_it(
    replayed: Clinic, prescriber: Caller
) -> None:
    sent = body("24-tenfold-dose.json")
    path = f"{P}/medications/{SERTRALINE}/dose-events"
    word = {"codes": ["above-maximum", "tenfold-jump"], "reason": "agreed with the pharmacist"}

    asked = prescriber("POST", path, sent)
    nurse = replayed.as_("care_team")
    confirmed = prescriber("POST", path, sent | {"confirmation": word})

    assert asked.status_code == 422
    assert fits(asked.json(), json.loads((CONTRACT / "answers/24-tenfold-dose.json").read_text()))
    assert nurse("POST", path, sent | {"confirmation": word}).status_code == 404
    assert confirmed.status_code == 201, confirmed.text
    assert confirmed.json()["flags"] == ["above-maximum", "tenfold-jump"]


def test_an_ehr_cannot_be_asked_so_its_dose_waits_for_a_prescriber(
    replayed: Clinic, prescriber: Caller
) -> None:
    path = f"{P}/medications/{SERTRALINE}/dose-events"

    kept = replayed.as_("system")("POST", path, body("24-tenfold-dose.json"))

    assert kept.status_code == 201
    assert kept.json()["unconfirmed"] == ["above-maximum", "tenfold-jump"]
    codes = [one["code"] for one in prescriber("GET", f"{P}/signals").json()["items"]]
    assert "unconfirmed_dose" in codes


@pytest.mark.parametrize(
    ("name", "under"),
    [
        ("20-administrations.json", "administrations"),
        ("22-taper-plan.json", "dose-events"),
    ],
)
def test_what_was_taken_and_what_is_planned_are_kept(
    replayed: Clinic, prescriber: Caller, name: str, under: str
) -> None:
    answer = prescriber("POST", f"{P}/medications/{SERTRALINE}/{under}", body(name))

    assert answer.status_code == 201, answer.text
    assert all("flags" not in one for one in answer.json()["items"])


def test_a_medicine_as_needed_is_kept(replayed: Clinic, prescriber: Caller) -> None:
    answer = prescriber("POST", f"{P}/medications", body("23-prn-medication.json"))

    assert answer.status_code == 201, answer.text


def test_a_signal_is_closed_by_name_and_stays(replayed: Clinic, prescriber: Caller) -> None:
    (signal,) = prescriber("GET", f"{P}/signals").json()["items"]
    path = f"{P}/signals/{signal['id']}"
    sent = body("27-signal.json")

    assert prescriber("PATCH", path, sent).status_code == 428
    assert replayed.as_("system")("PATCH", path, sent).status_code == 403
    closed = prescriber("PATCH", path, sent, headers={"If-Match": '"1"'})
    again = prescriber("PATCH", path, sent, headers={"If-Match": '"2"'})

    assert closed.status_code == 200, closed.text
    assert (closed.json()["state"], closed.json()["version"]) == ("closed", 2)
    assert closed.json()["acknowledged"]["role"] == closed.json()["closed"]["role"] == "prescriber"
    assert again.status_code == 422
    assert [one["state"] for one in prescriber("GET", f"{P}/signals").json()["items"]] == ["closed"]


def test_a_correction_keeps_both_versions(replayed: Clinic, prescriber: Caller) -> None:
    path = f"{P}/follow-ups/{FOLLOW_UP}"
    sent = body("25-correction.json")

    corrected = prescriber("PATCH", path, sent, headers={"If-Match": '"1"'})

    assert (corrected.status_code, corrected.json()["version"]) == (200, 2)
    assert prescriber("PATCH", path, sent, headers={"If-Match": '"1"'}).status_code == 412
    assert prescriber("PATCH", path, sent).status_code == 428
    history = prescriber("GET", f"{path}/history").json()["items"]
    assert [one["note"] for one in history] == [sent["note"], body("06-follow-up.json")["note"]]


def test_a_fall_to_a_tenth_is_called_a_fall(replayed: Clinic, prescriber: Caller) -> None:
    """100 mg holds from 14 April (05): 10 mg after it is a tenth, and no rise."""
    sent = body("24-tenfold-dose.json") | {"dose": {"amount": "10", "unit": "mg"}}

    asked = prescriber("POST", f"{P}/medications/{SERTRALINE}/dose-events", sent)

    assert [(one["code"], one["detail"]) for one in asked.json()["errors"]] == [
        ("tenfold-jump", "at most a tenth of the dose before it")
    ]
