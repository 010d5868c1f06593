"""L1 and L2 of the specification: more is asked than can be done, and one asks for all others.

`python -m bench.overload`. Client and server share the machine. Requests are sent at a rate,
whether or not the ones before were answered: three and ten times what the server answers when it
is asked by 32 at once. What it takes is to be answered soon, the rest to be refused at once.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psutil
from rich.console import Console
from rich.table import Table

from app.core.clock import now
from app.identity import service as identity
from bench.stand import Stand, postgresql, sqlite

MOST_CONNECTIONS = 1000
AT_ONCE = 32
SECONDS = 6
REFUSED = frozenset({429, 503})
AGAIN_S = 10.0
MIB = 1024 * 1024
MOST_GROWTH = 200
L1: dict[int, tuple[float, Callable[[float], float], float]] = {
    3: (0.6, lambda alone: min(1.0, 10 * alone), 0.1),
    10: (0.3, lambda _alone: 2.0, 0.25),
}
"""Times the capacity: least share of it answered, p99 of those, p50 of the refused, in seconds."""
OTHERS_PER_S, MOST_SLOWER = 8, 3.0
"""L2: what another caller asks for in a second, and how many times slower it may become."""


@dataclass
class Answers:
    """What came back: status, seconds, and whether a refusal said when to ask again."""

    of: list[tuple[int, float, bool]] = field(default_factory=list)
    asked: int = 0

    def seconds(self, statuses: Callable[[int], bool]) -> list[float]:
        return sorted(taken for status, taken, _ in self.of if statuses(status))

    @property
    def done(self) -> list[float]:
        return self.seconds(lambda status: status == 200)

    @property
    def refused(self) -> list[float]:
        return self.seconds(lambda status: status in REFUSED)

    @property
    def wrong(self) -> int:
        """Other failures, refusals without Retry-After, and what was never answered."""
        bad = sum(
            status != 200 and not (status in REFUSED and says_when)
            for status, _, says_when in self.of
        )
        return bad + self.asked - len(self.of)


def share_of(times: Sequence[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] if times else 0.0


class Asker(asyncio.Protocol):
    """One connection with one request at a time; a plain client would be slower than the server."""

    def __init__(self, answers: Answers, free: "asyncio.Queue[Asker]") -> None:
        self._answers, self._free = answers, free
        self._got = bytearray()
        self._sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._free.put_nowait(self)

    def ask(self, request: bytes) -> None:
        self._answers.asked += 1
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        fields = head.lower()
        _, _, after = fields.partition(b"content-length:")
        if len(body) < int(after.split(b"\r\n", 1)[0]):
            return
        taken = time.perf_counter() - self._sent_at
        self._answers.of.append((int(head[9:12]), taken, b"\nretry-after:" in fields))
        self._got.clear()
        self._free.put_nowait(self)

    def close(self) -> None:
        self._transport.close()


class Crowd:
    """Connections to one server, and what is asked through them: a path each, and a token."""

    def __init__(self, url: str, paths: Iterable[tuple[str, str]]) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self._requests = [
            (
                f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n"
            ).encode()
            for path, token in paths
        ]

    async def at_rate(self, per_s: float, seconds: float, connections: int) -> Answers:
        """Ask at a rate; what finds no free connection waits for one, and is not counted yet."""
        return await self._ask(connections, seconds, lambda elapsed: int(elapsed * per_s))

    async def at_once(self, seconds: float, connections: int) -> Answers:
        """Ask again as soon as an answer came."""
        return await self._ask(connections, seconds, lambda _elapsed: sys.maxsize)

    async def _ask(self, connections: int, seconds: float, due: Callable[[float], int]) -> Answers:
        answers, free = Answers(), asyncio.Queue[Asker]()
        loop = asyncio.get_running_loop()
        askers = [
            (await loop.create_connection(lambda: Asker(answers, free), self._host, self._port))[1]
            for _ in range(connections)
        ]
        began = time.perf_counter()
        while (elapsed := time.perf_counter() - began) < seconds:
            while answers.asked < due(elapsed) and not free.empty():
                free.get_nowait().ask(self._requests[answers.asked % len(self._requests)])
            await asyncio.sleep(0.001)
        for _ in range(100):
            if len(answers.of) == answers.asked:
                break
            await asyncio.sleep(0.1)
        for one in askers:
            one.close()
        return answers


class Limited(Stand):
    """A served app with its rate limits on."""

    def __init__(self, url: str, data_dir: Path) -> None:
        super().__init__(url, data_dir)
        self._environment |= {"TITRATE_RATE_LIMITS": "on"}


def _paths(stand: Stand, number: int) -> list[tuple[str, str]]:
    """Register people with one check-in each, which is what is asked for; a token beside it."""
    paths = []
    with httpx.Client(base_url=stand.url) as http:
        for one in stand.people(number):
            body = {"id": str(uuid4()), "occurred_at": "2026-04-20T07:45:00-04:00"}
            headers = {"Authorization": f"Bearer {one.token}"}
            path = f"/v1/patients/{one.id}/check-ins"
            http.post(path, json=body, headers=headers).raise_for_status()
            paths.append((f"{path}/{body['id']}", one.token))
    return paths


def _rss(stand: Stand) -> int:
    process = stand._process
    assert process is not None
    return int(psutil.Process(process.pid).memory_info().rss)


def overload(database: AbstractContextManager[str], name: str, table: Table) -> int:
    """L1; gives how many answers were wrong."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        try:
            return asyncio.run(_overload(stand, name, table))
        finally:
            stand.stop()


