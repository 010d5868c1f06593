"""Production serves no patients whose clinic has not said whom they call."""

from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url
from typer.testing import CliRunner

from app import database
from app.cli import cli
from app.main import NoSafetyNotice, create_app
from app.settings import Settings
from tests.conftest import TestClock
from tests.server import start_and_stop

WORDS = "Call the ward by day, the crisis team by night."


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_production_starts_once_each_clinic_has_words_of_its_own(
    database_url: str, clock: TestClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The role that serves owns nothing; the owner sets the words from the command line."""
    url = make_url(database_url)
    role = f"serving_{url.database}"
    with psycopg.connect(_plain(database_url), autocommit=True) as connection:
        connection.execute(f'CREATE ROLE "{role}" LOGIN')
    database.upgrade(database_url, clock, app_role=role)
    served = url.set(username=role).render_as_string(hide_password=False)
    key = tmp_path / "key.json"
    settings = Settings(
        database_url=served, data_dir=tmp_path, mode="production", secret_key_file=key
    )

    monkeypatch.setenv("TITRATE_DATABASE_URL", database_url)
    monkeypatch.setenv("TITRATE_DATA_DIR", str(tmp_path))
    runner = CliRunner()
    try:
        with pytest.raises(NoSafetyNotice, match="titrate safety-notice"):
            start_and_stop(create_app(settings, clock))
        refused = runner.invoke(cli, ["safety-notice", ""])
        for clinic_id in _clinics(database_url):
            set_ = runner.invoke(cli, ["safety-notice", WORDS, "--clinic", clinic_id])
            assert set_.exit_code == 0, set_.output
        again = runner.invoke(cli, ["safety-notice", f"{WORDS} Or walk in."])

        start_and_stop(create_app(settings, clock))
    finally:
        with psycopg.connect(_plain(database_url), autocommit=True) as connection:
            connection.execute(f'DROP OWNED BY "{role}"')
            connection.execute(f'DROP ROLE "{role}"')

    assert refused.exit_code == 1
    assert again.output.strip() == f"Nobody reads this in real time. {WORDS} Or walk in."


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg", "postgresql", 1)


def _clinics(url: str) -> list[str]:
    with psycopg.connect(_plain(url)) as connection:
        return [str(one) for (one,) in connection.execute("SELECT clinic_id FROM clinics")]
