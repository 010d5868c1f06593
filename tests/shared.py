"""Where the specification and the real cases lie, beside the project."""

import os
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def shared_is_there() -> bool:
    """Say whether the folder is there; under CI its absence is a failure, never a skip."""
    if SHARED.is_dir():
        return True
    if os.environ.get("CI") == "true":
        raise RuntimeError("the folder `shared` must stand beside the project under CI=true")
    return False


needs_shared = pytest.mark.skipif(
    not shared_is_there(), reason="the folder `shared` does not stand beside the project"
)
