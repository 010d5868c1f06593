"""The strict reader: what stock JSON readers let through is refused, named, and not echoed."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conftest import Caller
from tests.patients.test_patients import PATH, PERSON

CHECK_INS = f"{PATH}/check-ins"
CANARY = "zq7f3a"
"""Stands in every bad body, and must stand in no answer."""
GOOD = {"id": "019a5b10-0000-7000-8000-00000000c001", "occurred_at": "2026-04-20T07:45:00-04:00"}


def raw(members: str) -> bytes:
    """Write a check-in with these members after the good ones."""
    return f'{json.dumps(GOOD)[:-1]}, "note": "{CANARY}", {members}}}'.encode()


def with_(**members: Any) -> bytes:
    return json.dumps(GOOD | {"note": CANARY} | members).encode()


def nested(depth: int) -> bytes:
    """Write a body of which the deepest array stands at this depth."""
    return raw('"other": ' + "[" * (depth - 1) + "]" * (depth - 1))


MALFORMED = {
    "empty": b"",
    "cut off": b'{"note": "' + CANARY.encode(),
    "two bodies": with_() + with_(),
    "not UTF-8": b'{"note": "\xff' + CANARY.encode() + b'"}',
    "UTF-16": '{"note": "a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + with_(),
    "a member twice": raw('"sleep": {}, "sleep": {}'),
    "a member twice inside": raw('"sleep": {"quality": 6, "quality": 7}'),
    "a member twice, once escaped": raw('"sleep": {"quality": 6, "qualit\\u0079": 7}'),
    "NaN": raw('"sleep": {"quality": NaN}'),
    "Infinity": raw('"sleep": {"quality": Infinity}'),
    "minus Infinity": raw('"sleep": {"quality": -Infinity}'),
    "an escaped NUL": raw('"client_time": "a\\u0000b"'),
    "a bare NUL": raw('"client_time": "a\x00b"'),
    "a lone surrogate": raw('"client_time": "a\\ud800b"'),
    "a bare control character": raw('"client_time": "a\x07b"'),
    "33 deep": nested(33),
    "very deep": b"[" * 100_000,
    "a comment": b"/* " + CANARY.encode() + b" */ {}",
    "single quotes": b"{'note': 'a'}",
    "a trailing comma": b'{"note": "a",}',
    "a leading zero": raw('"sleep": {"quality": 07}'),
    "no leading zero": raw('"sleep": {"duration_h": .5}'),
}
INVALID = {
    "32 deep": (nested(32), "/other", "unknown-field"),
    "a naive moment": (with_(occurred_at="2026-04-20T07:45:00"), "/occurred_at", "not-a-moment"),
    "a blank for T": (
        with_(occurred_at="2026-04-20 07:45:00-04:00"),
        "/occurred_at",
        "not-a-moment",
    ),
    "digits in a string": (with_(occurred_at="1767607200"), "/occurred_at", "not-a-moment"),
    "a number": (with_(occurred_at=1767607200), "/occurred_at", "not-a-moment"),
    "only a day": (with_(occurred_at="2026-04-20"), "/occurred_at", "not-a-moment"),
    "24:00": (with_(occurred_at="2026-04-20T24:00:00-04:00"), "/occurred_at", "not-a-moment"),
    "a leap second": (with_(occurred_at="2026-06-30T23:59:60Z"), "/occurred_at", "not-a-moment"),
    "30 February": (with_(occurred_at="2026-02-30T07:45:00Z"), "/occurred_at", "not-a-moment"),
    "Arabic digits": (with_(occurred_at="2026-04-٢0T07:45:00Z"), "/occurred_at", "not-a-moment"),
    "an offset of 25 h": (
        with_(occurred_at="2026-04-20T07:45:00+25:00"),
        "/occurred_at",
        "not-a-moment",
    ),
    "an offset that no place on earth has": (
        with_(occurred_at="2026-04-20T07:45:00+23:59"),
        "/occurred_at",
        "not-a-moment",
    ),
    "before 1900": (with_(occurred_at="1899-12-31T07:45:00Z"), "/occurred_at", "out-of-range"),
    "the end of all calendars": (
        with_(occurred_at="9999-12-31T23:59:59-14:00"),
        "/occurred_at",
        "out-of-range",
    ),
    "in the future": (
        with_(occurred_at="2031-01-01T07:45:00Z"),
        "/occurred_at",
        "effective-in-future",
    ),
    "no moment": (b'{"note": "zq7f3a"}', "/occurred_at", "required"),
    "0 for a day": (with_(sleep={"diary": {"woke_on": 0}}), "/sleep/diary/woke_on", "not-a-day"),
    "a moment for a day": (
        with_(sleep={"diary": {"woke_on": "2026-04-20T00:00:00Z"}}),
        "/sleep/diary/woke_on",
        "not-a-day",
    ),
    "above the scale": (with_(sleep={"quality": 14}), "/sleep/quality", "out-of-range"),
    "below the scale": (
        with_(mood_cognition={"mood": -1}),
        "/mood_cognition/mood",
        "out-of-range",
    ),
    "25 h a night": (with_(sleep={"duration_h": 25}), "/sleep/duration_h", "out-of-range"),
    "a number in a string": (with_(sleep={"quality": "7"}), "/sleep/quality", "int-type"),
    "true": (with_(sleep={"quality": True}), "/sleep/quality", "int-type"),
    "7.0 where whole": (with_(sleep={"quality": 7.0}), "/sleep/quality", "int-type"),
    "7.5 where whole": (with_(sleep={"quality": 7.5}), "/sleep/quality", "int-type"),
    "1e2 where whole": (raw('"sleep": {"quality": 1e0}'), "/sleep/quality", "int-type"),
    "1e999": (raw('"sleep": {"duration_h": 1e999}'), "/sleep/duration_h", "finite-number"),
    "a whole number of 30 digits": (
        raw('"sleep": {"quality": 777777777777777777777777777777}'),
        "/sleep/quality",
        "out-of-range",
    ),
    "an unknown member": (with_(zq7=1), "/zq7", "unknown-field"),
    "an unknown member inside": (
        with_(mood_cognition={"mod": 5}),
        "/mood_cognition/mod",
        "unknown-field",
    ),
    "version": (with_(version=3), "/version", "unknown-field"),
    "clinic_id": (with_(clinic_id=CANARY), "/clinic_id", "unknown-field"),
    "recorded_at": (with_(recorded_at=CANARY), "/recorded_at", "unknown-field"),
    "a bell in a note": (with_(note=CANARY + "\u0007"), "/note", "control-character"),
    "DEL in a note": (with_(note=CANARY + "\u007f"), "/note", "control-character"),
    "too long a note": (with_(note="x" * 10_001), "/note", "string-too-long"),
    "an array for a note": (with_(note=[CANARY]), "/note", "string-type"),
    "not an id": (with_(id=CANARY), "/id", "uuid-parsing"),
    "an array for a domain": (with_(functioning=[CANARY]), "/functioning", "model-type"),
    "an array for the body": (b'["zq7f3a"]', "", "model-type"),
    "null for the body": (b"null", "", "model-type"),
    "a severity of 5": (
        with_(side_effects={"episodes": [{"term": "insomnia", "severity": 5}]}),
        "/side_effects/episodes/0/severity",
        "out-of-range",
    ),
    "101 in an array": (
        with_(side_effects={"episodes": [{"term": "insomnia", "severity": 1}] * 101}),
        "/side_effects/episodes",
        "too-long",
    ),
}


@pytest.fixture
def caller(prescriber: Caller) -> Iterator[Caller]:
    """Give a caller with one patient, and see at the end that nothing was stored for it."""
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    yield prescriber
    assert prescriber("GET", CHECK_INS).json()["items"] == []


def post(caller: Caller, content: Any, media_type: str = "application/json") -> Any:
    return caller("POST", CHECK_INS, content=content, headers={"Content-Type": media_type})


def test_what_is_not_the_json_that_we_read_is_400(caller: Caller) -> None:
    for name, content in MALFORMED.items():
        refused = post(caller, content)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed-json"), name
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert CANARY not in refused.text, name


def test_what_is_wrong_is_named_by_pointer_and_code_and_never_echoed(caller: Caller) -> None:
    for name, (content, pointer, code) in INVALID.items():
        refused = post(caller, content)
        assert refused.status_code == 422, (name, refused.text)
        faults = [(one["pointer"], one["code"]) for one in refused.json()["errors"]]
        assert faults == [(pointer, code)], name
        assert CANARY not in refused.text, name


def test_every_wrong_member_is_named_at_once(caller: Caller) -> None:
    refused = post(caller, with_(version=3, sleep={"quality": 14}, functioning={"work": "7"}))

    pointers = {one["pointer"] for one in refused.json()["errors"]}
    assert pointers == {"/version", "/sleep/quality", "/functioning/work"}


def test_only_json_is_taken(caller: Caller) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""):
        refused = post(caller, with_(), media_type)
        assert (refused.status_code, refused.json()["code"]) == (415, "unsupported-media-type")


def test_too_large_a_body_is_413_whether_or_not_its_length_is_announced(caller: Caller) -> None:
    large = with_(note="x" * (1024 * 1024))

    def unannounced() -> Iterator[bytes]:
        for start in range(0, len(large), 65_536):
            yield large[start : start + 65_536]

    for content in (large, unannounced()):
        refused = post(caller, content)
        assert (refused.status_code, refused.json()["code"]) == (413, "body-too-large")


def test_a_stranger_is_refused_before_the_body_is_read(caller: Caller) -> None:
    stranger = Caller(caller.http, "no-token")

    for content in (b"{", with_(version=3)):
        refused = post(stranger, content)
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Ann\u202ea", "control-character"),
        ("Ann\u2066a", "control-character"),
        ("Ann\u200b", "control-character"),
        ("Ann\ufeff", "control-character"),
        ("Ann\n", "control-character"),
        ("Ann\u0085", None),
        ("", "string-too-short"),
        ("x" * 201, "string-too-long"),
    ],
)
def test_a_name_is_one_visible_line(prescriber: Caller, given: str, code: str | None) -> None:
    answer = prescriber("POST", "/v1/patients", PERSON | {"name": {"given": given, "family": "P"}})

    faults = [(one["pointer"], one["code"]) for one in answer.json().get("errors", [])]
    assert faults == ([("/name/given", code)] if code else [])


def test_a_note_keeps_what_was_typed(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    note = "<3 mg\t\u202bשלום\u202c\nline two \U0001f600"

    stored = post(prescriber, with_(note=note))

    assert stored.status_code == 201
    assert stored.json()["note"] == note
