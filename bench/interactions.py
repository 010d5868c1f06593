"""The stateless check of 15 substances against all rules, beside a hello of the same process.

The specification has no figure for it: `main` prints the ratios. The list is one that interacts
a lot (36 findings, 6 rules that wait for a fact), so that the answer is written in full. Nothing
of it is stored, but the request leaves its row in the access log.
"""

import json
import shutil
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table

from bench.stand import Stand, postgresql, sqlite
from bench.write_path import REPORT, Run, load

SUBSTANCES = (
    "sertraline",
    "st-johns-wort",
    "lithium",
    "clozapine",
    "carbamazepine",
    "tramadol",
    "diazepam",
    "ibuprofen",
    "lisinopril",
    "caffeine",
    "alcohol",
    "quetiapine",
    "melatonin",
    "lamotrigine",
    "valproate",
)
ROUNDS = 5
POST = """
request = function()
  return wrk.format("POST", "/v1/interactions/check",
    {["Authorization"] = "Bearer TOKEN", ["Content-Type"] = "application/json"}, 'BODY')
end
"""


def measure(database: AbstractContextManager[str]) -> list[tuple[Run, Run]]:
    """Ask for a hello and a check in turn; gives the rounds."""
    with database as url, tempfile.TemporaryDirectory() as folder:
        stand = Stand(url, Path(folder))
        stand.start()
        try:
            body = json.dumps({"substances": [{"reference_id": one} for one in SUBSTANCES]})
            hello, check = Path(folder) / "hello.lua", Path(folder) / "check.lua"
            hello.write_text(REPORT)
            token = stand.token(stand.clinics[0])
            check.write_text(POST.replace("TOKEN", token).replace("BODY", body) + REPORT)
            # The first check reads the reference.
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            url = f"{stand.url}/v1/interactions/check"
            httpx.post(url, content=body, headers=headers, timeout=30).raise_for_status()
            load(stand, hello, "/hello", 1)
            load(stand, check, "/", 1)
            return [(load(stand, hello, "/hello"), load(stand, check, "/")) for _ in range(ROUNDS)]
        finally:
            stand.stop()


def main() -> int:
    """Print the table; 2 when there is no load generator."""
    if shutil.which("wrk") is None:
        Console(stderr=True).print("bench: `wrk` is needed; on Debian: apt-get install wrk")
        return 2
    table = Table("15 substances, all rules", "PostgreSQL", "SQLite")
    rounds = [measure(postgresql()), measure(sqlite())]
    figures: tuple[tuple[str, Callable[[Run, Run], float]], ...] = (
        ("CPU a check / CPU a hello", lambda hello, check: check.cpu_us / hello.cpu_us),
        ("checks / hellos a second", lambda hello, check: check.per_s / hello.per_s),
        ("p50 ms", lambda _hello, check: check.p50_ms),
        ("p99 ms", lambda _hello, check: check.p99_ms),
        ("refused", lambda hello, check: hello.refused + check.refused),
    )
    for name, figure in figures:
        medians = [statistics.median(figure(*one) for one in each) for each in rounds]
        table.add_row(name, *(f"{median:.3g}" for median in medians))
    Console().print(table)
    Console().print(f"medians of {ROUNDS} rounds")
    return 0
