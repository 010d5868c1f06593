"""Following the record: every commit once, in order, whoever writes meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.identity.service import DEFAULT_CLINIC, built_in_user
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

CHANGES = f"{PATH}/changes"
SEALED = "substance_use"
TEAM = ("prescriber", "care_team")


def check_in(**more: Any) -> dict[str, Any]:
    return {"id": str(uuid4()), "occurred_at": "2026-04-20T07:45:00-04:00", **more}


def follow(caller: Caller, path: str, since: str = "", limit: int = 100) -> dict[str, Any]:
    answer = caller("GET", path, params={"since": since, "limit": limit})
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = answer.json()
    return page


def test_a_delete_leaves_a_tombstone(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    start = follow(prescriber, CHANGES)["next"]
    sent = check_in(sleep={"quality": 6})
    path = f"{PATH}/check-ins/{sent['id']}"
    prescriber("POST", f"{PATH}/check-ins", sent)
    prescriber("PATCH", path, {"sleep": {"quality": 7}}, headers={"If-Match": '"1"'})
    prescriber("DELETE", f"{path}?reason=typo", headers={"If-Match": '"2"'})

    page = follow(prescriber, CHANGES, start)

    told = [(one["seq"], one["version"], one["op"]) for one in page["items"]]
    assert told == [(2, 1, "create"), (3, 2, "update"), (4, 3, "erase")]
    assert {one["id"] for one in page["items"]} == {sent["id"]}
    assert page["has_more"] is False
    assert follow(prescriber, CHANGES, page["next"])["items"] == []


def test_pages_join_without_a_gap(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    for _ in range(5):
        prescriber("POST", f"{PATH}/check-ins", check_in())

    since, seen, more = "", [], True
    while more:
        page = follow(prescriber, "/v1/changes", since, limit=2)
        seen += [one["seq"] for one in page["items"]]
        since, more = page["next"], page["has_more"]

    assert seen == [1, 2, 3, 4, 5, 6]


def test_each_follows_what_is_theirs(clinic: Clinic, prescriber: Caller) -> None:
    other = str(uuid4())
    prescriber("POST", "/v1/patients", PERSON)
    nurse = clinic.as_("care_team")
    nurse("POST", "/v1/patients", {"id": other, "name": {"given": "B", "family": "C"}})
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    system = clinic.as_("system")
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    def ids(caller: Caller) -> set[str]:
        return {one["id"] for one in follow(caller, "/v1/changes")["items"]}

    assert ids(prescriber) == ids(patient) == {PERSON["id"]}
    assert ids(nurse) == {other}
    assert ids(system) == {PERSON["id"], other}
    assert ids(stranger) == set()
    assert nurse("GET", CHANGES).status_code == 404
    assert clinic.as_("administrator")("GET", "/v1/changes").status_code == 403


def test_a_patient_s_phone_does_not_learn_of_signals(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    asked = {"id": str(uuid4()), "occurred_on": "2026-05-02", "instrument": "phq-9"}
    patient("POST", f"{PATH}/assessments", asked | {"answers": {"9": 2}})

    def types(caller: Caller, path: str) -> list[str]:
        return [one["type"] for one in follow(caller, path)["items"]]

    assert types(prescriber, CHANGES) == ["patient", "signal", "assessment"]
    for path in (CHANGES, "/v1/changes"):
        assert types(patient, path) == ["patient", "assessment"]


def test_a_cursor_fits_its_caller_and_its_list_only(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    cursor = follow(prescriber, CHANGES)["next"]
    changed = ("A" if cursor[0] != "A" else "B") + cursor[1:]

    refused = [
        prescriber("GET", "/v1/changes", params={"since": cursor}),
        clinic.as_("system")("GET", CHANGES, params={"since": cursor}),
        *(
            prescriber("GET", CHANGES, params={"since": bad})
            for bad in (changed, cursor[:-2], "0", "not base64 \u2603", "AAAA")
        ),
    ]

    assert {(one.status_code, one.json()["code"]) for one in refused} == {(400, "invalid-cursor")}
    assert prescriber("GET", CHANGES, params={"limit": 501}).status_code == 400
    assert prescriber("GET", CHANGES, params={"form": "1"}).status_code == 400


def test_a_cursor_of_another_past_has_expired(clinic: Clinic, prescriber: Caller) -> None:
    """A backup from before the second check-in is restored, and the record goes on otherwise."""
    prescriber("POST", "/v1/patients", PERSON)
    cursors = []
    for _ in range(2):
        prescriber("POST", f"{PATH}/check-ins", check_in())
        cursors.append(follow(prescriber, CHANGES)["next"])
    engine = clinic.app.state.engine.execution_options(titrate_writes=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM follow_ups")
        connection.exec_driver_sql("DELETE FROM journal WHERE sequence = 3")
        connection.exec_driver_sql(
            "UPDATE chain_heads SET sequence = 2, hash = (SELECT hash FROM journal "
            "WHERE sequence = 2) WHERE kind = 'journal' AND sequence = 3"
        )

    assert follow(prescriber, CHANGES, cursors[0])["items"] == []
    for _ in range(2):
        expired = prescriber("GET", CHANGES, params={"since": cursors[1]})
        assert (expired.status_code, expired.json()["code"]) == (410, "cursor-expired")
        assert expired.headers["Link"] == f'<{CHANGES}>; rel="full-resync"'
        prescriber("POST", f"{PATH}/check-ins", check_in())


@pytest.fixture
def team(clinic: Clinic, prescriber: Caller) -> Caller:
    """A colleague who cares for the patient too."""
    prescriber("POST", "/v1/patients", PERSON)
    members = [{"user_id": str(built_in_user(DEFAULT_CLINIC, role))} for role in TEAM]
    placed = prescriber("PUT", f"{PATH}/care-team", {"members": members})
    assert placed.status_code == 201, placed.text
    return clinic.as_("care_team")


def diagnosis(caller: Caller, **more: Any) -> str:
    body = {"id": str(uuid4()), "text": "opioid use disorder", **more}
    assert caller("POST", f"{PATH}/conditions", body).status_code == 201
    return str(body["id"])


def consent(patient: Caller, **more: Any) -> str:
    recipient = str(built_in_user(DEFAULT_CLINIC, "care_team"))
    body = {"id": str(uuid4()), "category": SEALED, "recipient_id": recipient, **more}
    assert patient("POST", f"{PATH}/consents", body).status_code == 201
    return f"{PATH}/consents/{body['id']}"


def told(page: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["op"], one["id"]) for one in page["items"]]


@pytest.mark.parametrize("path", [CHANGES, "/v1/changes"])
def test_a_consent_shows_what_it_opens_and_its_end_takes_it_back(
    clinic: Clinic, prescriber: Caller, team: Caller, path: str
) -> None:
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    sealed = diagnosis(prescriber, confidential=SEALED)
    unseen = follow(team, path)
    assert sealed not in str(unseen)
    author = follow(prescriber, path)["next"]

    opening = consent(patient)
    opened = follow(team, path, unseen["next"])
    quiet = follow(team, path, opened["next"])
    patient("PATCH", opening, {"given": False}, headers={"If-Match": '"1"'})
    ended = follow(team, path, quiet["next"])

    assert told(opened) == [("create", sealed)]
    assert told(quiet) == []
    assert told(ended) == [("erase", sealed)]
    assert told(follow(team, path, ended["next"])) == []
    assert sealed not in str(follow(team, path))
    assert told(follow(prescriber, path, author)) == []


def test_a_consent_that_ends_with_its_last_day_takes_back_what_it_showed(
    clinic: Clinic, prescriber: Caller, team: Caller
) -> None:
    sealed = diagnosis(prescriber, confidential=SEALED)
    consent(clinic.as_("patient", patient_id=PERSON["id"]), until="2026-06-01")
    shown = follow(team, CHANGES)
    assert ("create", sealed) in told(shown)

    clinic.clock.advance(hours=12)

    team = clinic.as_("care_team")
    ended = follow(team, CHANGES, shown["next"])
    assert told(ended) == [("erase", sealed)]
    assert told(follow(team, CHANGES, ended["next"])) == []


def test_a_record_that_is_sealed_later_is_taken_back_from_who_saw_it(
    prescriber: Caller, team: Caller
) -> None:
    was_open = diagnosis(prescriber)
    sealed = diagnosis(prescriber, confidential=SEALED)
    shown = follow(team, CHANGES)
    for one, patch in ((was_open, {"confidential": SEALED}), (sealed, {"note": "again"})):
        path = f"{PATH}/conditions/{one}"
        assert prescriber("PATCH", path, patch, headers={"If-Match": '"1"'}).status_code == 200

    taken = follow(team, CHANGES, shown["next"])

    assert ("create", was_open) in told(shown)
    assert told(taken) == [("erase", was_open)]
    assert told(follow(team, CHANGES, taken["next"])) == []


def test_what_a_consent_opens_is_told_once_however_small_the_pages(
    clinic: Clinic, prescriber: Caller, team: Caller
) -> None:
    start = follow(team, CHANGES)["next"]
    before = diagnosis(prescriber, confidential=SEALED)
    since = follow(team, CHANGES, start)["next"]
    after = [diagnosis(prescriber, confidential=SEALED) for _ in range(3)]
    consent(clinic.as_("patient", patient_id=PERSON["id"]))

    seen, more = [], True
    while more:
        page = follow(team, CHANGES, since, limit=1)
        seen += told(page)
        since, more = page["next"], page["has_more"]

    assert seen == [("create", one) for one in (before, *after)]


def test_a_cursor_that_stands_on_what_one_must_not_know_of_is_good(
    clinic: Clinic, prescriber: Caller, team: Caller
) -> None:
    diagnosis(prescriber, confidential=SEALED)
    since = follow(team, "/v1/changes")["next"]
    entry = check_in()
    prescriber("POST", f"{PATH}/check-ins", entry)

    assert told(follow(team, "/v1/changes", since)) == [("create", entry["id"])]


WRITERS = 8
EACH = 40


@pytest.mark.parametrize("form", ["single", "batches"])
def test_a_follower_sees_each_commit_of_eight_writers_once(
    clinic: Clinic, prescriber: Caller, form: str
) -> None:
    """Each writes to a patient of its own, one by one or in batches of ten, all at once."""
    people = [str(uuid4()) for _ in range(WRITERS)]
    for person in people:
        body = {"id": person, "name": {"given": "Synthetic", "family": "Person"}}
        prescriber("POST", "/v1/patients", body)
    done = Event()
    follower = clinic.as_("system")
    start = follow(follower, "/v1/changes")["next"]

    def write(person: str) -> list[str]:
        sent = [check_in(sleep={"quality": n % 10}) for n in range(EACH)]
        with httpx.Client(base_url=clinic.http.base_url, timeout=60) as http:
            caller = Caller(http, prescriber.token)
            if form == "single":
                for body in sent:
                    path = f"/v1/patients/{person}/check-ins"
                    assert caller("POST", path, body).status_code == 201
            else:
                for first in range(0, EACH, 10):
                    items = [
                        {
                            "op": "put",
                            "type": "check_in",
                            "patient_id": person,
                            "id": body["id"],
                            "body": body,
                        }
                        for body in sent[first : first + 10]
                    ]
                    assert caller("POST", "/v1/sync", {"items": items}).status_code == 200
        return [body["id"] for body in sent]

    def read() -> list[tuple[int, str, int]]:
        seen, since = [], start
        with httpx.Client(base_url=clinic.http.base_url, timeout=60) as http:
            caller = Caller(http, follower.token)
            while True:
                last_round = done.is_set()
                page = follow(caller, "/v1/changes", since, limit=7)
                seen += [(one["seq"], one["id"], one["version"]) for one in page["items"]]
                since = page["next"]
                if last_round and not page["has_more"]:
                    return seen

    with ThreadPoolExecutor(WRITERS + 1) as pool:
        reading = pool.submit(read)
        written = {record_id for ids in pool.map(write, people) for record_id in ids}
        done.set()
        seen = reading.result()

    sequences = [sequence for sequence, _id, _version in seen]
    assert sequences == list(range(WRITERS + 1, WRITERS + 1 + WRITERS * EACH))
    assert {record_id for _seq, record_id, _version in seen} == written
    assert len(set(seen)) == len(seen) == WRITERS * EACH
