"""A visit in one body, over HTTP, on both databases."""

import json
from typing import Any
from uuid import uuid4

import pytest

from app.followups.schemas import FollowUpOut
from tests.conftest import Caller
from tests.followups.conftest import (
    INSOMNIA,
    PATH,
    SERTRALINE,
    ST_JOHNS_WORT,
    VISIT,
    Ward,
    contract,
)
from tests.shared import needs_shared

pytestmark = needs_shared

ADDRESS = f"{PATH}/follow-ups/{VISIT}"
NESTED = (
    f"{PATH}/side-effects/{INSOMNIA}",
    f"{PATH}/medications/019a5b10-0000-7000-8000-000000000103",
    f"{PATH}/medications/{ST_JOHNS_WORT}/dose-events/019a5b10-0000-7000-8000-000000000204",
    f"{PATH}/assessments/019a5b10-0000-7000-8000-000000000501",
)


def call(**members: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "kind": "call",
        "occurred_at": "2026-04-13T10:30:00-04:00",
        **members,
    }


def matches(given: Any, expected: Any) -> bool:
    """An answer may say more than the contract does, and `…` stands for anything."""
    if expected == "…":
        return True
    if isinstance(expected, dict):
        return all(name in given and matches(given[name], expected[name]) for name in expected)
    if isinstance(expected, list):
        return len(given) == len(expected) and all(map(matches, given, expected))
    return bool(given == expected)


def test_a_visit_is_answered_as_the_contract_says(ward: Ward) -> None:
    made = ward.visit(contract("06-follow-up"))

    assert made.status_code == 201, made.text
    assert made.headers["ETag"] == '"1"'
    assert made.headers["Location"] == ADDRESS
    answer, expected = made.json(), contract("answers/06-follow-up")
    risk = expected.pop("opened_signals")
    assert matches(answer, expected), answer
    assert matches(
        [one for one in answer["opened_signals"] if one["code"] == risk[0]["code"]], risk
    )
    assert "safety_notice" not in answer
    assert FollowUpOut.model_validate_json(made.content).version == 1


