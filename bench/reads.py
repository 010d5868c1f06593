"""P6, P8, P10 and P11 of the specification: what is read all day, beside a hello.

`python -m bench.reads`. Tokens are checked, and each read leaves its row in the access log. P6, P8
and P10 are CPU of the server's process against a hello of the same run; P11 is the time of the same
question in a small and in a large database.
"""

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine

from app.caseload import service as caseload
from app.caseload.refresh import Refresher
from app.core.actor import Actor, Trace
from app.core.clock import now
from app.core.db import Reader, Work, Writer, open_engine
from app.core.pagination import Page
from app.identity import service as identity
from app.main import Ledger
from app.measurements import service as measurements
from bench.stand import Person, Stand, postgresql
from bench.write_path import REPORT, SHORT_BY, Run, load

ROUNDS = 5
FEW, MANY = 200, 2000
"""Patients of the two caseloads; a page has at most 500, so the large one is read in four."""
PAGE = 500
LIST = 50
LARGE = 1_000_000
REPEATS = 200
FEW_NUMBERS = 100
CLINIC = identity.DEFAULT_CLINIC
GET = """
request = function()
  return wrk.format("GET", "PATH", {["Authorization"] = "Bearer TOKEN"HEADERS})
end
"""


def script(file: Path, token: str, path: str, headers: str = "") -> Path:
    text = GET.replace("PATH", path).replace("TOKEN", token).replace("HEADERS", headers)
    file.write_text(text + REPORT)
    return file


@contextmanager
def writing(engine: Engine) -> Iterator[Writer]:
    writer = Writer(engine, now, Ledger())
    writer.start()
    try:
        yield writer
    finally:
        writer.stop()


def follow(stand: Stand, person: Person) -> None:
    """Give one patient a medicine, scores, and a list of check-ins."""
    headers = {"Authorization": f"Bearer {person.token}"}
    home = f"{stand.url}/v1/patients/{person.id}"
    start = {
        "id": str(uuid4()),
        "kind": "start",
        "effective_on": "2026-03-03",
        "dose": {"amount": "50", "unit": "mg"},
        "times_per_day": 1,
    }
    course = {
        "id": str(uuid4()),
        "kind": "drug",
        "reference_id": "sertraline",
        "first_dose_event": start,
    }
    with httpx.Client(headers=headers) as http:

        def post(path: str, body: dict[str, Any]) -> None:
            http.post(home + path, json=body).raise_for_status()

        post("/medications", course)
        for month, total in ((3, 18), (4, 14), (5, 9)):
            at = f"2026-0{month}-02T10:00:00-04:00"
            score = {"id": str(uuid4()), "instrument": "phq-9", "occurred_at": at, "total": total}
            post("/assessments", score)
        for n in range(LIST + 10):
            at = f"2026-0{4 + n // 30}-{1 + n % 30:02}T07:45:00-04:00"
            post(
                "/check-ins", {"id": str(uuid4()), "occurred_at": at, "sleep": {"quality": n % 10}}
            )


def colleague(engine: Engine) -> UUID:
    """Add a prescriber who cares for the first patients only."""
    user = uuid4()
    with writing(engine) as writer:
        actor = identity.built_in_actor(CLINIC, "system")
        writer.run(identity.enrol, actor, user, "bench", "prescriber", None, operation="bench")
    return user


def people(engine: Engine, number: int) -> None:
    """Add patients up to a number, each with a summary and the caseload row of the followed one."""
    with engine.begin() as connection:
        for statement in (
            """INSERT INTO patients (clinic_id, id, version, given, family, synthetic, time_zone)
               SELECT p.clinic_id, gen_random_uuid(), 1, 'Synthetic', 'No ' || n, true,
                      'America/New_York'
               FROM generate_series(1, %(number)s - (SELECT count(*) FROM patients)) AS n,
                    (SELECT clinic_id FROM caseload_rows LIMIT 1) AS p""",
            """INSERT INTO patient_summaries
               SELECT (json_populate_record(base, json_build_object('patient_id', p.id))).*
               FROM patients p,
                    (SELECT s AS base FROM patient_summaries s ORDER BY sequence DESC LIMIT 1) one
               ON CONFLICT DO NOTHING""",
            """INSERT INTO caseload_rows
               SELECT (json_populate_record(base, json_build_object('patient_id', p.id))).*
               FROM patients p,
                    (SELECT r AS base FROM caseload_rows r WHERE status IS NOT NULL LIMIT 1) one
               ON CONFLICT DO NOTHING""",
        ):
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(statement, {"number": number})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("ANALYZE")


def care(engine: Engine, user: UUID, number: int) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """INSERT INTO care_relations (clinic_id, patient_id, user_id, since)
               SELECT clinic_id, id, %(user)s, now() FROM patients ORDER BY id LIMIT %(number)s
               ON CONFLICT DO NOTHING""",
            {"user": user, "number": number},
        )


