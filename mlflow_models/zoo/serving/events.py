"""Answers that flow: server-sent events, which are sent as an engine finds them.

The form is that of the HTML standard (https://html.spec.whatwg.org/multipage/server-sent-events).
While nothing has been sent, an error is an answer of its own; later it is the last event.
"""

import asyncio
import contextlib
import json
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextvars import ContextVar
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from zoo.errors import Cancelled, Stopping, TimedOut, ZooError
from zoo.serving import metrics, runner
from zoo.serving.edge import error_body
from zoo.serving.shared import shared
from zoo.settings import Settings

EVENTS = "text/event-stream"
QUALITY = re.compile(r";\s*q=(\d(?:\.\d+)?)")
COMMENT_SECONDS = 10.0  # after so long without an event, a comment shows that the answer goes on
COMMENT = b":\n\n"
TICK_SECONDS = 0.25  # between two looks at the clock
AHEAD = 8  # events that may wait for a client that reads slowly; then the work waits, too
LAST_SECONDS = 3.0  # before the server's end the last event is sent
LAST_SHARE = 0.25  # of the time that the server has until then, at most
# These tell a proxy, such as nginx, to pass each event on at once, and to store none.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no", "Vary": "Accept"}
Steps = Callable[[], Generator[tuple[str, Any], None, None]]
Write = Callable[[str, Any], bytes]
Run = Callable[[threading.Event, Callable[[], None]], Awaitable[None]]
log = logging.getLogger("theresa.server")


def asks_for_events(accept: str) -> bool:
    """Tell whether a request's `Accept` prefers events: to all others, or as the first of these."""
    best, preferred = 0.0, ""
    for one in accept.lower().split(","):
        given = QUALITY.search(one)
        if (quality := float(given[1]) if given else 1.0) > best:
            best, preferred = quality, one.partition(";")[0].strip()
    return preferred == EVENTS


def server_sent(event: str, data: Any) -> bytes:
    """Write an event, whose data is JSON."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event}\ndata: {text}\n\n".encode()


class Admission:
    """A request in flight: it counts until its answer is sent.

    Args:
        ended: Called at the end.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended, self._start, self._flows = ended, time.perf_counter(), False
        shared.count(1)
        metrics.in_flight.inc()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Count until the block's end; or until the events' end, if they are the answer."""
        token = _admission.set(self)
        try:
            yield
        except BaseException:
            self._flows = False
            raise
        finally:
            _admission.reset(token)
            if not self._flows:
                self._end(metrics.latency)

    @classmethod
    def kept(cls) -> "Admission":
        """Give the admission of the request that is being answered; `flowing` must end it."""
        one = _admission.get()
        one._flows = True
        return one

    @contextlib.contextmanager
    def flowing(self) -> Iterator[None]:
        """End the count at the block's end."""
        try:
            yield
        finally:
            self._end(metrics.stream_seconds)

    def _end(self, seconds: Any) -> None:
        shared.count(-1)
        metrics.in_flight.dec()
        seconds.observe(time.perf_counter() - self._start)
        self._ended()


_admission: ContextVar[Admission] = ContextVar("admission")


class EventStream(StreamingResponse):
    """The answer to one request.

    Args:
        request: The request.
        settings: The limits.
        run: Does work in a thread, as `Server.run`.
        steps: As `Server.events` takes them.
        write: Likewise.
    """

    def __init__(
        self, request: Request, settings: Settings, run: Run, steps: Steps, write: Write
    ) -> None:
        super().__init__((), headers=HEADERS, media_type=EVENTS)
        self._state, self._settings, self._run = request.state, settings, run
        self._steps, self._write = steps, write
        self._admission, self._loop = Admission.kept(), asyncio.get_running_loop()
        self._cancelled, self._room = threading.Event(), threading.Semaphore(AHEAD)
        self._found: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._ends_at = self._loop.time() + settings.stream_seconds
        self._stops = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events.

        Raises:
            ZooError: The request is refused; nothing has been sent.
        """
        del scope
        head = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        started = False
        with self._admission.flowing():
            tasks = [
                asyncio.ensure_future(one)
                for one in (self._run(self._cancelled, self._work), self._watch(receive))
            ]
            try:
                async for part in self._parts():
                    if not started:
                        await send(head)
                        started = True
                    await send(_body(part))
            except Exception as error:
                if not started:
                    raise
                await send(_body(self._last(error)))
            finally:
                self._cancelled.set()
                self._room.release()  # for a step that waits until the client has read on
                for task in tasks:
                    task.cancel()
            await send(_body(b"", more=False))

    def _work(self) -> None:
        """Take the steps, in a thread; hand over each event, at last None or an error."""
        end: Exception | None = None
        try:
            with contextlib.closing(self._steps()) as steps:
                for event, data in steps:
                    part = self._write(event, data)
                    self._room.acquire()
                    runner.stop_if_cancelled()
                    self._hand(part)
        except Exception as error:
            end = error
        self._hand(end)

    def _hand(self, found: bytes | Exception | None) -> None:
        self._loop.call_soon_threadsafe(self._found.put_nowait, found)

    async def _watch(self, receive: Receive) -> None:
        """Wait until the client has gone, which ends the answer."""
        while (await receive())["type"] != "http.disconnect":
            pass
        self._found.put_nowait(Cancelled("The client went away."))

    async def _parts(self) -> AsyncIterator[bytes]:
        """Yield what is to be sent: the events, and comments where none comes for long."""
        heard = spoken = self._loop.time()
        while True:
            try:
                async with asyncio.timeout(TICK_SECONDS):
                    found = await self._found.get()
            except TimeoutError:
                found = b""
            else:
                if found is None:
                    return
                if isinstance(found, Exception):
                    raise found
                self._room.release()
                yield found
                # Not earlier: a client may take its time to read.
                heard = self._loop.time()
                spoken = heard if found else spoken  # a step may have nothing to send
            self._check(heard)
            if self._loop.time() - spoken >= COMMENT_SECONDS:
                yield COMMENT
                spoken = self._loop.time()

    def _check(self, heard: float) -> None:
        """Raise the error that ends an answer whose time is over; `heard`: of the last event."""
        now = self._loop.time()
        if shared.stopping and not self._stops:
            left = self._settings.drain_seconds + self._settings.grace_seconds
            self._stops = True
            self._ends_at = min(self._ends_at, now + left - min(LAST_SECONDS, left * LAST_SHARE))
        if now >= self._ends_at:
            if self._stops:
                raise Stopping("The server stops; send the request again.")
            seconds = self._settings.stream_seconds
            raise TimedOut(f"The answer took longer than {seconds:g} s in all; send less at once.")
        seconds = self._settings.request_seconds
        if now - heard >= seconds:
            raise TimedOut(f"Nothing was found for {seconds:g} s; try again later.")

    def _last(self, error: Exception) -> bytes:
        """Write the event that ends an answer which can't go on; tell the log of a fault."""
        if not isinstance(error, ZooError):
            log.error("Request %s failed.", self._state.request_id, exc_info=error)
            error = ZooError("The model failed on this request.")
        self._state.error_code = error.code  # for the line in the log
        metrics.stream_errors.labels(error.code).inc()
        return self._write("error", error_body(error, self._state.request_id))


def _body(part: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.response.body", "body": part, "more_body": more}
