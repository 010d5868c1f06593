"""Clients made from the OpenAPI document, in two languages: each posts and reads."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from uuid import uuid4

import pytest

from tests.conftest import Caller, Clinic
from tests.programs import needs, needs_module

HERE = Path(__file__).parent
TOOLS = HERE / "typescript" / "node_modules"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PYTHON = """
import datetime, json, sys, uuid
from titrate_client import AuthenticatedClient
from titrate_client.api.check_ins import record_check_in
from titrate_client.api.trends import read_trends
from titrate_client.models import CheckInIn, CheckInOut, MoodCognition, Problem, TrendsOut

url, token, patient, record = sys.argv[1:]
client = AuthenticatedClient(base_url=url, token=token)
sent = CheckInIn(
    id=uuid.UUID(record),
    occurred_at=datetime.datetime.fromisoformat("2026-05-31T08:00:00-04:00"),
    mood_cognition=MoodCognition(mood=4),
)
posted = record_check_in.sync_detailed(uuid.UUID(patient), client=client, body=sent)
assert isinstance(posted.parsed, CheckInOut), posted
sent.mood_cognition = MoodCognition(mood=40)
wrong = record_check_in.sync(uuid.UUID(patient), client=client, body=sent)
assert isinstance(wrong, Problem), wrong
read = read_trends.sync(uuid.UUID(patient), client=client, as_of=datetime.date(2026, 6, 1))
assert isinstance(read, TrendsOut), read
mood = next(one for one in read.measures if one.measure == "mood_cognition.mood")
print(json.dumps({
    "status": posted.status_code,
    "version": posted.parsed.version,
    "pointer": wrong.errors[0].pointer,
    "last": mood.last.value,
}))
"""


@pytest.fixture
def arguments(clinic: Clinic, prescriber: Caller, tmp_path: Path) -> list[str]:
    """Write the document for the generators; give what each client is told."""
    (tmp_path / "openapi.json").write_text(prescriber("GET", "/openapi.json").text)
    patient_id = str(uuid4())
    body = {"id": patient_id, "name": {"given": "Synthetic", "family": "Example"}}
    assert prescriber("POST", "/v1/patients", json=body).status_code == 201
    return [str(clinic.http.base_url), prescriber.token, patient_id, str(uuid4())]


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def check(told: str) -> None:
    assert json.loads(told) == {
        "status": 201,
        "version": 1,
        "pointer": "/mood_cognition/mood",
        "last": 4,
    }


@needs("node")
@needs_module("the packages of tests/openapi/typescript (npm ci)", TOOLS.is_dir())
def test_a_typescript_client_posts_a_check_in_and_reads_a_trend(
    arguments: list[str], tmp_path: Path
) -> None:
    (tmp_path / "node_modules").symlink_to(TOOLS)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "typescript" / "client.ts", tmp_path)
    tools = tmp_path / "node_modules" / ".bin"
    run(tmp_path, str(tools / "openapi-typescript"), "openapi.json", "-o", "schema.d.ts")
    options = "--strict --target es2022 --module nodenext --lib es2023,dom,dom.iterable"
    run(tmp_path, str(tools / "tsc"), *options.split(), "--skipLibCheck", "client.ts")

    check(run(tmp_path, "node", "client.js", *arguments))


@needs_module("openapi-python-client", find_spec("openapi_python_client") is not None)
def test_a_python_client_posts_a_check_in_and_reads_a_trend(
    arguments: list[str], tmp_path: Path
) -> None:
    generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    run(tmp_path, *generator, "--path", "openapi.json", "--output-path", "titrate_client")

    check(run(tmp_path, sys.executable, "-W", "ignore", "-c", PYTHON, *arguments))
