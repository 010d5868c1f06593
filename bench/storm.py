"""Two storms on a served app: equal requests at once, and edits that race for one record.

`python -m bench.storm` runs them in full on both databases: 50 equal requests for each of 40
keys, and 1,000 edits that all have to count.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from uuid import uuid4

import httpx
from rich.console import Console

from bench.stand import Person, Stand, postgresql, sqlite

KEYS, TIMES = 40, 50
EDITS, EDITORS = 1000, 4
OCCURRED_AT = "2026-04-20T07:45:00-04:00"


@dataclass(frozen=True)
class Storm:
    """What became of equal requests. `wrong` counts keys with more or less than one effect."""

    statuses: Counter[int]
    unmarked: int
    """Replays that did not say so."""
    wrong: int
    stored: int


@dataclass(frozen=True)
class Race:
    """Edits that were acknowledged, refused as stale, and what the record says in the end."""

    acknowledged: int
    stale: int
    counted: int
    version: int


def replay(url: str, person: Person, keys: int, times: int) -> Storm:
    """Send each of some keyed requests many times at once."""
    path = f"/v1/patients/{person.id}/check-ins"
    names = [f"storm-{uuid4()}" for _ in range(keys)]

    def send(n: int) -> tuple[int, int, bytes, bool]:
        body = {"occurred_at": OCCURRED_AT, "note": f"storm {n}"}
        headers = {"Authorization": f"Bearer {person.token}", "Idempotency-Key": names[n]}
        answer = http.post(path, json=body, headers=headers)
        replayed = answer.headers.get("Idempotent-Replayed") == "true"
        return n, answer.status_code, answer.content, replayed

    with _client(url, times) as http, ThreadPoolExecutor(times) as pool:
        answers = list(pool.map(send, [n for n in range(keys) for _ in range(times)]))
        listed = http.get(
            path, params={"limit": 500}, headers={"Authorization": f"Bearer {person.token}"}
        )
    bodies: dict[int, set[bytes]] = {n: set() for n in range(keys)}
    made: Counter[int] = Counter()
    unmarked = 0
    for n, status, content, replayed in answers:
        if status in (200, 201):
            bodies[n].add(content)
        made[n] += status == 201
        unmarked += status == 200 and not replayed
    stored = [one["note"] for one in listed.json()["items"] if "note" in one]
    counts = Counter(note for note in stored if note.startswith("storm "))
    return Storm(
        Counter(status for _n, status, _content, _replayed in answers),
        unmarked,
        sum(len(bodies[n]) != 1 or made[n] != 1 or counts[f"storm {n}"] != 1 for n in range(keys)),
        sum(counts.values()),
    )


def race(url: str, person: Person, edits: int, editors: int) -> Race:
    """Let editors add one to a number in one record's note, each on the version it read."""
    headers = {"Authorization": f"Bearer {person.token}"}
    record_id = uuid4()
    path = f"/v1/patients/{person.id}/check-ins/{record_id}"
    left, stale, lock = edits, 0, Lock()

    def edit(_editor: int) -> int:
        nonlocal left, stale
        done = 0
        while True:
            with lock:
                if not left:
                    return done
                left -= 1
            while True:
                known = http.get(path, headers=headers)
                number = int(known.json()["note"]) + 1
                answer = http.patch(
                    path,
                    json={"note": str(number)},
                    headers=headers | {"If-Match": known.headers["ETag"]},
                )
                if answer.status_code == 200:
                    done += 1
                    break
                if answer.status_code != 412:
                    raise RuntimeError(answer.text)
                with lock:
                    stale += 1

    with _client(url, editors) as http, ThreadPoolExecutor(editors) as pool:
        body = {"id": str(record_id), "occurred_at": OCCURRED_AT, "note": "0"}
        http.post(path.rsplit("/", 1)[0], json=body, headers=headers).raise_for_status()
        acknowledged = sum(pool.map(edit, range(editors)))
        last = http.get(path, headers=headers).json()
    return Race(acknowledged, stale, int(last["note"]), last["version"])


def _client(url: str, connections: int) -> httpx.Client:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(base_url=url, limits=limits, timeout=60)


def main() -> int:
    """Run both in full; 1 if anything is wrong."""
    wrong = 0
    databases: Sequence[tuple[str, Callable[[], AbstractContextManager[str]]]] = (
        ("SQLite", sqlite),
        ("PostgreSQL", postgresql),
    )
    for name, database in databases:
        with database() as url, tempfile.TemporaryDirectory() as folder:
            stand = Stand(url, Path(folder))
            stand.start()
            try:
                (person,) = stand.people(1)
                storm = replay(stand.url, person, KEYS, TIMES)
                raced = race(stand.url, person, EDITS, EDITORS)
            finally:
                stand.stop()
        lost = raced.acknowledged - raced.counted
        Console().print(
            f"{name}: {KEYS} keys x {TIMES}: {storm.stored} effects, {storm.wrong} keys wrong, "
            f"{storm.unmarked} replays unmarked, {dict(storm.statuses)}; "
            f"{raced.acknowledged} edits, {raced.stale} refused as stale, {lost} lost"
        )
        wrong += storm.wrong + storm.unmarked + abs(lost) + abs(raced.version - 1 - EDITS)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
