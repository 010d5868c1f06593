"""The patient's own follow-up, over HTTP, on both databases."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from app.followups.schemas import CheckInOut
from tests.conftest import Caller
from tests.followups.conftest import CHECK_IN, INSOMNIA, PATH, SERTRALINE, Ward, contract
from tests.shared import needs_shared

pytestmark = needs_shared

ADDRESS = f"{PATH}/check-ins/{CHECK_IN}"


def entry(**members: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": "2026-04-20T07:45:00-04:00", **members}


def test_a_check_in_reads_the_open_episode(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    made = ward.check_in(contract("07-check-in"))

    assert made.status_code == 201, made.text
    answer = made.json()
    assert CheckInOut.model_validate_json(made.content).kind == "check_in"
    assert answer["source"] == "patient"
    assert answer["domains"] == [
        "dosage",
        "side_effects",
        "mood_cognition",
        "sleep",
        "functioning",
    ]
    assert answer["side_effects"]["episodes"] == [
        {"term": "insomnia", "severity": 1, "episode_id": INSOMNIA}
    ]
    episodes = ward.prescriber("GET", f"{PATH}/side-effects").json()["items"]
    assert sorted(one["term"] for one in episodes) == ["insomnia", "nausea"]
    assert ward.standing("side_effects.insomnia")[-1] == (
        "side_effects.insomnia", 1, "2026-04-20", None,
    )  # fmt: skip
    assert ward.values("sleep.duration_h") == {"sleep.duration_h": 6.5}
    path = f"{PATH}/medications/{SERTRALINE}/administrations"
    taken = ward.prescriber("GET", path).json()["items"]
    assert [(one["taken"], one["reported_in"]) for one in taken] == [("yes", CHECK_IN)]


def test_a_check_in_sent_again_later_is_the_one_that_is_there(ward: Ward) -> None:
    first = ward.check_in(contract("07-check-in"))
    counts = ward.counts()
    ward.clinic.clock.advance(minutes=30)
    again = {**contract("07-check-in"), "sent_at": "2026-06-01T08:30:00-04:00"}
    del again["client_time"]

    replayed = ward.check_in(again)

    assert replayed.status_code == 200, replayed.text
    assert replayed.content == first.content
    assert ward.counts() == counts


def test_the_devices_clock_is_kept_and_a_wrong_one_flagged(ward: Ward) -> None:
    right = ward.check_in(entry(sent_at="2026-06-01T11:59:30Z"))
    wrong = ward.check_in(entry(sent_at="2026-06-01T11:50:00Z", client_time="2026-04-20T08:00:00Z"))

    assert right.json()["clock_skew_s"] == 30
    assert "flags" not in right.json()
    assert wrong.json()["clock_skew_s"] == 600
    assert wrong.json()["flags"] == ["clock_skew"]
    assert wrong.json()["client_time"] == "2026-04-20T08:00:00Z"


def test_put_makes_a_check_in_and_changes_only_the_version_that_was_read(ward: Ward) -> None:
    body = {"occurred_at": "2026-04-20T07:45:00-04:00", "mood_cognition": {"mood": 6}}
    other = body | {"mood_cognition": {"mood": 4}}

    made = ward.patient("PUT", ADDRESS, body)
    again = ward.patient("PUT", ADDRESS, body)
    blind = ward.patient("PUT", ADDRESS, other)
    changed = ward.patient("PUT", ADDRESS, other, headers={"If-Match": '"1"'})
    stale = ward.patient("PUT", ADDRESS, body | {"note": "x"}, headers={"If-Match": '"1"'})

    assert made.status_code == 201, made.text
    assert again.status_code == 200
    assert again.content == made.content
    assert blind.status_code == 428
    assert changed.status_code == 200
    assert changed.json()["version"] == 2
    assert stale.status_code == 412
    assert ward.values() == {"mood_cognition.mood": 4}


def test_another_patients_check_in_is_not_there(ward: Ward, prescriber: Caller) -> None:
    ward.check_in(contract("07-check-in"))
    other = str(uuid4())
    person = contract("01-patient") | {"id": other, "identifiers": []}
    prescriber("POST", "/v1/patients", person)
    stranger = ward.clinic.as_("patient", patient_id=other)

    assert stranger("GET", ADDRESS).status_code == 404
    assert stranger("POST", f"{PATH}/check-ins", entry()).status_code == 404
    assert stranger("GET", f"{PATH}/check-ins").status_code == 404


@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"dosage": {"dose_events": []}}, "/dosage/dose_events"),
        ({"dosage": {"ratings": [{"medication_id": SERTRALINE, "cgi_s": 3}]}},
         "/dosage/ratings/0/cgi_s"),
        ({"interactions": {"list_reviewed": True}}, "/interactions"),
        ({"kind": "visit"}, "/kind"),
    ],
)  # fmt: skip
def test_what_is_a_clinicians_has_no_place_in_a_check_in(
    ward: Ward, members: dict[str, Any], pointer: str
) -> None:
    refused = ward.check_in(entry(**members))

    assert refused.status_code == 422
    assert [(one["pointer"], one["code"]) for one in refused.json()["errors"]] == [
        (pointer, "unknown-field")
    ]


def test_a_patient_who_answers_a_risk_item_is_told_that_nobody_watches(ward: Ward) -> None:
    phq = {"instrument": "phq-9", "answers": [1, 1, 1, 1, 1, 1, 1, 1, 1]}
    body = entry(assessments=[phq])

    told = ward.check_in(body).json()
    again = ward.check_in(body).json()
    silent = ward.check_in(entry(assessments=[{"instrument": "phq-2", "answers": [1, 1]}])).json()
    clinic = ward.prescriber("POST", f"{PATH}/check-ins", entry(assessments=[phq])).json()

    assert told["safety_notice"]["nobody_watches"] is True
    assert "emergency number" in told["safety_notice"]["text"]
    assert not any(letter.isdigit() for letter in told["safety_notice"]["text"])
    assert [one["code"] for one in told["opened_signals"]] == ["suicidal_ideation_item"]
    assert again == told
    assert "safety_notice" not in silent
    assert "safety_notice" not in clinic


def test_a_plain_check_in_asks_nothing_beyond_what_the_batch_asked(ward: Ward) -> None:
    asked: list[str] = []

    def note(*arguments: Any) -> None:
        asked.append(str(arguments[2]))

    plain = entry(
        mood_cognition={"mood": 6}, sleep={"quality": 6}, functioning={"work": 5}, note="better"
    )
    event.listen(ward.clinic.app.state.engine, "before_cursor_execute", note)
    try:
        made = ward.check_in(plain)
    finally:
        event.remove(ward.clinic.app.state.engine, "before_cursor_execute", note)

    assert made.status_code == 201
    questions = [text for text in asked if text.lstrip().upper().startswith("SELECT")]
    for table in ("medications", "side_effects", "assessments", "signals", "measurements"):
        assert not any(f"FROM {table}" in text for text in questions), table
    assert len(questions) <= 3, questions
