"""Kill the server while clients write; count what was acknowledged and lost, or doubled."""

import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.actor import Trace
from app.core.clock import now
from app.core.db import Work, open_engine
from app.core.scope import of_clinics
from app.followups.models import FollowUp
from app.identity import service as identity
from app.journal.models import Entry
from app.journal.verification import KINDS, verify
from app.measurements.models import Measurement
from bench.stand import Person, Stand, postgresql, sqlite

CLIENTS = 24
KILLS = 20
READY_S = 5.0
"""A server that was killed must take requests again within this."""
NUMBERS = 3


@dataclass
class Told:
    """What clients were told: acknowledged ids, and ids whose answer never came."""

    acknowledged: set[UUID] = field(default_factory=set)
    unknown: dict[UUID, Person] = field(default_factory=dict)


@dataclass(frozen=True)
class Count:
    """The outcome; all but the first three must be 0."""

    acknowledged: int
    unknown: int
    ready_s: float
    """The slowest restart, until the server was ready."""
    lost: int
    doubled: int
    half: int
    replay_failed: int
    broken_chains: int

    @property
    def wrong(self) -> int:
        return self.lost + self.doubled + self.half + self.replay_failed + self.broken_chains


def body(record_id: UUID) -> dict[str, object]:
    return {
        "id": str(record_id),
        "occurred_at": "2026-04-20T07:45:00-04:00",
        "mood_cognition": {"mood": 6, "anxiety": 4},
        "sleep": {"quality": 6},
    }


def post(http: httpx.Client, person: Person, record_id: UUID) -> int:
    headers = {"Authorization": f"Bearer {person.token}"}
    path = f"/v1/patients/{person.id}/check-ins"
    return http.post(path, json=body(record_id), headers=headers).status_code


def client(stand: Stand, people: list[Person], told: Told, stop: threading.Event) -> None:
    """Post until told to stop; a broken connection makes an unknown outcome."""
    with httpx.Client(base_url=stand.url, timeout=10) as http:
        while not stop.is_set():
            record_id, person = uuid4(), random.choice(people)
            told.unknown[record_id] = person
            try:
                if post(http, person, record_id) == 201:
                    told.acknowledged.add(record_id)
                    del told.unknown[record_id]
            except httpx.ConnectError:
                # It was never sent.
                del told.unknown[record_id]
                stop.wait(0.05)
            except httpx.TransportError:
                # Nobody knows whether it was stored: it will be sent again at the end.
                pass


def run(database: AbstractContextManager[str], kills: int = KILLS, clients: int = CLIENTS) -> Count:
    """Kill at random moments, start again, then count and replay."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        try:
            told, ready_s = _kill_under_load(stand, kills, clients)
            replayed = Counter(_replay(stand, told))
        finally:
            stand.stop()
        return _count(url, told, replayed, ready_s)


def _kill_under_load(stand: Stand, kills: int, clients: int) -> tuple[Told, float]:
    people = stand.people(clients * 4)
    told, stop, ready_s = Told(), threading.Event(), 0.0
    threads = [
        threading.Thread(target=client, args=(stand, people, told, stop)) for _ in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(random.uniform(0.5, 1.2))
            stand.kill()
            began = time.monotonic()
            stand.start()
            ready_s = max(ready_s, time.monotonic() - began)
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    return told, ready_s


def _replay(stand: Stand, told: Told) -> list[int]:
    with httpx.Client(base_url=stand.url, timeout=10) as http:
        return [post(http, person, record_id) for record_id, person in told.unknown.items()]


def _count(url: str, told: Told, replayed: Counter[int], ready_s: float) -> Count:
    sent = told.acknowledged | set(told.unknown)
    engine = open_engine(url)
    options = of_clinics(identity.DEFAULT_CLINIC)
    with engine.connect() as connection, Session(connection) as session:
        records = session.execute(select(FollowUp.id), execution_options=options).scalars().all()
        rows = session.execute(
            select(Measurement.record_id, func.count()).group_by(Measurement.record_id),
            execution_options=options,
        )
        numbers: dict[UUID, int] = {row[0]: row[1] for row in rows}
        versions = session.execute(
            select(Entry.record_id).where(Entry.type == "check_in"), execution_options=options
        ).scalars()
        journalled = Counter(versions)
        work = Work(
            identity.built_in_actor(identity.DEFAULT_CLINIC, "privacy_officer"),
            now(),
            Trace("-", "CLI", "verify"),
            session,
            {},
        )
        broken = [kind for kind in KINDS if verify(work, kind)[1] is not None]
    engine.dispose()
    return Count(
        acknowledged=len(told.acknowledged),
        unknown=len(told.unknown),
        ready_s=round(ready_s, 1),
        lost=len(told.acknowledged - set(records)) + len(sent - set(journalled)),
        doubled=len(records) - len(set(records)) + sum(n - 1 for n in journalled.values()),
        half=sum(numbers.get(record_id, 0) != NUMBERS for record_id in records),
        replay_failed=sum(n for status, n in replayed.items() if status not in {200, 201}),
        broken_chains=len(broken),
    )


def main() -> int:
    """Print the counts; 1 when anything was lost, doubled, half kept, or slow to come back."""
    names = [one.name.replace("_", " ") for one in fields(Count)]
    table = Table("database", *names)
    bad = False
    for name, database in (("SQLite", sqlite()), ("PostgreSQL", postgresql())):
        count = run(database)
        bad = bad or count.wrong > 0 or count.ready_s > READY_S
        table.add_row(name, *(f"{value:,}" for value in astuple(count)))
    Console(width=110).print(table)
    Console().print(f"{KILLS} kills under {CLIENTS} clients on each")
    return 1 if bad else 0
