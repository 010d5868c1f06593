"""Programs that some tests need and a machine may lack: a browser, Node."""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def find(*names: str) -> str | None:
    """Give the first program that is there; under CI its absence is a failure, never a skip."""
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("CI") == "true":
        raise RuntimeError(f"{names[0]} must be installed under CI=true")
    return found


def needs(*names: str) -> pytest.MarkDecorator:
    """Skip a test where none of the programs is there."""
    return pytest.mark.skipif(find(*names) is None, reason=f"{names[0]} is not installed here")


def needs_module(name: str, is_there: bool) -> pytest.MarkDecorator:
    """Skip a test where what a package manager installs is not there; under CI, fail."""
    if not is_there and os.environ.get("CI") == "true":
        raise RuntimeError(f"{name} must be installed under CI=true")
    return pytest.mark.skipif(not is_there, reason=f"{name} is not installed here")
