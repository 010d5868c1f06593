"""The reading of one patient as ratios: core statistics, full report, growth (P7, P9, P12).

The floor reads this patient's rows once through the same reader and gives mean and SD of each
measure. Everything is CPU of the asking thread, for jobs run beside it, the smallest of some
rounds taken in turn with the floor; `wall` alone is the clock's, and means little on a machine
with other guests.
"""

import asyncio
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID, uuid4

import httpx
import numpy as np
from fastapi import FastAPI
from rich.console import Console
from rich.table import Table

from app import database
from app.clinical.doses import dose_line
from app.core.actor import Trace
from app.core.clock import now
from app.core.db import Work
from app.identity import service as identity
from app.journal import service as journal
from app.main import create_app
from app.measurements import service as measurements
from app.measurements.service import Reading
from app.medications import reading as medications
from app.patients import service as patients
from app.settings import Settings
from app.stats.gaps import cadence
from app.stats.level import level_of_diary
from app.stats.trend import MOST_PAIRED_POINTS, trend
from app.trends import params, service
from bench.stand import postgresql, sqlite

DAY = timedelta(days=1)
ROUNDS = 7
OURS_AT_MOST = {"core": 1.4, "growth": 9.0, "same": 3.0, "typical": 12.0, "heavy": 5.0}
HEAVY_MB = 256
DIARY = "own.m{}"


@dataclass(frozen=True)
class Load:
    """How much of one patient there is: daily measures of so many days, forms, dose events."""

    measures: int
    days: int
    events: int
    forms: int = 0


SAME = Load(10, 730, 12)
TYPICAL = Load(4, 180, 12, forms=6)
HEAVY = Load(20, 2000, 60)
FIVE_TIMES = Load(10, 3650, 12)
FORMS = ("phq-9", "gad-7", "isi", "wsas", "qids-sr16", "madrs")
FORM_POINTS, FORM_EVERY = 30, 6


class Bench:
    """An app in this process, and callers of its services."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner, http: httpx.AsyncClient) -> None:
        self.app = app
        self._runner = runner
        self._http = http
        self.actor = identity.built_in_actor(identity.DEFAULT_CLINIC, "prescriber")

    def http(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request without a socket."""
        answer = self._runner.run(self._http.request(method, f"/v1{path}", json=body))
        answer.raise_for_status()
        return answer.json()

    def ask(self, service_: Callable[..., Any], *args: Any) -> Any:
        return self.app.state.reader.ask(service_, self.actor, Trace("-", "GET", "bench"), *args)

    def cpu_s(self, *asked: Callable[[], Any]) -> list[float]:
        """Give the least CPU seconds of each, asked in turn."""
        best = [float("inf")] * len(asked)
        for _ in range(ROUNDS):
            for place, one in enumerate(asked):
                gc.collect()
                begun = time.thread_time()
                one()
                best[place] = min(best[place], time.thread_time() - begun)
        return best


@contextmanager
def served(url: str) -> Iterator[Bench]:
    """Run an app on an empty database."""
    database.upgrade(url, now)
    with tempfile.TemporaryDirectory() as folder:
        quiet = Settings(database_url=url, data_dir=Path(folder), rate_limits="off")
        app = create_app(quiet, now)
        life = app.router.lifespan_context(app)
        with asyncio.Runner() as runner:
            runner.run(life.__aenter__())
            http = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://bench",
                headers={"Authorization": f"Bearer {_token(app)}"},
            )
            try:
                yield Bench(app, runner, http)
            finally:
                runner.run(http.aclose())
                runner.run(life.__aexit__(None, None, None))


def _token(app: FastAPI) -> str:
    user = identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber")
    token: str = app.state.issuer.issue(
        now(), clinic_id=identity.DEFAULT_CLINIC, user_id=user, role="prescriber", client="bench"
    )
    return token


def fill(bench: Bench, load: Load) -> tuple[UUID, date]:
    """Make one synthetic patient of that size; gives the id and the first day."""
    patient, today, rng = uuid4(), now().date() - DAY, Random(1)
    first = today - (load.days - 1) * DAY

    def post(path: str, body: dict[str, Any]) -> None:
        bench.http("POST", f"/patients{path}", body)

    known = {one["code"] for one in bench.http("GET", "/reference/measures")["items"]}
    for number in range(load.measures):
        own = {"code": DIARY.format(number), "label": f"M {number}", "unit": "{score}"}
        if own["code"] not in known:
            more = {"min": 0, "max": 10, "direction": "lower_better"}
            bench.http("POST", "/reference/measures", own | more)
    name = {"given": "Synthetic", "family": "Bench"}
    post("", {"id": str(patient), "name": name, "time_zone": "Europe/Berlin", "synthetic": True})
    course = {"id": str(uuid4()), "kind": "drug", "reference_id": "sertraline"}
    post(f"/{patient}/medications", course)
    step = load.days // (load.events + 1)
    for number in range(load.events):
        event = {
            "id": str(uuid4()),
            "kind": "change" if number else "start",
            "effective_on": str(first + (20 + number * step) * DAY),
            "dose": {"amount": str(50 + 25 * (number % 3)), "unit": "mg"},
            "times_per_day": 1,
        }
        post(f"/{patient}/medications/{course['id']}/dose-events", event)
    visit = f"{today - 30 * DAY}T10:00:00+00:00"
    post(f"/{patient}/follow-ups", {"id": str(uuid4()), "kind": "visit", "occurred_at": visit})
    level = [0.0] * load.measures
    for day in range(load.days):
        level = [0.4 * one + rng.gauss(0, 1.5) for one in level]
        _keep(
            bench,
            patient,
            [
                Reading(DIARY.format(n), float(min(10, max(0, round(5 + y)))), first + day * DAY)
                for n, y in enumerate(level)
            ],
        )
    for form in FORMS[: load.forms]:
        for place in range(FORM_POINTS):
            on = today - (FORM_POINTS - 1 - place) * FORM_EVERY * DAY
            _keep(bench, patient, [Reading(f"{form}.total", float(rng.randint(4, 20)), on)])
    return patient, first


