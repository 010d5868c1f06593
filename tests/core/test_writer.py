"""The write path: each answer after its commit, together or alone, on both databases."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, event, func, select
from sqlalchemy.orm import Session

from app.core.actor import Trace
from app.core.db import Call, Work, Writer
from app.core.errors import AlreadyExists, Invalid, TitrateError
from app.core.scope import ClinicUnset, of_clinics
from app.followups.models import FollowUp
from app.identity import service as identity
from app.journal import verification
from app.journal.models import Access, Entry
from app.main import Ledger
from app.measurements.models import Measurement
from app.patients import service as patients
from app.patients.models import Patient
from app.patients.schemas import PatientIn
from tests.conftest import OTHER_CLINIC, Caller, Clinic
from tests.patients.test_patients import PATH, PERSON

CLINIC = identity.DEFAULT_CLINIC
CHECK_INS = f"{PATH}/check-ins"


def check_in(record_id: UUID | None = None) -> dict[str, Any]:
    return {
        "id": str(record_id or uuid4()),
        "occurred_at": "2026-04-20T07:45:00-04:00",
        "sleep": {"quality": 6},
    }


def rows(app: FastAPI, statement: Any, clinic_id: UUID = CLINIC) -> list[Any]:
    with app.state.engine.connect() as connection, Session(connection) as session:
        return list(session.execute(statement, execution_options=of_clinics(clinic_id)).all())


def test_ten_equal_ids_at_once_make_one_record(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    body = check_in()

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _n: prescriber("POST", CHECK_INS, body), range(10)))

    assert Counter(one.status_code for one in answers) == {201: 1, 200: 9}
    assert len({one.content for one in answers}) == 1
    assert len(prescriber("GET", CHECK_INS).json()["items"]) == 1


def test_a_refused_a_poisoned_and_a_broken_call_harm_nobody_in_their_batch(
    clinic: Clinic,
) -> None:
    app = clinic.app
    actor = identity.built_in_actor(CLINIC, "prescriber")

    def register(work: Work, patient_id: UUID) -> Any:
        return patients.register(work, person(patient_id))

    def refuse(work: Work, patient_id: UUID) -> Any:
        patients.register(work, person(patient_id))
        raise Invalid("no", pointer="/x")

    def poison(work: Work, patient_id: UUID) -> Any:
        answer = patients.register(work, person(patient_id))
        work.put_rows(Patient, [work.added[0][1]])
        return answer

    def fall(work: Work, patient_id: UUID) -> Any:
        raise ZeroDivisionError

    services: list[Callable[..., Any]] = [register, refuse, poison, fall, register, register]
    waiting = [threading.Event() for _ in services]
    calls = [
        Call(service, actor, (uuid4(),), Trace("-", "POST", "test"), done=done)
        for service, done in zip(services, waiting, strict=True)
    ]
    writer = Writer(app.state.engine, clinic.clock, Ledger())
    for call in calls:
        writer.submit(call)
    writer.start()
    for done in waiting:
        assert done.wait(30)
    writer.stop()

    errors = [type(call.error) if call.error else None for call in calls]
    assert errors == [None, Invalid, AlreadyExists, TitrateError, None, None]
    stored = {row.id for row in rows(app, select(Patient.id))}
    assert stored == {call.args[0] for call in calls if call.error is None}
    sequences = [row.sequence for row in rows(app, select(Entry.sequence).order_by(Entry.sequence))]
    assert sequences == list(range(1, len(sequences) + 1))


def person(patient_id: UUID) -> PatientIn:
    body = PERSON | {"id": str(patient_id), "identifiers": []}
    return PatientIn.model_validate_json(json.dumps(body))


def test_a_commit_that_fails_never_answers_2xx_and_stores_nothing(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    engine = clinic.app.state.engine

    def break_it(_connection: Any) -> None:
        raise RuntimeError("the commit broke")

    event.listen(engine, "commit", break_it)
    try:
        broken = prescriber("POST", CHECK_INS, check_in())
    finally:
        event.remove(engine, "commit", break_it)

    assert broken.status_code == 500
    assert broken.json()["code"] == "internal"
    assert "broke" not in broken.text
    assert prescriber("GET", CHECK_INS).json()["items"] == []
    assert prescriber("POST", CHECK_INS, check_in()).status_code == 201


def refuse_at_commit(engine: Engine, table: str) -> None:
    """Let every COMMIT with a new row of this table fail, by a deferred foreign key."""
    run(
        engine,
        "CREATE TABLE somewhere (id INTEGER PRIMARY KEY)",
        "CREATE TABLE broken (id INTEGER REFERENCES somewhere (id) DEFERRABLE INITIALLY DEFERRED)",
    )
    trigger(engine, table, "INSERT INTO broken VALUES (1)")


def trigger(engine: Engine, table: str, action: str) -> None:
    """Run a statement with every row that is added to a table."""
    if engine.dialect.name == "sqlite":
        run(engine, f"CREATE TRIGGER t AFTER INSERT ON {table} BEGIN {action}; END")
        return
    body = f"BEGIN {action}; RETURN NEW; END"
    run(
        engine,
        f"CREATE FUNCTION act() RETURNS trigger LANGUAGE plpgsql AS $${body}$$",
        f"CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION act()",
    )


def drop_trigger(engine: Engine, table: str) -> None:
    run(engine, "DROP TRIGGER t" + (f" ON {table}" if engine.dialect.name != "sqlite" else ""))


def run(engine: Engine, *statements: str) -> None:
    with engine.execution_options(titrate_writes=True).begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_a_commit_that_the_database_refuses_never_answers_2xx_and_stores_nothing(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    engine = clinic.app.state.engine
    refuse_at_commit(engine, "follow_ups")
    tables = (FollowUp, Measurement, Entry, Access)
    counts = [select(func.count()).select_from(table) for table in tables]
    before = [rows(clinic.app, count) for count in counts]

    with ThreadPoolExecutor(4) as pool:
        broken = list(pool.map(lambda _n: prescriber("POST", CHECK_INS, check_in()), range(4)))

    assert {one.status_code for one in broken} == {500}
    *others, refusals = [rows(clinic.app, count) for count in counts]
    assert others == before[:-1]
    assert refusals[0][0] == before[-1][0][0] + 4, "who was refused is in the access log"
    drop_trigger(engine, "follow_ups")
    assert prescriber("POST", CHECK_INS, check_in()).status_code == 201
    assert verified(clinic) == [None, None]


def verified(clinic: Clinic) -> list[int | None]:
    """Give the first broken sequence of the journal and of the access log."""
    actor = identity.built_in_actor(CLINIC, "privacy_officer")
    with clinic.app.state.engine.connect() as connection, Session(connection) as session:
        work = Work(actor, clinic.clock(), Trace("-", "CLI", "verify"), session, {})
        return [verification.verify(work, kind)[1] for kind in ("journal", "access")]


@contextmanager
def database_away(engine: Engine) -> Iterator[None]:
    """End every connection of PostgreSQL; hold SQLite's write lock longer than it waits."""
    if engine.dialect.name == "sqlite":
        with engine.execution_options(titrate_writes=True).connect() as holder, holder.begin():
            yield
        return
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    yield


