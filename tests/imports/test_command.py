"""The command line's import: what it prints, and the exit codes that scripts rely on."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.imports.files import PATIENT, bundle, observation, request

ROOT = Path(__file__).resolve().parents[2]
Titrate = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def titrate(tmp_path: Path, sqlite_template: Path) -> Titrate:
    """Run the command line on a database of its own."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "titrate.sqlite3").write_bytes(sqlite_template.read_bytes())
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environment = {
        **kept,
        "TITRATE_DATA_DIR": str(data),
        "TITRATE_DATABASE_URL": f"sqlite:///{data / 'titrate.sqlite3'}",
        "COLUMNS": "200",
    }

    def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "app", *map(str, words)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.fixture
def file(tmp_path: Path) -> Path:
    weight = observation("w", "29463-7", valueQuantity={"value": 83.5, "unit": "kg"})
    unknown = observation("u", "29463-7", valueQuantity={"value": 184, "unit": "[lb_av]"})
    group = {"resourceType": "Group"}
    return bundle(tmp_path, PATIENT, weight, unknown, request("r", "2026-03-03"), group)


def test_the_table_says_each_reason_in_words_and_the_second_run_only_what_is_skipped(
    titrate: Titrate, file: Path
) -> None:
    first = titrate("import", "--create-patients", file)
    second = titrate("import", file)

    assert (first.returncode, second.returncode) == (0, 0)
    assert "unit_not_converted: kept as received: not in kg, which fit weight" in first.stdout
    assert "type_not_read: Group is not read here" in first.stdout
    assert first.stderr.strip() == "4 created, 1 skipped"
    assert second.stderr.strip() == "1 skipped, 4 unchanged"
    assert second.stdout.count("│") == first.stdout.count("│") - 4 * 6


def test_a_dry_run_says_what_would_be_done_and_stores_nothing(titrate: Titrate, file: Path) -> None:
    dry = titrate("import", "--create-patients", "--dry-run", file)
    after = titrate("import", file)

    assert dry.returncode == 0
    assert dry.stderr.strip() == "4 created, 1 skipped; a dry run: nothing was stored"
    assert after.returncode == 1
    assert "patient_unknown" in after.stdout


def test_a_line_of_json_an_entry_is_for_programs(titrate: Titrate, file: Path) -> None:
    done = titrate("import", "--create-patients", "--json", file)

    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["entry"], one["status"]) for one in lines] == [
        (1, "created"),
        (2, "created"),
        (3, "created"),
        (4, "created"),
        (5, "skipped"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"resourceType": "Bundle", ', "broken.json, line 1 column 28: is not JSON"),
        ("{}", "broken.json: is no FHIR resource"),
        (
            "MSH|^~\\&|A\rPID|||1||J\xfcrgen",
            "broken.json, message 1, segment PID (line 2), byte 11",
        ),
    ],
)
def test_a_broken_file_is_one_sentence_and_nothing_of_any_file_is_stored(
    titrate: Titrate, file: Path, tmp_path: Path, content: str, says: str
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_bytes(content.encode("latin-1"))

    done = titrate("import", "--create-patients", file, broken)

    assert (done.returncode, done.stdout) == (1, "")
    assert says in done.stderr.replace("\n", " ")
    assert titrate("import", file).returncode == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["missing.json"], "no such file: missing.json"),
        (["--format", "xml", "FILE"], "'xml' is not one of 'fhir', 'csv', 'hl7v2'"),
        (["--create-patients", "--care-team", str(uuid4()), "FILE"], "names no clinician"),
        (["--format", "hl7v2", "FILE"], "begins with none of MSH"),
    ],
)
def test_a_wrong_command_has_an_exit_code_of_its_own(
    titrate: Titrate, file: Path, words: list[str], says: str
) -> None:
    done = titrate("import", *(file if one == "FILE" else one for one in words))

    assert done.returncode == (1 if "hl7v2" in words else 2)
    assert says in done.stderr


def test_a_patient_is_exported_to_a_file_and_to_the_screen(
    titrate: Titrate, file: Path, tmp_path: Path
) -> None:
    lines = titrate("import", "--create-patients", "--json", file).stdout.splitlines()
    patient = json.loads(lines[0])["record_id"]
    saved = tmp_path / "patient.json"

    shown = titrate("export", patient)
    kept = titrate("export", patient, "--output", saved)
    absent = titrate("export", uuid4().hex)

    assert (shown.returncode, kept.returncode, absent.returncode) == (0, 0, 1)
    told = json.loads(saved.read_text())
    assert told["records"] == json.loads(shown.stdout)["records"]
    assert told["records"]["patient"][0]["id"] == patient
