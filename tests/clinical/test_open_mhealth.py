"""Nights of devices, against the samples of Open mHealth."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.clinical.open_mhealth import DeviceNight, NotANight, NotOpenMHealth, data_point, sleep
from tests.shared import SHARED, needs_shared

SAMPLES = SHARED / "cases" / "openmhealth-samples"
SCHEMAS = ("sleep-duration", "total-sleep-time", "sleep-episode", "hk-category-sample")


def samples(verdict: str) -> list[Path]:
    return sorted(file for name in SCHEMAS for file in SAMPLES.glob(f"*/{name}/*/{verdict}/*.json"))


def name_of(file: Path) -> str:
    return "/".join(file.parts[-4:])


def read(file: Path) -> DeviceNight:
    return sleep(file.parts[-4], json.loads(file.read_text("utf-8")))


def body(schema: str, sample: str) -> Any:
    (file,) = SAMPLES.glob(f"*/{schema}/shouldPass/{sample}.json")
    return json.loads(file.read_text("utf-8"))


def point(of: Any, schema: str = "sleep-episode", **header: Any) -> dict[str, Any]:
    return {
        "header": {
            "id": "123e4567-e89b-12d3-a456-426655440000",
            "creation_date_time": "2016-02-06T07:25:00Z",
            "schema_id": {"namespace": "omh", "name": schema, "version": "1.1"},
            **header,
        },
        "body": of,
    }


@needs_shared
def test_all_sleep_samples_are_there() -> None:
    assert (len(samples("shouldPass")), len(samples("shouldFail"))) == (11, 19)


@pytest.mark.parametrize("file", samples("shouldPass"), ids=name_of)
def test_a_valid_sample_is_read_or_said_to_be_no_night(file: Path) -> None:
    if "descriptive_statistic" in file.read_text("utf-8"):
        with pytest.raises(NotANight, match="one night"):
            read(file)
    else:
        assert read(file).begins_at.tzinfo is not None


@pytest.mark.parametrize("file", samples("shouldFail"), ids=name_of)
def test_an_invalid_sample_is_refused_with_its_place(file: Path) -> None:
    with pytest.raises(NotOpenMHealth) as failure:
        read(file)

    assert not isinstance(failure.value, NotANight)
    assert failure.value.pointer.startswith("/")


@needs_shared
def test_an_episode_gives_all_that_it_measured() -> None:
    night = sleep("sleep-episode", body("sleep-episode/1.1", "valid-sleep-episode"))

    assert night.begins_at.isoformat() == "2016-02-05T21:35:00+00:00"
    assert night.ends_at.isoformat() == "2016-02-06T06:35:00+00:00"
    assert night.total_sleep_time_min == 510
    assert night.latency_min == 17.5
    assert night.waso_min == 30
    assert (night.awakenings, night.is_main_sleep) == (1, True)
    assert night.flags == ()  # 510 asleep and 30 awake fill its 540 minutes; latency lies before


@needs_shared
def test_more_sleep_than_time_is_read_and_flagged() -> None:
    shorter = sleep(
        "sleep-duration", body("sleep-duration/1.0", "duration-shorter-than-time-frame")
    )
    longer = sleep("sleep-duration", body("sleep-duration/1.0", "duration-longer-than-time-frame"))

    assert (shorter.total_sleep_time_min, shorter.flags) == (360, ())
    assert (longer.total_sleep_time_min, longer.flags) == (960, ("DQ_IMPLAUSIBLE",))


@needs_shared
def test_hours_and_minutes_are_the_same_thing() -> None:
    hours = sleep("sleep-duration", body("sleep-duration/2.0", "valid-sleep-duration"))
    minutes = sleep("total-sleep-time", body("total-sleep-time/1.0", "valid-total-sleep-time"))

    assert (hours.total_sleep_time_min, minutes.total_sleep_time_min) == (450, 465)


@needs_shared
@pytest.mark.parametrize("word", ["InBed", "AsleepREM", "Asleep", "Awake"])
def test_a_stretch_of_a_night_is_kept_by_its_word_and_is_no_night(word: str) -> None:
    """HealthKit cuts a night in dozens; an hour of REM sleep is no night of an hour."""
    sample = body("hk-category-sample/1.0", "with-metadata") | {"category_value": word}

    found = sleep("hk-category-sample", sample)

    assert found.stretch == word
    assert (found.ends_at - found.begins_at).total_seconds() == 3600
    assert (found.total_sleep_time_min, found.waso_min) == (None, None)


@needs_shared
def test_a_data_point_names_its_device_and_its_sample() -> None:
    episode = body("sleep-episode/1.1", "valid-sleep-episode")

    bare = data_point(point(episode))
    named = data_point(
        point(
            episode,
            acquisition_provenance={"source_name": "Ring", "source_data_point_id": "77"},
        )
    )
    ieee = point(episode)
    ieee["header"] = {
        "uuid": "123e4567-e89b-12d3-a456-426655440000",
        "schema_id": {"namespace": "ieee", "name": "sleep-episode", "version": "1.0"},
        "source_creation_date_time": "2016-02-06T07:25:00Z",
        "modality": "sensed",
    }

    assert (bare.source_name, bare.source_id) == (None, "123e4567-e89b-12d3-a456-426655440000")
    assert (named.source_name, named.source_id) == ("Ring", "77")
    assert data_point(ieee) == bare


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({}, "/header"),
        ({"body": {}}, "/header"),
        ({"header": {"id": "x"}, "body": {}}, "/header/schema_id"),
        ({"header": {}, "body": {}}, "/header/id"),
        (point({}, "physical-activity"), "/body/schema_id"),
        (point({}), "/body/effective_time_frame"),
        (point(None), "/body"),
        (point({}, id=7), "/header/id"),
        (point({}, creation_date_time="2016-02-06"), "/header/creation_date_time"),
        (point({}, schema_id={"namespace": "x", "name": "sleep-episode", "version": "1"}),
         "/header/schema_id/namespace"),
    ],
)  # fmt: skip
def test_a_wrong_data_point_is_refused_with_its_place(document: Any, pointer: str) -> None:
    with pytest.raises(NotOpenMHealth) as failure:
        data_point(document)

    assert failure.value.pointer == pointer


@pytest.mark.parametrize(
    "duration",
    [
        {"value": True, "unit": "h"},
        {"value": -1, "unit": "h"},
        {"value": 1e300, "unit": "h"},
        {"value": float("nan"), "unit": "h"},
        {"value": 8, "unit": ["h"]},
        {"value": 8},
        8,
    ],
)
def test_a_strange_duration_is_refused(duration: Any) -> None:
    interval = {"start_date_time": "2016-02-05T21:35:00Z", "end_date_time": "2016-02-06T06:35:00Z"}

    with pytest.raises(NotOpenMHealth):
        sleep(
            "sleep-duration",
            {"sleep_duration": duration, "effective_time_frame": {"time_interval": interval}},
        )


def test_an_interval_beyond_the_calendar_is_refused() -> None:
    interval = {"end_date_time": "0001-01-01T00:00:00Z", "duration": {"value": 9, "unit": "d"}}

    with pytest.raises(NotOpenMHealth, match="calendar"):
        sleep("sleep-episode", {"effective_time_frame": {"time_interval": interval}})