def test_all_that_a_visit_brings_stands_in_its_own_place(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    for address in NESTED:
        found = ward.prescriber("GET", address)
        assert found.status_code == 200, address
        assert found.json()["version"] == 1
    values = ward.values()
    assert values["mood_cognition.mood"] == 5
    assert values["functioning.days_out_of_role"] == 3
    assert values["sleep.total_sleep_time_min"] == 325
    assert values["sleep.efficiency_pct"] == pytest.approx(100 * 325 / 450)
    assert values["pgi-i.total"] == 3
    assert values["cgi-s.total"] == 4
    assert values["dosage.adherence"] == pytest.approx(100 * 12 / 14)
    assert values["phq-9.total"] == 12


def test_an_episode_stands_at_its_onset_and_when_it_was_last_known(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    assert ward.standing("side_effects.") == [
        ("side_effects.insomnia", 2, "2026-03-10", None),
        ("side_effects.insomnia", 2, "2026-04-13", None),
        ("side_effects.nausea", 1, "2026-03-05", None),
        ("side_effects.nausea", 1, "2026-03-19", None),
    ]


def test_a_visit_sent_twice_is_there_once_and_answered_alike(ward: Ward) -> None:
    first = ward.visit(contract("06-follow-up"))
    counts = ward.counts()

    again = ward.visit(contract("06-follow-up"))

    assert again.status_code == 200
    assert again.content == first.content
    assert ward.prescriber("GET", ADDRESS).content == first.content
    assert ward.counts() == counts


@pytest.mark.parametrize(
    "name",
    ["dosage", "side_effects", "mood_cognition", "sleep", "functioning", "interactions"],
)
def test_an_absent_domain_is_absent(ward: Ward, name: str) -> None:
    body = contract("06-follow-up")
    del body[name], body["assessments"]

    answer = ward.visit(body).json()

    assert name not in answer
    assert name not in answer["domains"]
    assert len(answer["domains"]) == 5
    assert ward.values(name) == {}


def test_an_unanswered_field_is_not_a_zero(ward: Ward) -> None:
    made = ward.visit(call(mood_cognition={"anxiety": 0, "mood": None}, sleep={}))

    assert made.json()["domains"] == ["mood_cognition", "sleep"]
    assert ward.values() == {"mood_cognition.anxiety": 0}


def test_a_correction_makes_version_two_and_history_shows_both(ward: Ward) -> None:
    first = ward.visit(contract("06-follow-up"))
    before = ward.standing()
    patch = contract("25-correction")

    missing = ward.prescriber("PATCH", ADDRESS, patch)
    done = ward.prescriber("PATCH", ADDRESS, patch, headers={"If-Match": '"1"'})
    stale = ward.prescriber("PATCH", ADDRESS, patch, headers={"If-Match": '"1"'})

    assert missing.status_code == 428
    assert stale.status_code == 412
    assert done.status_code == 200, done.text
    second = done.json()
    assert second["version"] == 2
    assert second["note"] == "Lift in mood in the mornings."
    assert second["change_reason"] == {"code": "typo"}
    assert second["assessments"] == first.json()["assessments"]
    history = ward.prescriber("GET", f"{ADDRESS}/history").json()["items"]
    assert [one["version"] for one in history] == [2, 1]
    assert history[1] == first.json()
    assert ward.standing() == before
    for address in NESTED:
        assert ward.prescriber("GET", address).json()["version"] == 1


def test_a_colleague_may_correct_a_note_and_what_the_visit_brought_stays(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    ehr = ward.clinic.as_("system")

    done = ehr("PATCH", ADDRESS, contract("25-correction"), headers={"If-Match": '"1"'})

    assert done.status_code == 200, done.text
    for address in NESTED:
        assert ward.prescriber("GET", address).json()["version"] == 1


def test_what_a_correction_no_longer_says_is_withdrawn(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    patch: dict[str, Any] = {
        "side_effects": None,
        "interactions": None,
        "dosage": {"dose_events": []},
    }

    done = ward.prescriber(
        "PATCH", ADDRESS, {**patch, "assessments": []}, headers={"If-Match": '"1"'}
    )

    assert done.status_code == 200, done.text
    for address in NESTED:
        assert ward.prescriber("GET", address).json()["status"] == "entered_in_error", address
    assert ward.values("side_effects.") == {}
    assert ward.values("phq-9") == {}
    assert ward.values("mood_cognition.mood") == {"mood_cognition.mood": 5}


def test_a_visit_dated_anew_takes_its_episodes_and_answers_along(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))
    patch = {"occurred_at": "2026-04-14T10:30:00-04:00"}

    done = ward.prescriber("PATCH", ADDRESS, patch, headers={"If-Match": '"1"'})

    assert done.status_code == 200, done.text
    days = {measure: day for measure, _value, day, _flags in ward.standing()}
    assert days["mood_cognition.mood"] == "2026-04-14"
    assert days["phq-9.total"] == "2026-04-14"
    assert days["side_effects.insomnia"] == "2026-04-14"
    assert days["side_effects.nausea"] == "2026-03-19"


def test_a_deleted_visit_takes_its_numbers_and_what_it_brought_back(ward: Ward) -> None:
    ward.visit(contract("06-follow-up"))

    gone = ward.prescriber(
        "DELETE", f"{ADDRESS}?reason=another+person", headers={"If-Match": '"1"'}
    )

    assert gone.status_code == 200, gone.text
    assert gone.json()["status"] == "entered_in_error"
    assert ward.standing() == []
    for address in NESTED:
        assert ward.prescriber("GET", address).json()["status"] == "entered_in_error", address
    assert ward.prescriber("GET", ADDRESS).json()["status"] == "entered_in_error"
    assert ward.prescriber("GET", f"{PATH}/follow-ups").json()["items"] == []
    listed = ward.prescriber("GET", f"{PATH}/follow-ups?status=all").json()["items"]
    assert [one["id"] for one in listed] == [VISIT]


def test_what_was_only_linked_is_not_the_visits_to_take_back(ward: Ward) -> None:
    body = contract("06-follow-up")
    event = dict(body["dosage"]["dose_events"][0])
    path = f"{PATH}/medications/{event.pop('medication_id')}/dose-events"
    assert ward.prescriber("POST", path, event).status_code == 201
    ward.clinic.clock.advance(minutes=5)

    assert ward.visit(body).status_code == 201
    ward.prescriber("DELETE", ADDRESS, headers={"If-Match": '"1"'})

    assert ward.prescriber("GET", f"{path}/{event['id']}").json()["status"] == "active"


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"side_effects": {"episodes": [{"term": "nausia", "severity": 1}]}},
         "/side_effects/episodes/0/term"),
        ({"side_effects": {"episodes": [{"term": "nausea", "severity": 1,
                                         "suspected_medication_ids": [str(uuid4())]}]}},
         "/side_effects/episodes/0/suspected_medication_ids"),
        ({"dosage": {"ratings": [{"medication_id": SERTRALINE, "pgi_i": 3},
                                 {"medication_id": str(uuid4()), "pgi_i": 3}]}},
         "/dosage/ratings/1/medication_id"),
        ({"dosage": {"dose_events": [{"medication_id": SERTRALINE, "kind": "change",
                                      "effective_on": "1980-01-01",
                                      "dose": {"amount": "75", "unit": "mg"}}]}},
         "/dosage/dose_events/0/effective_on"),
        ({"interactions": {"reported": [{"kind": "supplement",
                                         "substance": {"reference_id": "no-such"}}]}},
         "/interactions/reported/0/substance/reference_id"),
        ({"sleep": {"diary": {"woke_on": "2026-04-20"}}}, "/sleep/diary/woke_on"),
        ({"dosage": {"adherence": [{"medication_id": SERTRALINE, "days": 7,
                                    "missed_days": 8}]}},
         "/dosage/adherence/0/missed_days"),
    ],
)  # fmt: skip
def test_one_bad_thing_inside_stores_nothing(
    ward: Ward, change: dict[str, Any], pointer: str
) -> None:
    before = ward.counts()
    whole = contract("06-follow-up")
    for name, domain in change.items():
        whole[name] = {**whole[name], **domain}

    refused = ward.visit(whole)

    assert refused.status_code == 422, refused.text
    assert [one["pointer"] for one in refused.json()["errors"]] == [pointer]
    assert ward.counts() == before


