"""Engines, sessions, and the writer that commits waiting requests together.

The writer is the only place that commits. A service is a plain synchronous function of a
`Work`; it asks, decides, and collects rows. The writer runs the services of all calls that
waited, sends their rows, commits, and only then answers (docs/decisions/0002).
"""

import asyncio
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, Select, create_engine, event, update
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import Session

from app.core import rows
from app.core.actor import Actor, Trace
from app.core.base import Base, Owned
from app.core.checkpoints import Checkpoints
from app.core.clock import Clock
from app.core.errors import (
    AlreadyExists,
    DatabaseUnavailable,
    StorageFull,
    TitrateError,
    Unavailable,
)
from app.core.log import logger
from app.core.scope import of_clinics, open_to
from app.core.trips import dispatch, one_trip

MOST_CALLS = 200
"""Calls in one transaction, at most."""

B = TypeVar("B", bound=Base)
T = TypeVar("T")
Service = Callable[..., Any]


def open_engine(url: str) -> Engine:
    """Open the database with the settings that an acknowledgement rests on.

    SQLite: WAL, synchronous=FULL, foreign keys on, and BEGIN is ours. PostgreSQL: a
    statement that runs longer than 5 s, or waits longer than 2 s for a lock, fails.
    """
    if url.startswith("sqlite"):
        engine = create_engine(
            url, pool_size=8, max_overflow=0, pool_timeout=2, hide_parameters=True
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    options = "-c statement_timeout=5000 -c lock_timeout=2000 -c timezone=UTC"
    return create_engine(
        url,
        pool_size=8,
        max_overflow=0,
        pool_timeout=2,
        hide_parameters=True,
        connect_args={"options": options, "connect_timeout": 2},
    )


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "busy_timeout=2000",
        # 64 MiB of pages; `Checkpoints` moves them, long before a COMMIT has to.
        "cache_size=-65536",
        "wal_autocheckpoint=40000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("titrate_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@dataclass(slots=True)
class Call:
    """One request that waits: what to run, for whom, and where its answer goes."""

    service: Service
    actor: Actor
    args: tuple[Any, ...]
    trace: Trace
    writes: bool = True
    key: tuple[str, str] | None = None
    """Idempotency-Key with its scope, and the fingerprint of the request."""
    value: Any = None
    error: TitrateError | None = None
    done: "asyncio.Future[None] | threading.Event | None" = None
    """Set after the COMMIT or the refusal: by the loop that waits, or for a plain thread."""

    @property
    def patient_id(self) -> UUID | None:
        """The patient it is about: by convention a service's first argument."""
        first = self.args[0] if self.args else None
        return first if isinstance(first, UUID) else None


@dataclass(slots=True)
class Work:
    """What one service sees: the caller, the time, questions to ask, rows to leave."""

    actor: Actor
    now: datetime
    trace: Trace
    session: Session
    memory: dict[Hashable, Any]
    """Answers known in this transaction; the batch's common questions fill it beforehand."""
    hidden: Select[UUID] | None = None
    """Asks for the ids of the records that this caller must not know of; None: of all."""
    sealed_as: str | None = None
    """The class of consent that what is kept just now needs, once it is in the record."""
    added: list[tuple[type[Any], dict[str, Any]]] = field(default_factory=list)
    changes: list[Any] = field(default_factory=list)

    def all(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """Ask within the caller's clinic: entities, single values, or rows as selected."""
        options = of_clinics(self.actor.clinic_id, hidden=self.hidden)
        result = self.session.execute(statement, execution_options=options)
        return result.scalars().all() if len(statement.column_descriptions) == 1 else result.all()

    def first(self, statement: Select[*tuple[Any, ...]]) -> Any | None:
        """Ask for one; None when there is none."""
        found = self.all(statement.limit(1))
        return found[0] if found else None

    def remember(self, key: Hashable, ask: Callable[[], T]) -> T:
        """Ask once in a transaction; `core` and the batch's questions share the memory."""
        try:
            known: T = self.memory[key]
        except KeyError:
            known = self.memory[key] = ask()
        return known

    def add(self, model: type[B], **columns: Any) -> B:
        """Leave one row of the caller's clinic; nothing is sent before all rules have passed."""
        row = {"clinic_id": self.actor.clinic_id, **columns}
        self.added.append((model, row))
        return model(**row)

    def put_rows(self, model: type[Any], many: Iterable[dict[str, Any]]) -> None:
        """Leave rows without making objects of them; `upserted` models overwrite by key."""
        for columns in many:
            self.added.append((model, {"clinic_id": self.actor.clinic_id, **columns}))

    def change(self, row: Owned, **columns: Any) -> None:
        """Change a row that was asked for, by its key."""
        model = type(row)
        keys = [column.key for column in model.__mapper__.primary_key]  # type: ignore[attr-defined]
        statement = update(model).values(**columns)
        for key in keys:
            statement = statement.where(getattr(model, key) == getattr(row, key))
        self.changes.append(statement)
        for name, value in columns.items():
            setattr(row, name, value)

    def change_where(self, statement: Any) -> None:
        """Leave an UPDATE for the end; the clinic is added when it runs."""
        self.changes.append(statement)

    def send(self) -> None:
        """Send what was left so far, so that this call's next questions see it.

        For a unit of many items only, which is never refused as a whole: what was sent is taken
        back with the whole batch, or not at all.
        """
        collected: dict[type[Any], list[rows.Row]] = defaultdict(list)
        for model, row in self.added:
            collected[model].append(row)
        rows.write(self.session.connection(), collected)
        self.send_changes()
        self.added.clear()
        self.changes.clear()
        self.session.expunge_all()

    def send_changes(self) -> None:
        """Send the changes alone; the rows have gone before them."""
        options = {**of_clinics(self.actor.clinic_id), "synchronize_session": False}
        for statement in self.changes:
            self.session.execute(statement, execution_options=options)


class Hooks(Protocol):
    """What lies above the writer and is handed in: the chains, and the common questions."""

    def open(self, session: Session, works: Sequence[tuple[Call, Work]]) -> Any:
        """Lock the heads of the batch's clinics, first and in order; then ask for all."""

    def ask(self, session: Session, works: Sequence[tuple[Call, Work]]) -> None:
        """Ask the questions that all calls have in common."""

    def admit(self, work: Work) -> None:
        """Refuse a caller who is no longer a member, or whose token was revoked."""

    def mark(self, work: Work) -> Any:
        """Remember where the heads of a call's clinic stand."""

    def reset(self, work: Work, mark: Any) -> None:
        """Take back what a refused call did to the heads, so that it leaves no hole."""

    def replay(self, work: Work, call: Call) -> Any | None:
        """Give the answer that this Idempotency-Key got before, if it was used."""

    def log(self, work: Work, call: Call) -> None:
        """Leave the access row of a call, done or refused, and the key that it used."""

    def close(self, state: Any) -> Iterable[tuple[type[Owned], dict[str, Any]]]:
        """Give the moved heads as rows."""


class Writer:
    """One thread, one connection: takes what waits, commits it together, then answers.

    Callers fall into two halves in turn. While the database writes for one half, the loop
    answers the other, whose commit is done, and reads what it asks next: an answer is held
    until then, for the two threads share one interpreter and would only hinder each other.
    """

    def __init__(self, engine: Engine, clock: Clock, hooks: Hooks) -> None:
        self._engine = engine.execution_options(titrate_writes=True)
        self._clock = clock
        self._hooks = hooks
        self._waiting: deque[Call] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        self._committed: list[Call] = []
        """Calls whose commit or refusal is done, and who have not been told yet."""
        self._connection: Connection | None = None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        embedded = engine.dialect.name == "sqlite"
        self._checkpoints = Checkpoints(engine) if embedded else None

    def start(self) -> None:
        self._thread.start()
        if self._checkpoints is not None:
            self._checkpoints.start()

    def stop(self) -> None:
        """Finish what waits, then end; later calls are refused."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        self._thread.join(timeout=30)
        if self._checkpoints is not None:
            self._checkpoints.stop()

    def submit(self, call: Call) -> None:
        """Put one call in the queue; `call.done` is set after its COMMIT or refusal."""
        with self._wake:
            if not self._stopping:
                self._waiting.append(call)
                if len(self._waiting) == 1:
                    self._wake.notify()
                return
        call.error = Unavailable()
        _deliver([call])

    def run(
        self,
        service: Service,
        actor: Actor,
        *args: Any,
        operation: str,
        trace: Trace | None = None,
    ) -> Any:
        """Run one call from a plain thread (command line, import) and wait for its commit."""
        done = threading.Event()
        trace = trace or Trace("-", "CLI", operation)
        call = Call(service, actor, args, trace, done=done)
        self.submit(call)
        done.wait()
        if call.error is not None:
            raise call.error
        return call.value

    def _run(self) -> None:
        while calls := self._take():
            if any(call.patient_id is None for call in calls):
                # About no one patient: it may be a unit of many items, which nobody waits for.
                self._answer()
            self._commit(calls)
            self._answer()
            self._committed = calls
            if self._checkpoints is not None:
                self._checkpoints.committed()
            if not self._waiting:
                self._answer()
        if self._connection is not None:
            self._connection.close()

    def _answer(self) -> None:
        _deliver(self._committed)
        self._committed = []

    def _take(self) -> list[Call]:
        """Take what waits, one call a patient: no call may need another's unsent rows.

        Not more than half of those who wait for a commit or an answer, to have two halves.
        """
        with self._wake:
            while not self._waiting and not self._stopping:
                self._wake.wait()
            half = (len(self._waiting) + len(self._committed) + 1) // 2
            most = min(half, MOST_CALLS)
            taken: list[Call] = []
            left: list[Call] = []
            busy: set[tuple[UUID, UUID | None]] = set()
            while self._waiting and len(taken) < most:
                call = self._waiting.popleft()
                subject = (call.actor.clinic_id, call.patient_id)
                if call.writes and subject in busy:
                    left.append(call)
                else:
                    busy.add(subject)
                    taken.append(call)
            self._waiting.extendleft(reversed(left))
            return taken

    def _commit(self, calls: list[Call]) -> None:
        """Commit a batch; one that fails is repeated call by call, so a bad row harms nobody."""
        try:
            self._attempt(calls)
        except Exception as failure:
            # A COMMIT that failed may leave its transaction open (SQLite's does, with the lock),
            # so nobody knows what the connection still holds.
            self._drop_connection()
            if _is_lost(failure):
                self._engine.dispose()
                self._refuse(calls, DatabaseUnavailable())
            elif len(calls) > 1:
                for call in calls:
                    call.value = call.error = None
                    self._commit([call])
            else:
                self._refuse(calls, _translated(failure))

    @staticmethod
    def _refuse(calls: list[Call], error: TitrateError) -> None:
        for call in calls:
            call.value, call.error = None, error

    def _attempt(self, calls: list[Call]) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        with (
            connection.begin() as transaction,
            Session(connection, autoflush=False) as session,
        ):
            now = self._clock()
            memory: dict[UUID, dict[Hashable, Any]] = defaultdict(dict)
            works = [
                (call, Work(call.actor, now, call.trace, session, memory[call.actor.clinic_id]))
                for call in calls
            ]
            state = self._hooks.open(session, works)
            collected: dict[type[Any], list[rows.Row]] = defaultdict(list)
            for call, work in works:
                mark = self._hooks.mark(work)
                try:
                    self._hooks.admit(work)
                    call.value = self._hooks.replay(work, call) if call.key else None
                    if call.value is None:
                        call.value = call.service(work, *call.args)
                except TitrateError as refusal:
                    self._hooks.reset(work, mark)
                    work.added.clear()
                    work.changes.clear()
                    call.error = refusal
                self._hooks.log(work, call)
                for model, row in work.added:
                    collected[model].append(row)
            for model, row in self._hooks.close(state):
                collected[model].append(row)
            # An UPDATE is asked how many rows it met, so it cannot travel with the rest.
            changes = any(work.changes for _call, work in works)
            with nullcontext() if changes else one_trip(connection):
                rows.write(connection, collected)
                for _call, work in works:
                    work.send_changes()
                dispatch(connection)
                # The rows are on their way, or in SQLite's cache: from here on this thread only
                # waits, and leaves the interpreter to the loop.
                self._answer()
                transaction.commit()

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()
            self._connection.close()
            self._connection = None


def _deliver(calls: list[Call]) -> None:
    """Wake those who wait: one hand-over a loop, not one a call."""
    futures: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for call in calls:
        if isinstance(call.done, threading.Event):
            call.done.set()
        elif call.done is not None:
            futures[call.done.get_loop()].append(call.done)
    for loop, waiting in futures.items():
        loop.call_soon_threadsafe(_finish, waiting)


def _finish(waiting: list["asyncio.Future[None]"]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)


_SQLITE_AWAY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_IOERR}
_SQLITE_TAKEN = {sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE}


def _is_lost(failure: Exception) -> bool:
    """Say whether the database itself is away or held, as against a statement it refused."""
    original = failure.orig if isinstance(failure, DBAPIError) else failure
    if isinstance(failure, DBAPIError) and failure.connection_invalidated:
        return True
    if isinstance(original, psycopg.OperationalError):
        state = original.sqlstate or "08"
        return state[:2] in {"08", "57"} or state == "55P03"
    if isinstance(original, sqlite3.OperationalError):
        # The low byte is the kind of error, the rest its detail.
        return getattr(original, "sqlite_errorcode", 0) & 0xFF in _SQLITE_AWAY
    return isinstance(original, ConnectionError)


def _translated(failure: Exception) -> TitrateError:
    original = getattr(failure, "orig", None)
    if (
        isinstance(original, psycopg.errors.UniqueViolation)
        or getattr(original, "sqlite_errorcode", None) in _SQLITE_TAKEN
    ):
        return AlreadyExists()
    if isinstance(original, psycopg.errors.DiskFull) or "database or disk is full" in str(original):
        return StorageFull()
    if isinstance(failure, OperationalError):
        return DatabaseUnavailable()
    logger.error("a bug in a write", exc_info=failure)
    return TitrateError()


MOST_READS = 8
"""Calls that one snapshot answers, at most: the last one waits for all of them."""


class Reader:
    """A few threads, each with a read connection: one snapshot answers what waits just then.

    Who the callers are and whose record it is, is asked once for all of them.
    """

    def __init__(self, engine: Engine, clock: Clock, hooks: Hooks, threads: int = 4) -> None:
        self._engine = engine
        self._clock = clock
        self._hooks = hooks
        self._waiting: deque[Call] = deque()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="reader")

    def stop(self) -> None:
        self._pool.shutdown(wait=True)

    def ask(self, service: Service, actor: Actor, trace: Trace, *args: Any) -> Any:
        """Run one reading service in the caller's own thread; it may leave no rows."""
        call = Call(service, actor, args, trace, writes=False)
        self._answer([call])
        if call.error is not None:
            raise call.error
        return call.value

    async def __call__(self, call: Call) -> None:
        """Run a call's service; its value or its error is there afterwards."""
        call.done = asyncio.get_running_loop().create_future()
        self._waiting.append(call)
        self._pool.submit(self._run)
        await call.done

    def _run(self) -> None:
        calls: list[Call] = []
        while self._waiting and len(calls) < MOST_READS:
            try:
                calls.append(self._waiting.popleft())
            except IndexError:
                break
        if calls:
            self._answer(calls)

    def _answer(self, calls: list[Call]) -> None:
        """Answer each as soon as it is known; after a failure each is asked by itself."""
        try:
            self._attempt(calls)
        except Exception as failure:
            left = [call for call in calls if call.value is None and call.error is None]
            if len(left) == 1 or _is_lost(failure):
                for call in left:
                    call.error = _unread(failure)
                _deliver(left)
            else:
                for call in left:
                    self._answer([call])

    def _attempt(self, calls: list[Call]) -> None:
        with self._engine.connect() as connection, connection.begin():
            open_to(connection, *{call.actor.clinic_id for call in calls})
            session = Session(connection, autoflush=False)
            now = self._clock()
            common: dict[UUID, dict[Hashable, Any]] = defaultdict(dict)
            works = [
                (call, Work(call.actor, now, call.trace, session, common[call.actor.clinic_id]))
                for call in calls
            ]
            self._hooks.ask(session, works)
            for call, work in works:
                # What one caller's questions bring is no other's.
                work.memory = dict(work.memory)
                try:
                    self._hooks.admit(work)
                    call.value = call.service(work, *call.args)
                except TitrateError as refusal:
                    call.error = refusal
                assert not work.added, "a reading service leaves no rows"
                assert not work.changes, "a reading service changes no rows"
                _deliver([call])


def _unread(failure: Exception) -> TitrateError:
    if isinstance(failure, DBAPIError):
        return DatabaseUnavailable()
    logger.error("a bug in a reading", exc_info=failure)
    return TitrateError()