def _keep(bench: Bench, patient: UUID, readings: list[Reading]) -> None:
    """Assert numbers at the journal's head, which must be the patient's own newest record."""

    def record(work: Work, patient_id: UUID) -> None:
        person = patients.get(work, patient_id)
        sequence = work.memory["head", "journal"].sequence
        measurements.keep(work, person, uuid4(), sequence, readings, first_version=True)

    bench.app.state.writer.run(record, bench.actor, patient, operation="bench")


# ---- what is measured


def floor(work: Work, patient_id: UUID) -> list[tuple[float, float]]:
    """Read the rows once; mean and SD of each measure."""
    found = []
    for _, values in _by_measure(work, patient_id):
        y = np.array([row[3] for row in values])
        found.append((float(y.mean()), float(y.std(ddof=1))))
    return found


def core(work: Work, patient_id: UUID) -> int:
    """Level, change, Theil-Sen with interval, Mann-Kendall of each measure, and dose epochs."""
    count = 0
    for _, rows in _by_measure(work, patient_id):
        days = [float(row[1].toordinal()) for row in rows]
        values = [row[3] for row in rows]
        found = trend(days, values, cadence=cadence(days), monday=1)
        level = level_of_diary(days, values, reference_r=found.r)
        assert level.value is not None
        assert level.value - values[0] < float("inf")
        count += found.n
    for course in medications.courses(work, patient_id):
        dose_line(course.events, as_of=now().date())
    return count


def core_by_scipy(work: Work, patient_id: UUID) -> None:
    """Take the two rank statistics, slope and test, from scipy."""
    from scipy import stats

    for _, rows in _by_measure(work, patient_id):
        days = [float(row[1].toordinal()) for row in rows]
        values = [row[3] for row in rows]
        stats.theilslopes(values, days)
        stats.kendalltau(days, values)


def _by_measure(work: Work, patient_id: UUID) -> Iterator[tuple[str, list[Any]]]:
    sequence = journal.patient_sequence(work, patient_id)
    rows = measurements.series(work, patient_id, sequence)
    for measure, group in groupby(rows, key=itemgetter(0)):
        yield measure, list(group)


def report(bench: Bench, patient: UUID, first: date) -> Callable[[], Any]:
    """Ask for the whole report since the first day, as the endpoint does, without HTTP."""
    asked = params.read([("from", str(first))])
    return partial(bench.ask, service.read, patient, asked)


def measure(url: AbstractContextManager[str]) -> Iterator[tuple[str, float, float | None]]:
    """Give each figure with the most it may be, None where there is none."""
    with url as where, served(where) as bench:
        patient, first = fill(bench, SAME)
        whole = report(bench, patient, first)
        base, stats, scipys, full = bench.cpu_s(
            partial(bench.ask, floor, patient),
            partial(bench.ask, core, patient),
            partial(bench.ask, core_by_scipy, patient),
            whole,
        )
        yield "P7 core / floor, 730 x 10", stats / base, OURS_AT_MOST["core"]
        yield "P7 scipy's way / ours (at least 15)", scipys / stats, None
        yield "full report / floor, 730 x 10, 12 events", full / base, OURS_AT_MOST["same"]
        begun = time.perf_counter()
        whole()
        yield "P9 full report, wall ms", 1000 * (time.perf_counter() - begun), None
        begun = time.perf_counter()
        bench.ask(core, patient)
        yield "P9 core, wall ms (25 on a quiet machine)", 1000 * (time.perf_counter() - begun), None
        longer, _ = fill(bench, FIVE_TIMES)
        (five,) = bench.cpu_s(partial(bench.ask, core, longer))
        grown = f"P12 core, n x 5 (weekly medians above {MOST_PAIRED_POINTS})"
        yield grown, five / stats, OURS_AT_MOST["growth"]
        for name, load in (("typical", TYPICAL), ("heavy", HEAVY)):
            patient, first = fill(bench, load)
            whole = report(bench, patient, first)
            base, full = bench.cpu_s(partial(bench.ask, floor, patient), whole)
            yield f"full report / floor, {name}", full / base, OURS_AT_MOST[name]
        tracemalloc.start()
        whole()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        yield "full report, heavy, MB at the most", peak / 2**20, HEAVY_MB


def main() -> int:
    """Print the figures of both databases beside what each may be."""
    table = Table("", "", "measured", "at most")
    for name, url in (("SQLite", sqlite()), ("PostgreSQL", postgresql())):
        for what, value, most in measure(url):
            table.add_row(name, what, f"{value:.3g}", "" if most is None else f"{most:g}")
    Console().print(table)
    Console().print(f"trends: the least CPU of {ROUNDS} rounds in turn")
    return 0
