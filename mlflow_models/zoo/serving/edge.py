"""The outermost layer of the app: it gives every answer an id, a line in the log and a count.

It also does what the frameworks don't: `HEAD` works wherever `GET` does, and a path may end with a
slash. It doesn't raise an error again that the app has answered: the server would close the
connection, and the client's next request would be lost. A WebSocket counts as one request; its line
comes when it ends.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import Mapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo.errors import NotFound, ZooError
from zoo.serving import metrics
from zoo.serving.shared import shared

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
PATHS = ("/invocations", "/ping", "/health", "/ready", "/version", "/metrics", "/v1/models",
         "/v1/audio/transcriptions", "/v1/audio/translations", "/v1/realtime")  # fmt: skip
access = logging.getLogger("theresa.access")


class Edge:
    """Wraps an ASGI app."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        exchange = (_Exchange if scope["type"] == "http" else _Handshake)(scope, receive, send)
        path, asked = scope["path"].rstrip("/") or "/", scope.get("method", "GET")
        state = {**scope.get("state", {}), "request_id": exchange.request_id}
        inner = {**scope, "path": path, "state": state}
        if asked == "HEAD":
            inner["method"] = "GET"  # the server sends no body
        try:
            await self._app(inner, exchange.receive, exchange.send)
        except Exception:
            # The app has logged this error. If the app hasn't answered, the server must.
            if exchange.status is None or scope["type"] == "websocket":
                raise
        finally:
            seconds = time.perf_counter() - exchange.start
            length = exchange.headers.get("content-length")
            ended = state.get("error_code")
            record(exchange.request_id, asked, path, exchange.status, seconds, length, ended)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = Headers(scope=scope)
        given = self.headers.get("x-request-id", "")
        self.request_id = given if REQUEST_ID.fullmatch(given) else new_id()
        self.start, self.status = time.perf_counter(), None
        self._receive, self._send = receive, send
        self._awaits_continue = self.headers.get("expect", "").lower() == "100-continue"

    async def receive(self) -> Message:
        self._awaits_continue = False  # the server sends `100 Continue` now
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            headers["X-Request-ID"] = self.request_id
            # After a refusal a client may send the body or not. Nobody knows, so it must reconnect.
            if shared.leaving or shared.stopping or self._awaits_continue:
                headers["Connection"] = "close"
        await self._send(message)


class _Handshake(_Exchange):
    """A WebSocket: the request for it, and its answer."""

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind == "websocket.close" and self.status is None:  # the router knows no such path
            await self._refuse(NotFound("There is no WebSocket at this path."))
            return
        if kind in ("websocket.accept", "websocket.http.response.start"):
            self.status = message.get("status", 101)
            MutableHeaders(scope=message)["X-Request-ID"] = self.request_id
        await self._send(message)

    async def _refuse(self, error: ZooError) -> None:
        """Answer as any other request that is refused."""
        answer = JSONResponse(error_body(error, self.request_id), error.status)
        await answer({"type": "websocket"}, self._receive, self.send)


def new_id() -> str:
    """Make an id for a request that has none."""
    return uuid.uuid4().hex


def record(
    request_id: str,
    method: str | None,
    path: str | None,
    status: int | None,
    seconds: float,
    length: str | None = None,
    error_code: str | None = None,
) -> None:
    """Count an answer, and write its line in the log.

    Args:
        request_id: The request's id.
        method: The request's method; None if it wasn't valid HTTP.
        path: The request's path; None if it wasn't valid HTTP.
        status: The answer's status; None if there was no answer, which is a fault of ours.
        seconds: How long the answer took.
        length: The request's `Content-Length`.
        error_code: Of the error that ended an answer by events, or a live stream.
    """
    known = path if path in PATHS else "/v2" if (path or "").startswith("/v2") else "other"
    status = status or 500
    metrics.requests.labels(known, status).inc()
    line = {
        "request_id": request_id,
        "method": method,
        "path": known,
        "status": status,
        "seconds": round(seconds, 4),
        "bytes": length,
        **({"error_code": error_code} if error_code else {}),
    }
    access.info(json.dumps(line))


def error_body(error: ZooError, request_id: str) -> Mapping[str, Any]:
    """Make the body of an error's answer."""
    about = {"error_code": error.code, "message": str(error), "request_id": request_id}
    return {**about, **error.fields}
