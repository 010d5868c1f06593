"""The README's lines are run as they stand."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import Caller, Clinic

README = Path(__file__).resolve().parents[2] / "README.md"
LINES = next(
    block
    for block in re.findall(r"```sh\n(.*?)```", README.read_text(), re.DOTALL)
    if "curl" in block
)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl on this machine")
def test_the_curl_lines_log_a_check_in_and_read_a_trend(clinic: Clinic, prescriber: Caller) -> None:
    environment = os.environ | {"URL": str(clinic.http.base_url), "TOKEN": prescriber.token}
    commands = "set -e\n" + LINES.replace("curl -sS", "curl -sS --fail-with-body -w '\\n%%\\n'")

    done = subprocess.run(
        ["sh", "-c", commands], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    answers = [answer.strip() for answer in done.stdout.split("%\n")]
    brief, digest, decision = (json.loads(answer) for answer in answers[5:8])
    assert brief["medications"][0]["name"] == "sertraline"
    assert digest["digest"]["since"]["day"] == "2026-03-01"
    assert decision["options"][0]["option"] == "go_on_unchanged"
    trend = json.loads(answers[8])
    phq_9 = next(one for one in trend["measures"] if one["measure"] == "phq-9.total")
    assert phq_9["last"]["value"] == 7
    assert phq_9["baseline"]["level"] == 17
    assert phq_9["change"]["from_last"]["points"] == -10
    assert answers[9].startswith("patient,measure,")
    assert answers[10].startswith("<svg")
    people = prescriber("GET", "/v1/patients").json()["items"]
    assert [one["name"]["family"] for one in people] == ["Reader"]


def test_every_room_that_the_readme_names_is_there() -> None:
    root = README.parent
    for name in re.findall(r"`(app/[a-z_/]+/|[a-z]+/)`", README.read_text()):
        assert any((root / start / name).is_dir() for start in ("", "app")), name
