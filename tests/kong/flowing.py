"""How the fake gateway lets bodies, answers and WebSockets pass: whole, or as they come.

Kong is nginx here: without buffering each part goes on as it arrives; the connection to a server
ends when the client's does, and the other way round.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

HANDSHAKE = ("host", "connection", "upgrade")  # and sec-websocket-…: each connection has its own


@dataclass
class Upload:
    """A request's body.

    Attributes:
        size: bytes, as the client says, or as they were counted.
    """

    size: int
    _receive: Any
    _whole: bytes | None = field(default=None, repr=False)

    @classmethod
    async def begun(cls, receive: Any, headers: dict[str, str], route: Any) -> "Upload":
        """A body that is read now, unless its route has it pass as it comes.

        Without a length Kong's limit of size reads it, too.
        """
        length = headers.get("content-length")
        if route and not route["request_buffering"] and length:
            return cls(int(length), receive)
        whole = await whole_body(receive)
        return cls(len(whole), receive, whole)

    async def read(self) -> None:
        """Reads what is left: a client that still sends doesn't hear the answer."""
        if self._whole is None:
            self._whole = await whole_body(self._receive)

    async def parts(self) -> AsyncIterator[bytes]:
        """What goes to a server."""
        if self._whole is not None:
            yield self._whole
            return
        more = True
        while more:
            message = await self._receive()
            more = message.get("more_body", False)
            yield message.get("body", b"")


@dataclass
class Answering:
    """An answer on its way to the client.

    Attributes:
        response: a server's, of which nothing was read.
        headers: for the client.
        buffers: whether all of it is read first.
    """

    response: httpx2.Response
    headers: list[tuple[bytes, bytes]]
    buffers: bool

    async def send(self, receive: Any, send: Any) -> None:
        """Sends it, until its end or until the client has gone."""
        tasks = {asyncio.ensure_future(one) for one in (self._relay(send), _left(receive))}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a server that breaks off: so does the answer
        finally:
            for task in tasks:
                task.cancel()
            await self.response.aclose()

    async def _relay(self, send: Any) -> None:
        if self.buffers:
            raw = await self.response.aread()
            await send_answer(send, self.response.status_code, raw, self.headers)
            return
        start = {"type": "http.response.start", "status": self.response.status_code}
        await send({**start, "headers": self.headers})
        async for part in self.response.aiter_bytes():
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _left(receive: Any) -> None:
    """Returns when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def tunnel(
    url: str,
    headers: dict[str, str],
    marks: list[tuple[bytes, bytes]],
    receive: Any,
    send: Any,
    transport: Any,
) -> None:
    """Lets a WebSocket pass both ways, until one side ends it.

    Args:
        url: of the server.
        headers: the request's.
        marks: headers that every answer has.
        receive: takes what the client says.
        send: says something to the client.
        transport: the client's connection, which is cut when the server's is.
    """
    own = {
        name: value
        for name, value in headers.items()
        if name not in HANDSHAKE and not name.startswith("sec-websocket-")
    }
    offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
    try:
        server = await connect(
            url,
            additional_headers=own,
            subprotocols=[one for one in offered if one] or None,  # type: ignore[misc]
            user_agent_header=None,
            max_size=None,
            proxy=None,
        )
    except InvalidStatus as refusal:
        response = refusal.response
        kind = [(b"content-type", response.headers.get("content-type", "text/plain").encode())]
        await send_answer(send, response.status_code, bytes(response.body or b""), [*kind, *marks])
        return
    except OSError:
        await send_answer(send, 502, {"message": "no connection"})
        return
    async with server:
        await send(
            {"type": "websocket.accept", "subprotocol": server.subprotocol, "headers": marks}
        )
        tasks = {asyncio.ensure_future(one) for one in (_up(server, receive), _down(server, send))}
        done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in left:
            task.cancel()
        if any(task.exception() for task in done):
            transport.abort()


async def _up(server: ClientConnection, receive: Any) -> None:
    while (message := await receive())["type"] == "websocket.receive":
        await server.send(message["text"] if message.get("text") is not None else message["bytes"])


async def _down(server: ClientConnection, send: Any) -> None:
    try:
        async for message in server:
            kind = "text" if isinstance(message, str) else "bytes"
            await send({"type": "websocket.send", kind: message})
    except ConnectionClosed as closed:
        if closed.rcvd is None:
            raise
    code, reason = server.close_code or 1000, server.close_reason or ""
    await send({"type": "websocket.close", "code": code, "reason": reason})


async def whole_body(receive: Any) -> bytes:
    """A request's body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Any, status: int, body: Any, headers: Any = None) -> None:
    """Answers with bytes, or with JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = headers or [(b"content-type", b"application/json")]
    length = [(b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*given, *length]})
    await send({"type": "http.response.body", "body": raw})
