"""Each line of the threats names a test, and each test that it names is there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| threat"))
]


def _file(name: str) -> Path:
    found = [one for one in (ROOT / "tests").rglob("test_*.py") if str(one).endswith(f"/{name}")]
    assert len(found) == 1, f"{name}: {len(found)} files"
    return found[0]


def _is_there(name: str, file: Path | None) -> bool:
    """Say whether a test of this name is in a file; `…` stands for the rest of a long one."""
    assert file is not None, name
    pattern = ".*".join(re.escape(part) for part in name.split("…"))
    known = re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE)
    return any(re.fullmatch(pattern, one) for one in known)


def test_every_line_names_a_test_that_is_there() -> None:
    missing = []
    named = 0
    for threat, _what_stops_it, tests in ROWS:
        file: Path | None = None
        for reference in re.findall(r"`([^`]+)`", tests):
            where, _, name = reference.rpartition("::")
            if reference.endswith("/"):
                assert (ROOT / reference).is_dir(), reference
            elif reference.endswith(".py"):
                file = _file(reference.removeprefix("tests/"))
            else:
                file = _file(where.removeprefix("tests/")) if where else file
                if not _is_there(name, file):
                    missing.append((threat, reference))
            named += 1
        assert "`" in tests, threat

    assert missing == []
    assert named > 40
