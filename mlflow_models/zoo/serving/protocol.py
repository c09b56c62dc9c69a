"""HTTP on one connection of the zoo's server: uvicorn's, with limits on time and size.

uvicorn leaves these to a proxy: deadlines for a request's head and for a client that doesn't read,
gunicorn's limits on the head, and the parser's errors in the same form as all others.
"""

import asyncio
import json
import sys
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from zoo.errors import BadInput, HeadTooLarge, TargetTooLong, TooSlow, ZooError
from zoo.serving.edge import error_body, new_id, record
from zoo.serving.shared import shared
from zoo.serving.sockets import Patient, is_handshake
from zoo.settings import Settings

UPGRADE = (b"connection", b"upgrade", b"http2-settings")
LINGER_SECONDS = 2.0  # how long to read on after a refusal, so that the client gets the answer


class Protocol(Patient, HttpToolsProtocol):
    """HTTP on one connection.

    Args:
        limits: gunicorn's configuration, which has `limit_request_*`.
        settings: The deadlines.
    """

    def __init__(self, *args: Any, limits: Any, settings: Settings, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._settings = settings
        self._line = limits.limit_request_line or sys.maxsize  # gunicorn's 0 is no limit
        self._fields = limits.limit_request_fields
        self._field = limits.limit_request_field_size or sys.maxsize
        self._most = self._line + self._fields * self._field  # bytes of a head
        self._part: str | None = None  # the part of a request that is arriving: "head" or "body"
        self._head_bytes = 0  # bytes of the head so far
        self._data = self._again = b""  # the bytes received; the bytes to parse again
        self._deadline: asyncio.TimerHandle | None = None
        self._refusal: ZooError | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = _Lingering(transport, self)  # type: ignore[assignment]
        transport.set_write_buffer_limits(0)  # `pause_writing` is called for every unread byte
        shared.hold(len(self.connections))
        self._expect("head", self._settings.header_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._expect(None)
        self.resume_writing()
        super().connection_lost(exc)
        shared.hold(len(self.connections))

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        if self._part is None and self._is_answered():
            self._expect("head", self._settings.header_seconds)
        while data:
            self._data, self._again = data, b""
            super().data_received(data)
            data = self._again
        if self._part is not None and self._refusal is None:
            self._head_bytes += len(self._data)
            if self._head_bytes > self._most:  # headers, or trailers
                self._refuse(HeadTooLarge("The request's head is too large."))
        self._data = b""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._part, self._head_bytes = "head", 1 - len(self._data)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self._line:
            raise TargetTooLong(f"The request's target is longer than {self._line:,} bytes.")

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > self._fields:
            raise HeadTooLarge(f"The request has more than {self._fields:,} headers.")
        if len(name) + len(value) > self._field:
            raise HeadTooLarge(f"A header is larger than {self._field:,} bytes.")

    def on_headers_complete(self) -> None:
        if self.parser.get_method() == b"CONNECT":
            raise BadInput("This server is not a proxy.")
        if self._upgrades_to_nothing():
            return
        super().on_headers_complete()
        self._expect("body")

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._head_bytes = -len(self._data)

    def _should_upgrade(self) -> bool:
        """Tell whether a WebSocket begins here: nothing else is under way on the connection."""
        parser = self.parser
        return (
            super()._should_upgrade()
            and self._is_answered()
            and is_handshake(parser.get_method(), parser.get_http_version(), self.url, self.headers)
        )

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over, without this protocol's deadlines."""
        self._expect(None)
        self.resume_writing()
        self._unset_keepalive_if_required()
        super().handle_websocket_upgrade()

    def _upgrades_to_nothing(self) -> bool:
        return bool(self.parser.should_upgrade() and not self._should_upgrade())

    def _unsupported_upgrade_warning(self) -> None:
        """Treat a request that asks for another protocol (Java's client: HTTP/2) as a plain one.

        httptools stops at the end of the head, so the head is parsed again without these headers.
        """
        error = sys.exc_info()[1]
        assert isinstance(error, httptools.HttpParserUpgrade)
        rest = self._data[error.args[0] :]
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        connection = b",".join(value for name, value in self.headers if name == b"connection")
        if b"close" in connection.lower():
            lines.append(b"Connection: close")
        lines += [name + b": " + value for name, value in self.headers if name not in UPGRADE]
        self.parser = httptools.HttpRequestParser(self)
        self._again = b"\r\n".join([*lines, b"", b""]) + rest

    def on_message_complete(self) -> None:
        if self._upgrades_to_nothing():
            return
        super().on_message_complete()
        self._expect(None, self.timeout_keep_alive if self._is_answered() else None)

    def on_response_complete(self) -> None:
        last = not self.pipeline
        super().on_response_complete()
        if self._refusal is not None:
            if last:
                self._unset_keepalive_if_required()
                self._write_refusal(self._refusal)
        elif self._part == "body" and self._is_answered():  # drop the rest
            self._expect("body", self._settings.body_seconds)
        elif self._part == "head":  # the next request has begun early
            self._expect("head", self._settings.header_seconds)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's words, for any fault
        error = sys.exc_info()[1]
        cause = error.__context__ if error is not None else None
        self._refuse(
            cause if isinstance(cause, ZooError) else BadInput("The request is not valid HTTP.")
        )

    def _is_answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect(self, part: str | None, seconds: float | None = None) -> None:
        """Note which part of a request comes next, and its deadline in seconds."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._part = part
        self._deadline = self.loop.call_later(seconds, self._late) if seconds else None

    def _late(self) -> None:
        if self._part == "head" and self._head_bytes:
            self._refuse(TooSlow("The request's head didn't arrive in time."))
        else:
            self.transport.close()

    def _refuse(self, error: ZooError) -> None:
        """Refuse a request: answer the requests before it, then end the connection."""
        self._refusal = error
        self._unset_keepalive_if_required()
        part = self._part
        self._expect(None)
        if part == "body" and self._is_answered():
            self.transport.close()
        elif part == "body" and self.pipeline:
            self.pipeline.popleft()  # the requests before it are answered first
        elif part == "body":
            # The app waits for the body: tell it that nothing more will come.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            if self.cycle.response_started:
                self.transport.close()
            else:
                self._write_refusal(error)
        elif self._is_answered():
            self._write_refusal(error)

    def _write_refusal(self, error: ZooError) -> None:
        if self.transport.is_closing():
            return
        request_id = new_id()
        body = json.dumps(error_body(error, request_id)).encode()
        head = (
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Request-ID: {request_id}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[error.status] + head.encode() + body)
        record(request_id, None, None, error.status, 0.0)
        self.linger()

    def linger(self) -> None:
        """End the connection, but read what the client still sends, so that it gets the answer."""
        if self._refusal is None:
            self._refusal = BadInput("The request has been answered.")  # parse nothing more
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._expect(None, LINGER_SECONDS)

    @property
    def is_receiving(self) -> bool:
        """Whether the body of a request is still on its way."""
        return self._part == "body"


class _Lingering:
    """A transport that closes only after the whole request has arrived."""

    def __init__(self, transport: asyncio.Transport, protocol: Protocol) -> None:
        self._transport, self._protocol, self._ends = transport, protocol, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        return self._ends or self._transport.is_closing()

    def close(self) -> None:
        if self._protocol.is_receiving and not self._ends and self._transport.can_write_eof():
            self._ends = True
            self._protocol.linger()
        else:
            self._transport.close()
