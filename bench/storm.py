"""Three storms: equal requests at once, edits that race for one record, and a follower.

`python -m bench.storm` runs them in full on both databases: 50 equal requests for each of 40
keys, 1,000 edits that all have to count, and 8 writers with 3,000 commits each, of which a
follower of the delta must miss none.
"""

import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from threading import Event, Lock
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
from rich.console import Console

from app.core.answer import Answer
from app.core.clock import now
from app.core.db import Work, Writer, open_engine
from app.core.errors import Unavailable
from app.followups import service as followups
from app.followups.schemas import CheckInIn
from app.identity import service as identity
from app.main import Ledger
from bench.stand import Person, Stand, postgresql, sqlite

KEYS, TIMES = 40, 50
EDITS, EDITORS = 1000, 4
WRITERS, COMMITS = 8, 3000
HOLD_S = 0.004
"""A transaction stays open this long at most, its number given and not yet seen."""
LAG_S = 1.0
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


@dataclass(frozen=True)
class Followed:
    """What a follower saw of the commits of some writers; all but the first must be 0."""

    seen: int
    missed: int
    repeated: int
    regressed: int
    """Changes that came behind one with a later number."""
    lag_p99_s: float


def follow(stand: Stand, url: str, people: Sequence[Person], commits: int) -> Followed:
    """Let each person have a writer of its own, beside the server's, and follow them all.

    Each of them is a connection of its own, as that of another server process would be.
    """
    acknowledged: dict[str, float] = {}
    seen: list[tuple[float, dict[str, Any]]] = []
    done = Event()

    def read() -> None:
        token = stand.issuer.issue(
            now(),
            clinic_id=stand.clinics[0],
            user_id=identity.built_in_user(stand.clinics[0], "system"),
            role="system",
            client="bench",
        )
        with _client(stand.url, 1) as http:
            since = ""
            while True:
                last_round = done.is_set()
                answer = http.get(
                    "/v1/changes",
                    params={"since": since, "limit": 500},
                    headers={"Authorization": f"Bearer {token}"},
                )
                if answer.status_code == 503:
                    # Its access row waited too long behind the writers: asked again, as any client.
                    continue
                answer.raise_for_status()
                page, at = answer.json(), time.monotonic()
                seen.extend((at, one) for one in page["items"])
                since = page["next"]
                if last_round and not page["has_more"]:
                    return
                time.sleep(0 if page["has_more"] else 0.02)

    with ThreadPoolExecutor(len(people) + 1) as pool:
        reading = pool.submit(read)
        writing = [pool.submit(_write, url, one.id, commits, acknowledged) for one in people]
        for one in writing:
            one.result()
        done.set()
        reading.result()
    return _compare(acknowledged, seen)


def _write(url: str, patient_id: UUID, commits: int, acknowledged: dict[str, float]) -> None:
    engine = open_engine(url)
    writer = Writer(engine, now, Ledger())
    writer.start()
    actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")
    try:
        for _ in range(commits):
            body = {"id": str(uuid4()), "occurred_at": OCCURRED_AT, "sleep": {"quality": 6}}
            data = CheckInIn.model_validate_json(orjson.dumps(body), strict=True)
            while str(data.id) not in acknowledged:
                try:
                    writer.run(_record_and_hold, actor, patient_id, data, operation="storm")
                except Unavailable:
                    # Another held the lock for too long: nothing was stored, so it is sent again.
                    continue
                acknowledged[str(data.id)] = time.monotonic()
    finally:
        writer.stop()
        engine.dispose()


def _record_and_hold(work: Work, patient_id: UUID, data: CheckInIn) -> Answer:
    answer = followups.check_in(work, patient_id, data)
    time.sleep(random.uniform(0, HOLD_S))
    return answer


def _compare(
    acknowledged: dict[str, float], seen: Sequence[tuple[float, dict[str, Any]]]
) -> Followed:
    of_writers = [(at, one) for at, one in seen if one["id"] in acknowledged]
    lags = sorted(max(0.0, at - acknowledged[one["id"]]) for at, one in of_writers)
    numbers = [one["seq"] for _at, one in seen]
    return Followed(
        len(of_writers),
        len(set(acknowledged) - {one["id"] for _at, one in of_writers}),
        len(seen) - len({(one["id"], one["version"]) for _at, one in seen}),
        sum(later <= earlier for earlier, later in pairwise(numbers)),
        round(lags[len(lags) * 99 // 100], 3),
    )


def _client(url: str, connections: int) -> httpx.Client:
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.Client(base_url=url, limits=limits, timeout=60)


def main() -> int:
    """Run all in full; 1 if anything is wrong."""
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
                followed = follow(stand, url, stand.people(WRITERS), COMMITS)
            finally:
                stand.stop()
        lost = raced.acknowledged - raced.counted
        Console().print(
            f"{name}: {KEYS} keys x {TIMES}: {storm.stored} effects, {storm.wrong} keys wrong, "
            f"{storm.unmarked} replays unmarked, {dict(storm.statuses)}; "
            f"{raced.acknowledged} edits, {raced.stale} refused as stale, {lost} lost; "
            f"{WRITERS} writers x {COMMITS}: {followed}"
        )
        wrong += followed.missed + followed.repeated + followed.regressed
        # SQLite's lock goes to whoever asks next, not to who waits longest: eight writers beside
        # the served one, which nobody runs, leave its reader waiting.
        wrong += name == "PostgreSQL" and followed.lag_p99_s > LAG_S
        wrong += storm.wrong + storm.unmarked + abs(lost) + abs(raced.version - 1 - EDITS)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
