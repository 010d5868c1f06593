"""The second wall, on a real PostgreSQL, as a role that owns nothing."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import Engine, create_engine, make_url

from app import database, tables
from app.core import walls
from app.core.db import open_engine
from app.core.walls import UnsafeRole
from app.identity import service as identity
from app.main import create_app
from app.settings import Settings
from tests.conftest import OTHER_CLINIC, Clinic, TestClock
from tests.patients.test_patients import PATH, PERSON
from tests.server import Server

CHECK_IN = {"id": str(uuid4()), "occurred_at": "2026-06-01T09:00:00Z", "sleep": {"quality": 7}}


@pytest.fixture
def served_url(postgresql: str, template: str, clock: TestClock) -> Iterator[str]:
    """A database whose owner migrated it, as seen by the role that serves."""
    name, role = f"t{uuid4().hex}", f"app_{uuid4().hex[:8]}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        connection.execute(f'CREATE ROLE "{role}" LOGIN')
    owner = make_url(postgresql).set(drivername="postgresql+psycopg", database=name)
    database.upgrade(owner.render_as_string(hide_password=False), clock, app_role=role)
    yield owner.set(username=role).render_as_string(hide_password=False)
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        connection.execute(f'DROP ROLE "{role}"')


@pytest.fixture
def served(served_url: str, tmp_path: Path, clock: TestClock) -> Iterator[Clinic]:
    app = create_app(Settings(database_url=served_url, data_dir=tmp_path), clock)
    with Server(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield Clinic(app, http, clock)


def _counts(engine: Engine, *settings: str) -> dict[str, int]:
    with engine.connect() as connection:
        for one in settings:
            connection.exec_driver_sql(one)
        return {
            name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()
            for name, table in tables.metadata.tables.items()
            if "clinic_id" in table.columns
        }


def test_with_no_clinic_named_every_select_gives_no_row(served: Clinic, served_url: str) -> None:
    prescriber = served.as_("prescriber")
    prescriber("POST", "/v1/patients", PERSON)
    assert prescriber("POST", f"{PATH}/check-ins", CHECK_IN).status_code == 201
    engine = create_engine(served_url)

    unset = _counts(engine)
    named = _counts(engine, f"SET app.clinics = '{identity.DEFAULT_CLINIC}'")
    other = _counts(engine, f"SET app.clinics = '{OTHER_CLINIC}'")
    engine.dispose()

    assert set(unset.values()) == {0}
    assert set(other.values()) == {0}
    assert named["patients"] == named["follow_ups"] == 1
    assert named["measurements"] >= 1
    assert named["access_log"] == 2


def test_the_service_works_as_the_role_that_owns_nothing(served: Clinic) -> None:
    prescriber = served.as_("prescriber")
    prescriber("POST", "/v1/patients", PERSON)
    code = prescriber("POST", f"{PATH}/enrolment-codes", {}).json()["code"]
    joined = served.http.post(
        "/oauth/token", data={"grant_type": "urn:titrate:grant:enrolment-code", "code": code}
    )
    assert joined.status_code == 200, joined.text
    patient = {"Authorization": f"Bearer {joined.json()['access_token']}"}

    sent = served.http.post(f"{PATH}/check-ins", json=CHECK_IN, headers=patient)
    assert sent.status_code == 201, sent.text
    assert prescriber("GET", f"{PATH}/trends").status_code == 200
    assert prescriber("GET", f"{PATH}/changes").json()["items"]
    assert served.as_("privacy_officer")("GET", "/v1/journal/verify").json()["holds"] is True
    assert served.as_("care_team")("GET", PATH).status_code == 404


def test_the_serving_role_can_take_nothing_out_of_the_logs(served: Clinic, served_url: str) -> None:
    served.as_("prescriber")("POST", "/v1/patients", PERSON)
    engine = create_engine(served_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET app.clinics = '{identity.DEFAULT_CLINIC}'")
        connection.commit()
        for statement in (
            "DELETE FROM access_log",
            "UPDATE access_log SET status = 200",
            "DELETE FROM journal",
        ):
            with pytest.raises(Exception, match="permission denied"):
                connection.exec_driver_sql(statement)
            connection.rollback()
    engine.dispose()


def test_a_process_learns_which_clinics_there_are_and_nothing_else_of_them(
    served_url: str,
) -> None:
    engine = create_engine(served_url)
    with engine.connect() as connection:
        assert list(identity.clinics(connection)) == [identity.DEFAULT_CLINIC]
        assert connection.exec_driver_sql("SELECT * FROM clinics").all() == []
    engine.dispose()


def test_a_row_of_another_clinic_cannot_be_written(served: Clinic, served_url: str) -> None:
    engine = create_engine(served_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET app.clinics = '{OTHER_CLINIC}'")
        with pytest.raises(Exception, match="row-level security"):
            connection.exec_driver_sql(
                "INSERT INTO revoked_tokens (clinic_id, token_id, revoked_at) "
                f"VALUES ('{identity.DEFAULT_CLINIC}', 'x', now())"
            )
    engine.dispose()


def test_the_lock_of_the_heads_opens_the_transaction_by_one_statement(
    served: Clinic, served_url: str
) -> None:
    served.as_("prescriber")("POST", "/v1/patients", PERSON)
    engine = create_engine(served_url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT current_setting('app.clinics', true)"
        ).scalar_one()
    engine.dispose()

    # It was set for a transaction alone: the next one on a connection begins with nothing.
    assert not rows


def test_start_up_refuses_a_role_that_the_wall_does_not_hold(
    postgresql: str, served_url: str, template: str
) -> None:
    owner = make_url(postgresql).set(drivername="postgresql+psycopg", database=template)
    for url, refused in ((owner.render_as_string(hide_password=False), True), (served_url, False)):
        engine = open_engine(url)
        with engine.connect() as connection:
            if refused:
                with pytest.raises(UnsafeRole, match="TITRATE_APP_ROLE"):
                    walls.require_safe_role(connection)
            else:
                walls.require_safe_role(connection)
        engine.dispose()


def test_every_table_with_a_clinic_has_its_wall(postgresql: str, template: str) -> None:
    url = make_url(postgresql).set(drivername="postgresql+psycopg", database=template)
    engine = create_engine(url)
    with engine.connect() as connection:
        walled = set(
            connection.exec_driver_sql(
                "SELECT tablename FROM pg_policies WHERE policyname = 'own_clinics'"
            ).scalars()
        )
    engine.dispose()

    assert walled == {
        name for name, table in tables.metadata.tables.items() if "clinic_id" in table.columns
    }
