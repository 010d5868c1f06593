"""Trips to the database: PostgreSQL is one away, and a batch can afford few.

After each trip the thread that waits must also get the interpreter back from the loop's. What
is sent within `one_trip` goes out together, and its answers are awaited once. SQLite lives in
this process, and is asked one thing after another.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from psycopg.pq.abc import PGconn
from psycopg.waiting import Ready, Wait
from sqlalchemy import Connection


@contextmanager
def one_trip(connection: Connection) -> Iterator[None]:
    """Send what follows together, each statement seeing the one before.

    Only for what gives no rows: they are there at the end of the trip. One that the database
    refuses takes the rest with it, a COMMIT too, and its error comes at the next wait.
    """
    if connection.dialect.name == "sqlite":
        yield
    else:
        with _driver(connection).pipeline():
            yield


def in_one_trip(
    connection: Connection, statements: Sequence[tuple[str, Any]]
) -> list[Sequence[Sequence[Any]]]:
    """Ask all, and give the rows of each; of several, the driver's own errors come as they are."""
    if len(statements) == 1 or connection.dialect.name == "sqlite":
        return [connection.exec_driver_sql(*one).all() for one in statements]
    driver = _driver(connection)
    with driver.pipeline():
        cursors = [driver.execute(*one) for one in statements]
        _push(driver)
        return [cursor.fetchall() for cursor in cursors]


def dispatch(connection: Connection) -> None:
    """Send all of what a trip has queued, before its answers are waited for.

    The driver's pipeline gives up on what the socket would not take at once, and then waits for
    an answer to a statement of which the server has half: a batch of some 200 kB.
    """
    if connection.dialect.name == "postgresql":
        _push(_driver(connection))


def _push(driver: psycopg.Connection[tuple[Any, ...]]) -> None:
    driver.wait(_flushed(driver.pgconn))


def _flushed(pgconn: PGconn) -> Generator[Wait, Ready | int, None]:
    """Send until nothing is left; a server that answers first is read, or both would wait."""
    while pgconn.flush():
        if (yield Wait.RW) & Ready.R:
            pgconn.consume_input()


def _driver(connection: Connection) -> psycopg.Connection[tuple[Any, ...]]:
    return cast("psycopg.Connection[tuple[Any, ...]]", connection.connection.driver_connection)
