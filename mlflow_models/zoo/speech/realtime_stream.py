"""One client's live stream, from its first event to its last.

One task reads, one has the model transcribe, in a thread, and one writes. Between them is room for
a few events, so each waits for the next: a client that doesn't read stops the transcription, and
then the server reads no more of its sound.
"""

import asyncio
import functools
import json
import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.frames import CloseCode

from zoo.serving import metrics, observers
from zoo.serving.server import Server
from zoo.serving.sockets import ENDING
from zoo.speech.realtime_events import failure, made
from zoo.speech.realtime_session import Conversation

MAX_EVENTS = 64  # that may wait for the client
MAX_BAD_EVENTS = 8  # of the client, in a row
MAX_FAILURES = 3  # of the model, in a row
LAST_SHARE = 0.5  # of the grace period: for the text in hand; the rest is for the client's goodbye
Answer = TypeVar("Answer")
log = logging.getLogger("theresa.speech")


@dataclass(frozen=True)
class End:
    """Why a stream ends.

    Attributes:
        close: The WebSocket's code.
        code: The error's, for programs.
        message: One sentence.
        kind: Whose fault it is, in the protocol's word.
    """

    close: CloseCode
    code: str
    message: str
    kind: str = "server_error"

    def event(self) -> dict[str, Any]:
        """Make the last event."""
        if self.close == CloseCode.NORMAL_CLOSURE:
            return made(self.code)
        return failure(self.message, self.code, self.kind)


class LiveStream:
    """One client's stream.

    Args:
        socket: An accepted WebSocket.
        server: The model's.
        conversation: What is said on it.
    """

    def __init__(self, socket: WebSocket, server: Server, conversation: Conversation) -> None:
        self._socket, self._server, self._conversation = socket, server, conversation
        self._settings = server.settings
        self._cancelled = threading.Event()
        self._events: asyncio.Queue[str | None] = asyncio.Queue(MAX_EVENTS)
        self._fed, self._stepped = asyncio.Event(), asyncio.Event()
        self._saying = asyncio.Lock()
        self._steps = False  # whether the model is at work

    async def run(self) -> None:
        """Serve the client."""
        await self._say()
        work = (self._read(), self._transcribe(), self._write(), self._stop())
        tasks = [asyncio.create_task(one) for one in work]
        reading, transcribing, writing, _ = tasks
        try:
            done, _ = await asyncio.wait(
                tasks,
                timeout=self._settings.live_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            end = done.pop().result() if done else self._expired()
            reading.cancel()
            if end is not None:
                await self._finish(end, transcribing, writing)
        finally:
            self._cancelled.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            metrics.live_seconds.inc(self._conversation.seconds)

    async def _read(self) -> End | None:
        """Read what the client sends; None once it has gone."""
        idle, bad = self._settings.live_idle_seconds, 0
        while True:
            await self._wait_for_room()
            try:
                async with asyncio.timeout(None if self._conversation.closed else idle):
                    message = await self._socket.receive()
            except TimeoutError:
                said = f"Nothing was sent for {idle:g} s."
                return End(CloseCode.POLICY_VIOLATION, "idle_timeout", said)
            if message["type"] == "websocket.disconnect":
                return None
            take = functools.partial(self._conversation.take, message.get("text"))
            bad = 0 if await self._in_thread(take) else bad + 1
            await self._say()
            if bad >= MAX_BAD_EVENTS:
                said = f"{bad} events in a row were wrong."
                kind = "invalid_request_error"
                return End(CloseCode.POLICY_VIOLATION, "too_many_errors", said, kind)
            self._fed.set()

    async def _wait_for_room(self) -> None:
        """Wait while too much sound waits for the model."""
        one, ahead = self._conversation, self._settings.live_ahead_seconds
        while one.waiting_seconds > ahead and (self._steps or one.due):
            self._stepped.clear()
            await self._stepped.wait()

    async def _transcribe(self) -> End:
        """Have the model transcribe what is due, until the conversation is complete."""
        failures = 0
        while not self._conversation.complete:
            if not self._conversation.due:
                self._fed.clear()
                await self._fed.wait()
                continue
            self._steps = True
            try:
                await self._in_thread(self._conversation.step)
                failures = 0
            except Exception as error:  # the next step is about the same sound
                log.exception("The model failed on a live stream.")
                observers.failed(error)
                failures += 1
            finally:
                self._steps = False
                self._stepped.set()
            if failures == MAX_FAILURES:
                self._conversation.fail()
            await self._say()
            if failures == MAX_FAILURES:
                said = f"The model failed {failures} times in a row."
                return End(CloseCode.INTERNAL_ERROR, "transcription_failed", said)
        return End(CloseCode.NORMAL_CLOSURE, "session.closed", "The client has closed the session.")

    async def _write(self) -> None:
        """Send events, up to None."""
        try:
            while (text := await self._events.get()) is not None:
                await self._socket.send_text(text)
        except WebSocketDisconnect:
            return

    async def _stop(self) -> End:
        """Wait until the server stops."""
        await self._socket.scope["extensions"][ENDING].wait()
        said = "The server stops; connect again."
        return End(CloseCode.SERVICE_RESTART, "server_stopping", said)

    def _expired(self) -> End:
        said = f"A stream lasts {self._settings.live_seconds:g} s at most."
        return End(CloseCode.POLICY_VIOLATION, "session_expired", said)

    async def _say(self) -> None:
        """Hand over what is to be sent, in order; wait for room."""
        async with self._saying:
            for one in self._conversation.news():
                await self._events.put(_written(one))

    async def _in_thread(self, work: Callable[[], Answer]) -> Answer:
        return await self._server.run(self._cancelled, work)

    async def _finish(
        self, end: End, transcribing: "asyncio.Task[Any]", writing: "asyncio.Task[Any]"
    ) -> None:
        """Complete the text in hand, then say why the stream ends, and close it."""
        if end.close != CloseCode.NORMAL_CLOSURE:
            self._socket.state.error_code = end.code.upper()
        try:
            async with asyncio.timeout(self._settings.grace_seconds * LAST_SHARE):
                await self._in_thread(self._conversation.close)
                self._fed.set()
                await asyncio.wait((transcribing, writing), return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            transcribing.cancel()
        if writing.done():
            return
        with suppress(TimeoutError, WebSocketDisconnect):
            async with asyncio.timeout(self._settings.body_seconds):
                await self._say()
                await self._events.put(_written(end.event()))
                await self._events.put(None)
                await writing
                await self._socket.close(end.close, end.code)


async def close(socket: WebSocket, end: End) -> None:
    """Refuse a stream that is accepted: say why, and close it."""
    socket.state.error_code = end.code.upper()
    with suppress(WebSocketDisconnect):
        await socket.send_text(_written(end.event()))
        await socket.close(end.close, end.code)


def _written(event: dict[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
