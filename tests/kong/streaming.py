"""A plain server of streams: events of an answer, and a WebSocket that says back what it hears."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from tests.kong.threads import listening


@dataclass
class Streams:
    """What a test decides.

    Attributes:
        heard: set by the test once it has the first event: only then comes the second.
        pauses: seconds before each event after that.
        asked: the address and headers of each request.
        address: HOST:PORT.
    """

    heard: threading.Event = field(default_factory=threading.Event)
    pauses: list[float] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    address: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI app."""
        if scope["type"] == "lifespan":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query = scope["query_string"].decode()
        self.asked.append((scope["path"] + (f"?{query}" if query else ""), headers))
        await (self._events(send) if scope["type"] == "http" else self._live(receive, send))

    async def _events(self, send: Any) -> None:
        kind = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})

        async def event(number: int, more: bool = True) -> None:
            body = f"data: {number}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": more})

        await event(0)
        await asyncio.to_thread(self.heard.wait)
        for number, pause in enumerate(self.pauses, 1):
            await asyncio.sleep(pause)
            await event(number)
        await event(len(self.pauses) + 1, more=False)

    async def _live(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            said = {key: message.get(key) for key in ("text", "bytes") if message.get(key)}
            await send({"type": "websocket.send", **said})


@contextmanager
def streams() -> Iterator[Streams]:
    """Runs one on the loopback interface."""
    app = Streams()
    config = uvicorn.Config(app, port=0, log_level="critical", ws="wsproto", lifespan="off")
    config.timeout_graceful_shutdown = 1
    with listening(uvicorn.Server(config)) as port:
        app.address = f"127.0.0.1:{port}"
        try:
            yield app
        finally:
            app.heard.set()
