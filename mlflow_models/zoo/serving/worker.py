"""gunicorn's worker for the zoo's server: uvicorn's worker with two changes.

The workers share connections evenly. When a worker ends, no request is lost.
"""

import asyncio
import functools
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, ClassVar

import uvicorn
from gunicorn.arbiter import Arbiter
from uvicorn_worker import UvicornWorker

from zoo.serving import metrics, sockets
from zoo.serving.accepting import Acceptor
from zoo.serving.protocol import Protocol
from zoo.serving.shared import shared
from zoo.settings import Settings, read

SETTLE_SECONDS = 2.0  # how long to wait for the first request of a connection that was taken last


class Server(uvicorn.Server):
    """uvicorn's server; it accepts connections one by one, and ends after its clients have left.

    Args:
        config: uvicorn's configuration.
        settings: How long to go on after the whole server is told to stop.
        shares: Whether other workers listen on the same sockets.
    """

    def __init__(self, config: uvicorn.Config, settings: Settings, shares: bool) -> None:
        super().__init__(config)
        self._settings, self._shares = settings, shares

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup([])
        make: Callable[..., asyncio.Protocol] = self.config.http_protocol_class
        state = {"server_state": self.server_state, "app_state": self.lifespan.state}
        protocol = functools.partial(make, config=self.config, **state)
        ssl = (self.config.ssl, self._settings.header_seconds)
        self._acceptor = Acceptor(sockets or [], protocol, *ssl, shares=self._shares)
        shared.hold(0)
        metrics.workers.set(1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Go on for a while, and end each connection with its answer; then stop listening.

        A worker that is replaced goes on until its last client has gone; an idle connection ends
        after its time. So no connection is closed while a request arrives. A worker that can't
        compute any more doesn't wait for its clients.
        """
        shared.leave()
        idle = self.config.timeout_keep_alive
        if not shared.lost:
            await self._wait(idle, lambda: shared.stopping or not self.server_state.connections)
        if shared.stopping:
            await self._wait(self._settings.drain_seconds)
        self._acceptor.close()
        await self._wait(SETTLE_SECONDS, self._has_heard_all)
        await super().shutdown(sockets)

    def _has_heard_all(self) -> bool:
        """Tell whether each connection has had a request."""
        heard = (getattr(one, "cycle", one) for one in self.server_state.connections)
        return not self._acceptor.is_connecting and all(one is not None for one in heard)

    async def _wait(self, seconds: float, done: Callable[[], bool] = lambda: False) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end and not self.force_exit:
            await asyncio.sleep(0.05)  # before the check: a connection may just arrive
            if done():
                break

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Stop gently; unlike in uvicorn, the signal isn't raised again at the end."""
        self.should_exit = True

    def quit(self) -> None:
        """Stop without waiting for anything."""
        self.should_exit = self.force_exit = True


class Worker(UvicornWorker):
    """gunicorn's side: gunicorn gives it the sockets, and expects a sign of life."""

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        "loop": "asyncio",
        "server_header": False,
        "proxy_headers": False,  # nothing here looks at a client's address
        **sockets.CONFIGURATION,
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._settings = read(Settings)
        self.config.http = functools.partial(  # type: ignore[assignment]
            Protocol, limits=self.cfg, settings=self._settings
        )
        self.config.ws = functools.partial(  # type: ignore[assignment]
            sockets.SocketProtocol, settings=self._settings
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
        server = Server(self.config, self._settings, shares=not self.cfg.reuse_port)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGQUIT, server.quit)
        beating = loop.create_task(self._beat(server))  # also before it listens and while it ends
        await server.serve(sockets=self.sockets)
        beating.cancel()
        if not server.started:
            sys.exit(Arbiter.WORKER_BOOT_ERROR)

    async def _beat(self, server: Server) -> None:
        while os.getppid() == self.ppid:
            self.notify()
            await asyncio.sleep(1)
        server.quit()  # the master was killed
