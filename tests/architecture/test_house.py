"""What no import contract can see."""

import re
from pathlib import Path

import pytest

from app.main import create_app
from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
APP = sorted((ROOT / "app").rglob("*.py"))
ALL = [
    file
    for folder in ("app", "tests", "migrations", "bench")
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def test_only_the_clock_says_what_time_it_is() -> None:
    asked = [
        str(file.relative_to(ROOT))
        for file in APP
        if re.search(r"datetime\.now\(|date\.today\(|datetime\.utcnow\(", file.read_text())
        and file.name not in {"clock.py", "cli.py"}
    ]

    assert asked == []


def test_no_table_is_touched_past_the_clinic_filter() -> None:
    offenders = [
        str(file.relative_to(ROOT))
        for file in APP
        if "__table__" in file.read_text() and file.parent.name != "core"
    ]

    assert offenders == []


def test_a_room_has_no_name_that_says_nothing() -> None:
    rooms = {folder.name for folder in (ROOT / "app").iterdir() if folder.is_dir()}

    assert not rooms & {"domain", "utils", "common", "helpers"}


def test_no_file_carries_a_path_of_one_machine_or_an_index_address() -> None:
    # The words are put together here so that this file does not find itself.
    machine = re.compile("/(" + "work" + "|" + "root" + ")/|pypi" + r"\.org|registry\.npmjs")
    files = [*ALL, *ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "pyproject.toml"]
    files += [*ROOT.glob("requirements/*.txt"), ROOT / "run", ROOT / "Dockerfile"]

    assert [str(file.relative_to(ROOT)) for file in files if machine.search(file.read_text())] == []


def test_operation_ids_are_unique_and_stand_for_the_functions(tmp_path: Path) -> None:
    document = create_app(Settings(data_dir=tmp_path)).openapi()
    ids = [
        operation["operationId"]
        for operations in document["paths"].values()
        for operation in operations.values()
    ]

    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", one) for one in ids)


def test_every_body_stands_in_the_document_with_its_schema(tmp_path: Path) -> None:
    document = create_app(Settings(data_dir=tmp_path)).openapi()
    posts = {
        path: operation["post"]
        for path, operation in document["paths"].items()
        if "post" in operation
    }

    for path, operation in posts.items():
        content = operation["requestBody"]["content"]
        if path.startswith("/oauth/"):  # a form of RFC 6749
            assert content["application/x-www-form-urlencoded"]["schema"]["required"]
            continue
        if path == "/v1/imports":  # files of several formats, as they are
            assert len(content) > 1
            continue
        name = content["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
        assert name in document["components"]["schemas"], path


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TITRATE_DATABASE_URL", "mysql://x", "postgresql+psycopg://"),
        ("TITRATE_MODE", "production", "TITRATE_DATABASE_URL"),
        ("TITRATE_DATABSE_URL", "sqlite:///x", "unknown setting TITRATE_DATABSE_URL"),
    ],
)
def test_a_wrong_setting_stops_the_start_with_what_to_set(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ValueError, match="(?s)" + re.escape(says)):
        Settings()
