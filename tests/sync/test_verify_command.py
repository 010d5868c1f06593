"""`titrate verify`: what it prints, what it exports, and its exit code."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from tests.conftest import Caller, Clinic
from tests.patients.test_patients import PERSON


def test_a_head_is_exported_and_a_later_tampering_found(
    clinic: Clinic, prescriber: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = clinic.app.state.settings
    monkeypatch.setenv("TITRATE_DATABASE_URL", settings.database_url)
    monkeypatch.setenv("TITRATE_DATA_DIR", str(settings.data_dir))
    prescriber("POST", "/v1/patients", PERSON)
    head = tmp_path / "head"
    runner = CliRunner()

    exported = runner.invoke(cli, ["verify", "--export", str(head)])
    held = runner.invoke(cli, ["verify", "--head", str(head)])
    engine = clinic.app.state.engine.execution_options(titrate_writes=True)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE journal SET actor_role = 'system'")
    broken = runner.invoke(cli, ["verify", "--head", str(head)])
    unsigned = runner.invoke(cli, ["verify", "--head", str(settings.key_file)])

    assert (exported.exit_code, held.exit_code) == (0, 0), exported.output
    assert "journal: 1 rows, holds" in held.output
    assert broken.exit_code == 1
    assert "journal: 0 rows, does NOT hold from row 1 on" in broken.output
    assert unsigned.exit_code == 1