def ratios(folder: Path, stand: Stand, followed: Person, few: UUID) -> dict[str, float]:
    """CPU of each read against a hello, round by round."""
    token = stand.token(CLINIC)
    other = stand.issuer.issue(
        now(), clinic_id=CLINIC, user_id=few, role="prescriber", client="bench"
    )
    trends = f"/v1/patients/{followed.id}/trends"
    headers = {"Authorization": f"Bearer {token}"}
    tag = httpx.get(stand.url + trends, headers=headers).headers["etag"].replace('"', '\\"')
    known = f', ["If-None-Match"] = "{tag}"'
    many = script(folder / "many.lua", token, f"/v1/caseload?limit={PAGE}")
    scripts = {
        "hello": script(folder / "hello.lua", token, "/hello"),
        "P6": script(
            folder / "list.lua", token, f"/v1/patients/{followed.id}/check-ins?limit={LIST}"
        ),
        "P8": script(folder / "same.lua", token, trends, known),
        "P10 few": script(folder / "few.lua", other, f"/v1/caseload?limit={FEW}"),
        "P10 many": many,
    }
    for file in scripts.values():
        load(stand, file, "/", 1)
    rounds = [{name: _run(stand, file) for name, file in scripts.items()} for _ in range(ROUNDS)]
    return {
        name: statistics.median(one[name].cpu_us / one["hello"].cpu_us for one in rounds)
        for name in scripts
        if name != "hello"
    }


def _run(stand: Stand, file: Path) -> Run:
    found = load(stand, file, "/")
    assert not found.refused, file.name
    return found


def flatness(engine: Engine, followed: Person, few: UUID) -> dict[str, float]:
    """Time of the same question in a large database against a small one."""
    reader = Reader(engine, now, Ledger())
    actor = Actor(CLINIC, few, "prescriber", "bench", "-")
    trace = Trace("-", "GET", "bench")

    def page(work: Work, _nothing: None) -> Any:
        return caseload.show(work, "need", None, None, Page(FEW), b"bench")

    def latest(work: Work, patient_id: UUID) -> Any:
        return measurements.summary(work, patient_id)

    def took(service: Callable[[Work, Any], Any], argument: Any) -> float:
        times = []
        for _ in range(REPEATS):
            began = time.perf_counter()
            reader.ask(service, actor, trace, argument)
            times.append(time.perf_counter() - began)
        return statistics.median(times)

    before = took(page, None), took(latest, followed.id)
    people(engine, LARGE)
    numbers(engine, followed.id, LARGE)
    after = took(page, None), took(latest, followed.id)
    reader.stop()
    return {"P11 caseload": after[0] / before[0], "P11 latest": after[1] / before[1]}


def numbers(engine: Engine, patient_id: UUID, number: int) -> None:
    """Give one patient very many numbers of one measure."""
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
        connection.exec_driver_sql(
            """INSERT INTO measurements (clinic_id, patient_id, day, measure, record_id, place,
                                         asserted, value, source)
               SELECT clinic_id, id, date '2000-01-01' + n %% 9000, 'bench', gen_random_uuid(), 0,
                      1, n %% 10, 'device'
               FROM patients, generate_series(1, %(number)s) AS n WHERE id = %(patient)s""",
            {"number": number, "patient": patient_id},
        )


def measure() -> dict[str, float]:
    with postgresql() as url, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        stand = Stand(url, folder)
        stand.start()
        engine = open_engine(url).execution_options(titrate_writes=True)
        try:
            (followed,) = stand.people(1)
            follow(stand, followed)
            stand.stop()
            few = colleague(engine)
            with writing(engine) as writer:
                reader = Reader(engine, now, Ledger())
                Refresher(engine, reader, writer, {}).catch_up()
                reader.stop()
            people(engine, MANY)
            care(engine, identity.built_in_user(CLINIC, "prescriber"), MANY)
            care(engine, few, FEW)
            stand.start()
            found = ratios(folder, stand, followed, few)
            stand.stop()
            return found | flatness(engine, followed, few)
        finally:
            stand.stop()
            engine.dispose()


def main() -> int:
    """Print the table; 2 when there is no load generator."""
    if shutil.which("wrk") is None:
        Console(stderr=True).print("bench: `wrk` is needed; on Debian: apt-get install wrk")
        return 2
    found = measure()
    table = Table("", "figure", "measured", "target", "")
    for name, figure, target in (
        ("P6", f"list of {LIST}, CPU / a hello", 4.0),
        ("P8", "trends unchanged (304), CPU / a hello", 2.2),
        ("P10 few", f"caseload of {FEW}, CPU / a hello", 3.0),
        ("P10 many", f"a page of {PAGE} of a caseload of {MANY}, CPU / a hello", 4.5),
        ("P11 caseload", f"caseload of {FEW}: {LARGE:,} patients / {MANY:,}", 1.3),
        ("P11 latest", f"latest state: {LARGE:,} numbers / {FEW_NUMBERS}", 1.3),
    ):
        value = found[name]
        short = "SHORT" if value > target * (1 + SHORT_BY) else ""
        table.add_row(name.partition(" ")[0], figure, f"{value:.3g}", f"<= {target:g}", short)
    Console().print(table)
    Console().print(f"medians of {ROUNDS} rounds on PostgreSQL, tokens checked, access log on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
