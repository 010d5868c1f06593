"""People over HTTP, on both databases."""

from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import event

from app.identity import service as identity
from tests.conftest import OTHER_CLINIC, Caller, Clinic

PERSON: dict[str, Any] = {
    "id": "019a5b10-0000-7000-8000-000000000001",
    "identifiers": [{"system": "urn:example:mrn", "value": "A-1042"}],
    "name": {"given": "Example", "family": "Patient"},
    "birth_date": "1991-04-17",
    "sex": "female",
    "time_zone": "America/New_York",
    "language": "en",
}
PATH = f"/v1/patients/{PERSON['id']}"


def test_a_person_sent_twice_is_there_once(prescriber: Caller) -> None:
    first = prescriber("POST", "/v1/patients", PERSON)
    again = prescriber("POST", "/v1/patients", PERSON)

    assert first.status_code == 201, first.text
    assert first.headers["ETag"] == '"1"'
    assert first.headers["Location"] == PATH
    assert again.status_code == 200
    assert again.content == first.content
    assert len(prescriber("GET", "/v1/patients").json()["items"]) == 1


def test_an_id_taken_by_other_content_is_a_conflict(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    refused = prescriber("POST", "/v1/patients", PERSON | {"sex": "male"})

    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.json()["code"] == "already-exists"


def test_another_clinics_patient_is_as_absent_as_no_patient(clinic: Clinic) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    stranger = clinic.as_("prescriber", clinic_id=OTHER_CLINIC)

    foreign = stranger("GET", PATH)
    absent = stranger("GET", f"/v1/patients/{uuid4()}")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.json() | {"request_id": 0} == absent.json() | {"request_id": 0}


def test_a_colleague_without_a_care_relation_sees_nothing(clinic: Clinic) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)

    assert clinic.as_("care_team")("GET", PATH).status_code == 404
    assert clinic.as_("system")("GET", PATH).status_code == 200
    assert clinic.as_("administrator")("GET", PATH).status_code == 403