@pytest.fixture
def hasty(clinic: Clinic) -> Clinic:
    """Give a clinic whose SQLite does not wait for a lock; its connections are new ones."""
    engine = clinic.app.state.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", lambda one, _record: one.execute("PRAGMA busy_timeout=50"))
        engine.dispose()
    return clinic


def test_a_database_that_went_away_is_503_and_then_by_itself_201(
    hasty: Clinic, prescriber: Caller
) -> None:
    assert prescriber("POST", "/v1/patients", PERSON).status_code == 201
    body = check_in()

    with database_away(hasty.app.state.engine):
        lost = prescriber("POST", CHECK_INS, body)
    found = prescriber("POST", CHECK_INS, body)

    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "1")
    assert lost.json()["code"] == "database-unavailable"
    assert found.status_code == 201
    assert verified(hasty) == [None, None]


def test_many_callers_of_a_database_that_is_away_wait_once_and_not_in_turn(
    hasty: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    engine = hasty.app.state.engine
    attempts = []
    event.listen(engine, "begin", lambda _connection: attempts.append(1))

    with database_away(engine), ThreadPoolExecutor(20) as pool:
        attempts.clear()
        paths = [f"/v1/patients/{uuid4()}/check-ins" for _ in range(20)]
        answers = list(pool.map(lambda path: prescriber("POST", path, check_in()), paths))

    assert all(one.status_code in {404, 503} for one in answers)
    assert any(one.status_code == 503 for one in answers)
    assert len(attempts) < len(answers)


def test_a_read_without_its_access_row_shows_nothing(clinic: Clinic, prescriber: Caller) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    engine = clinic.app.state.engine
    raising = "SELECT RAISE(ABORT, 'no')" if engine.dialect.name == "sqlite" else "RAISE 'no'"
    trigger(engine, "access_log", raising)

    refused = [prescriber("GET", PATH), prescriber("GET", CHECK_INS)]

    for one in refused:
        assert (one.status_code, one.json()["code"]) == (503, "access-log-unavailable")
        assert one.headers["Retry-After"] == "1"
        assert "Example" not in one.text
    drop_trigger(engine, "access_log")
    assert prescriber("GET", PATH).status_code == 200


def test_every_request_on_a_patient_leaves_one_access_row(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    first = check_in()
    own = f"{CHECK_INS}/{first['id']}"
    administrator = clinic.as_("administrator")
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    keyed = {"Idempotency-Key": "k"}
    without_id = {name: value for name, value in check_in().items() if name != "id"}
    before = rows(clinic.app, select(func.count()).select_from(Access))[0][0]

    answers = [
        prescriber("POST", CHECK_INS, first),
        prescriber("POST", CHECK_INS, first),
        prescriber("POST", CHECK_INS, without_id, headers=keyed),
        prescriber("POST", CHECK_INS, without_id, headers=keyed),
        patient("POST", CHECK_INS, check_in()),
        prescriber("GET", CHECK_INS),
        prescriber("GET", own),
        patient("GET", f"{own}/history"),
        prescriber(
            "PATCH", f"{CHECK_INS}/{first['id']}", {"note": "x"}, headers={"If-Match": '"1"'}
        ),
        prescriber("DELETE", f"{CHECK_INS}/{first['id']}", headers={"If-Match": '"2"'}),
        # and what is denied or refused, by the service or before it
        clinic.as_("care_team")("GET", PATH),
        administrator("GET", PATH),
        administrator("POST", CHECK_INS, check_in()),
        patient("PATCH", PATH, {"sex": "male"}),
        prescriber("GET", f"/v1/patients/{uuid4()}"),
        prescriber("POST", f"/v1/patients/{uuid4()}/check-ins", check_in()),
        prescriber("PATCH", PATH, {"sex": "male"}),
        prescriber("POST", CHECK_INS, without_id),
        prescriber("POST", CHECK_INS, check_in() | {"version": 3}),
        prescriber("POST", CHECK_INS, first | {"note": "other"}),
        prescriber("GET", f"{CHECK_INS}?limit=0"),
    ]

    statuses = [one.status_code for one in answers]
    assert statuses[:10] == [201, 200, 201, 200, 201, 200, 200, 200, 200, 200]
    assert statuses[10:] == [404, 403, 403, 403, 404, 404, 428, 400, 422, 409, 400]
    logged = rows(clinic.app, select(Access).order_by(Access.sequence))[before:]
    assert [row[0].status for row in logged] == statuses
    assert [row[0].request_id for row in logged] == [one.headers["X-Request-Id"] for one in answers]
    assert {row[0].actor_role for row in logged} == {
        "prescriber", "patient", "care_team", "administrator",
    }  # fmt: skip
    assert str(logged[11][0].patient_id) == PERSON["id"]
    assert verified(clinic) == [None, None]


def test_a_request_id_is_the_clients_if_it_is_a_plain_one(
    clinic: Clinic, prescriber: Caller
) -> None:
    named = prescriber("GET", PATH, headers={"X-Request-Id": "phone-7.a_1"})
    made = prescriber("GET", PATH, headers={"X-Request-Id": "<script>"})

    assert named.headers["X-Request-Id"] == named.json()["request_id"] == "phone-7.a_1"
    assert UUID(made.headers["X-Request-Id"]).version == 7
    assert made.json()["request_id"] == made.headers["X-Request-Id"]


def test_forty_keys_sent_eight_times_at_once_have_one_effect_each(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    body = {name: value for name, value in check_in().items() if name != "id"}
    keys = [f"key-{number % 40}" for number in range(320)]

    def send(key: str) -> tuple[str, httpx.Response]:
        return key, prescriber("POST", CHECK_INS, body, headers={"Idempotency-Key": key})

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(send, keys))

    assert Counter(answer.status_code for _, answer in answers) == {201: 40, 200: 280}
    assert len({(key, answer.content) for key, answer in answers}) == 40
    assert all(
        ("Idempotent-Replayed" in answer.headers) == (answer.status_code == 200)
        for _, answer in answers
    )
    assert rows(clinic.app, select(func.count()).select_from(FollowUp))[0][0] == 40


def test_an_idempotency_key_gives_the_first_answer_again(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    body = {name: value for name, value in check_in().items() if name != "id"}
    key = {"Idempotency-Key": "one"}

    missing = prescriber("POST", CHECK_INS, body)
    first = prescriber("POST", CHECK_INS, body, headers=key)
    again = prescriber("POST", CHECK_INS, body, headers=key)
    other = prescriber("POST", CHECK_INS, body | {"note": "x"}, headers=key)
    patient = clinic.as_("patient", patient_id=PERSON["id"])
    theirs = patient("POST", CHECK_INS, body, headers=key)

    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency-key-missing")
    assert first.status_code == 201
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert theirs.status_code == 201
    assert theirs.json()["id"] != first.json()["id"]
    assert len(prescriber("GET", CHECK_INS).json()["items"]) == 2


def test_a_statement_without_a_clinic_is_an_error_and_with_another_sees_nothing(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    assert rows(clinic.app, select(Patient.id), OTHER_CLINIC) == []
    with (
        clinic.app.state.engine.connect() as connection,
        Session(connection) as session,
        pytest.raises(ClinicUnset),
    ):
        session.execute(select(Patient.id))
