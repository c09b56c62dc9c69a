"""Live speech at the pages' address: a WebSocket goes on to the model that it names.

`WS /v1/realtime?intent=transcription&model=NAME` is OpenAI's realtime protocol, which the models'
own servers speak; here messages are only carried. A browser may connect from one of our own pages;
a program, which names no origin, from anywhere. The key for a gateway is added as for requests.
"""

import asyncio
import json
import uuid
from contextlib import suppress
from urllib.parse import urlencode, urlsplit, urlunsplit

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.frames import CloseCode
from websockets.typing import Subprotocol

from test_models.calls import BUSY, ServiceError
from test_models.forms import BadRequest
from test_models.openai_api import client_key, error_object, speech_model
from test_models.services import Service, Services

CONNECT_SECONDS = 5.0
CLOSE_SECONDS = 3.0  # that a closing handshake may take
MAX_MESSAGE_BYTES = 1 << 24  # of a model's
KEY = "openai-insecure-api-key."  # how the protocol has browsers send a key
PASSED_ON = ("openai-beta", "x-request-id")


def register(app: FastAPI, services: Services) -> None:
    """Adds the WebSocket to the app; before Gradio is mounted, which takes every other path."""

    @app.websocket("/v1/realtime")
    async def realtime(socket: WebSocket) -> None:
        if not same_origin(socket):
            await socket.close(CloseCode.POLICY_VIOLATION)
            return
        try:
            service = await _named(services, socket)
            connection = await _connected(service, socket)
        except ServiceError as error:
            await _refuse(socket, error)
            return
        async with connection:
            await socket.accept(connection.subprotocol)
            await _carry(socket, connection)


def same_origin(socket: WebSocket) -> bool:
    """Whether no page asks, or one of ours: another site's may open WebSockets to us, too."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _named(services: Services, socket: WebSocket) -> Service:
    """The model that the address names; if it names none, the only one that there is.

    Raises:
        ServiceError: there is none, it is down, or it hears no speech.
    """
    known = [one.name for one in await services.learned("asr")]
    name = socket.query_params.get("model", known[0] if len(known) == 1 else "")
    try:
        service = await speech_model(services, name)
    except BadRequest as unknown:
        try:
            services.named(name)
        except ServiceError:
            raise unknown from None
        raise BadRequest("model", f"'{name}' is not a speech model.") from None
    state = await services.state(service)
    if not state.up:
        raise ServiceError(f"'{name}' is down: {state.reason}")
    return service


async def _connected(service: Service, socket: WebSocket) -> ClientConnection:
    """A stream to a model.

    Raises:
        ServiceError: it takes none.
    """
    query = {**socket.query_params, "model": service.described.name or service.name}
    scheme, place, path, _, _ = urlsplit(service.base)
    scheme = "wss" if scheme == "https" else "ws"
    url = urlunsplit((scheme, place, f"{path}/v1/realtime", urlencode(query), ""))
    headers = {name: socket.headers[name] for name in PASSED_ON if name in socket.headers}
    headers |= client_key(service, _authorization(socket))
    offered = [Subprotocol(one) for one in socket.scope["subprotocols"]]
    try:
        return await connect(
            url,
            additional_headers=headers,
            subprotocols=offered or None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=CLOSE_SECONDS,
            max_size=MAX_MESSAGE_BYTES,
        )
    except InvalidStatus as error:
        if error.response.status_code in BUSY:
            raise ServiceError(f"'{service.name}' takes no more streams now.") from None
        raise _no_live_text(service) from None
    except InvalidHandshake:
        raise _no_live_text(service) from None
    except (OSError, TimeoutError, InvalidURI):
        raise ServiceError(f"'{service.name}' can't be reached at {service.base}.") from None


def _no_live_text(service: Service) -> ServiceError:
    return ServiceError(
        f"Model '{service.name}' has no live text: it was built by an earlier version, or a "
        "gateway passes no WebSockets on."
    )


def _authorization(socket: WebSocket) -> str:
    """The client's key, as in the header; a browser sends it as a subprotocol."""
    for one in socket.scope["subprotocols"]:
        if one.startswith(KEY):
            return f"Bearer {one.removeprefix(KEY)}"
    return str(socket.headers.get("authorization", ""))


async def _carry(socket: WebSocket, connection: ClientConnection) -> None:
    """Carries messages both ways until one side closes; the other is then closed likewise."""
    ways = [
        asyncio.create_task(one) for one in (_up(socket, connection), _down(socket, connection))
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _up(socket: WebSocket, connection: ClientConnection) -> None:
    with suppress(ConnectionClosed):  # `_down` hears of it, too
        while (message := await socket.receive())["type"] == "websocket.receive":
            text = message.get("text")
            await connection.send(message["bytes"] if text is None else text)
    await connection.close()


async def _down(socket: WebSocket, connection: ClientConnection) -> None:
    with suppress(WebSocketDisconnect):
        async for message in connection:
            if isinstance(message, str):
                await socket.send_text(message)
            else:
                await socket.send_bytes(message)
        code = connection.close_code or CloseCode.INTERNAL_ERROR
        lost = code == CloseCode.ABNORMAL_CLOSURE  # which can't be sent
        await socket.close(
            CloseCode.INTERNAL_ERROR if lost else code, connection.close_reason or None
        )


async def _refuse(socket: WebSocket, error: ServiceError) -> None:
    """Says why in an event, as a browser isn't told of an answer's status."""
    offered = socket.scope["subprotocols"]
    await socket.accept("realtime" if "realtime" in offered else None)
    status, about = error_object(error)
    event = {"type": "error", "event_id": f"event_{uuid.uuid4().hex}", "error": about}
    await socket.send_text(json.dumps(event, ensure_ascii=False))
    later = status >= 500
    await socket.close(
        CloseCode.TRY_AGAIN_LATER if later else CloseCode.POLICY_VIOLATION, about["code"]
    )
