"""What a phone sends in one batch: one result an item, and a bad one stops none."""

import json
from typing import Any
from uuid import UUID, uuid4, uuid5

import httpx
import psycopg
import pytest

from app.core import rows
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

PATIENT = str(PERSON["id"])
SERTRALINE = "019a5b10-0000-7000-8000-000000000101"


@pytest.fixture
def phone(clinic: Clinic, prescriber: Caller) -> Caller:
    """The patient's own app."""
    prescriber("POST", "/v1/patients", PERSON)
    return clinic.as_("patient", patient_id=PATIENT)


def new_id() -> str:
    return str(uuid4())


def put(record_id: str | None, body: Any, **members: Any) -> dict[str, Any]:
    item = {
        "op": "put",
        "type": "check_in",
        "patient_id": PATIENT,
        "client_time": "2026-05-20T08:00:00-04:00",
        "body": body,
        **members,
    }
    return item | ({"id": record_id} if record_id else {})


def delete(record_id: str, **members: Any) -> dict[str, Any]:
    return {"op": "delete", "type": "check_in", "patient_id": PATIENT, "id": record_id, **members}


def day(number: int, mood: int = 5, **more: Any) -> dict[str, Any]:
    return {
        "occurred_at": f"2026-05-{number:02}T08:00:00-04:00",
        "mood_cognition": {"mood": mood},
        **more,
    }


def send(caller: Caller, *items: Any, **envelope: Any) -> list[dict[str, Any]]:
    answer = caller("POST", "/v1/sync", {"items": list(items), **envelope})
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    assert [one["index"] for one in results] == list(range(len(items)))
    return results


def statuses(results: list[dict[str, Any]]) -> list[str]:
    return [one["status"] for one in results]


def moods(caller: Caller) -> list[int]:
    items = caller("GET", f"{PATH}/check-ins").json()["items"]
    return [one["mood_cognition"]["mood"] for one in items]


def test_a_bad_item_never_blocks_the_next(phone: Caller) -> None:
    good, late = new_id(), new_id()
    results = send(
        phone,
        put(new_id(), day(1, mood=14)),
        "not an item",
        put(good, day(2)),
        put(new_id(), day(3), type="dose_event"),
        put(new_id(), day(3), patient_id=new_id()),
        put(None, day(3)),
        put(new_id(), {"occurred_at": "2026-06-09T08:00:00Z"}),
        put(new_id(), {"mood": 3}),
        delete(new_id(), body=day(4)),
        put(late, day(5)),
    )

    assert statuses(results) == ["rejected"] * 2 + ["created"] + ["rejected"] * 6 + ["created"]
    problems = [one["problem"] for one in results if one["status"] == "rejected"]
    assert [one["code"] for one in problems] == [
        "validation",
        "validation",
        "validation",
        "not-found",
        "validation",
        "validation",
        "validation",
        "validation",
    ]
    assert problems[0]["errors"] == [
        {
            "pointer": "/items/0/body/mood_cognition/mood",
            "code": "out-of-range",
            "detail": "0 to 10",
        }
    ]
    (future,) = results[6]["problem"]["errors"]
    assert (future["pointer"], future["code"]) == (
        "/items/6/body/occurred_at",
        "effective-in-future",
    )
    assert moods(phone) == [5, 5]


