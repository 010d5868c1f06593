"""A browser, and the phone's page on one origin with the API, as a clinic's proxy would do it."""

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import httpx
import orjson
import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.conftest import Clinic, TestClock

PAGE = Path(__file__).resolve().parents[2] / "examples" / "phone"
Fault = Literal["refuse", "lose", "strange"]


@pytest.fixture
def clock() -> TestClock:
    """The browser's own day."""
    return TestClock(datetime.now(UTC))


@dataclass
class Site:
    """The page and the API behind one address; what goes wrong on the way is told beforehand.

    faults: for each of the next calls of /v1/sync: `refuse` answers 503 and hands nothing on,
    `lose` hands it on and answers 503 all the same, `strange` hands nothing on and answers 200
    with what is no answer, as a hotel's network does; None does what it should.
    """

    api: str
    faults: deque[Fault | None] = field(default_factory=deque)
    sent: list[list[str]] = field(default_factory=list)
    """The ids of the items of each call."""
    url: str = ""


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, site: Site, *args: Any) -> None:
        self._site = site
        super().__init__(*args, directory=str(PAGE))

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        fault = None
        if self.path == "/v1/sync":
            self._site.sent.append([item["id"] for item in orjson.loads(body)["items"]])
            fault = self._site.faults.popleft() if self._site.faults else None
        if fault == "refuse":
            self._answer(503, b"", {"Retry-After": "1"})
            return
        if fault == "strange":
            self._answer(200, b'{"results": []}', {"content-type": "application/json"})
            return
        names = ("authorization", "content-type")
        headers = {name: self.headers[name] for name in names if name in self.headers}
        answer = httpx.post(self._site.api + self.path, content=body, headers=headers)
        if fault == "lose":
            self._answer(503, b"", {"Retry-After": "1"})
        else:
            self._answer(answer.status_code, answer.content, dict(answer.headers))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name in ("content-type", "retry-after", "Retry-After"):
            if name in headers:
                self.send_header(name, headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def site(clinic: Clinic) -> Iterator[Site]:
    site = Site(str(clinic.http.base_url).rstrip("/"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, site)) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield site
        server.shutdown()
        thread.join()


@pytest.fixture
def phone(browser: Browser) -> Iterator[BrowserContext]:
    """One phone: its tabs share the queue."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(15_000)
    yield context
    context.close()
