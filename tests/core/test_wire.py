"""The strict reader: what stock JSON readers let through is refused, named, and not echoed."""

import json
from typing import Any

import pytest

from tests.conftest import Caller
from tests.patients.test_patients import PATH, PERSON

CHECK_INS = f"{PATH}/check-ins"
GOOD = {"id": "019a5b10-0000-7000-8000-00000000c001", "occurred_at": "2026-04-20T07:45:00-04:00"}


def raw(members: str) -> bytes:
    """Write a check-in with these members after the good ones."""
    return (json.dumps(GOOD)[:-1] + ", " + members + "}").encode()


def with_(**members: Any) -> bytes:
    return json.dumps(GOOD | members).encode()


MALFORMED = [
    b"",
    b"{",
    b"\xff\xfe{}",
    raw('"note": "a", "note": "b"'),
    raw('"sleep": {"quality": NaN}'),
    raw('"sleep": {"quality": Infinity}'),
    raw('"sleep": {"quality": -Infinity}'),
    raw('"note": "a\\u0000b"'),
    raw('"note": ' + "[" * 40 + "]" * 40),
    b"[" * 100_000,
]
INVALID = [
    (with_(occurred_at="2026-04-20T07:45:00"), "/occurred_at"),
    (with_(occurred_at="2026-04-20 07:45:00-04:00"), "/occurred_at"),
    (with_(occurred_at="1767607200"), "/occurred_at"),
    (with_(occurred_at=1767607200), "/occurred_at"),
    (with_(occurred_at="2026-04-20T24:00:00-04:00"), "/occurred_at"),
    (with_(occurred_at="2026-06-30T23:59:60Z"), "/occurred_at"),
    (with_(occurred_at="2026-02-30T07:45:00-04:00"), "/occurred_at"),
    (with_(occurred_at="1899-12-31T07:45:00Z"), "/occurred_at"),
    (with_(occurred_at="2031-01-01T07:45:00Z"), "/occurred_at"),
    (with_(sleep={"quality": 14}), "/sleep/quality"),
    (with_(sleep={"quality": "7"}), "/sleep/quality"),
    (with_(sleep={"quality": True}), "/sleep/quality"),
    (with_(sleep={"quality": 7.0}), "/sleep/quality"),
    (with_(sleep={"quality": 7.5}), "/sleep/quality"),
    (with_(sleep={"duration_h": 25}), "/sleep/duration_h"),
    (raw('"sleep": {"duration_h": 1e999}'), "/sleep/duration_h"),
    (with_(sleep={"diary": {"woke_on": 0}}), "/sleep/diary/woke_on"),
    (with_(sleep={"diary": {"woke_on": "2026-04-20T00:00:00Z"}}), "/sleep/diary/woke_on"),
    (with_(mood_cognition={"mood": -1}), "/mood_cognition/mood"),
    (with_(mood_cognition={"mod": 5}), "/mood_cognition/mod"),
    (with_(version=3), "/version"),
    (with_(clinic_id="x"), "/clinic_id"),
    (with_(recorded_at="2026-04-20T07:45:00Z"), "/recorded_at"),
    (with_(note="a\u0007b"), "/note"),
    (with_(note="x" * 10_001), "/note"),
    (with_(note=["a"]), "/note"),
    (with_(id="not-an-id"), "/id"),
    (with_(functioning=[]), "/functioning"),
    (with_(side_effects={"episodes": [{"term": "insomnia", "severity": 5}]}), "/side_effects"),
    (with_(side_effects={"episodes": [{"term": "hiccoughing", "severity": 1}]}), "/side_effects"),
    (with_(assessments=[{"instrument": "phq-99", "answers": [1]}]), "/assessments/0"),
]


@pytest.fixture
def caller(prescriber: Caller) -> Caller:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    return prescriber


def post(caller: Caller, content: bytes, media_type: str = "application/json") -> Any:
    return caller("POST", CHECK_INS, content=content, headers={"Content-Type": media_type})


def test_what_is_not_the_json_that_we_read_is_400_and_nothing_is_stored(caller: Caller) -> None:
    for content in MALFORMED:
        refused = post(caller, content)
        assert refused.status_code == 400, content[:80]
        assert refused.json()["code"] == "malformed-json"
    assert caller("GET", CHECK_INS).json()["items"] == []


def test_what_is_wrong_is_named_by_a_pointer_and_nothing_is_stored(caller: Caller) -> None:
    for content, pointer in INVALID:
        refused = post(caller, content)
        assert refused.status_code == 422, (content[:200], refused.text)
        pointers = [one["pointer"] for one in refused.json()["errors"]]
        assert any(one.startswith(pointer) for one in pointers), (content[:200], pointers)
    assert caller("GET", CHECK_INS).json()["items"] == []


def test_no_error_echoes_the_input(caller: Caller) -> None:
    canary = "canary-7f3a"

    for content in (
        with_(occurred_at=canary),
        with_(note={"text": canary}),
        with_(side_effects={"episodes": [{"term": canary, "severity": 1}]}),
    ):
        assert canary not in post(caller, content).text


def test_another_media_type_and_too_large_a_body_are_refused(caller: Caller) -> None:
    assert post(caller, with_(), "text/plain").status_code == 415
    assert post(caller, with_(note="x" * (1024 * 1024))).status_code == 413


def test_a_patient_with_an_invisible_character_in_the_name_is_refused(prescriber: Caller) -> None:
    for given in ("Ann\u202ea", "Ann\u200b", "Ann\n", ""):
        body = PERSON | {"name": {"given": given, "family": "Patient"}}
        refused = prescriber("POST", "/v1/patients", body)
        assert refused.json()["errors"][0]["pointer"] == "/name/given"