def test_a_patient_sees_the_own_record_and_no_other(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    other = prescriber(
        "POST", "/v1/patients", PERSON | {"id": str(uuid4()), "identifiers": []}
    ).json()
    patient = clinic.as_("patient", patient_id=PERSON["id"])

    assert patient("GET", PATH).status_code == 200
    assert patient("GET", f"/v1/patients/{other['id']}").status_code == 404


def test_a_correction_names_the_version_it_was_made_on(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patch = {"name": {"family": "Married"}}

    assert prescriber("PATCH", PATH, patch).status_code == 428
    done = prescriber("PATCH", PATH, patch, headers={"If-Match": '"1"'})
    stale = prescriber("PATCH", PATH, patch, headers={"If-Match": '"1"'})

    assert done.status_code == 200, done.text
    assert done.json()["name"] == {"given": "Example", "family": "Married"}
    assert done.json()["version"] == 2
    assert stale.status_code == 412
    assert stale.headers["ETag"] == '"2"'
    history = prescriber("GET", f"{PATH}/history").json()["items"]
    assert [one["name"]["family"] for one in history] == ["Married", "Patient"]


def test_a_missing_or_forged_token_is_refused(clinic: Clinic, prescriber: Caller) -> None:
    head, body, signature = prescriber.token.split(".")
    forged = f"{head}.{body[:-2]}AA.{signature}"

    for token in ("x", "a.b.c", forged):
        refused = clinic.http.get("/v1/patients", headers={"Authorization": f"Bearer {token}"})
        assert refused.status_code == 401
        assert "invalid_token" in refused.headers["WWW-Authenticate"]


def test_a_token_that_was_taken_back_is_refused_at_once(clinic: Clinic, prescriber: Caller) -> None:
    clinic.as_("prescriber")("POST", "/v1/patients", PERSON)
    assert prescriber("GET", PATH).status_code == 200
    actor, _ = clinic.app.state.issuer.verify(prescriber.token, clinic.clock())

    clinic.app.state.writer.run(identity.revoke, actor, actor.token_id, operation="revoke")

    assert prescriber("GET", PATH).status_code == 401
    assert prescriber("PATCH", PATH, {}, headers={"If-Match": '"1"'}).status_code == 401
    assert clinic.as_("prescriber")("GET", PATH).status_code == 200


def test_a_version_too_long_to_be_one_is_refused_and_breaks_nothing(prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    tag = '"' + "9" * 5000 + '"'

    assert (
        prescriber("PATCH", PATH, {"sex": "unknown"}, headers={"If-Match": tag}).status_code == 428
    )


# ---- the list


def _register(caller: Caller, number: int, **name: str) -> str:
    """Family names come in tens, so that pages end between two of one name."""
    body = PERSON | {
        "id": str(uuid4()),
        "identifiers": [],
        "name": {"given": f"Given {number % 7}", "family": f"Family {number // 10}", **name},
    }
    answer = caller("POST", "/v1/patients", body)
    assert answer.status_code == 201, answer.text
    return str(body["id"])


def _pages(caller: Caller, **asked: str) -> list[list[str]]:
    """Give the ids page by page, following `next` to the end."""
    found = []
    parameters = asked
    while True:
        answer = caller("GET", "/v1/patients", params=parameters)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        found.append([one["id"] for one in told["items"]])
        if told["next"] is None:
            assert "Link" not in answer.headers
            return found
        assert 'rel="next"' in answer.headers["Link"]
        parameters = {**asked, "cursor": told["next"]}


def test_a_list_of_patients_comes_in_pages_that_are_whole_and_apart(prescriber: Caller) -> None:
    made = {_register(prescriber, number) for number in range(60)}

    for asked, sizes in (({}, [50, 10]), ({"limit": "7"}, [7] * 8 + [4])):
        pages = _pages(prescriber, **asked)
        assert [len(page) for page in pages] == sizes
        listed = [one for page in pages for one in page]
        assert len(listed) == len(set(listed))
        assert set(listed) == made
    named = [one for page in _pages(prescriber, name="family 3", limit="4") for one in page]
    assert len(named) == 10


def test_a_page_goes_on_where_it_ended_though_the_patient_has_another_name(
    prescriber: Caller,
) -> None:
    ids = [_register(prescriber, 0, family=family) for family in ("Adler", "Baum", "Cohn", "Dorn")]
    first = prescriber("GET", "/v1/patients?limit=2").json()

    renamed = prescriber(
        "PATCH",
        f"/v1/patients/{ids[1]}",
        {"name": {"family": "Zorn"}},
        headers={"If-Match": '"1"'},
    )
    second = prescriber("GET", f"/v1/patients?limit=2&cursor={first['next']}").json()

    assert renamed.status_code == 200
    assert [one["id"] for one in second["items"]] == ids[2:]


def test_a_cursor_of_patients_names_nobody_and_fits_its_search_alone(prescriber: Caller) -> None:
    for _ in range(2):
        _register(prescriber, 0, given="Zqgiven", family="Zqfamily")
    cursor = prescriber("GET", "/v1/patients?limit=1&name=zqfam").json()["next"]

    said = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

    assert b"zqgiven" not in said.lower()
    assert b"zqfamily" not in said.lower()
    refused = prescriber("GET", f"/v1/patients?limit=1&cursor={cursor}")
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid-cursor")
    for odd in ("limit=0", "limit=501", "limit=x", "cursor=x", "offset=1"):
        assert prescriber("GET", f"/v1/patients?{odd}").status_code == 400, odd


def test_a_patient_who_was_erased_takes_no_other_out_of_the_list(
    clinic: Clinic, prescriber: Caller
) -> None:
    gone, left = (_register(prescriber, number) for number in range(2))
    administrator, officer = clinic.as_("administrator"), clinic.as_("privacy_officer")
    wish = {"id": str(uuid4()), "patient_id": gone, "covers": "everything"}
    assert administrator("POST", "/v1/erasure-requests", wish).status_code == 201
    move = {"patient_id": gone, "state": "done", "legal_basis": "no duty holds"}
    path = f"/v1/erasure-requests/{wish['id']}"
    erased = officer("PATCH", path, move, headers={"If-Match": '"1"'})
    assert erased.status_code == 200, erased.text

    assert _pages(prescriber) == [[left]]


# ---- absent, or not yours


@contextmanager
def _statements(clinic: Clinic) -> Iterator[list[str]]:
    """Note what the database is asked meanwhile, without what differs from one time to the next."""
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(clinic.app.state.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(clinic.app.state.engine, "before_cursor_execute", note)


REFUSED: tuple[tuple[str, str, Any], ...] = (
    ("GET", "", None),
    ("GET", "/history", None),
    ("GET", "/labs", None),
    ("GET", "/labs/019a5b10-0000-7000-8000-0000000000aa", None),
    ("GET", "/trends", None),
    ("GET", "/visit-brief", None),
    ("GET", "/changes", None),
    ("GET", "/care-team", None),
    ("GET", "/export", None),
    ("POST", "/conditions", {"id": "019a5b10-0000-7000-8000-0000000000ab", "text": "x"}),
    ("PATCH", "/labs/019a5b10-0000-7000-8000-0000000000aa", {"note": "x"}),
    ("DELETE", "/labs/019a5b10-0000-7000-8000-0000000000aa", None),
)


def test_the_database_is_asked_the_same_of_an_absent_patient_and_of_one_not_yours(
    clinic: Clinic, prescriber: Caller
) -> None:
    """Counted and not timed: a refusal tells by nothing whether somebody is there."""
    prescriber("POST", "/v1/patients", PERSON)
    callers = {
        "of another clinic": clinic.as_("prescriber", clinic_id=OTHER_CLINIC),
        "without a relation": clinic.as_("care_team"),
        "another patient": clinic.as_("patient", patient_id=_register(prescriber, 1)),
    }
    differs = []
    for name, caller in callers.items():
        for method, tail, body in REFUSED:
            asked = []
            for patient in (PERSON["id"], str(uuid4())):
                path = f"/v1/patients/{patient}{tail}"
                with _statements(clinic) as statements:
                    answer = caller(method, path, body, headers={"If-Match": '"1"'})
                assert answer.status_code in {403, 404}, (name, method, tail, answer.text)
                asked.append(statements)
            if asked[0] != asked[1]:
                differs.append((name, method, tail, asked))

    assert differs == []
