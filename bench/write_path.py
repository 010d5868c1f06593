"""P1 to P3 of the specification: posting check-ins against a hello of the same process.

Load comes from `wrk` (a Debian package of that name). A check-in brings twelve numbers: one
follow-up, twelve measurements, a journal row, an access row, a summary row, two chain heads.
"""

import re
import shutil
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.stand import Person, Stand, postgresql, sqlite

CONNECTIONS = 32
ROUNDS = 5
SECONDS = 2
PATIENTS = 256
SHORT_BY = 0.25
"""A row that misses its figure by more is marked: machines are noisy."""

REPORT = """
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %d %d\\n", summary.requests, summary.duration,
    summary.errors.status, latency:percentile(50), latency:percentile(99)))
end
"""
POST = """
local people = {PEOPLE}
local seed = io.open("/dev/urandom", "rb"):read(4)
math.randomseed(seed:byte(1) + seed:byte(2) * 256 + seed:byte(3) * 65536)
local function hex(n)
  local s = ""
  for _ = 1, n do s = s .. string.format("%x", math.random(0, 15)) end
  return s
end
local n = math.random(1, #people)
request = function()
  n = n % #people + 1
  local id = hex(8) .. "-" .. hex(4) .. "-4" .. hex(3) .. "-a" .. hex(3) .. "-" .. hex(12)
  local body = '{"id":"' .. id .. '","occurred_at":"2026-04-' .. math.random(10, 29) ..
    'T07:45:00-04:00","mood_cognition":{"mood":6,"anxiety":4,"irritability":3,"energy":5,' ..
    '"concentration":4,"memory":6},"sleep":{"quality":6,"duration_h":6.5},' ..
    '"functioning":{"work":5,"home":6,"social":4,"self_care":8},"note":"slept a bit better"}'
  return wrk.format("POST", "/v1/patients/" .. people[n][1] .. "/check-ins",
    {["Authorization"] = "Bearer " .. people[n][2], ["Content-Type"] = "application/json"}, body)
end
"""


@dataclass(frozen=True)
class Run:
    """One stretch of load."""

    per_s: float
    cpu_us: float
    refused: int
    p50_ms: float
    p99_ms: float


def load(
    stand: Stand, script: Path, path: str, seconds: int = SECONDS, connections: int = CONNECTIONS
) -> Run:
    """Put load on one path, and account for the server's CPU."""
    before = stand.cpu_s()
    command = [
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{seconds}",
        "-s",
        str(script),
        stand.url + path,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    cpu = stand.cpu_s() - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+) (\d+)", said)
    assert found is not None, said
    requests, duration, refused, p50, p99 = (int(number) for number in found.groups())
    return Run(requests / duration * 1e6, cpu / requests * 1e6, refused, p50 / 1000, p99 / 1000)


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds; ratios are taken round by round."""

    throughput: float
    cpu: float
    tail: float
    per_s: float
    hello_per_s: float
    p50_ms: float
    p99_ms: float
    refused: int


def measure(database: AbstractContextManager[str], clinics: int) -> Figures:
    """Post and hello in turn."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder), clinics=clinics)
        stand.start()
        try:
            post = _script(Path(folder) / "post.lua", POST, stand.people(PATIENTS))
            hello = _script(Path(folder) / "hello.lua", "", [])
            load(stand, hello, "/hello", 1)
            load(stand, post, "/", 2)
            rounds = [(load(stand, hello, "/hello"), load(stand, post, "/")) for _ in range(ROUNDS)]
        finally:
            stand.stop()
    return Figures(
        throughput=statistics.median(p.per_s / h.per_s for h, p in rounds),
        cpu=statistics.median(p.cpu_us / h.cpu_us for h, p in rounds),
        tail=statistics.median(p.p99_ms / p.p50_ms for _, p in rounds),
        per_s=statistics.median(p.per_s for _, p in rounds),
        hello_per_s=statistics.median(h.per_s for h, _ in rounds),
        p50_ms=statistics.median(p.p50_ms for _, p in rounds),
        p99_ms=statistics.median(p.p99_ms for _, p in rounds),
        refused=sum(p.refused for _, p in rounds),
    )


def _script(file: Path, text: str, people: Sequence[Person]) -> Path:
    known = ", ".join(f'{{"{one.id}", "{one.token}"}}' for one in people)
    file.write_text(text.replace("PEOPLE", known) + REPORT)
    return file


def main() -> int:
    """Print the table; 2 when there is no load generator."""
    if shutil.which("wrk") is None:
        Console(stderr=True).print("bench: `wrk` is needed; on Debian: apt-get install wrk")
        return 2
    one = measure(postgresql(), 1)
    many = measure(postgresql(), 32)
    embedded = measure(sqlite(), 1)
    table = Table("", "figure", "measured", "target", "")
    for name, value, target, at_least in (
        ("P2 PostgreSQL, CPU a check-in / CPU a hello", one.cpu, 4.0, False),
        ("   SQLite, CPU a check-in / CPU a hello", embedded.cpu, 0.0, False),
        ("P1 PostgreSQL, check-ins / hellos a second", one.throughput, 0.20, True),
        ("P1 32 clinics / one clinic", many.throughput / one.throughput, 0.8, True),
        ("P3 SQLite, check-ins / hellos a second", embedded.throughput, 0.16, True),
        ("P3 SQLite, p99 / p50", embedded.tail, 4.0, False),
        ("   PostgreSQL, p99 / p50", one.tail, 0.0, False),
    ):
        short = target and (
            value < target * (1 - SHORT_BY) if at_least else value > target * (1 + SHORT_BY)
        )
        sign = ">=" if at_least else "<="
        goal = f"{sign} {target:g}" if target else ""
        table.add_row(name[:2], name[3:], f"{value:.3g}", goal, "SHORT" if short else "")
    Console().print(table)
    for name, each in (("PostgreSQL", one), ("32 clinics", many), ("SQLite", embedded)):
        Console().print(
            f"{name}: {each.per_s:.0f} check-ins a second, p50 {each.p50_ms:.1f} ms, "
            f"p99 {each.p99_ms:.1f} ms; {each.hello_per_s:.0f} hellos; refused: {each.refused}"
        )
    Console().print(f"medians of {ROUNDS} rounds, {CONNECTIONS} connections")
    return 0
