"""Text while a person speaks: a WebSocket between the browser's microphone and a `Stream`.

The browser opens `/asr/live?model=NAME&params=JSON` and sends 16 kHz mono int16 samples
(little-endian) as binary messages, and the text `stop` at the end. It gets `{"stable", "tail"}`
whenever more is known, `{"text"}` once at the end, or `{"error"}`, a sentence, instead.
Nothing is stored; the stream ends with the connection.
"""

import asyncio
import json
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from test_models.calls import ServiceError
from test_models.services import Services
from test_models.sound import SAMPLE_RATE
from test_models.stream import Stream

MAX_SECONDS = 600  # of a stream
MAX_STREAMS = 8  # at a time
MAX_MESSAGE = 2 * SAMPLE_RATE * 2  # bytes: two seconds of sound
BEHIND = 60.0  # seconds of sound that may wait for the model
PATIENCE = 30.0  # seconds that the rest of the text may take
SILENCE = 20.0  # seconds without any message after which the browser is taken for gone
PAUSE = 0.1  # seconds between two looks at the text
STEADY = {"temperature": [0.0], "beam_size": 1}  # sampled text doesn't agree with itself
# A window's speakers aren't those of the next one; the whole recording has them afterwards.
ALONE = {"speakers": "off", "voices": "", "channels": "mix"}
POLICY = 1008  # WebSocket's code for what isn't allowed


def register(app: FastAPI, services: Services) -> None:
    """Adds the WebSocket to the app; before Gradio is mounted, which takes every other path."""
    streams: set[WebSocket] = set()

    @app.websocket("/asr/live")
    async def live(socket: WebSocket, model: str = "", params: str = "{}") -> None:
        if not same_origin(socket):
            await socket.close(POLICY)
            return
        await socket.accept()
        with suppress(WebSocketDisconnect):
            try:
                if len(streams) >= MAX_STREAMS:
                    raise ServiceError(f"{MAX_STREAMS} people speak already; try again in a while.")
                streams.add(socket)
                with await opened(services, model, params) as stream:
                    await socket.send_json({"text": await follow(socket, stream)})
            except ServiceError as error:
                await socket.send_json({"error": str(error)})
            finally:
                streams.discard(socket)
            await socket.close()


def same_origin(socket: WebSocket) -> bool:
    """Whether one of our own pages asks: another site's may open WebSockets to us, too."""
    origin = urlsplit(socket.headers.get("origin", ""))
    return bool(origin.netloc) and origin.netloc == socket.headers.get("host")


async def opened(services: Services, model: str, params: str) -> Stream:
    """A stream to a model.

    Raises:
        ServiceError: there is no such model, it is down, or the parameters are no JSON object.
    """
    service = services.named(model)
    state = await services.state(service)
    if not state.up:
        raise ServiceError(f"'{model}' is down: {state.reason}")
    if service.page != "asr":
        raise ServiceError(f"'{model}' is not a speech model.")
    try:
        given = dict(json.loads(params))
    except (ValueError, TypeError, RecursionError):
        raise ServiceError("'params' isn't a JSON object.") from None
    if service.described.takes("temperature"):
        given |= service.described.only(STEADY)
    given |= service.described.only(ALONE)
    return Stream(service.url, given.get("language"), buffer_seconds=BEHIND, key=service.key)


async def follow(socket: WebSocket, stream: Stream) -> str:
    """Feeds a stream and sends its text back until both are at their end.

    Returns:
        The whole text.

    Raises:
        ServiceError: the model refused the sound or doesn't answer, or too much was sent.
        WebSocketDisconnect: the browser is gone.
    """
    await first(hear(socket, stream), tell(socket, stream))
    rest = asyncio.to_thread(stream.finish, PATIENCE)
    return str(await first(rest, tell(socket, stream), gone(socket)))


async def first(*work: Coroutine[Any, Any, Any]) -> Any:
    """What the one that ends first gives or raises; the others are given up."""
    tasks = [asyncio.create_task(one) for one in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def hear(socket: WebSocket, stream: Stream) -> None:
    """Feeds what the browser sends, up to its `stop`."""
    size = 0
    while sound := await receive(socket):
        size += len(sound)
        if len(sound) > MAX_MESSAGE or len(sound) % 2:
            raise ServiceError("A message is too long, or isn't int16 samples.")
        if size > MAX_SECONDS * SAMPLE_RATE * 2:
            raise ServiceError(f"A stream lasts {MAX_SECONDS // 60} minutes at most.")
        stream.feed(np.frombuffer(sound, "<i2").astype(np.int16))


async def receive(socket: WebSocket) -> bytes:
    """The next message; nothing for `stop`."""
    try:
        message = await asyncio.wait_for(socket.receive(), SILENCE)
    except TimeoutError:
        raise ServiceError(f"No sound came for {SILENCE:g} s.") from None
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", POLICY))
    return message.get("bytes") or b""


async def gone(socket: WebSocket) -> None:
    """Raises `WebSocketDisconnect` once the browser is gone."""
    while True:
        with suppress(ServiceError):
            await receive(socket)


async def tell(socket: WebSocket, stream: Stream) -> None:
    """Sends what is known, whenever it is more."""
    while True:
        if partial := stream.poll():
            await socket.send_json({"stable": partial.stable, "tail": partial.tail})
        await asyncio.sleep(PAUSE)
