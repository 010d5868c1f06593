"""A patient's whole list with 200 dose events, read against a hello of the same process.

The specification has no figure for it: `main` prints the ratios, on both databases. The list is
that of somebody long in care: eight courses of 25 events, a fill a month and a year of answers
of one of them.
"""

import statistics
import tempfile
from contextlib import AbstractContextManager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from rich.console import Console
from rich.table import Table

from bench.stand import Person, Stand, postgresql, sqlite
from bench.write_path import REPORT, Run, load

COURSES = (
    "sertraline",
    "mirtazapine",
    "quetiapine",
    "lithium",
    "lorazepam",
    "zolpidem",
    "methylphenidate",
    "trazodone",
)
EVENTS = 25
EVERY_DAYS = 28
FILLS = 12
ANSWERS = 84
ROUNDS = 5
GET = """
request = function()
  return wrk.format("GET", "/v1/patients/PATIENT/regimen", {["Authorization"] = "Bearer TOKEN"})
end
"""


def measure(database: AbstractContextManager[str]) -> list[tuple[Run, Run]]:
    """Read a hello and the list in turn; gives the rounds."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        try:
            (person,) = stand.people(1)
            _prescribe(stand, person)
            hello, get = Path(folder) / "hello.lua", Path(folder) / "get.lua"
            hello.write_text(REPORT)
            script = GET.replace("PATIENT", str(person.id)).replace("TOKEN", person.token)
            get.write_text(script + REPORT)
            load(stand, hello, "/hello", 1)
            load(stand, get, "/", 1)
            return [(load(stand, hello, "/hello"), load(stand, get, "/")) for _ in range(ROUNDS)]
        finally:
            stand.stop()


def _prescribe(stand: Stand, person: Person) -> None:
    headers = {"Authorization": f"Bearer {person.token}"}
    path = f"{stand.url}/v1/patients/{person.id}/medications"
    today = date.today() - timedelta(days=1)  # noqa: DTZ011 -- any day that has come will do
    first = today - timedelta(days=EVENTS * EVERY_DAYS)
    with httpx.Client(headers=headers) as http:

        def post(under: str, body: dict[str, Any]) -> None:
            http.post(path + under, json=body).raise_for_status()

        for reference_id in COURSES:
            course = str(uuid4())
            post("", {"id": course, "kind": "drug", "reference_id": reference_id})
            for number in range(EVENTS):
                event = {
                    "id": str(uuid4()),
                    "kind": "change" if number else "start",
                    "effective_on": str(first + timedelta(days=number * EVERY_DAYS)),
                    "dose": {"amount": str(2 + number % 3), "unit": "mg"},
                    "times_per_day": 1,
                }
                post(f"/{course}/dose-events", event)
        for number in range(FILLS):
            day = str(today - timedelta(days=30 * number))
            post(
                f"/{course}/dispenses", {"id": str(uuid4()), "dispensed_on": day, "days_supply": 30}
            )
        answers = [
            {
                "id": str(uuid4()),
                "taken": "no" if number % 7 == 0 else "yes",
                "at": f"{today - timedelta(days=number)}T08:00:00Z",
            }
            for number in range(ANSWERS)
        ]
        post(f"/{course}/administrations", {"administrations": answers})


def main() -> int:
    """Print the ratios; there is no figure to reach yet."""
    table = Table("", "CPU a list / CPU a hello", "lists / hellos a second", "p50 ms", "p99 ms")
    for name, database in (("PostgreSQL", postgresql()), ("SQLite", sqlite())):
        rounds = measure(database)
        assert not any(one.refused for one in [*(h for h, _ in rounds), *(g for _, g in rounds)])
        table.add_row(
            name,
            f"{statistics.median(g.cpu_us / h.cpu_us for h, g in rounds):.3g}",
            f"{statistics.median(g.per_s / h.per_s for h, g in rounds):.3g}",
            f"{statistics.median(g.p50_ms for _, g in rounds):.1f}",
            f"{statistics.median(g.p99_ms for _, g in rounds):.1f}",
        )
    Console().print(table)
    Console().print(f"regimen: {len(COURSES) * EVENTS} dose events, medians of {ROUNDS} rounds")
    return 0
