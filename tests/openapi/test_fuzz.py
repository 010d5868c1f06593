"""Schemathesis finds nothing: no 5xx, no answer that the document does not know."""

from bench import fuzz
from bench.stand import sqlite


def test_ten_examples_an_operation_find_nothing_wrong() -> None:
    done = fuzz.run(sqlite(), examples=10, phases="fuzzing")

    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-5_000:]
    assert "No issues found" in done.stdout
