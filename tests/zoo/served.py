"""The zoo's server in this process, in a thread: real sockets, without gunicorn's start."""

import asyncio
import functools
import gc
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import uvicorn

from zoo.serving import app, sockets, worker
from zoo.serving.protocol import Protocol
from zoo.serving.shared import shared
from zoo.settings import Settings, read

HEAD = SimpleNamespace(  # gunicorn's defaults
    limit_request_line=4094, limit_request_fields=100, limit_request_field_size=8190
)


@dataclass
class Served:
    """A server's address without its scheme, and how to stop it."""

    host: str
    stop: threading.Event


@contextmanager
def served(model: Path, **settings: object) -> Iterator[Served]:
    """A server of one worker; `settings` as `zoo.settings` has them.

    Its event `stop` stops it as SIGTERM does.
    """
    given = {f"THERESA_{name.upper()}": str(value) for name, value in settings.items()}
    before = dict(os.environ)
    os.environ |= {"THERESA_MODEL": str(model), "THERESA_DRAIN_SECONDS": "0", **given}
    try:
        limits, made = read(Settings), app.create()
    finally:
        os.environ.clear()
        os.environ |= before
    config = uvicorn.Config(
        made,
        http=functools.partial(Protocol, limits=HEAD, settings=limits),  # type: ignore[arg-type]
        loop="asyncio",
        log_config=None,
        **sockets.CONFIGURATION,
    )
    config.ws = functools.partial(  # type: ignore[assignment]
        sockets.SocketProtocol, settings=limits
    )
    server, stop = worker.Server(config, limits, shares=False), threading.Event()

    async def watch() -> None:
        await asyncio.to_thread(stop.wait)
        shared.stopping = server.should_exit = True

    async def serve() -> None:
        watching = asyncio.create_task(watch())
        await server.serve(sockets=[listening])
        await watching

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=asyncio.run, args=(serve(),))
        thread.start()
        try:
            yield Served(f"127.0.0.1:{listening.getsockname()[1]}", stop)
        finally:
            stop.set()
            thread.join(60)
            shared.stopping = shared.leaving = False
            gc.unfreeze()
