"""Migrations: up, down and up again on data, and the same tables as the models."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import Connection, Engine, MetaData, inspect

from app import database, tables
from app.core.db import open_engine
from app.core.health import migration_config
from tests.conftest import Caller, TestClock
from tests.patients.test_patients import PERSON


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


def test_up_down_and_up_again_on_data(
    prescriber: Caller, database_url: str, engine: Engine, clock: TestClock
) -> None:
    prescriber("POST", "/v1/patients", PERSON)

    database.downgrade(database_url, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    database.upgrade(database_url, clock)

    assert set(tables.metadata.tables) <= set(inspect(engine).get_table_names())


def test_autogenerate_finds_nothing_to_do(database_url: str) -> None:
    command.check(migration_config(database_url))


def test_checks_and_columns_are_those_of_the_models(engine: Engine) -> None:
    """`alembic check` sees no changed CHECK: compare what the databases themselves say."""
    with engine.connect() as connection:
        migrated = _described(connection)
    modelled = _created_from_models(engine)

    assert migrated == modelled


def _described(connection: Connection) -> dict[str, Any]:
    inspector = inspect(connection)
    return {
        name: {
            "columns": [
                (column["name"], str(column["type"]), column["nullable"])
                for column in sorted(inspector.get_columns(name), key=lambda one: one["name"])
            ],
            "key": inspector.get_pk_constraint(name)["constrained_columns"],
            "checks": sorted(
                (check["name"], re.sub(r"\s+", " ", check["sqltext"]))
                for check in inspector.get_check_constraints(name)
            ),
            "unique": sorted(
                tuple(one["column_names"]) for one in inspector.get_unique_constraints(name)
            ),
            "foreign": sorted(
                (tuple(one["constrained_columns"]), one["referred_table"])
                for one in inspector.get_foreign_keys(name)
            ),
            "indexes": sorted(
                tuple(one["column_names"])
                for one in inspector.get_indexes(name)
                if not one.get("duplicates_constraint")
            ),
        }
        for name in sorted(inspector.get_table_names())
        if name != "alembic_version"
    }


def _created_from_models(engine: Engine) -> dict[str, Any]:
    """Make the models' own tables in a transaction that is taken back, and describe them."""
    with engine.connect() as connection, connection.begin() as transaction:
        existing = MetaData()
        existing.reflect(connection)
        existing.drop_all(connection)
        tables.metadata.create_all(connection)
        described = _described(connection)
        transaction.rollback()
    return described
