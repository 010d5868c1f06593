"""Schemathesis against the served app: every operation, every role, a patient with a record.

Counts what it finds wrong: a 5xx, an answer that the OpenAPI document does not know, a wrong
request taken, a right one refused, a method that `Allow` does not name.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx

from app.core.actor import Role
from app.core.clock import now
from app.core.db import Writer, open_engine
from app.core.openapi import Route
from app.identity import service as identity
from app.identity.deps import Require
from app.main import ROUTERS, Ledger
from bench.stand import Stand, postgresql, sqlite

EXAMPLES = 200
SEED = 20_261_125
OFTEN = 0.8
"""How often a path names what is there; else it names what is not."""
EVERY_PHASE = "examples,coverage,fuzzing,stateful"
CHECKS = {
    # Beyond the usual ones: what no schema can say refuses a request that fits it. A cursor is
    # signed, a medicine known, a moment not in the future, a version read before.
    "positive_data_acceptance": "2xx 3xx 400 401 403 404 409 410 412 422 428 429",
    # 404 comes before 428 (api.md, order of refusals).
    "missing_required_header": "400 401 403 404 415 422 428",
    "not_a_server_error": "2xx 3xx 4xx",
}
TAKES_ANYTHING = {"sync"}
"""Operations that answer 200 to a wrong item: its own result says what is wrong."""


def seed(http: httpx.Client, patient_id: UUID) -> dict[str, str]:
    """Register a synthetic patient with one record of each kind; gives their ids by path word."""
    patient = f"/v1/patients/{patient_id}"
    ids = {"patients": str(patient_id)}
    moment = (now() - timedelta(days=1)).isoformat()
    day = moment[:10]

    def post(path: str, **body: Any) -> None:
        http.post(path, json=body).raise_for_status()

    def record(word: str, **body: Any) -> None:
        ids[word] = str(uuid4())
        post(f"{patient}/{word}", id=ids[word], **body)

    name = {"given": "Synthetic", "family": "Example"}
    post("/v1/patients", id=ids["patients"], name=name, birth_date="1990-01-01")
    dose = {"dose": {"amount": "50", "unit": "mg"}, "times_per_day": 1}
    ids["dose-events"] = str(uuid4())
    first = {"id": ids["dose-events"], "kind": "start", "effective_on": day, **dose}
    record("medications", kind="drug", text="sertraline", first_dose_event=first)
    course = f"{patient}/medications/{ids['medications']}"
    taken = {"id": str(uuid4()), "taken": "yes", "at": moment}
    ids["administrations"] = taken["id"]
    post(f"{course}/administrations", administrations=[taken])
    record("check-ins", occurred_at=moment, mood_cognition={"mood": 4})
    record("follow-ups", occurred_at=moment, kind="visit", sleep={"quality": 5})
    record("side-effects", term="nausea", onset_on=day, severity=1)
    record("assessments", instrument="phq-9", occurred_at=moment, answers=[1] * 9)
    record("conditions", text="depression")
    return ids


def settings(tokens: Mapping[str, str], ids: Mapping[str, str]) -> str:
    """Write the configuration: who calls each operation, and which records its path names."""
    lines = [f"seed = {SEED}", "continue-on-failure = true", "[warnings]", "display = []"]
    for check, statuses in CHECKS.items():
        lines += [f"[checks.{check}]", f"expected-statuses = {json.dumps(statuses.split())}"]
    for word, record_id in ids.items():
        lines += [f'[dictionaries."{word}"]', f"values = {json.dumps([record_id])}"]
    for route in _routes():
        lines += ["[[operations]]", f'include-operation-id = "{route.name}"']
        lines += [f'headers = {{ Authorization = "Bearer {tokens[_caller(route)]}" }}']
        for name, word in _named(route, ids):
            binding = f'{{ dictionary = "{word}", probability = {OFTEN} }}'
            lines += [f'parameters."path.{name}" = {binding}']
        if route.name in TAKES_ANYTHING:
            lines += ["[operations.checks.negative_data_rejection]", "enabled = false"]
    return "\n".join(lines)


def _routes() -> Iterator[Route]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, Route)
            yield route


def _caller(route: Route) -> Role:
    """Give the first role that the route lets in."""
    roles = next(call.roles for call in route.asks if isinstance(call, Require))
    return next(role for role in get_args(Role) if role in roles)


def _named(route: Route, ids: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Give the parameters of a path whose word before them is a kind of record that is there."""
    words = route.path.split("/")
    for word, parameter in pairwise(words):
        if parameter.startswith("{") and word in ids:
            yield parameter.strip("{}"), word


def run(
    database: AbstractContextManager[str], examples: int, phases: str = EVERY_PHASE
) -> "subprocess.CompletedProcess[str]":
    """Fuzz one database; the exit code is 0 where nothing was found."""
    with database as url, tempfile.TemporaryDirectory(prefix="titrate-fuzz-") as folder:
        stand = Stand(url, Path(folder))
        patient_id = uuid4()
        _enrol(url, patient_id)
        stand.start()
        try:
            return _fuzz(stand, patient_id, Path(folder), examples, phases)
        finally:
            stand.stop()


def _enrol(url: str, patient_id: UUID) -> None:
    """Make the user that the patient's own token names."""
    engine = open_engine(url)
    writer = Writer(engine, now, Ledger())
    writer.start()
    user = identity.patient_user(identity.DEFAULT_CLINIC, patient_id)
    system = identity.built_in_actor(identity.DEFAULT_CLINIC, "system")
    writer.run(identity.enrol, system, user, "patient", "patient", patient_id, operation="enrol")
    writer.stop()
    engine.dispose()


def _fuzz(
    stand: Stand, patient_id: UUID, folder: Path, examples: int, phases: str
) -> "subprocess.CompletedProcess[str]":
    tokens = {role: _token(stand, role, patient_id) for role in get_args(Role)}
    headers = {"Authorization": f"Bearer {tokens['prescriber']}"}
    with httpx.Client(base_url=stand.url, headers=headers) as http:
        ids = seed(http, patient_id)
    file = folder / "schemathesis.toml"
    file.write_text(settings(tokens, ids))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(file), "--no-color"]
    command += ["run", f"{stand.url}/openapi.json", "--phases", phases, "--max-examples"]
    return subprocess.run(
        [*command, str(examples)],
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def _token(stand: Stand, role: Role, patient_id: UUID) -> str:
    clinic = identity.DEFAULT_CLINIC
    is_patient = role == "patient"
    user = (
        identity.patient_user(clinic, patient_id)
        if is_patient
        else identity.built_in_user(clinic, role)
    )
    return stand.issuer.issue(
        now(),
        clinic_id=clinic,
        user_id=user,
        role=role,
        client="fuzz",
        patient_id=patient_id if is_patient else None,
    )


def main() -> int:
    worst = 0
    for name, database in (("sqlite", sqlite), ("postgresql", postgresql)):
        started = datetime.now(UTC)
        done = run(database(), EXAMPLES)
        print(f"fuzz, {name}: {datetime.now(UTC) - started}\n{done.stdout}{done.stderr}")
        worst = max(worst, done.returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
