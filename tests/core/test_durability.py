"""Start-up refuses a database that may forget what it has committed."""

import sqlite3
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import create_engine, event

from app.core import durability
from app.core.db import open_engine
from app.core.durability import NotDurable
from tests.server import start_and_stop


def test_what_we_open_ourselves_will_do(database_url: str) -> None:
    engine = open_engine(database_url)
    with engine.connect() as connection:
        durability.require_durable(connection)
    engine.dispose()


@pytest.mark.parametrize(
    ("pragma", "named"),
    [("synchronous=NORMAL", "synchronous = 1"), ("journal_mode=DELETE", "journal_mode = delete")],
)
def test_a_file_that_a_power_cut_may_roll_back_is_refused(
    tmp_path: Path, pragma: str, named: str
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'some.sqlite3'}")

    @event.listens_for(engine, "connect")
    def set_up(connection: sqlite3.Connection, _record: object) -> None:
        for one in ("journal_mode=WAL", "synchronous=FULL", pragma):
            connection.execute(f"PRAGMA {one}")

    with engine.connect() as connection, pytest.raises(NotDurable, match=named):
        durability.require_durable(connection)
    engine.dispose()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_server_that_does_not_wait_for_its_disk_is_not_served_from(app: FastAPI) -> None:
    engine = open_engine(app.state.settings.database_url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = connection.engine.url.database
        connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    engine.dispose()

    with pytest.raises(NotDurable, match="synchronous_commit = off"):
        start_and_stop(app)
