"""The server is killed while clients write: nothing acknowledged is lost, nothing is doubled."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from bench import kills
from bench.stand import postgresql, sqlite


@pytest.mark.parametrize("database", [sqlite, postgresql], ids=["sqlite", "postgresql"])
def test_two_kills_lose_and_double_nothing(
    database: Callable[[], AbstractContextManager[str]],
) -> None:
    count = kills.run(database(), kills=2, clients=8)

    assert count.acknowledged > 0
    assert count.wrong == 0, count
