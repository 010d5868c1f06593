"""A real HTTP server on a loopback port, in a thread of the test process."""

import socket
import threading
from types import TracebackType

import uvicorn
from anyio.from_thread import start_blocking_portal
from fastapi import FastAPI


class Server:
    """Serves an app while the block runs."""

    def __init__(self, app: FastAPI) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._started = threading.Event()
        config = uvicorn.Config(app, log_level="error", lifespan="on", ws="none")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, daemon=True
        )

    def __enter__(self) -> "Server":
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the server did not start")
            self._started.wait(0.005)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()


def start_and_stop(app: FastAPI) -> None:
    """Run an app's start and end, in a thread of their own; raises what refused the start.

    Not in this thread: a browser that a test drives keeps a loop running here.
    """

    async def live() -> None:
        async with app.router.lifespan_context(app):
            pass

    with start_blocking_portal() as portal:
        portal.call(live)
