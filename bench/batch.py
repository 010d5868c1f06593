"""P4 and P5 of the specification: batches of 100 check-ins through `/v1/sync`.

`python -m bench.batch`. P4 sets them beside single posts of the same check-in to the same
server; P5 beside the same rows written with nothing but the `sqlite3` module.
"""

import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from rich.console import Console
from rich.table import Table
from sqlalchemy.engine import make_url

from app import database
from app.core.clock import now
from bench.stand import Stand, postgresql, sqlite
from bench.write_path import PATIENTS, POST, SHORT_BY, _script, load

ITEMS = 100
ROUNDS = 5
SECONDS, CONNECTIONS = 4, 4
"""What is in flight at the end is not counted: long runs, few in flight."""
FLOOR_BATCHES = 20

BATCH = POST.replace(
    POST[POST.index("  local id =") : POST.index("  return wrk")],
    """  local items = {}
  for i = 1, ITEMS do
    local id = hex(8) .. "-" .. hex(4) .. "-4" .. hex(3) .. "-a" .. hex(3) .. "-" .. hex(12)
    items[i] = '{"op":"put","type":"check_in","patient_id":"' .. people[n][1] ..
      '","id":"' .. id .. '","client_time":"2026-05-01T08:00:00-04:00",' ..
      '"body":{"occurred_at":"2026-04-' .. math.random(10, 29) ..
      'T07:45:00-04:00","mood_cognition":{"mood":6,"anxiety":4,"irritability":3,"energy":5,' ..
      '"concentration":4,"memory":6},"sleep":{"quality":6,"duration_h":6.5},' ..
      '"functioning":{"work":5,"home":6,"social":4,"self_care":8},"note":"slept a bit better"}}'
  end
  local body = '{"sent_at":"2026-05-01T08:00:00-04:00","items":[' ..
    table.concat(items, ",") .. "]}"
""".replace("ITEMS", str(ITEMS)),
).replace('"/v1/patients/" .. people[n][1] .. "/check-ins"', '"/v1/sync"')
"""As the single post of `write_path`, a hundred at a time for one patient."""

MEASURES = 12
ROWS = (
    (
        "follow_ups",
        "clinic_id, id, patient_id, version, status, kind, occurred_at, occurred_offset_min, "
        "occurred_on",
        1,
    ),
    (
        "measurements",
        "clinic_id, patient_id, day, measure, record_id, place, asserted, retracted, at, value, "
        "source, medication_id, flags",
        MEASURES,
    ),
    (
        "journal",
        "clinic_id, sequence, salt, commitment, previous_hash, hash, record_id, version, "
        "patient_id, type, action, actor_id, actor_role, recorded_at, fingerprint, body, answer",
        1,
    ),
)
"""The rows that one check-in is, a table at a time."""


def floor(folder: Path) -> float:
    """CPU microseconds a check-in: its rows by `executemany`, 100 check-ins a transaction."""
    file = folder / "floor.sqlite3"
    database.upgrade(f"sqlite:///{file}", now)
    connection = sqlite3.connect(file, isolation_level=None)
    # No patient is made: the rows are what counts, not what they point at.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=OFF"):
        connection.execute(f"PRAGMA {pragma}")
    sequence = 0
    patient, clinic = str(uuid4()), str(uuid4())
    spent = 0.0
    for _ in range(FLOOR_BATCHES):
        rows: dict[str, list[tuple[object, ...]]] = {name: [] for name, _, _ in ROWS}
        for _ in range(ITEMS):
            sequence += 1
            _add_rows(rows, clinic, patient, str(uuid4()), sequence)
        before = time.process_time()
        connection.execute("BEGIN IMMEDIATE")
        for name, columns, _ in ROWS:
            places = ", ".join("?" for _ in columns.split(","))
            connection.executemany(f"INSERT INTO {name} ({columns}) VALUES ({places})", rows[name])
        connection.execute("COMMIT")
        spent += time.process_time() - before
    connection.close()
    file.unlink()
    return spent / FLOOR_BATCHES / ITEMS * 1e6


