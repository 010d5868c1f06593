"""An episode against the medicines, over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

import pytest

from app.followups.schemas import CausalityOut
from tests.followups.conftest import INSOMNIA, PATH, SERTRALINE, ST_JOHNS_WORT, Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared

EPISODES = f"{PATH}/side-effects"


def read(ward: Ward, episode_id: str) -> dict[str, Any]:
    answer = ward.prescriber("GET", f"{EPISODES}/{episode_id}/causality")
    assert answer.status_code == 200, answer.text
    CausalityOut.model_validate_json(answer.content)
    told: dict[str, Any] = answer.json()
    return told


def of(told: dict[str, Any], medication_id: str) -> dict[str, Any]:
    (one,) = [one for one in told["medicines"] if one["medication_id"] == medication_id]
    found: dict[str, Any] = one
    return found


def reply(medicine: dict[str, Any], number: int) -> tuple[str | None, str | None]:
    item = medicine["naranjo"]["items"][number - 1]
    return item["reply"], item["by"]


def test_the_contracts_insomnia_is_set_against_both_courses(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    ward.check_in(contract("07-check-in"))

    told = read(ward, INSOMNIA)

    assert [(one["on"], one["severity"]) for one in told["severities"]] == [
        ("2026-03-10", 2),
        ("2026-04-13", 2),
        ("2026-04-20", 1),
    ]
    sertraline = of(told, SERTRALINE)
    assert told["medicines"][0] == sertraline  # the suspected one comes first
    assert (sertraline["suspected"], sertraline["known"]) == (True, "class")
    started = contract("03-medication")["first_dose_event"]["effective_on"]
    assert started <= "2026-03-10"
    assert sertraline["timing"]["predates_drug"] is False
    assert reply(sertraline, 2) == ("yes", "computed")
    assert reply(sertraline, 10) == (None, None)
    assert sertraline["naranjo"]["total"] is None
    assert sertraline["who_umc"]["computed"] == "possible"
    assert of(told, ST_JOHNS_WORT)["suspected"] is False


def test_what_began_before_the_medicine_is_said_so_as_soon_as_it_is_known(ward: Ward) -> None:
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "term": "headache",
        "severity": 1,
        "onset_on": "2026-01-01",
    }
    ward.prescriber("POST", EPISODES, body)

    sertraline = of(read(ward, body["id"]), SERTRALINE)

    assert sertraline["timing"]["predates_drug"] is True
    assert sertraline["timing"]["days_since_start"] < 0
    assert sertraline["who_umc"]["computed"] == "unlikely"


def test_ten_replies_make_a_total(ward: Ward) -> None:
    said = dict.fromkeys(map(str, range(1, 11)), "no") | {"1": "yes", "2": "yes", "3": "yes"}
    body = contract("09-side-effect") | {
        "naranjo": [{"medication_id": SERTRALINE, "replies": said}]
    }
    made = ward.prescriber("POST", EPISODES, body)

    assert made.status_code == 201, made.text
    naranjo = of(read(ward, body["id"]), SERTRALINE)["naranjo"]
    # +1 +2 +1 -1 +2 +1
    assert (naranjo["total"], naranjo["category"], naranjo["missing"]) == (6, "probable", [])
    assert read(ward, body["id"])["stated"] == "probable"


def test_a_dose_event_that_comes_late_changes_the_timing(ward: Ward) -> None:
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "term": "headache",
        "severity": 2,
        "onset_on": "2026-04-20",
    }
    ward.prescriber("POST", EPISODES, body)
    before = of(read(ward, body["id"]), SERTRALINE)["timing"]
    raised = {
        "id": str(uuid4()),
        "kind": "change",
        "effective_on": "2026-04-15",
        "dose": {"amount": "75", "unit": "mg"},
        "times_per_day": 1,
    }
    late = ward.prescriber("POST", f"{PATH}/medications/{SERTRALINE}/dose-events", raised)
    assert late.status_code == 201, late.text

    after = of(read(ward, body["id"]), SERTRALINE)["timing"]

    assert before["days_since_raise"] is None
    assert after["days_since_raise"] == 5


def test_withdrawal_stands_apart_from_side_effects(ward: Ward) -> None:
    body: dict[str, Any] = {
        "id": str(uuid4()),
        "term": "discontinuation",
        "severity": 2,
        "onset_on": "2026-04-20",
    }

    made = ward.prescriber("POST", EPISODES, body).json()

    assert (made["group"], made["body_system"]) == ("withdrawal", "withdrawal")
    told = read(ward, body["id"])
    assert told["group"] == "withdrawal"
    item = of(told, SERTRALINE)["naranjo"]["items"][1]
    assert (item["reply"], item["why"]) == ("no", "NO_STOP_BEFORE")


def test_codes_outcome_and_seriousness_are_kept_as_sent(ward: Ward) -> None:
    more: dict[str, Any] = {
        "codes": [{"system": "http://snomed.info/sct", "code": "422587007"}],
        "seriousness": ["hospital"],
        "outcome": "recovering",
        "frequency": 3,
        "interference": 2,
    }
    body = contract("09-side-effect") | more

    made = ward.prescriber("POST", EPISODES, body).json()

    assert {name: made[name] for name in more} == more
    assert made["label"] == "sexual problems"
    (signal,) = made["opened_signals"]
    assert signal["evidence"]["serious"] is True


def test_two_effects_without_a_term_told_in_one_breath_are_not_mixed(ward: Ward) -> None:
    body = {
        "id": str(uuid4()),
        "occurred_at": "2026-04-18T08:00:00-04:00",
        "side_effects": {
            "episodes": [
                {"term": "other", "term_text": "itchy nose", "severity": 1},
                {"term": "other", "term_text": "cold feet", "severity": 2},
                {"term": "other", "term_text": "warm ears", "severity": 1},
            ]
        },
    }
    episodes = ward.check_in(body).json()["side_effects"]["episodes"]

    read_of = [read(ward, one["episode_id"])["severities"] for one in episodes]

    assert [[one["severity"] for one in some] for some in read_of] == [[1], [2], [1]]


def test_daily_severe_readings_open_one_signal_and_a_graver_one_another(ward: Ward) -> None:
    def opened(day: int, severity: int) -> int:
        body = {
            "id": str(uuid4()),
            "occurred_at": f"2026-04-{day}T08:00:00-04:00",
            "side_effects": {"episodes": [{"term": "nausea", "severity": severity}]},
        }
        return len(ward.check_in(body).json()["opened_signals"])

    assert [opened(day, 3) for day in (18, 19, 20)] == [1, 0, 0]
    assert [opened(day, 4) for day in (21, 22)] == [1, 0]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"naranjo": [{"medication_id": SERTRALINE, "replies": {"11": "yes"}}]},
         "/naranjo/0/replies"),
        ({"naranjo": [{"medication_id": SERTRALINE, "replies": {}}]}, "/naranjo/0/replies"),
        ({"naranjo": [{"medication_id": SERTRALINE, "replies": {"1": "maybe"}}]},
         "/naranjo/0/replies/1"),
        ({"naranjo": [{"medication_id": str(uuid4()), "replies": {"1": "yes"}}]},
         "/naranjo/0/medication_id"),
        ({"naranjo": 2 * [{"medication_id": SERTRALINE, "replies": {"1": "yes"}}]}, "/naranjo"),
        ({"outcome": "better"}, "/outcome"),
        ({"seriousness": ["grave"]}, "/seriousness/0"),
        ({"codes": [{"system": "x"}]}, "/codes/0/code"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_named(ward: Ward, more: dict[str, Any], pointer: str) -> None:
    refused = ward.prescriber("POST", EPISODES, contract("09-side-effect") | more)

    assert refused.status_code == 422, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]


def test_nobody_elses_episode_is_judged(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    address = f"{EPISODES}/{INSOMNIA}/causality"
    other = str(uuid4())
    person = contract("01-patient") | {"id": other, "identifiers": []}
    ward.prescriber("POST", "/v1/patients", person)

    assert ward.prescriber("GET", f"{EPISODES}/{uuid4()}/causality").status_code == 404
    foreign = f"/v1/patients/{other}/side-effects/{INSOMNIA}/causality"
    assert ward.prescriber("GET", foreign).status_code == 404
    assert ward.patient("GET", address).status_code == 403
    assert ward.prescriber("GET", f"{address}?x=1").status_code == 400


def test_a_corrected_episode_of_readings_is_a_persons_own_from_then_on(ward: Ward) -> None:
    def heard(day: str, severity: int) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "occurred_at": f"{day}T08:00:00-04:00",
            "side_effects": {"episodes": [{"term": "nausea", "severity": severity}]},
        }

    ward.check_in(heard("2026-04-18", 2))
    (made,) = ward.prescriber("GET", EPISODES).json()["items"]
    patch = {"onset_on": "2026-04-10", "change_reason": {"code": "late_information"}}
    fixed = ward.prescriber("PATCH", f"{EPISODES}/{made['id']}", patch, headers={"If-Match": '"1"'})
    ward.check_in(heard("2026-04-15", 1))

    assert fixed.status_code == 200, fixed.text
    (one,) = ward.prescriber("GET", EPISODES).json()["items"]
    assert (one["id"], one["onset_on"], one["version"]) == (made["id"], "2026-04-10", 2)


def test_an_episode_recorded_later_takes_the_readings_of_its_time(ward: Ward) -> None:
    body = {
        "id": str(uuid4()),
        "occurred_at": "2026-04-26T08:00:00-04:00",
        "side_effects": {"episodes": [{"term": "sexual-dysfunction", "severity": 1}]},
    }
    ward.check_in(body)
    ward.prescriber("POST", EPISODES, contract("09-side-effect"))

    (one,) = ward.prescriber("GET", EPISODES).json()["items"]
    assert one["id"] == contract("09-side-effect")["id"]
    gone = ward.prescriber("DELETE", f"{EPISODES}/{one['id']}", headers={"If-Match": '"1"'})
    assert gone.status_code == 200
    (again,) = ward.prescriber("GET", EPISODES).json()["items"]
    assert (again["onset_on"], again["onset_assumed"]) == ("2026-04-26", True)


def test_an_episode_of_readings_that_is_deleted_does_not_come_back(ward: Ward) -> None:
    def heard(day: str) -> dict[str, Any]:
        return {
            "id": str(uuid4()),
            "occurred_at": f"{day}T08:00:00-04:00",
            "side_effects": {"episodes": [{"term": "nausea", "severity": 2}]},
        }

    first = heard("2026-04-18")
    ward.check_in(first)
    (one,) = ward.prescriber("GET", EPISODES).json()["items"]
    ward.prescriber("DELETE", f"{EPISODES}/{one['id']}", headers={"If-Match": '"1"'})
    assert ward.prescriber("GET", EPISODES).json()["items"] == []

    ward.check_in(heard("2026-04-25"))
    path = f"{PATH}/check-ins/{first['id']}"
    again = ward.prescriber("PATCH", path, {"note": "x", "change_reason": {"code": "typo"}},
                            headers={"If-Match": '"1"'})  # fmt: skip

    assert again.status_code == 200, again.text
    (new,) = ward.prescriber("GET", EPISODES).json()["items"]
    assert new["id"] != one["id"]


def test_closing_an_episodes_signal_closes_what_was_read_of_it_since(ward: Ward) -> None:
    for day in ("2026-05-18", "2026-05-19"):
        body = {
            "id": str(uuid4()),
            "occurred_at": f"{day}T08:00:00-04:00",
            "side_effects": {"episodes": [{"term": "nausea", "severity": 3}]},
        }
        assert ward.check_in(body).status_code == 201
    signals = ward.prescriber("GET", f"{PATH}/signals").json()["items"]
    (signal,) = [one for one in signals if one["code"] == "serious_side_effect"]

    def risk() -> list[str]:
        found = ward.prescriber("GET", f"{PATH}/trends").json()["risk"]
        return [one["measure"] for one in found]

    assert risk() == ["side_effects.nausea"]
    ward.prescriber(
        "PATCH",
        f"{PATH}/signals/{signal['id']}",
        {"state": "closed", "action": "dose time changed"},
        headers={"If-Match": '"1"'},
    )
    assert risk() == []