async def _overload(stand: Stand, name: str, table: Table) -> int:
    crowd = Crowd(stand.url, _paths(stand, 50))
    alone = share_of((await crowd.at_once(2, 1)).done, 0.99)
    capacity = len((await crowd.at_once(3, AT_ONCE)).done) / 3
    wrong = 0
    for times, (least, slowest, soon) in L1.items():
        before = _rss(stand)
        answers = await crowd.at_rate(times * capacity, SECONDS, MOST_CONNECTIONS)
        grown = _rss(stand) - before
        again = await _until_normal(crowd, alone)
        wrong += answers.wrong
        table.add_row(
            name,
            f"{times} x {capacity:,.0f}",
            f"{answers.asked / SECONDS / capacity:.1f} x",
            f"{len(answers.done) / SECONDS / capacity:.0%} ({least:.0%})",
            f"{share_of(answers.done, 0.99) * 1000:.0f} ({slowest(alone) * 1000:.0f})",
            f"{share_of(answers.refused, 0.5) * 1000:.0f} ({soon * 1000:.0f})",
            str(answers.wrong),
            f"{grown / MIB:.0f} ({MOST_GROWTH})",
            f"{again:.1f} ({AGAIN_S:.0f})",
        )
    Console().print(f"{name}: alone, p99 {alone * 1000:.1f} ms")
    return wrong


async def _until_normal(crowd: Crowd, alone: float) -> float:
    """Give how long it takes until one caller is answered as before the storm."""
    began = time.perf_counter()
    while time.perf_counter() - began < 3 * AGAIN_S:
        told = await crowd.at_once(0.3, 1)
        if told.done and not told.refused and share_of(told.done, 0.5) <= 2 * alone:
            break
    return time.perf_counter() - began


def fairness(database: AbstractContextManager[str], name: str) -> int:
    """L2: one token asks for all that the server can do ten times over, another goes on as ever."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Limited(url, Path(folder))
        stand.start()
        try:
            return asyncio.run(_fairness(stand, name))
        finally:
            stand.stop()


async def _fairness(stand: Stand, name: str) -> int:
    paths = _paths(stand, 1)
    clinic_id = stand.clinics[0]
    user_id = identity.built_in_user(clinic_id, "system")
    token = stand.issuer.issue(
        now(), clinic_id=clinic_id, user_id=user_id, role="system", client="bench"
    )
    greedy = Crowd(stand.url, paths)
    other = Crowd(stand.url, [(path, token) for path, _ in paths])
    alone = await other.at_rate(OTHERS_PER_S, 12, 4)
    rate = 10 * len((await greedy.at_once(1, AT_ONCE)).of)
    beside, storm = await asyncio.gather(
        other.at_rate(OTHERS_PER_S, 12, 4), greedy.at_rate(rate, 12, MOST_CONNECTIONS)
    )
    slower = share_of(beside.done, 0.99) / share_of(alone.done, 0.99)
    wrong = storm.wrong + len(beside.of) - len(beside.done)
    Console().print(
        f"{name}: one token asks {storm.asked / 12:,.0f} times a second, {len(storm.done)} done; "
        f"another's p99 {share_of(alone.done, 0.99) * 1000:.0f} -> "
        f"{share_of(beside.done, 0.99) * 1000:.0f} ms, {slower:.1f} times (<= {MOST_SLOWER:.0f}), "
        f"{len(beside.of) - len(beside.done)} of {beside.asked} refused, {wrong} wrong"
    )
    return wrong


def main() -> int:
    """Print both; 1 where an answer was wrong, or none came."""
    table = Table(
        "database",
        "asked for, a second",
        "asked",
        "answered, of the capacity",
        "their p99, ms",
        "refused, p50, ms",
        "wrong",
        "RSS, MiB",
        "normal after, s",
        title="in brackets: the figure to reach",
    )
    wrong = 0
    databases: Sequence[tuple[str, Callable[[], AbstractContextManager[str]]]] = (
        ("SQLite", sqlite),
        ("PostgreSQL", postgresql),
    )
    for name, database in databases:
        wrong += overload(database(), name, table)
        wrong += fairness(database(), name)
    Console(width=140).print(table)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
