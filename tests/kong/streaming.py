"""A plain server that answers as a speech model does: events, OpenAI's API, live streams."""

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from websockets.asyncio.client import connect

from kong.admin import tls
from tests.kong.certificates import Certificates
from tests.kong.threads import listening
from tests.zoo.sounds import encoded, tone

SPEECH_TASK = "automatic-speech-recognition"
PROTOCOL = "realtime"
WRONG_FORMS: list[dict[str, Any]] = [  # of a live stream's key
    {},
    {"subprotocols": [PROTOCOL, "openai-insecure-api-key.other"]},
]
CREATED, CLEARED = "session.created", "input_audio_buffer.cleared"


@dataclass
class Speaker:
    """What a test decides.

    Attributes:
        task: what the server says that its model is for.
        heard: set by the test once it has the first event: only then comes the second.
        pauses: seconds before each event after that.
        listens: whether it takes live streams.
        asked: the address and headers of each request.
        gone: set when a client has left an answer or a live stream.
        address: HOST:PORT.
    """

    task: str = SPEECH_TASK
    heard: threading.Event = field(default_factory=threading.Event)
    pauses: list[float] = field(default_factory=list)
    listens: bool = True
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI app."""
        if scope["type"] == "lifespan":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        query, path = scope["query_string"].decode(), scope["path"]
        if path != "/ready":
            self.asked.append((path + (f"?{query}" if query else ""), headers))
        if scope["type"] == "websocket":
            await self._live(scope, receive, send)
            return
        while (await receive()).get("more_body"):
            pass
        if path.startswith("/v1/audio/") or headers.get("accept") == "text/event-stream":
            await self._events(receive, send)
            return
        answers: dict[str, Any] = {
            "/ready": {"ready": True},
            "/invocations": {"predictions": [{"text": "你好"}]},
            "/openapi.json": {"paths": {"/invocations": {"post": EXAMPLE}}},
            "/v2/models": {"models": ["asr"]},
            "/v2/models/asr": {"parameters": {"declaration": {"task": self.task}}},
            "/v1/models": {"object": "list", "data": []},
        }
        if path == "/metrics":
            said = b"theresa_requests_in_flight 0.0\n"
        else:
            said = json.dumps(answers.get(path)).encode()
        found = path in answers or path == "/metrics"
        start = {"type": "http.response.start", "status": 200 if found else 404}
        await send({**start, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": said})

    async def _events(self, receive: Any, send: Any) -> None:
        kind = [(b"content-type", b"text/event-stream")]
        await send({"type": "http.response.start", "status": 200, "headers": kind})

        async def event(number: int, name: str = "progress", more: bool = True) -> None:
            said = json.dumps({"type": "transcript.text.delta", "delta": str(number)})
            body = f"event: {name}\ndata: {said}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": more})

        left = asyncio.ensure_future(receive())
        await event(0)
        await asyncio.to_thread(self.heard.wait)
        for number, pause in enumerate(self.pauses, 1):
            await asyncio.wait([left], timeout=pause)
            if left.done():
                self.gone.set()
                return
            await event(number)
        left.cancel()
        await event(len(self.pauses) + 1, "done", more=False)

    async def _live(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if not self.listens:
            await send({"type": "websocket.close"})  # which refuses it
            return
        offers = PROTOCOL in scope["subprotocols"]
        await send({"type": "websocket.accept", "subprotocol": PROTOCOL if offers else None})
        await send({"type": "websocket.send", "text": json.dumps({"type": CREATED})})
        while (message := await receive())["type"] == "websocket.receive":
            said = {key: message.get(key) for key in ("text", "bytes") if message.get(key)}
            if "clear" in (message.get("text") or ""):
                said = {"text": json.dumps({"type": CLEARED})}
            await send({"type": "websocket.send", **said})
        self.gone.set()


def talk(
    address: str, certificates: Certificates, *messages: str | bytes, **options: Any
) -> tuple[str | None, list[str | bytes]]:
    """Opens a live stream at an https address of a model, and sends messages on it.

    Args:
        address: the model's, of a gateway.
        certificates: the gateway's authority.
        messages: each is sent once the one before it has been answered.
        options: of the connection: headers, subprotocols.

    Returns:
        The subprotocol, and what was heard: the first event, and an answer to each message.

    Raises:
        InvalidStatus: it is refused.
    """
    url = f"wss{address.removeprefix('https')}/v1/realtime?intent=transcription"

    async def conversation() -> tuple[str | None, list[str | bytes]]:
        async with connect(url, ssl=tls(certificates.ca), proxy=None, **options) as live:
            heard = [await live.recv()]
            for message in messages:
                await live.send(message)
                heard.append(await live.recv())
            return live.subprotocol, heard

    return asyncio.run(conversation())


QUIET = base64.b64encode(encoded(tone(0.5))).decode()
SAMPLE = {"dataframe_split": {"columns": ["audio"], "data": [[QUIET]]}}
EXAMPLE = {"requestBody": {"content": {"application/json": {"example": SAMPLE}}}}


@contextmanager
def speaker() -> Iterator[Speaker]:
    """Runs one on the loopback interface."""
    app = Speaker()
    config = uvicorn.Config(app, port=0, log_config=None, ws="wsproto", lifespan="off")
    config.timeout_graceful_shutdown = 1
    with listening(uvicorn.Server(config)) as port:
        app.address = f"127.0.0.1:{port}"
        try:
            yield app
        finally:
            app.heard.set()
