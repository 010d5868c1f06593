"""Device nights beside the diary, moods of a day, outcomes of one's own; over HTTP."""

import json
from typing import Any
from uuid import uuid4

import pytest

from app.followups.schemas import FollowUpOut, NightsOut, TermPage
from tests.followups.conftest import PATH, VISIT, Ward, contract
from tests.shared import SHARED, needs_shared

pytestmark = needs_shared

SAMPLES = SHARED / "cases" / "openmhealth-samples"
SCHEMAS = ("sleep-duration", "sleep-episode", "total-sleep-time", "hk-category-sample")
FILES = sorted(file for one in SCHEMAS for file in SAMPLES.glob(f"*/{one}/*/should*/*.json"))


def entry(day: str, hour: str = "08:00", **members: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": f"{day}T{hour}:00-04:00", **members}


def point(asleep: float, sample: str = "1") -> dict[str, Any]:
    """A data point of the night before 13 April, seven and a half hours long."""
    interval = {
        "start_date_time": "2026-04-12T22:30:00-04:00",
        "end_date_time": "2026-04-13T06:00:00-04:00",
    }
    return {
        "header": {
            "id": str(uuid4()),
            "creation_date_time": "2026-04-13T07:00:00-04:00",
            "schema_id": {"namespace": "omh", "name": "sleep-episode", "version": "1.1"},
            "acquisition_provenance": {
                "source_name": "Ring",
                "source_data_point_id": sample,
                "modality": "sensed",
            },
        },
        "body": {
            "effective_time_frame": {"time_interval": interval},
            "total_sleep_time": {"value": asleep, "unit": "min"},
            "latency_to_sleep_onset": {"value": 10, "unit": "min"},
        },
    }


def nights(ward: Ward, query: str = "?from=2026-04-01&to=2026-05-31") -> dict[str, Any]:
    answer = ward.prescriber("GET", f"{PATH}/nights{query}")
    assert answer.status_code == 200, answer.text
    NightsOut.model_validate_json(answer.content)
    told: dict[str, Any] = answer.json()
    return told


# ---- device nights


def test_a_devices_night_stands_beside_the_diarys_with_what_parts_them(ward: Ward) -> None:
    visit = contract("06-follow-up")
    visit["sleep"]["device"] = [point(400)]

    made = ward.visit(visit)

    assert made.status_code == 201, made.text
    FollowUpOut.model_validate_json(made.content)
    (device,) = made.json()["sleep"]["device"]
    assert device["woke_on"] == "2026-04-13"
    assert device["against_diary"] == {
        "total_sleep_time_min": 75, "latency_min": -35, "waso_min": None, "disagrees": True,
    }  # fmt: skip
    values = ward.values("sleep.")
    assert values["sleep.total_sleep_time_min"] == 325
    assert values["sleep.device_total_sleep_time_min"] == 400
    assert values["sleep.midsleep_h"] == pytest.approx(2 + 42.5 / 60)
    assert ward.visit(visit).status_code == 200


def test_nights_of_different_records_are_read_together_and_a_copy_is_one(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    ward.check_in(entry("2026-04-13", sleep={"device": [point(400)]}))
    ward.check_in(entry("2026-04-14", sleep={"device": [point(400)]}))

    (night,) = nights(ward)["nights"]

    assert night["woke_on"] == "2026-04-13"
    assert night["diary"]["total_sleep_time_min"] == 325
    assert [one["source_id"] for one in night["device"]] == ["1"]
    assert night["device"][0]["against_diary"]["total_sleep_time_min"] == 75
    assert len(night["records"]) == 3


def test_an_impossible_night_is_flagged_and_not_dropped(ward: Ward) -> None:
    answer = ward.check_in(entry("2026-04-13", sleep={"device": [point(600)]})).json()

    assert answer["sleep"]["device"][0]["flags"] == ["DQ_IMPLAUSIBLE"]
    assert ("sleep.device_total_sleep_time_min", 600, "2026-04-13", "DQ_IMPLAUSIBLE") in (
        ward.standing("sleep.")
    )
    assert len(nights(ward)["nights"]) == 1


@pytest.mark.parametrize("file", FILES, ids=lambda one: "/".join(one.parts[-4:]))
def test_the_samples_of_open_mhealth_are_taken_or_refused(ward: Ward, file: Any) -> None:
    sent = point(1)
    sent["header"]["schema_id"]["name"] = file.parts[-4]
    sent["body"] = json.loads(file.read_text("utf-8"))

    answer = ward.check_in(entry("2026-04-13", sleep={"device": [sent]}))

    one_night = "descriptive_statistic" not in sent["body"]
    if file.parts[-2] == "shouldPass" and one_night:
        assert answer.status_code == 201, answer.text
        assert answer.json()["sleep"]["device"][0]["source_name"] == "Ring"
    else:
        assert answer.status_code == 422
        (fault,) = answer.json()["errors"]
        assert (fault["pointer"], fault["code"]) == ("/sleep/device/0", "not-open-mhealth")
        assert "/body" in fault["detail"]


def test_a_night_that_is_still_to_come_is_refused(ward: Ward) -> None:
    sent = point(400)
    refused = ward.check_in(entry("2026-04-10", sleep={"device": [sent]}))

    assert refused.json()["errors"][0]["pointer"] == "/sleep/device/0/ends_at"


@pytest.mark.parametrize("woke_on", ["1950-01-01", "1991-04-16"])
def test_a_night_before_the_birth_is_refused(ward: Ward, woke_on: str) -> None:
    refused = ward.check_in(entry("2026-04-13", sleep={"diary": {"woke_on": woke_on}}))
    slept = {"begins_at": f"{woke_on}T01:00:00Z", "ends_at": f"{woke_on}T05:00:00Z"}
    device = ward.check_in(entry("2026-04-13", sleep={"device": [slept]}))

    assert refused.json()["errors"][0]["pointer"] == "/sleep/diary/woke_on"
    assert device.json()["errors"][0]["pointer"] == "/sleep/device/0/ends_at"


def test_a_nap_and_a_part_of_a_night_are_shown_and_are_no_night(ward: Ward) -> None:
    """One mean of a night of 400 minutes, its nap and its hour of REM sleep would be no number."""
    nap = point(30, "nap")
    nap["body"]["is_main_sleep"] = False
    rem = point(1, "rem")
    rem["header"]["schema_id"]["name"] = "hk-category-sample"
    rem["body"] = {
        "category_type": "HKCategoryTypeIdentifierSleepAnalysis",
        "category_value": "AsleepREM",
        "effective_time_frame": point(1)["body"]["effective_time_frame"],
    }
    visit = contract("06-follow-up")
    visit["sleep"]["device"] = [point(400), nap, rem]

    devices = ward.visit(visit).json()["sleep"]["device"]

    assert [one["source_id"] for one in devices] == ["1", "nap", "rem"]
    assert devices[2]["stretch"] == "AsleepREM"
    assert [
        one
        for one in ward.standing("sleep.device_")
        if one[0] == "sleep.device_total_sleep_time_min"
    ] == [("sleep.device_total_sleep_time_min", 400, "2026-04-13", None)]
    (night,) = nights(ward)["nights"]
    assert [one.get("against_diary") is not None for one in night["device"]] == [True, False, False]


@pytest.mark.parametrize("query", ["?from=2026-05-01&to=2026-04-01", "?from=2020-01-01", "?x=1"])
def test_a_window_that_cannot_be_is_refused(ward: Ward, query: str) -> None:
    assert ward.prescriber("GET", f"{PATH}/nights{query}").status_code == 400


def test_regularity_is_that_of_the_diarys_nights(ward: Ward) -> None:
    for number, bed in enumerate(["22:00", "23:00", "00:00", "23:00", *["23:00"] * 3]):
        diary = {
            "woke_on": f"2026-04-{10 + number}",
            "tried_to_sleep": bed,
            "latency_min": 0,
            "final_awakening": "06:00",
        }
        ward.check_in(entry(f"2026-04-{10 + number}", sleep={"diary": diary}))

    regularity = nights(ward)["regularity"]

    # midsleeps 02:00, 02:30, 03:00, 02:30 four times more
    assert (regularity["n"], regularity["mean_midsleep"]) == (7, "02:30")
    assert regularity["midsleep_sd_min"] == 16
    assert nights(ward, "?from=2026-04-10&to=2026-04-12")["regularity"]["codes"] == [
        "TOO_FEW_NIGHTS"
    ]


# ---- mood


def test_several_moods_of_a_day_all_stand_and_no_sum_is_made(ward: Ward) -> None:
    for hour, mood in (("08:00", 2), ("13:00", 8), ("21:00", 5)):
        ward.check_in(entry("2026-04-13", hour, mood_cognition={"mood": mood, "anxiety": 1}))

    standing = ward.standing("mood_cognition.")

    assert sorted(one[1] for one in standing if one[0] == "mood_cognition.mood") == [2, 5, 8]
    assert {one[0] for one in standing} == {"mood_cognition.mood", "mood_cognition.anxiety"}


# ---- functioning and exercise


def test_an_outcome_of_ones_own_is_followed_in_ones_own_words(ward: Ward) -> None:
    own = {
        "key": "grandchildren",
        "text": "Play with my grandchildren for an hour",
        "at_0": "I stay in bed",
        "at_10": "we go to the playground",
        "value": 3,
    }

    answer = ward.visit(
        {**entry("2026-04-13"), "kind": "call", "functioning": {"own": [own]}}
    ).json()

    assert answer["functioning"]["own"] == [own]
    assert ward.values() == {"functioning.own.grandchildren": 3}
    measure = ward.prescriber("GET", "/v1/reference/measures/functioning.own.grandchildren").json()
    assert (measure["direction"], measure["min"], measure["max"]) == ("higher_better", 0, 10)
    assert measure["domain"] == "functioning"


@pytest.mark.parametrize(
    ("own", "pointer"),
    [
        ([{"key": "Walk", "text": "x", "at_0": "a", "at_10": "b", "value": 3}], "/0/key"),
        ([{"key": "walk", "text": "x", "at_0": "a", "at_10": "b", "value": 11}], "/0/value"),
        ([{"key": "walk", "text": "x", "at_0": "a", "value": 3}], "/0/at_10"),
        (2 * [{"key": "walk", "text": "x", "at_0": "a", "at_10": "b", "value": 3}], ""),
    ],
)
def test_an_outcome_without_words_or_key_is_refused(
    ward: Ward, own: list[Any], pointer: str
) -> None:
    refused = ward.check_in(entry("2026-04-13", functioning={"own": own}))

    assert refused.status_code == 422
    assert [one["pointer"] for one in refused.json()["errors"]] == [f"/functioning/own{pointer}"]


# ---- the vocabulary


def test_the_vocabulary_is_served_in_plain_words(ward: Ward) -> None:
    everything = ward.patient("GET", "/v1/reference/side-effects")
    found = ward.patient("GET", "/v1/reference/side-effects?text=throwing up")
    nothing = ward.patient("GET", "/v1/reference/side-effects?text=qqqq")

    assert len(TermPage.model_validate_json(everything.content).items) > 100
    assert found.json()["items"][0]["id"] == "vomiting"
    assert nothing.json()["items"] == []
    assert "action" not in found.text


def test_the_contracts_visit_reads_back_by_domain(ward: Ward) -> None:
    whole = ward.visit(contract("06-follow-up")).json()

    for name in ("dosage", "side-effects", "mood-cognition", "sleep", "functioning"):
        alone = ward.prescriber("GET", f"{PATH}/follow-ups/{VISIT}/{name}")
        assert alone.status_code == 200, name
        key = name.replace("-", "_")
        assert alone.json()[key] == whole[key]
