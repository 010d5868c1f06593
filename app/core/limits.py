"""How much one caller, and all together, may ask: rate limits, and shedding what is too much.

Counted in this process: with several workers each has its own count, and what is meant for a
whole installation is cut in front of it.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import NamedTuple

from app.core.errors import RateLimited, Unavailable

WINDOW_S = 60
WRITE_WEIGHT = 5
MOST_CALLERS = 10_000
IN_FLIGHT = 100
"""More would only wait longer behind each other: 200 gave no more answers a second, at three
times what can be done, and made the slowest of them take twice as long."""
WAITING = 100
WAIT_S = 1.0


class Policy(NamedTuple):
    """How much of what a minute."""

    name: str
    quota: int


AUTH = Policy("auth", 60)
USER = Policy("user", 600)
SYSTEM = Policy("system", 6000)


@dataclass(frozen=True, slots=True)
class Left:
    """What is left of a quota, and after how many seconds it is whole again."""

    policy: Policy
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """Give the header fields (draft-ietf-httpapi-ratelimit-headers)."""
        name = self.policy.name
        return {
            "RateLimit-Policy": f'"{name}";q={self.policy.quota};w={WINDOW_S}',
            "RateLimit": f'"{name}";r={self.remaining};t={self.reset_s}',
        }


class Limiter:
    """Counts what each caller asked for in the minute that began with their first request."""

    def __init__(self) -> None:
        self._used: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def take(self, policy: Policy, caller: Hashable, weight: int, now: float) -> Left:
        """Take from a caller's quota.

        Raises:
            RateLimited: it is used up; nothing is taken.
        """
        key = (policy.name, caller)
        began, used = self._used.get(key, (now, 0))
        if now - began >= WINDOW_S:
            began, used = now, 0
        reset_s = max(1, round(began + WINDOW_S - now))
        if used + weight > policy.quota:
            raise RateLimited(Left(policy, max(0, policy.quota - used), reset_s).headers(), reset_s)
        self._used[key] = (began, used + weight)
        self._used.move_to_end(key)
        if len(self._used) > MOST_CALLERS:
            self._used.popitem(last=False)
        return Left(policy, policy.quota - used - weight, reset_s)


class Gate:
    """Lets so many requests in at once, keeps a few waiting for a second, sheds the rest.

    Three quarters of the places are the most that one caller gets: who asks without end is shed
    while others still come in.
    """

    def __init__(self, in_flight: int = IN_FLIGHT, waiting: int = WAITING) -> None:
        self._room = asyncio.Semaphore(in_flight)
        self._most = in_flight + waiting
        self._most_of_one = max(1, 3 * self._most // 4)
        self._of: Counter[Hashable] = Counter()
        """Places of each caller who has one, in flight or waiting."""

    async def enter(self, caller: Hashable) -> None:
        """Come in, at once or within a second; whoever came in leaves again.

        Raises:
            Unavailable: there are too many.
        """
        if self._of.total() >= self._most or self._of[caller] >= self._most_of_one:
            raise Unavailable()
        self._of[caller] += 1
        if not self._room.locked():
            await self._room.acquire()
            return
        try:
            await asyncio.wait_for(self._room.acquire(), WAIT_S)
        except TimeoutError:
            self._forget(caller)
            raise Unavailable() from None
        except BaseException:
            self._forget(caller)
            raise

    def leave(self, caller: Hashable) -> None:
        """Make room."""
        self._forget(caller)
        self._room.release()

    def _forget(self, caller: Hashable) -> None:
        self._of[caller] -= 1
        if not self._of[caller]:
            del self._of[caller]
