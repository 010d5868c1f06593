"""Moves what SQLite's log holds into the database's file, beside the writer.

By itself SQLite does it inside somebody's COMMIT, and whoever waits for that one waits for it
too: some fifty milliseconds, often enough to be the slowest hundredth of all requests.
"""

import sqlite3
import threading
from contextlib import closing

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.core.log import logger

EVERY_S = 0.1
"""How long the log may grow before it is looked at."""


class Checkpoints:
    """A thread that sleeps until something was committed; nobody waits for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._due = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._due.set()
        self._thread.join(timeout=30)

    def committed(self) -> None:
        """Say that the log has grown."""
        self._due.set()

    def _run(self) -> None:
        while self._due.wait() and not self._stopping.wait(EVERY_S):
            self._due.clear()
            try:
                with closing(self._engine.raw_connection()) as connection:
                    # PASSIVE: what a reader still needs is left for the next time.
                    connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            except (sqlite3.Error, SQLAlchemyError):
                logger.warning("a checkpoint failed; the log stays, and nothing is lost")
