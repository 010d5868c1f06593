"""Ready is who could store a record now."""

import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest
from sqlalchemy import make_url

from app.core import clock
from tests.conftest import Clinic


def test_a_process_whose_database_takes_no_writes_lives_and_is_not_ready(clinic: Clinic) -> None:
    assert clinic.http.get("/readyz").status_code == 204
    engine = clinic.app.state.engine
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            name = connection.exec_driver_sql("SELECT current_database()").scalar_one()
            connection.exec_driver_sql(
                f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'
            )
        engine.dispose()
        assert clinic.http.get("/readyz").status_code == 503
        assert clinic.http.get("/livez").status_code == 204
        return
    with closing(sqlite3.connect(str(make_url(engine.url).database))) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        assert clinic.http.get("/readyz").status_code == 503
        assert clinic.http.get("/livez").status_code == 204
        other.execute("ROLLBACK")
    assert clinic.http.get("/readyz").status_code == 204


def test_a_clock_that_is_not_the_databases_is_not_ready(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has no other clock than ours."""
    wrong = clock.now() + timedelta(minutes=2)
    monkeypatch.setattr(clock, "now", lambda: wrong)

    has_its_own = clinic.app.state.engine.dialect.name == "postgresql"
    assert clinic.http.get("/readyz").status_code == (503 if has_its_own else 204)
