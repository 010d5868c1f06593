"""What a person writes is found nowhere but in the record: not in a log line, not in an error."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest

from app import database
from app.core.clock import now
from app.identity import service as identity
from app.identity.tokens import Issuer

CANARY = "zqcanary"
BUG = """
import uvicorn
from fastapi import Request
from app.cli import served

app = served()

@app.get("/bug")
async def bug(request: Request) -> None:
    raise ValueError(request.query_params["q"])

app.router.routes.insert(0, app.router.routes.pop())
uvicorn.run(app, port={port}, access_log=False, log_level="warning")
"""


@dataclass
class Told:
    """Everything that left the service but the record itself."""

    http: httpx.Client
    refusals: list[str] = field(default_factory=list)
    written: str = ""

    def __call__(self, method: str, path: str, expected: int, **options: object) -> None:
        answer = self.http.request(method, path, **options)  # type: ignore[arg-type]  # any
        assert answer.status_code == expected, (method, path, answer.text)
        if expected >= 400:
            self.refusals.append(f"{method} {expected} {answer.text} {answer.headers}")


@contextmanager
def served(folder: Path, command: list[str], port: int, token: str) -> Iterator[Told]:
    """Serve in a process of its own, at its most talkative; its output is read at the end."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TITRATE_")} | {
        "TITRATE_DATABASE_URL": f"sqlite:///{folder / 'titrate.sqlite3'}",
        "TITRATE_DATA_DIR": str(folder),
        "TITRATE_LOG_LEVEL": "DEBUG",
    }
    output = folder / "output"
    with output.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[2],
        )
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, headers=headers, timeout=30) as http:
            _wait(http, process)
            told = Told(http)
            yield told
        process.terminate()
        process.wait(timeout=30)
    told.written = output.read_text(errors="replace")


def _wait(http: httpx.Client, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if http.get("/readyz").status_code == 204:
                return
        except httpx.TransportError:
            continue
    raise RuntimeError("the server did not start")


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def token(tmp_path: Path, sqlite_template: Path) -> str:
    (tmp_path / "titrate.sqlite3").write_bytes(sqlite_template.read_bytes())
    database.upgrade(f"sqlite:///{tmp_path / 'titrate.sqlite3'}", now)
    return Issuer.of_file(tmp_path / "key.json").issue(
        now(),
        clinic_id=identity.DEFAULT_CLINIC,
        user_id=identity.built_in_user(identity.DEFAULT_CLINIC, "prescriber"),
        role="prescriber",
        client="tests",
    )


def ask_everything(told: Told) -> int:
    """Put the canary into names, notes, tokens, queries, paths, headers and bad input."""
    patient, first, second = uuid4(), uuid4(), uuid4()
    here = f"/v1/patients/{patient}"
    name = {"given": CANARY, "family": CANARY}
    identifiers = [{"system": "mrn", "value": CANARY}]
    body = {"id": str(patient), "name": name, "identifiers": identifiers}
    entry = {"id": str(first), "occurred_at": "2026-05-30T09:00:00Z", "note": CANARY}
    told("POST", "/v1/patients", 201, json=body)
    told("GET", f"/v1/patients?name={CANARY}", 200)
    told("POST", f"{here}/check-ins", 201, json=entry)
    told("POST", f"{here}/check-ins", 409, json=entry | {"note": f"{CANARY} again"})
    told("POST", f"{here}/check-ins", 422, json=entry | {"sleep": {"quality": CANARY}})
    told("POST", f"{here}/check-ins", 422, json=entry | {"occurred_at": CANARY})
    told("POST", f"{here}/conditions", 422, json={"id": str(second), "text": f"{CANARY}\u202e"})
    told("POST", f"{here}/medications", 422, json={"id": str(second), "kind": CANARY})
    told("POST", f"{here}/assessments", 422, json=assessment(second))
    told("PATCH", f"{here}/check-ins/{first}", 428, json={"note": CANARY})
    told("PATCH", f"{here}/check-ins/{first}", 412, json={"note": CANARY}, headers=match('"9"'))
    told("PATCH", f"{here}/check-ins/{first}", 428, json={"note": CANARY}, headers=match(CANARY))
    told("DELETE", f"{here}/check-ins/{first}?reason={CANARY * 30}", 400, headers=match('"1"'))
    told("GET", f"{here}/check-ins?cursor={CANARY}", 400)
    told("GET", f"{here}/check-ins?limit={CANARY}", 400)
    told("GET", f"{here}/trends?measures={CANARY}%20", 400)
    told("GET", f"/v1/patients/{CANARY}", 400)
    told("GET", f"/{CANARY}", 404)
    told("GET", f"/v1/calendars/{CANARY}.ics", 404)
    told("POST", "/v1/patients", 400, content=f'{{"name": "{CANARY}'.encode(), headers=JSON)
    told("POST", "/v1/patients", 400, content=f'{{"a": "{CANARY}\\u0000"}}'.encode(), headers=JSON)
    told("POST", "/v1/patients", 415, content=CANARY.encode(), headers={"Content-Type": CANARY})
    told("POST", "/v1/patients", 413, content=CANARY.encode() * 200_000, headers=JSON)
    key = {"Idempotency-Key": f"{CANARY} {CANARY}"}
    told("POST", "/v1/patients", 400, json={"name": name}, headers=key)
    token = {"Authorization": f"Bearer {CANARY}"}
    told("GET", here, 401, headers=token)
    told("GET", here, 401, headers={"Authorization": f"Basic {CANARY}"})
    told("GET", "/v1/access-log", 403, headers={"User-Agent": CANARY})
    sync = told.http.post("/v1/sync", json={"items": [{"type": "check_in", "id": CANARY}, CANARY]})
    assert sync.status_code == 200
    told.refusals += [sync.text, told.http.get("/metrics").text]
    return len(told.refusals)


JSON = {"Content-Type": "application/json"}


def match(tag: str) -> dict[str, str]:
    return {"If-Match": tag}


def assessment(record_id: UUID) -> dict[str, object]:
    moment = "2026-05-30T09:00:00Z"
    return {"id": str(record_id), "instrument": CANARY, "occurred_at": moment, "answers": [1]}


@pytest.mark.parametrize("workers", [1, 2])
def test_no_canary_is_found_in_what_the_service_tells(
    workers: int, tmp_path: Path, port: int, token: str
) -> None:
    command = ["-m", "app", "serve", "--port", str(port), "--workers", str(workers)]
    with served(tmp_path, command, port, token) as told:
        assert ask_everything(told) > 20

    assert '"event":"request"' in told.written
    assert [one for one in told.refusals if CANARY in one] == []
    assert CANARY not in told.written
    assert token not in told.written


def test_a_bug_is_logged_by_its_place_and_never_by_what_it_was_about(
    tmp_path: Path, port: int, token: str
) -> None:
    with served(tmp_path, ["-c", BUG.format(port=port)], port, token) as told:
        told("GET", f"/bug?q={CANARY}", 500)

    assert "ValueError" in told.written
    assert CANARY not in told.written + "".join(told.refusals)
