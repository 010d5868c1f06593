"""Kill the server while clients write; count what was acknowledged and lost, or doubled."""

import random
import tempfile
import threading
import time
from collections import Counter
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.db import open_engine
from app.core.scope import of_clinics
from app.followups.models import FollowUp
from app.identity import service as identity
from app.journal.models import Entry
from app.measurements.models import Measurement
from bench.stand import Person, Stand, postgresql, sqlite

CLIENTS = 24
KILLS = 8
NUMBERS = 3


@dataclass
class Told:
    """What clients were told: acknowledged ids, and ids whose answer never came."""

    acknowledged: set[UUID] = field(default_factory=set)
    unknown: dict[UUID, Person] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Count:
    """The outcome; all but `acknowledged` and `unknown` must be 0."""

    acknowledged: int
    unknown: int
    lost: int
    doubled: int
    half: int
    replay_failed: int


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
            with told.lock:
                told.unknown[record_id] = person
            try:
                status = post(http, person, record_id)
            except httpx.TransportError:
                stop.wait(0.05)
                continue
            if status == 201:
                with told.lock:
                    told.acknowledged.add(record_id)
                    del told.unknown[record_id]


def run(database: AbstractContextManager[str], kills: int = KILLS, clients: int = CLIENTS) -> Count:
    """Kill at random moments, start again, then count and replay."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        people = stand.people(clients * 4)
        told, stop = Told(), threading.Event()
        threads = [
            threading.Thread(target=client, args=(stand, people, told, stop))
            for _ in range(clients)
        ]
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(random.uniform(0.5, 1.2))
            stand.kill()
            stand.start()
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        replayed = Counter(_replay(stand, told))
        stand.stop()
        return _count(url, told, replayed)


def _replay(stand: Stand, told: Told) -> list[int]:
    with httpx.Client(base_url=stand.url, timeout=10) as http:
        return [post(http, person, record_id) for record_id, person in told.unknown.items()]


def _count(url: str, told: Told, replayed: Counter[int]) -> Count:
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
    engine.dispose()
    return Count(
        acknowledged=len(told.acknowledged),
        unknown=len(told.unknown),
        lost=len(told.acknowledged - set(records)) + len(sent - set(journalled)),
        doubled=len(records) - len(set(records)) + sum(n - 1 for n in journalled.values()),
        half=sum(numbers.get(record_id, 0) != NUMBERS for record_id in records),
        replay_failed=sum(n for status, n in replayed.items() if status not in {200, 201}),
    )


def main() -> int:
    """Print the counts; 1 when anything was lost, doubled or half kept."""
    table = Table("database", "acknowledged", "unknown", "lost", "doubled", "half", "replay failed")
    bad = 0
    for name, database in (("SQLite", sqlite()), ("PostgreSQL", postgresql())):
        count = run(database)
        bad += count.lost + count.doubled + count.half + count.replay_failed
        table.add_row(name, *(str(value) for value in vars(count).values()))
    Console().print(table)
    Console().print(f"{KILLS} kills under {CLIENTS} clients on each")
    return 1 if bad else 0