def _add_rows(
    rows: dict[str, list[tuple[object, ...]]], clinic: str, patient: str, record: str, sequence: int
) -> None:
    at, day = "2026-04-20T11:45:00.000000Z", f"2026-04-{10 + sequence % 20}"
    hash_ = f"{sequence:064x}"
    rows["follow_ups"].append((clinic, record, patient, 1, "active", "check_in", at, -240, day))
    rows["measurements"] += [
        (clinic, patient, day, f"measure.{n}", record, 0, sequence, None, at, 6.0, "p", None, None)
        for n in range(MEASURES)
    ]
    body, answer = "b" * 330, "a" * 800
    rows["journal"].append(
        (
            *(clinic, sequence, hash_[:32], hash_, hash_, hash_, record, 1, patient, "check_in"),
            *("created", patient, "patient", at, hash_, body, answer),
        )
    )


def against_single_posts() -> tuple[float, float, float]:
    """P4 on PostgreSQL: CPU a check-in and check-ins a second, as ratios; and how many a second."""
    with postgresql() as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        try:
            people = stand.people(PATIENTS)
            post = _script(Path(folder) / "post.lua", POST, people)
            batch = _script(Path(folder) / "batch.lua", BATCH, people)
            load(stand, post, "/", 1)
            load(stand, batch, "/", SECONDS, CONNECTIONS)
            rounds = [
                (load(stand, post, "/"), load(stand, batch, "/", SECONDS, CONNECTIONS))
                for _ in range(ROUNDS)
            ]
        finally:
            stand.stop()
    assert all(not one.refused for pair in rounds for one in pair), "a batch was refused"
    return (
        statistics.median(b.cpu_us / ITEMS / p.cpu_us for p, b in rounds),
        statistics.median(b.per_s * ITEMS / p.per_s for p, b in rounds),
        statistics.median(b.per_s * ITEMS for _, b in rounds),
    )


def against_the_floor() -> tuple[float, float, float]:
    """P5 on SQLite: CPU a check-in as a ratio to the bare module's; both in microseconds."""
    with sqlite() as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        beside = Path(str(make_url(url).database)).parent
        try:
            batch = _script(Path(folder) / "batch.lua", BATCH, stand.people(PATIENTS))
            load(stand, batch, "/", SECONDS, CONNECTIONS)
            rounds = [
                (floor(beside), load(stand, batch, "/", SECONDS, CONNECTIONS).cpu_us / ITEMS)
                for _ in range(ROUNDS)
            ]
        finally:
            stand.stop()
    return (
        statistics.median(ours / bare for bare, ours in rounds),
        statistics.median(ours for _, ours in rounds),
        statistics.median(bare for bare, _ in rounds),
    )


def main() -> int:
    """Print the table; 2 when there is no load generator."""
    if shutil.which("wrk") is None:
        Console(stderr=True).print("bench: `wrk` is needed; on Debian: apt-get install wrk")
        return 2
    cpu, throughput, per_s = against_single_posts()
    ratio, ours, bare = against_the_floor()
    table = Table("", "figure", "measured", "target", "")
    for name, value, target, at_least in (
        ("P4 PostgreSQL, CPU a check-in in a batch / alone", cpu, 0.30, False),
        ("P4 PostgreSQL, check-ins a second in batches / alone", throughput, 3.3, True),
        ("P5 SQLite, CPU a check-in in a batch / the bare rows", ratio, 2.0, False),
    ):
        short = value < target * (1 - SHORT_BY) if at_least else value > target * (1 + SHORT_BY)
        sign = ">=" if at_least else "<="
        table.add_row(name[:2], name[3:], f"{value:.3g}", f"{sign} {target:g}", short * "SHORT")
    Console().print(table)
    Console().print(
        f"PostgreSQL: {per_s:.0f} check-ins a second in batches of {ITEMS}; SQLite: {ours:.0f} us "
        f"a check-in, the bare rows {bare:.0f} us; medians of {ROUNDS} rounds"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
