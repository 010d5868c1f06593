"""The write path: each answer after its commit, together or alone, on both databases."""

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from app.core.actor import Trace
from app.core.db import Call, Work, Writer
from app.core.errors import AlreadyExists, Invalid, TitrateError
from app.core.scope import ClinicUnset, of_clinics
from app.identity import service as identity
from app.journal.models import Access, Entry
from app.main import Ledger
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


def test_a_database_that_went_away_is_503_and_then_by_itself_201(
    clinic: Clinic, prescriber: Caller
) -> None:
    engine = clinic.app.state.engine
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite is in the process: there is no connection to lose")
    prescriber("POST", "/v1/patients", PERSON)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    lost = prescriber("POST", CHECK_INS, check_in())
    found = prescriber("POST", CHECK_INS, check_in())

    assert (lost.status_code, lost.headers["Retry-After"]) == (503, "1")
    assert lost.json()["code"] == "database-unavailable"
    assert found.status_code == 201


def test_every_request_on_a_patient_leaves_one_access_row(
    clinic: Clinic, prescriber: Caller
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    count = select(func.count()).select_from(Access)
    before = rows(clinic.app, count)[0][0]

    statuses = [
        prescriber("POST", CHECK_INS, check_in()).status_code,
        prescriber("GET", CHECK_INS).status_code,
        prescriber("GET", PATH).status_code,
        clinic.as_("care_team")("GET", PATH).status_code,
        prescriber("POST", f"/v1/patients/{uuid4()}/check-ins", check_in()).status_code,
        prescriber("PATCH", PATH, {"sex": "male"}).status_code,
    ]

    assert statuses == [201, 200, 200, 404, 404, 428]
    logged = rows(clinic.app, select(Access.status).order_by(Access.sequence))
    assert [row.status for row in logged[before:]] == statuses


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
