"""WebSockets of the zoo's server: uvicorn's protocol, with the server's limits.

uvicorn has three implementations. This one builds on `websockets-sansio`: it reads on only after
the app has taken all messages, so a client can't fill the memory, and it is a plain protocol of
asyncio, as ours for HTTP. The one on `websockets`' older interface is deprecated by both libraries;
`wsproto`'s is in Python alone, and one package more.
"""

import asyncio
import base64
import binascii
import logging
import socket
import struct
from collections.abc import Sequence
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CloseCode, Frame
from websockets.http11 import MAX_LINE_LENGTH, MAX_NUM_HEADERS, Request

from zoo.serving.edge import new_id, record
from zoo.serving.shared import shared
from zoo.settings import Settings

MAX_MESSAGE_BYTES = 2 << 20  # base64 of 32 s at 24 kHz and 16 bits
MAX_FRAGMENTS = 4_096  # of a message; an empty one takes memory, too
ENDING = "theresa.ending"  # the scope's extension: an event, set when the connection should end
CONFIGURATION: dict[str, Any] = {
    "ws_max_size": MAX_MESSAGE_BYTES,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,  # sound doesn't shrink, and each stream would need memory
}
Fields = Sequence[tuple[bytes, bytes]]
log = logging.getLogger("theresa.sockets")
log.setLevel(logging.WARNING)  # what uvicorn and websockets say below may have a key in it


class Patient(asyncio.Protocol):
    """Gives up a client that doesn't read what it is sent."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    _settings: Settings
    _reading: asyncio.TimerHandle | None = None  # until when the client must read on

    def pause_writing(self) -> None:
        super().pause_writing()
        self._reading = self.loop.call_later(self._settings.body_seconds, self._give_up)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None

    def _give_up(self) -> None:
        """End the connection of a client that doesn't read; drop what the kernel holds for it."""
        raw = self.transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class SocketProtocol(Patient, WebSocketsSansIOProtocol):
    """A WebSocket on one connection.

    Args:
        settings: The deadlines.
    """

    def __init__(self, *args: Any, settings: Settings, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._settings = settings
        self._ending = asyncio.Event()
        self._heard = False  # anything since the last look
        self.logger = self.conn.logger = log
        self.conn.debug = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        shared.hold(len(self.connections))

    def connection_lost(self, exc: Exception | None) -> None:
        self.resume_writing()
        super().connection_lost(exc)
        shared.hold(len(self.connections))

    def shutdown(self) -> None:
        """Ask the app to end an open connection; end any other."""
        if self.handshake_complete and not self.close_sent:
            self._ending.set()
        else:
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        self._heard = True
        super().data_received(data)

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            self.scope["extensions"][ENDING] = self._ending  # type: ignore[assignment]
        else:
            record(new_id(), "GET", event.path, self.response.status_code, 0.0)

    def handle_cont(self, event: Frame) -> None:
        if len(self.frames) < MAX_FRAGMENTS:
            super().handle_cont(event)
        else:
            self.conn.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
            self.handle_parser_exception()

    def handle_ping(self) -> None:
        """Answer a ping, but not while the client doesn't read the answers."""
        if self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()

    def send_receive_event_to_app(self) -> None:
        """Hand a message over; a text that isn't UTF-8 as bytes, so that the app can refuse it."""
        if self.curr_msg_data_type == "text":
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.curr_msg_data_type = "bytes"
        super().send_receive_event_to_app()

    async def send(self, message: Any) -> None:
        """Send what the app says, as ASGI has it."""
        if self.handshake_complete and self.close_sent:  # the client has broken the rules
            raise ClientDisconnected
        await super().send(message)
        if self.close_sent:  # the handshake was refused
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        """Give up a client that is silent; its answer to a ping may wait behind its sound."""
        if self._heard or self.read_paused:
            self._heard = False
            self.pong_timer = self.loop.call_later(self.ping_timeout or 0.0, self.keepalive_timeout)
        else:
            super().keepalive_timeout()


def is_handshake(method: bytes, version: str, target: bytes, headers: Fields) -> bool:
    """Tell whether a request that asks for a WebSocket is as RFC 6455, section 4.2.1, has it.

    Args:
        method: The request's method.
        version: Of HTTP.
        target: The path and the query.
        headers: Names in lower case, and values.
    """
    names = [name for name, _ in headers]
    longest = max([len(target), *(len(name) + len(value) for name, value in headers)])
    fits = longest < MAX_LINE_LENGTH - 16 and len(headers) <= MAX_NUM_HEADERS
    usual = method == b"GET" and version == "1.1" and target.startswith(b"/") and target.isascii()
    has_body = b"content-length" in names or b"transfer-encoding" in names
    once = names.count(b"sec-websocket-key") == names.count(b"sec-websocket-version") == 1
    if not (fits and usual and once) or has_body:
        return False
    given = dict(headers)
    try:
        key = base64.b64decode(given[b"sec-websocket-key"], validate=True)
    except binascii.Error:
        return False
    return len(key) == 16 and given[b"sec-websocket-version"] == b"13"
