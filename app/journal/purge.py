"""Takes what was deleted out of the database's files: rows that are gone still lie there."""

import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from app.core.errors import DatabaseUnavailable

TRIES, PAUSE_S = 50, 0.1
"""Of a checkpoint: a reader in the midst of its answer holds it up, or another checkpoint, for
which SQLite itself does not wait."""
_OWNED = "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = %s::regclass"
_DATABASE_OWNED = (
    "SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()"
)
_SAMPLES = "VACUUM FULL pg_catalog.pg_statistic"
"""Samples of what columns held, names and notes too: new ones leave the old ones in the file."""


def purge(engine: Engine, tables: Sequence[str]) -> bool:
    """Write the files anew without what is not in them any more; False if that is not ours to do.

    SQLite: the whole file, then the write-ahead log is emptied. PostgreSQL: the tables, and the
    catalog's samples of their columns, each locked meanwhile, which only the owner of the tables
    and of the database may do. What it cannot reach: PostgreSQL's own write-ahead log until its
    segments are removed, archives, backups (docs/security.md).

    Raises:
        DatabaseUnavailable: others held it up; nothing was lost, try again.
    """
    try:
        connection = engine.raw_connection()
        driver: Any = connection.driver_connection
        # Its settings are its own from here on: it does not go back to the pool.
        connection.detach()
        try:
            if isinstance(driver, psycopg.Connection):
                return _postgresql(driver, tables)
            return _sqlite(driver)
        finally:
            connection.close()
    except (DBAPIError, sqlite3.OperationalError, psycopg.OperationalError) as failure:
        raise DatabaseUnavailable("what was erased still lies in the files") from failure


def _sqlite(driver: sqlite3.Connection) -> bool:
    driver.execute("VACUUM")
    for _ in range(TRIES):
        (busy, _log, _moved) = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            return True
        time.sleep(PAUSE_S)
    raise DatabaseUnavailable("what was erased still lies in the write-ahead log")


def _postgresql(driver: "psycopg.Connection[Any]", tables: Sequence[str]) -> bool:
    driver.rollback()
    driver.autocommit = True
    driver.execute("SET statement_timeout = 0")
    driver.execute("SET lock_timeout = '10s'")
    owned = [driver.execute(_OWNED, [table]).fetchone() for table in tables]
    owned.append(driver.execute(_DATABASE_OWNED).fetchone())
    if not all(row and row[0] for row in owned):
        return False
    for table in tables:
        driver.execute(
            psycopg.sql.SQL("VACUUM (FULL, ANALYZE) {}").format(psycopg.sql.Identifier(table))
        )
    driver.execute(_SAMPLES)
    return True