def test_what_json_lets_pass_and_we_do_not_is_the_fault_of_its_item(phone: Caller) -> None:
    item = json.dumps(put("ID", day(1, mood=7, note="NOTE")))
    broken = [
        item.replace('"mood": 7', '"mood": NaN'),
        item.replace('"mood": 7', '"mood": 1e999'),
        item.replace('"mood": 7', f'"mood": {10**40}'),
        item.replace('"mood": 7', '"mood": 3, "mood": 7'),
        item.replace('"op": "put"', '"op": "put", "op": "delete"'),
        item.replace("NOTE", "\\u0000"),
        item.replace("NOTE", "\\ud800"),
        item.replace('"mood": 7', '"mood": ' + "[" * 300 + "]" * 300),
        item.replace("ID", "not-an-id"),
    ]
    texts = [one.replace('"ID"', f'"{new_id()}"') for one in [*broken, item]]

    answer = phone(
        "POST",
        "/v1/sync",
        content='{"items": [' + ", ".join(texts) + "]}",
        headers={"Content-Type": "application/json"},
    )

    assert answer.status_code == 200, answer.text
    assert statuses(answer.json()["results"]) == ["rejected"] * len(broken) + ["created"]
    for raw in (b"{", b'{"items": [\xff]}', b"[" * 100_000, b""):
        headers = {"Content-Type": "application/json"}
        refused = phone("POST", "/v1/sync", content=raw, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (400, "malformed-json")


def test_a_put_that_goes_back_to_an_older_content_is_an_edit(phone: Caller) -> None:
    """By its own address as in a batch: the version that it names is the one that is there."""
    path = f"{PATH}/check-ins/{new_id()}"
    tags = [{}, {"If-Match": '"1"'}, {"If-Match": '"2"'}, {"If-Match": '"2"'}, {}]

    answers = [
        phone("PUT", path, day(1, mood=mood), headers=tag)
        for mood, tag in zip([3, 4, 3, 3, 4], tags, strict=True)
    ]

    assert [one.json()["version"] for one in answers] == [1, 2, 3, 3, 3]
    assert phone("GET", path).json()["mood_cognition"]["mood"] == 3


def test_a_refused_item_leaves_nothing_of_what_it_had_begun(
    clinic: Clinic, phone: Caller, prescriber: Caller
) -> None:
    """Its assessment is kept before the id of its episode is found taken; nothing may stay."""
    taken = new_id()
    half = day(
        2,
        side_effects={"episodes": [{"id": taken, "term": "nausea", "severity": 1}]},
        assessments=[{"instrument": "phq-9", "answers": {"9": 1}}],
    )
    results = send(
        phone,
        put(taken, day(1, mood=3)),
        put(new_id(), half),
        put(new_id(), day(3, side_effects={"episodes": [{"term": "nausea", "severity": 1}]})),
    )

    assert statuses(results) == ["created", "rejected", "created"]
    assert (
        results[1]["problem"]["errors"][0]["pointer"] == "/items/1/body/side_effects/episodes/0/id"
    )
    assert phone("GET", f"{PATH}/assessments").json()["items"] == []
    assert prescriber("GET", f"{PATH}/signals").json()["items"] == []
    latest = prescriber("GET", f"{PATH}/trends?include=measures").json()["measures"]
    assert {one["measure"]: one["n"] for one in latest} == {
        "mood_cognition.mood": 2,
        "side_effects.nausea": 1,
    }
    assert clinic.as_("privacy_officer")("GET", "/v1/journal/verify").json()["holds"]


def test_a_database_lost_in_the_middle_fails_the_whole_and_it_can_be_sent_again(
    phone: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first half is sent already when the connection goes."""
    record_id = new_id()
    items = [
        put(record_id, day(1, mood=3)),
        put(record_id, day(1, mood=4), base_version=1),
        put(new_id(), day(2)),
    ]
    sent = []

    def write(connection: Any, collected: Any) -> None:
        sent.append(len(collected))
        if len(sent) > 1:
            raise psycopg.OperationalError("the server closed the connection")
        rows_write(connection, collected)

    rows_write = rows.write
    with monkeypatch.context() as patched:
        patched.setattr(rows, "write", write)
        lost = phone("POST", "/v1/sync", {"items": items})

    assert (lost.status_code, lost.json()["code"]) == (503, "database-unavailable")
    assert lost.headers["Retry-After"]
    assert len(sent) == 2
    assert moods(phone) == []
    assert statuses(send(phone, *items)) == ["created", "updated", "created"]
    assert moods(phone) == [4, 5]


def test_the_same_batch_again_is_all_duplicates(phone: Caller) -> None:
    items = [put(new_id(), day(number)) for number in range(1, 8)]

    assert statuses(send(phone, *items)) == ["created"] * 7
    assert statuses(send(phone, *reversed(items))) == ["duplicate"] * 7
    assert statuses(send(phone, *items[:2], *items[:2])) == ["duplicate"] * 4
    assert len(moods(phone)) == 7


def test_one_record_may_be_made_edited_and_taken_back_in_one_batch(phone: Caller) -> None:
    record_id = new_id()
    made = put(record_id, day(1, mood=3))
    results = send(
        phone,
        made,
        made,
        put(record_id, day(1, mood=4), base_version=1),
        put(record_id, day(1, mood=3), base_version=2),
        put(record_id, day(1, mood=4), base_version=1),
        delete(record_id, base_version=3),
        delete(record_id, base_version=3),
        put(record_id, day(1, mood=9), base_version=4),
    )

    assert statuses(results) == [
        "created",
        "duplicate",
        "updated",
        "updated",
        "duplicate",
        "updated",
        "duplicate",
        "conflict",
    ]
    assert [one["version"] for one in results] == [1, 1, 2, 3, 3, 4, 4, 4]
    assert results[-1]["server"]["status"] == "entered_in_error"
    assert moods(phone) == []


def test_an_edit_that_comes_before_what_it_edits_converges(phone: Caller) -> None:
    record_id = new_id()
    edit = put(record_id, day(1, mood=8), base_version=1)
    take_back = delete(record_id, base_version=2)

    early = send(phone, take_back, edit, put(record_id, day(1, mood=3)))
    again = send(phone, edit, take_back)

    assert statuses(early) == ["conflict", "conflict", "created"]
    assert early[0]["server"] is None
    assert statuses(again) == ["updated", "updated"]


def test_two_devices_edit_one_entry_and_both_are_kept(clinic: Clinic, phone: Caller) -> None:
    record_id = new_id()
    send(phone, put(record_id, day(1, mood=3, note="as it was")))

    (first,) = send(phone, put(record_id, day(1, mood=4), base_version=1))
    second = send(phone, put(record_id, day(1, mood=9, note="from the tablet"), base_version=1))
    again = send(phone, put(record_id, day(1, mood=9, note="from the tablet"), base_version=1))

    assert first["status"] == "updated"
    assert statuses(second) == statuses(again) == ["conflict"]
    assert second[0]["version"] == 2
    assert second[0]["server"]["mood_cognition"]["mood"] == 4
    history = phone("GET", f"{PATH}/check-ins/{record_id}/history").json()["items"]
    told = [(one["status"], one["mood_cognition"]["mood"]) for one in history]
    assert told == [("corrected", 4), ("active", 3), ("refused", 9)]
    assert moods(phone) == [4]


def test_a_phone_never_beats_a_clinician(clinic: Clinic, phone: Caller, prescriber: Caller) -> None:
    record_id, theirs = new_id(), new_id()
    send(phone, put(record_id, day(1, mood=3)))
    reason = {"change_reason": {"code": "patient_correction"}}
    prescriber(
        "PATCH",
        f"{PATH}/check-ins/{record_id}",
        {"mood_cognition": {"mood": 6}, **reason},
        headers={"If-Match": '"1"'},
    )
    prescriber("POST", f"{PATH}/check-ins", {"id": theirs, **day(2, mood=7)})

    results = send(
        phone,
        put(record_id, day(1, mood=1), base_version=1),
        put(theirs, day(2, mood=1), base_version=1),
        delete(theirs, base_version=1),
    )

    assert statuses(results) == ["conflict", "rejected", "rejected"]
    assert results[0]["server"]["mood_cognition"]["mood"] == 6
    assert results[1]["problem"]["code"] == "insufficient-scope"
    assert moods(phone) == [6, 7]


def test_an_id_of_another_kind_or_person_is_refused_without_its_content(
    clinic: Clinic, phone: Caller, prescriber: Caller
) -> None:
    other, theirs = new_id(), new_id()
    prescriber("POST", "/v1/patients", {"id": other, "name": {"given": "B", "family": "C"}})
    prescriber("POST", f"/v1/patients/{other}/check-ins", {"id": theirs, **day(1, note="secret")})

    taken = send(phone, put(theirs, day(1)), put(PATIENT, day(1)), delete(theirs, base_version=1))

    assert statuses(taken) == ["rejected"] * 3
    assert {one["problem"]["code"] for one in taken} == {"already-exists"}
    assert "secret" not in str(taken)


def test_the_clock_of_a_device_is_kept_and_flagged(clinic: Clinic, phone: Caller) -> None:
    record_id, other = new_id(), new_id()
    side_effect = {"term": "nausea", "severity": 2, "onset_on": "2026-05-01"}
    answer = phone(
        "POST",
        "/v1/sync",
        {
            "sent_at": "2024-06-01T12:00:00Z",
            "items": [put(record_id, day(1)), put(other, side_effect, type="side_effect")],
        },
    ).json()

    two_years = 730 * 86_400
    assert (answer["clock_skew_s"], answer["flags"]) == (two_years, ["clock_skew"])
    kept = phone("GET", f"{PATH}/check-ins/{record_id}").json()
    assert (kept["clock_skew_s"], kept["flags"]) == (two_years, ["clock_skew"])
    assert kept["client_time"] == "2026-05-20T08:00:00-04:00"
    episode = phone("GET", f"{PATH}/side-effects/{other}").json()
    assert (episode["clock_skewed"], episode["clock_skew_s"] - two_years < 1) == (True, True)


def test_a_reading_joins_the_episode_that_an_item_before_it_opened(phone: Caller) -> None:
    def told(severity: int) -> dict[str, Any]:
        return {"episodes": [{"term": "insomnia", "severity": severity}]}

    send(
        phone,
        put(new_id(), day(1, side_effects=told(2))),
        put(new_id(), day(2, side_effects=told(1))),
        put(new_id(), day(3, side_effects=told(3))),
    )

    (episode,) = phone("GET", f"{PATH}/side-effects").json()["items"]
    assert episode["onset_on"] == "2026-05-01"


def test_a_risk_answer_of_a_patient_is_answered_by_the_notice(
    phone: Caller, prescriber: Caller
) -> None:
    asked = {"occurred_on": "2026-05-02", "instrument": "phq-9", "answers": {"9": 2}}
    sent = {"items": [put(new_id(), day(1)), put(new_id(), asked, type="assessment")]}

    first, again = phone("POST", "/v1/sync", sent).json(), phone("POST", "/v1/sync", sent).json()

    assert first["safety_notice"]["nobody_watches"] is True
    assert again["safety_notice"] == first["safety_notice"]
    assert "safety_notice" not in phone("POST", "/v1/sync", {"items": []}).json()
    (signal,) = prescriber("GET", f"{PATH}/signals").json()["items"]
    assert signal["code"] == "suicidal_ideation_item"


@pytest.fixture
def medicine(phone: Caller, prescriber: Caller) -> str:
    body = {
        "id": SERTRALINE,
        "kind": "drug",
        "text": "sertraline 50 mg",
        "first_dose_event": {
            "id": new_id(),
            "kind": "start",
            "effective_on": "2026-04-01",
            "dose": {"amount": "50", "unit": "mg"},
            "times_per_day": 1,
        },
    }
    assert prescriber("POST", f"{PATH}/medications", body).status_code == 201
    return SERTRALINE


def test_a_dose_is_known_by_its_source_and_its_id_there(phone: Caller, medicine: str) -> None:
    kit = {
        "uuid": "6E9C9E3B-0B3E-4E53-9E0C-6C0AB01E9A11",
        "source": "com.example.health",
        "logStatus": "taken",
        "startDate": "2026-05-02T07:40:00-04:00",
        "scheduledDate": "2026-05-02T07:30:00-04:00",
        "doseQuantity": 50,
        "unit": "mg",
        "scheduleType": "schedule",
    }
    snoozed = kit | {"uuid": "another", "logStatus": "snoozed", "unit": "count"}
    point = {
        "header": {
            "id": "123e4567-e89b-12d3-a456-426655440000",
            "creation_date_time": "2026-05-03T07:25:00Z",
            "schema_id": {"namespace": "omh", "name": "medication-intake", "version": "1.0"},
            "acquisition_provenance": {"source_name": "a pill box", "modality": "sensed"},
        },
        "body": {
            "effective_time_frame": {"date_time": "2026-05-03T07:25:00Z"},
            "taken": "no",
        },
    }

    def sample(record_id: str | None, **body: Any) -> dict[str, Any]:
        return put(record_id, {"medication_id": medicine, **body}, type="administration")

    results = send(
        phone,
        sample(None, health_kit=kit),
        sample(new_id(), health_kit=kit),
        sample(None, health_kit=snoozed),
        sample(None, open_mhealth=point),
        sample(None, open_mhealth=point, health_kit=kit),
        sample(new_id(), health_kit=kit | {"logStatus": "skipped"}),
    )

    assert statuses(results) == [
        "created",
        "duplicate",
        "created",
        "created",
        "rejected",
        "conflict",
    ]
    assert results[0]["id"] == results[1]["id"] == results[5]["id"]
    listed = phone("GET", f"{PATH}/medications/{medicine}/administrations").json()["items"]
    assert [(one["taken"], one.get("dose")) for one in listed] == [
        ("yes", {"amount": "50", "unit": "mg"}),
        ("unknown", None),
        ("no", None),
    ]
    assert listed[1]["sample"]["quantity"] == "50 count"


@pytest.mark.parametrize(
    ("quantity", "unit", "dose", "said"),
    [
        (0, "mg", None, "0 mg"),
        (0.3333333333333333, "{tablet}", None, "0.3333333333333333 {tablet}"),
        (12.50, "mg", {"amount": "12.5", "unit": "mg"}, "12.5 mg"),
        (50.0, "milligram", None, "50 milligram"),
        (None, "mg", None, None),
    ],
)
def test_a_dose_is_kept_whatever_amount_its_store_gives(
    quantity: Any, unit: str, dose: Any, said: Any, phone: Caller, medicine: str
) -> None:
    kit = {
        "uuid": "6E9C9E3B-0B3E-4E53-9E0C-6C0AB01E9A11",
        "source": "com.example.health",
        "logStatus": "skipped",
        "scheduledDate": "2026-05-02T07:30:00-04:00",
        "doseQuantity": quantity,
        "unit": unit,
    }
    body = {"medication_id": medicine, "health_kit": kit}

    (result,) = send(phone, put(None, body, type="administration"))

    assert result["status"] == "created", result
    (kept,) = phone("GET", f"{PATH}/medications/{medicine}/administrations").json()["items"]
    assert (kept.get("dose"), kept["sample"].get("quantity")) == (dose, said)


def test_administrations_need_a_course_of_this_patient(phone: Caller, medicine: str) -> None:
    taken = {"taken": "yes", "at": "2026-05-02T07:40:00-04:00"}

    results = send(
        phone,
        put(new_id(), taken, type="administration"),
        put(new_id(), taken | {"medication_id": new_id()}, type="administration"),
        put(new_id(), taken | {"medication_id": medicine}, type="administration"),
    )

    assert statuses(results) == ["rejected", "rejected", "created"]
    pointers = {one["problem"]["errors"][0]["pointer"][8:] for one in results[:2]}
    assert pointers == {"/body/medication_id"}


def test_an_id_that_another_record_will_make_breaks_that_item_alone(
    phone: Caller, medicine: str
) -> None:
    """The id of a check-in's first administration is made of the check-in's: it can be taken."""
    check_in = new_id()
    taken = {"medication_id": medicine, "taken": "yes", "at": "2026-05-02T07:40:00-04:00"}
    before = put(str(uuid5(UUID(check_in), "administrations/0")), taken, type="administration")
    brings = put(check_in, day(2, dosage={"administrations": [taken]}))

    results = send(phone, put(new_id(), day(1)), before, brings, put(new_id(), day(3)))

    assert statuses(results) == ["created", "created", "rejected", "created"]


def test_a_clinician_s_device_sends_for_several_patients(
    clinic: Clinic, phone: Caller, prescriber: Caller
) -> None:
    other = new_id()
    prescriber("POST", "/v1/patients", {"id": other, "name": {"given": "B", "family": "C"}})

    results = send(
        prescriber,
        put(new_id(), day(1)),
        put(new_id(), day(2), patient_id=other),
        put(new_id(), day(3)),
        put(new_id(), day(3), patient_id=new_id()),
    )
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    assert statuses(results) == ["created"] * 3 + ["rejected"]
    assert statuses(send(stranger, put(new_id(), day(1)))) == ["rejected"]


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"items": {}}, 422),
        ({"items": [1] * 501}, 422),
        ({"items": [], "more": 1}, 422),
        ({"items": [], "sent_at": "2026-05-01"}, 422),
        ({}, 422),
        ([], 422),
    ],
)
def test_only_a_wrong_envelope_refuses_the_whole(phone: Caller, sent: Any, status: int) -> None:
    assert phone("POST", "/v1/sync", sent).status_code == status


def test_a_batch_may_be_five_mebibytes_and_no_more(phone: Caller) -> None:
    note = "n" * 9_990
    items = [put(new_id(), day(1, note=note)) for _ in range(500)]

    assert statuses(send(phone, *items)) == ["created"] * 500
    items[0]["body"]["note"] = "n" * 500_000
    assert phone("POST", "/v1/sync", {"items": items}).status_code == 413


def test_nobody_but_a_member_sends(clinic: Clinic, phone: Caller) -> None:
    sent = {"items": [put(new_id(), day(1))]}

    answers: list[httpx.Response] = [
        clinic.http.post("/v1/sync", json=sent),
        clinic.as_("administrator")("POST", "/v1/sync", sent),
        clinic.as_("proxy", patient_id=PATIENT, user_id=uuid4())("POST", "/v1/sync", sent),
    ]

    assert [one.status_code for one in answers] == [401, 403, 403]
