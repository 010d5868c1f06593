"""To be forgotten: what goes, what stays, and that no byte of it is in the files."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from app.core.base import Base
from app.sync import erasure
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

CANARY = "CANARY-quail-7341"
PATIENT = str(PERSON["id"])
REQUESTS = "/v1/erasure-requests"


def check_in(day: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "occurred_at": f"2026-05-{day:02}T08:00:00-04:00",
        "mood_cognition": {"mood": day},
        **more,
    }


@pytest.fixture
def written(clinic: Clinic, prescriber: Caller) -> Clinic:
    """A patient who wrote down a secret, and a prescriber who did."""
    prescriber("POST", "/v1/patients", PERSON)
    return clinic


def erase(
    clinic: Clinic, *, covers: str = "patient_made", **more: Any
) -> tuple[dict[str, Any], list[Any]]:
    officer, administrator = clinic.as_("privacy_officer"), clinic.as_("administrator")
    request = {"id": str(uuid4()), "patient_id": PATIENT, "covers": covers, **more}
    assert officer("POST", REQUESTS, request).status_code == 201
    move = {"patient_id": PATIENT, "state": "done", "legal_basis": "no duty holds any more"}
    path = f"{REQUESTS}/{request['id']}"
    done = administrator("PATCH", path, move, headers={"If-Match": '"1"'})
    assert done.status_code == 200, done.text
    return done.json(), administrator("GET", "/v1/journal/verify").json()["chains"]


def files(clinic: Clinic) -> list[Path]:
    """Give the files that hold the database's tables."""
    url = make_url(clinic.app.state.settings.database_url)
    if url.drivername == "sqlite":
        return list(Path(str(url.database)).parent.glob("titrate.sqlite3*"))
    text = url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(text, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        row = connection.execute(
            "SELECT current_setting('data_directory'), oid FROM pg_database "
            "WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    return [one for one in (Path(row[0]) / "base" / str(row[1])).iterdir() if one.is_file()]


def sample(clinic: Clinic) -> None:
    """Let PostgreSQL keep samples of what the columns hold, as it does by itself in time."""
    engine = clinic.app.state.engine
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.exec_driver_sql("ANALYZE")
            connection.commit()


def holding(clinic: Clinic, text: str) -> list[str]:
    return [one.name for one in files(clinic) if text.encode() in one.read_bytes()]


def test_no_byte_of_what_a_patient_wrote_is_left(written: Clinic, prescriber: Caller) -> None:
    patient = written.as_("patient", patient_id=PATIENT)
    key = {"Idempotency-Key": "one"}
    secret = check_in(3, note=f"{CANARY} as a note")
    side_effect = {"term": "other", "term_text": f"{CANARY} in the ear", "severity": 2}
    by_key = {"occurred_at": "2026-05-04T08:00:00-04:00", "note": CANARY}
    mine = check_in(2, note="the prescriber's own")
    prescriber("POST", f"{PATH}/check-ins", mine)
    patient("POST", f"{PATH}/check-ins", secret)
    patient("POST", f"{PATH}/check-ins", by_key, headers=key)
    patient(
        "POST",
        f"{PATH}/check-ins",
        check_in(5, side_effects={"episodes": [side_effect]}),
    )
    path = f"{PATH}/check-ins/{secret['id']}"
    reason = {"change_reason": {"code": "typo", "text": CANARY}}
    edit = {"note": f"{CANARY} again", **reason}
    assert prescriber("PATCH", path, edit, headers={"If-Match": '"1"'}).status_code == 200
    refused = {
        "op": "put",
        "type": "check_in",
        "patient_id": PATIENT,
        "id": secret["id"],
        "base_version": 1,
        "body": {**secret, "note": f"{CANARY} from a tablet"},
    }
    (conflict,) = patient("POST", "/v1/sync", {"items": [refused]}).json()["results"]
    assert conflict["status"] == "conflict"
    life: dict[str, Any] = {
        "id": str(uuid4()),
        "label": CANARY,
        "from_on": "2026-05-02",
        "kind": "work",
    }
    life |= {"weight": 1, "confidential": "private_notes"}
    assert patient("POST", f"{PATH}/life-events", life).status_code == 201
    sample(written)
    assert holding(written, CANARY)

    told, chains = erase(written)

    assert holding(written, CANARY) == []
    assert (told["state"], told["files_purged"]) == ("done", True)
    assert all(one["holds"] for one in chains)
    gone = [
        prescriber("GET", path),
        prescriber("GET", f"{path}/history"),
        patient("POST", f"{PATH}/check-ins", secret),
        patient("POST", f"{PATH}/check-ins", by_key, headers=key),
        patient("PUT", path, secret, headers={"If-Match": '"3"'}),
    ]
    assert [(one.status_code, one.json()["code"]) for one in gone] == [(410, "erased")] * 5
    (result,) = patient("POST", "/v1/sync", {"items": [refused]}).json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("rejected", "erased")
    assert prescriber("GET", f"{PATH}/side-effects").json()["items"] == []
    (left,) = prescriber("GET", f"{PATH}/check-ins").json()["items"]
    assert left["note"] == mine["note"]
    trend = prescriber("GET", f"{PATH}/trends?include=measures").json()["measures"]
    assert [(one["measure"], one["n"]) for one in trend] == [("mood_cognition.mood", 1)]


def test_a_follower_learns_of_it_and_a_new_entry_is_taken(
    written: Clinic, prescriber: Caller
) -> None:
    patient = written.as_("patient", patient_id=PATIENT)
    sent = check_in(3, note=CANARY)
    patient("POST", f"{PATH}/check-ins", sent)
    since = prescriber("GET", f"{PATH}/changes").json()["next"]

    erase(written)

    changes = prescriber("GET", f"{PATH}/changes", params={"since": since}).json()["items"]
    assert ("check_in", sent["id"], 2, "erase") in [
        (one["type"], one["id"], one["version"], one["op"]) for one in changes
    ]
    assert patient("POST", f"{PATH}/check-ins", check_in(4)).status_code == 201
    assert [one["mood_cognition"] for one in prescriber("GET", f"{PATH}/check-ins").json()["items"]]


def test_some_entries_go_and_the_others_stay(written: Clinic, prescriber: Caller) -> None:
    patient = written.as_("patient", patient_id=PATIENT)
    gone, stays = check_in(3, note=CANARY), check_in(4)
    for sent in (gone, stays):
        patient("POST", f"{PATH}/check-ins", sent)

    _, chains = erase(written, records=[gone["id"]])

    assert all(one["holds"] for one in chains)
    assert holding(written, CANARY) == []
    listed = patient("GET", f"{PATH}/check-ins").json()["items"]
    assert [one["id"] for one in listed] == [stays["id"]]


def test_what_was_sealed_leaves_no_tombstone_for_who_could_not_see_it(
    written: Clinic, prescriber: Caller
) -> None:
    patient = written.as_("patient", patient_id=PATIENT)
    private: dict[str, Any] = {
        "id": str(uuid4()),
        "label": "a quarrel",
        "from_on": "2026-05-02",
        "kind": "work",
    }
    private |= {"weight": 1, "confidential": "private_notes"}
    path = f"{PATH}/life-events"
    assert patient("POST", path, private).status_code == 201
    since = prescriber("GET", f"{PATH}/changes").json()["next"]

    erase(written)

    told = prescriber("GET", f"{PATH}/changes", params={"since": since}).text
    assert private["id"] not in told
    assert private["id"] not in prescriber("GET", f"{PATH}/changes").text
    assert prescriber("GET", f"{path}/{private['id']}").status_code == 404
    assert patient("GET", f"{path}/{private['id']}").status_code == 410


def test_everything_goes_by_a_second_person_only(written: Clinic, prescriber: Caller) -> None:
    note = {"kind": "visit", **check_in(3, note=CANARY)}
    prescriber("POST", f"{PATH}/follow-ups", note)
    patient = written.as_("patient", patient_id=PATIENT)
    officer = written.as_("privacy_officer")
    request = {"id": str(uuid4()), "patient_id": PATIENT, "covers": "everything"}
    officer("POST", REQUESTS, request)
    path = f"{REQUESTS}/{request['id']}"
    move = {"patient_id": PATIENT, "state": "done", "legal_basis": "retention ended in 2025"}
    tag = {"If-Match": '"1"'}

    alone = officer("PATCH", path, move, headers=tag)
    silent = written.as_("administrator")(
        "PATCH", path, {"patient_id": PATIENT, "state": "done"}, headers=tag
    )
    told, chains = erase(written, covers="everything")

    assert (alone.status_code, silent.status_code) == (403, 422)
    assert all(one["holds"] for one in chains)
    assert (told["state"], told["legal_basis"]) == ("done", "no duty holds any more")
    for text in (CANARY, PERSON["name"]["family"] + '","', "A-1042"):
        assert holding(written, text) == []
    answers = [
        prescriber("GET", PATH),
        prescriber("GET", f"{PATH}/follow-ups/{note['id']}"),
        patient("GET", PATH),
    ]
    assert [one.status_code for one in answers] == [410, 410, 401]


def test_what_has_to_be_kept_is_held_on_a_basis(written: Clinic) -> None:
    patient, officer = written.as_("patient", patient_id=PATIENT), written.as_("privacy_officer")
    request = {"id": str(uuid4()), "patient_id": PATIENT, "reason": "I moved away"}
    received = patient("POST", REQUESTS, request)
    again = patient("POST", REQUESTS, request)
    path = f"{REQUESTS}/{request['id']}"
    hold = {"patient_id": PATIENT, "state": "held"}

    refused = officer("PATCH", path, hold, headers={"If-Match": '"1"'})
    unnamed = officer("PATCH", path, hold | {"legal_basis": "an open claim"})
    held = officer(
        "PATCH", path, hold | {"legal_basis": "an open claim"}, headers={"If-Match": '"1"'}
    )

    assert (received.status_code, received.json()["state"]) == (201, "received")
    assert again.status_code == 200
    assert [refused.status_code, unnamed.status_code] == [422, 428]
    assert (held.json()["state"], held.json()["legal_basis"]) == ("held", "an open claim")
    (listed,) = officer("GET", REQUESTS).json()["items"]
    assert listed == held.json() == officer("GET", path).json()


def test_a_hold_binds_the_patient_s_record_whoever_asks_next(
    written: Clinic, prescriber: Caller
) -> None:
    patient, officer = written.as_("patient", patient_id=PATIENT), written.as_("privacy_officer")
    entry = check_in(3, note=CANARY)
    patient("POST", f"{PATH}/check-ins", entry)
    paths = []
    for _ in range(2):
        request = {"id": str(uuid4()), "patient_id": PATIENT}
        assert patient("POST", REQUESTS, request).status_code == 201
        paths.append(f"{REQUESTS}/{request['id']}")
    hold = {"patient_id": PATIENT, "state": "held", "legal_basis": "an open claim"}
    done = {"patient_id": PATIENT, "state": "done"}
    first, second = paths
    assert officer("PATCH", first, hold, headers={"If-Match": '"1"'}).status_code == 200

    by_another = officer("PATCH", second, done, headers={"If-Match": '"1"'})
    without_word = officer("PATCH", first, done, headers={"If-Match": '"2"'})
    stays = prescriber("GET", f"{PATH}/check-ins/{entry['id']}")
    ended = done | {"legal_basis": "the claim was settled"}
    goes = officer("PATCH", first, ended, headers={"If-Match": '"2"'})

    assert (by_another.status_code, without_word.status_code) == (422, 422)
    assert by_another.json()["errors"][0]["pointer"] == "/state"
    assert without_word.json()["errors"][0]["pointer"] == "/legal_basis"
    assert stays.status_code == 200
    assert goes.status_code == 200, goes.text
    assert prescriber("GET", f"{PATH}/check-ins/{entry['id']}").status_code == 410
    history = officer("GET", f"{first}/history").json()["items"]
    assert [one["state"] for one in history] == ["done", "held", "received"]
    assert patient("GET", f"{first}/history").status_code == 403


def test_nobody_else_may_ask_for_it(written: Clinic, prescriber: Caller) -> None:
    other = str(uuid4())
    prescriber("POST", "/v1/patients", {"id": other, "name": {"given": "B", "family": "C"}})
    patient = written.as_("patient", patient_id=PATIENT)
    theirs = {"id": str(uuid4()), "patient_id": other}
    officer = written.as_("privacy_officer", clinic_id=OTHER_CLINIC)

    answers = [
        patient("POST", REQUESTS, theirs),
        officer("POST", REQUESTS, theirs),
        prescriber("POST", REQUESTS, theirs),
        patient("GET", REQUESTS),
        officer("GET", f"{REQUESTS}/{theirs['id']}"),
    ]

    assert [one.status_code for one in answers] == [404, 404, 403, 403, 404]


def test_an_episode_goes_and_the_visit_that_read_it_stays(
    written: Clinic, prescriber: Caller
) -> None:
    patient = written.as_("patient", patient_id=PATIENT)
    told = {"episodes": [{"term": "nausea", "severity": 2}]}
    patient("POST", f"{PATH}/check-ins", check_in(3, side_effects=told))
    seen = {"kind": "visit", **check_in(5, side_effects=told)}
    prescriber("POST", f"{PATH}/follow-ups", seen)

    _, chains = erase(written)

    assert all(one["holds"] for one in chains)
    assert prescriber("GET", f"{PATH}/side-effects").json()["items"] == []
    assert prescriber("GET", f"{PATH}/follow-ups/{seen['id']}").status_code == 200


def test_what_points_at_a_diary_entry_is_found_by_erasure() -> None:
    diary = {"follow_ups", "assessments", "side_effects", "administrations", "life_events"}
    pointing = {
        (table.name, element.parent.name)
        for table in Base.metadata.sorted_tables
        for key in table.foreign_key_constraints
        if key.referred_table.name in diary
        for element in key.elements
        if element.parent.name != "clinic_id"
    }

    assert {"journal", "measurements", "patients", "side_effect_readings"} <= set(erasure.tables())
    assert {column for _table, column in pointing} <= set(erasure.LINKS)
    assert {name for name, _column in pointing} <= set(erasure.tables())
