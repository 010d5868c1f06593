"""A backup holds what was erased since: it is erased again before anybody is served from it."""

import json
import shutil
import sqlite3
from pathlib import Path
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PATH, PERSON
from tests.sync.test_erasure import CANARY, PATIENT, check_in, erase

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def environment(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    settings = clinic.app.state.settings
    monkeypatch.setenv("TITRATE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("TITRATE_DATA_DIR", str(settings.data_dir))
    return monkeypatch


@pytest.mark.parametrize("covers", ["patient_made", "everything"])
def test_what_was_erased_is_erased_again_in_a_restored_record(
    covers: str,
    clinic: Clinic,
    prescriber: Caller,
    tmp_path: Path,
    environment: pytest.MonkeyPatch,
) -> None:
    prescriber("POST", "/v1/patients", PERSON)
    patient = clinic.as_("patient", patient_id=PATIENT)
    patient("POST", f"{PATH}/check-ins", check_in(3, note=CANARY))
    backup, listed = tmp_path / "backup.sqlite3", tmp_path / "erasures.json"
    with sqlite3.connect(tmp_path / "titrate.sqlite3") as live, sqlite3.connect(backup) as copy:
        live.backup(copy)
    copy.close()
    live.close()
    erase(clinic, covers=covers)
    runner = CliRunner()
    assert runner.invoke(cli, ["erasures", "--export", str(listed)]).exit_code == 0
    restored = tmp_path / "restored" / "titrate.sqlite3"
    restored.parent.mkdir()
    shutil.copy(backup, restored)
    assert CANARY.encode() in restored.read_bytes()
    environment.setenv("TITRATE_DATABASE_URL", f"sqlite:///{restored}")

    first = runner.invoke(cli, ["erasures", "--apply", str(listed)])
    again = runner.invoke(cli, ["erasures", "--apply", str(listed)])
    verified = runner.invoke(cli, ["verify"])

    assert CANARY not in listed.read_text()
    assert (first.exit_code, first.output) == (0, "1 listed, 1 erased again\n"), first.output
    assert again.output == "1 listed, 0 erased again\n"
    assert all(CANARY.encode() not in one.read_bytes() for one in restored.parent.iterdir())
    assert verified.exit_code == 0, verified.output


def test_a_patient_who_came_after_the_backup_has_nothing_to_erase(
    clinic: Clinic, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "erasures.json"
    one = {"id": str(uuid4()), "patient_id": PATIENT, "covers": "everything", "records": None}
    listed.write_text(json.dumps([one | {"legal_basis": "no duty holds any more"}]))

    done = CliRunner().invoke(cli, ["erasures", "--apply", str(listed)])

    assert (done.exit_code, done.output) == (0, "1 listed, 0 erased again\n"), done.output


@pytest.mark.parametrize("text", ["{}", "[1]", "[{}]", "no JSON", '[{"patient_id": "x"}]'])
def test_what_is_no_such_list_is_refused(
    text: str, clinic: Clinic, tmp_path: Path, environment: pytest.MonkeyPatch
) -> None:
    listed = tmp_path / "erasures.json"
    listed.write_text(text)

    assert CliRunner().invoke(cli, ["erasures", "--apply", str(listed)]).exit_code == 1
    assert CliRunner().invoke(cli, ["erasures"]).exit_code == 2