def test_an_id_inside_that_other_content_has_refuses_the_whole(ward: Ward) -> None:
    body = contract("06-follow-up")
    other = {"id": INSOMNIA, "term": "insomnia", "severity": 3}
    assert ward.prescriber("POST", f"{PATH}/side-effects", other).status_code == 201
    before = ward.counts()

    refused = ward.visit(body)

    assert refused.status_code == 409
    assert refused.json()["code"] == "already-exists"
    assert ward.counts() == before
    assert ward.prescriber("GET", ADDRESS).status_code == 404


def test_a_term_that_is_not_known_brings_the_nearest(ward: Ward) -> None:
    refused = ward.visit(call(side_effects={"episodes": [{"term": "insomia", "severity": 1}]}))

    fault = refused.json()["errors"][0]
    assert fault["code"] == "unknown-term"
    assert "insomnia" in fault["detail"]


@pytest.mark.parametrize(
    ("text", "status", "code", "pointer"),
    [
        ('"mood": 5}, "mod": {"a": 1', 422, "unknown-field", "/mod"),
        ('"mood": 14', 422, "out-of-range", "/mood_cognition/mood"),
        ('"mood": "7"', 422, "int-type", "/mood_cognition/mood"),
        ('"mood": true', 422, "int-type", "/mood_cognition/mood"),
        ('"mood": 5, "mood": 6', 400, "malformed-json", None),
        ('"mood": NaN', 400, "malformed-json", None),
        ('"mood": 5}, "sleep": {"quality": 14', 422, "out-of-range", "/sleep/quality"),
        ('"mood": 5}, "sleep": {"diary": {"woke_on": 0}', 422, "not-a-day",
         "/sleep/diary/woke_on"),
        ('"mood": 5}, "occurred_at": "2026-04-13T10:30:00", "sleep": {"quality": 4', 422,
         "not-a-moment", "/occurred_at"),
        ('"mood": 5}, "occurred_at": "2026-06-03T00:00:00Z", "sleep": {"quality": 4', 422,
         "effective-in-future", "/occurred_at"),
        ('"mood": 5}, "occurred_at": "1991-04-16T12:00:00Z", "sleep": {"quality": 4', 422,
         "validation", "/occurred_at"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_leaves_nothing(
    ward: Ward, text: str, status: int, code: str, pointer: str | None
) -> None:
    before = ward.counts()
    moment = "" if "occurred_at" in text else '"occurred_at": "2026-04-13T10:30:00-04:00", '
    body = f'{{"id": "{uuid4()}", "kind": "visit", {moment}"mood_cognition": {{{text}}}}}'

    refused = ward.prescriber(
        "POST",
        f"{PATH}/follow-ups",
        content=body,
        headers={"Content-Type": "application/json"},
    )

    assert refused.status_code == status, refused.text
    problem = refused.json()
    if pointer is None:
        assert problem["code"] == code
    else:
        assert [(one["pointer"], one["code"]) for one in problem["errors"]] == [(pointer, code)]
    assert ward.counts() == before


def test_a_body_about_another_patient_is_a_conflict(ward: Ward) -> None:
    refused = ward.visit(call(patient_id=str(uuid4())))
    accepted = ward.visit(call(patient_id=PATH.rpartition("/")[2]))

    assert refused.status_code == 409
    assert refused.json()["code"] == "patient-mismatch"
    assert accepted.status_code == 201


def test_the_day_is_the_patients_and_the_offset_is_given_back(ward: Ward) -> None:
    moment = "2026-04-14T03:30:00+02:00"  # the evening before, in New York

    answer = ward.visit(call(occurred_at=moment, mood_cognition={"mood": 5})).json()

    assert answer["occurred_at"] == moment
    assert answer["occurred_on"] == "2026-04-13"
    assert ward.standing() == [("mood_cognition.mood", 5, "2026-04-13", None)]


def test_contradicting_times_of_a_night_are_kept_and_flagged(ward: Ward) -> None:
    diary = contract("06-follow-up")["sleep"]["diary"] | {"latency_min": 300, "waso_min": 300}

    answer = ward.visit(call(sleep={"diary": diary})).json()

    assert answer["sleep"]["diary"] == diary
    assert answer["sleep"]["derived"] == {
        "time_in_bed_min": None,
        "latency_min": 300,
        "waso_min": 300,
        "total_sleep_time_min": None,
        "efficiency_pct": None,
        "midsleep": None,
        "midsleep_h": None,
        "dated_on": "2026-04-13",
        "flags": ["DQ_IMPLAUSIBLE"],
    }
    assert ward.standing("sleep.") == [
        ("sleep.latency_min", 300, "2026-04-13", "DQ_IMPLAUSIBLE"),
        ("sleep.waso_min", 300, "2026-04-13", "DQ_IMPLAUSIBLE"),
    ]


def test_a_night_is_counted_in_real_time_where_the_clock_changes(ward: Ward) -> None:
    diary = {
        "woke_on": "2026-03-08",
        "into_bed": "23:30",
        "tried_to_sleep": "23:30",
        "latency_min": 0,
        "waso_min": 0,
        "final_awakening": "06:30",
        "out_of_bed": "06:30",
    }
    moment = "2026-03-08T09:00:00-04:00"

    answer = ward.visit(call(occurred_at=moment, sleep={"diary": diary})).json()

    assert answer["sleep"]["derived"]["time_in_bed_min"] == 360


def test_records_inside_without_an_id_get_one_and_a_correction_does_not_double_them(
    ward: Ward,
) -> None:
    body = call(
        dosage={
            "dose_events": [
                {"medication_id": ST_JOHNS_WORT, "kind": "stop", "effective_on": "2026-04-13"}
            ],
            "administrations": [{"medication_id": SERTRALINE, "taken": "yes"}],
        },
        assessments=[{"instrument": "phq-2", "answers": [1, 1]}],
        interactions={"reported": [{"kind": "supplement", "substance": {"text": "ginseng"},
                                    "dose": None, "dose_known": False}]},
    )  # fmt: skip
    made = ward.visit(body)
    assert made.status_code == 201, made.text
    lists = (
        f"{PATH}/medications",
        f"{PATH}/medications/{ST_JOHNS_WORT}/dose-events",
        f"{PATH}/medications/{SERTRALINE}/administrations",
        f"{PATH}/assessments",
    )
    before = [ward.prescriber("GET", path).content for path in lists]

    patch = {"note": "later"}
    done = ward.prescriber(
        "PATCH", f"{PATH}/follow-ups/{body['id']}", patch, headers={"If-Match": '"1"'}
    )

    assert done.status_code == 200, done.text
    assert [ward.prescriber("GET", path).content for path in lists] == before
    assert [len(json.loads(one)["items"]) for one in before] == [3, 2, 1, 1]


def test_a_patients_token_may_not_log_a_visit(ward: Ward) -> None:
    refused = ward.patient("POST", f"{PATH}/follow-ups", call(kind="visit"))

    assert refused.status_code == 403


def test_a_visit_and_a_check_in_stand_in_their_own_lists(ward: Ward, prescriber: Caller) -> None:
    ward.visit(contract("06-follow-up"))
    ward.check_in(contract("07-check-in"))

    visits = prescriber("GET", f"{PATH}/follow-ups").json()["items"]
    check_ins = prescriber("GET", f"{PATH}/check-ins").json()["items"]

    assert [one["kind"] for one in visits] == ["visit"]
    assert [one["kind"] for one in check_ins] == ["check_in"]
    foreign = f"{PATH}/check-ins/{VISIT}"
    assert prescriber("GET", foreign).status_code == 404
    assert prescriber("DELETE", foreign, headers={"If-Match": '"1"'}).status_code == 404
