"""Rate limits, shedding, and browsers of other origins."""

import asyncio
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.errors import RateLimited, Unavailable
from app.core.limits import AUTH, USER, WINDOW_S, Gate, Limiter
from app.main import create_app
from app.settings import Settings
from tests.conftest import Clinic, TestClock
from tests.patients.test_patients import PATH, PERSON
from tests.server import Server

ORIGIN = "https://clinic.example"


@pytest.fixture
def limited(database_url: str, tmp_path: Path, clock: TestClock) -> Iterator[Clinic]:
    settings = Settings(
        database_url=database_url, data_dir=tmp_path, rate_limits="on", cors_origins=[ORIGIN]
    )
    app = create_app(settings, clock)
    with Server(app) as server, httpx.Client(base_url=server.url, timeout=30) as http:
        yield Clinic(app, http, clock)


def test_a_user_has_so_much_a_minute_and_a_write_counts_as_five(limited: Clinic) -> None:
    prescriber = limited.as_("prescriber")

    first = prescriber("POST", "/v1/patients", PERSON)
    second = prescriber("GET", PATH)

    assert first.headers["RateLimit-Policy"] == '"user";q=600;w=60'
    assert first.headers["RateLimit"] == '"user";r=595;t=60'
    assert second.headers["RateLimit"] == '"user";r=594;t=60'
    assert limited.as_("system")("GET", PATH).headers["RateLimit-Policy"] == '"system";q=6000;w=60'


def test_tokens_are_asked_for_sixty_times_a_minute_from_one_address(limited: Clinic) -> None:
    def ask() -> httpx.Response:
        return limited.http.post(
            "/oauth/token", data={"grant_type": "refresh_token", "refresh_token": "zq7"}
        )

    assert {ask().status_code for _ in range(60)} == {400}
    refused = ask()
    assert refused.status_code == 429
    assert refused.json()["code"] == "rate-limited"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.headers["Retry-After"] == "60"
    assert refused.headers["RateLimit"] == '"auth";r=0;t=60'
    # Those who have a token are not held up by it.
    assert limited.as_("prescriber")("GET", "/v1/patients").status_code == 200
    limited.clock.advance(seconds=60)
    assert ask().status_code == 400


def test_one_caller_does_not_use_up_anothers_share() -> None:
    limiter = Limiter()
    for _ in range(USER.quota):
        limiter.take(USER, "a", 1, 0.0)

    with pytest.raises(RateLimited):
        limiter.take(USER, "a", 1, 59.0)
    assert limiter.take(USER, "b", 1, 59.0).remaining == USER.quota - 1
    assert limiter.take(AUTH, "a", 1, 59.0).remaining == AUTH.quota - 1
    assert limiter.take(USER, "a", 1, float(WINDOW_S)).remaining == USER.quota - 1


def test_what_is_too_much_is_shed_at_once_and_room_is_made_again() -> None:
    async def crowd() -> None:
        gate = Gate(in_flight=1, waiting=1)
        await gate.enter("a")
        waiting = asyncio.ensure_future(gate.enter("b"))
        await asyncio.sleep(0)
        with pytest.raises(Unavailable) as shed:
            await gate.enter("c")
        assert (shed.value.status, shed.value.code) == (503, "overloaded")
        assert shed.value.headers()["Retry-After"] == "1"
        gate.leave("a")
        await waiting
        gate.leave("b")
        await gate.enter("a")

    _run(crowd())


def test_one_caller_who_asks_without_end_leaves_room_for_others() -> None:
    async def crowd() -> None:
        gate = Gate(in_flight=2, waiting=2)
        await gate.enter("greedy")
        await gate.enter("greedy")
        third = asyncio.ensure_future(gate.enter("greedy"))
        await asyncio.sleep(0)
        for _ in range(3):
            with pytest.raises(Unavailable):
                await gate.enter("greedy")
        other = asyncio.ensure_future(gate.enter("other"))
        await asyncio.sleep(0)
        gate.leave("greedy")
        await third
        gate.leave("greedy")
        await other
        gate.leave("greedy")
        gate.leave("other")
        await gate.enter("greedy")

    _run(crowd())


def _run(crowd: Coroutine[Any, Any, None]) -> None:
    """Run it in a thread of its own: a browser's test may have left a loop running in this one."""
    with ThreadPoolExecutor(1) as own:
        own.submit(asyncio.run, crowd).result()


def test_a_browser_of_a_named_origin_may_call_and_no_other(limited: Clinic) -> None:
    def preflight(origin: str) -> httpx.Response:
        return limited.http.options(
            PATH,
            headers={
                "Origin": origin,
                "Access-Control-Request-Method": "PATCH",
                "Access-Control-Request-Headers": "authorization, if-match",
            },
        )

    known, other = preflight(ORIGIN), preflight("https://evil.example")

    assert known.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Access-Control-Allow-Origin" not in other.headers
    assert "Access-Control-Allow-Credentials" not in known.headers


@pytest.mark.parametrize("origins", [["*"], ["https://*.example"], ["clinic.example"]])
def test_an_origin_for_everybody_stops_the_start(origins: list[str]) -> None:
    with pytest.raises(ValueError, match="TITRATE_CORS_ORIGINS"):
        Settings(cors_origins=origins)


def test_an_issuer_without_tls_stops_the_start() -> None:
    with pytest.raises(ValueError, match="TITRATE_OIDC_ISSUER"):
        Settings(oidc_issuer="http://login.example")
