"""gunicorn's worker for the zoo's server: uvicorn's, which shares the load and leaves gently.

Connections are spread evenly over the workers, and no request is lost when one of them goes.
"""

import asyncio
import functools
import signal
import socket
import sys
import threading
from types import FrameType
from typing import Any, ClassVar

import uvicorn
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from zoo.edge import Edge
from zoo.protocol import Protocol
from zoo.settings import Settings
from zoo.shared import shared

BACKLOG = 2048  # connections that wait to be accepted; the kernel allows fewer, mostly 4096


class Server(uvicorn.Server):
    """uvicorn's server, which takes connections one by one, and leaves when its clients have.

    Args:
        config: uvicorn's.
        drain_seconds: How long clients may take to leave by themselves.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        # asyncio accepts up to `backlog` connections at a time: with 1, what comes at once is
        # spread over the workers. More may wait.
        await super().startup(sockets)
        for one in sockets or ():
            one.listen(BACKLOG)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what comes, ending each connection; after a while stop listening."""
        Edge.leaving = True
        loop = asyncio.get_running_loop()
        end = loop.time() + self._drain_seconds
        while loop.time() < end and not self.force_exit:
            if not shared.stopping and not self.server_state.connections:
                break  # a worker that is replaced, with no client left
            await asyncio.sleep(0.05)
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop gently; unlike uvicorn's, the signal isn't raised again at the end."""
        self.should_exit = True

    def quit(self) -> None:
        """Stop without waiting for anything."""
        self.should_exit = self.force_exit = True


class Worker(UvicornWorker):
    """gunicorn's side: it gives the worker its sockets, and gets a sign of life from it."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "asyncio",
        "backlog": 1,
        "server_header": False,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = Settings()  # type: ignore[call-arg]
        self.config.http = functools.partial(  # type: ignore[assignment]
            Protocol, limits=self.cfg, settings=self._settings
        )

    def load_wsgi(self) -> None:
        """Load the model, however long it takes."""
        loaded = threading.Event()

        def beat() -> None:
            while not loaded.wait(1):
                self.notify()

        threading.Thread(target=beat, daemon=True).start()
        try:
            super().load_wsgi()
        finally:
            loaded.set()

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        server = Server(self.config, self._settings.drain_seconds)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, server.quit)
        beating = loop.create_task(self._beat())  # also while it answers its sample, and leaves
        await server.serve(sockets=self.sockets)
        beating.cancel()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _beat(self) -> None:
        while True:
            self.notify()
            await asyncio.sleep(1)
