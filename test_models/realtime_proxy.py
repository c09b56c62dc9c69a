"""Live speech through the pages' address: `WS /v1/realtime`, sent on to the model's own server.

The browser's microphone and every client of OpenAI's realtime protocol come this way; `model` names
the service. The client's key goes on to the gateway, where the service has none of its own.
"""

import asyncio
from contextlib import suppress
from urllib.parse import urlencode, urlsplit

import websockets
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from websockets.asyncio.client import ClientConnection

from test_models.calls import ServiceError
from test_models.services import Service, Services

POLICY, TROUBLE = 1008, 1011  # WebSocket's codes for what isn't allowed, and for what fails
KEY = "openai-insecure-api-key."  # how the protocol has browsers send a key: as a subprotocol
SUBPROTOCOL = "realtime"


def register(app: FastAPI, services: Services) -> None:
    """Adds the WebSocket to the app; before Gradio is mounted, which takes every other path."""

    @app.websocket("/v1/realtime")
    async def realtime(socket: WebSocket, model: str = "") -> None:
        if not same_origin(socket):
            await socket.close(POLICY)
            return
        offered = socket.scope["subprotocols"]
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        with suppress(WebSocketDisconnect):
            try:
                service = await _service(services, model)
                async with _opened(service, socket) as server:
                    await _join(socket, server)
                await socket.close(server.close_code or TROUBLE)
            except ServiceError as error:
                await _refuse(socket, str(error))
            except (OSError, TimeoutError, websockets.WebSocketException):
                await _refuse(socket, f"Model '{model}' has no live text, or can't be reached.")


def same_origin(socket: WebSocket) -> bool:
    """Whether no browser asks, or one of our own pages: another site's may open WebSockets, too."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")


async def _service(services: Services, model: str) -> Service:
    """The service of that name.

    Raises:
        ServiceError: there is none, it is down, or it hears no speech.
    """
    service = services.named(model)
    state = await services.state(service)
    if not state.up:
        raise ServiceError(f"'{model}' is down: {state.reason}")
    if service.page != "asr":
        raise ServiceError(f"'{model}' is not a speech model.")
    return service


def _opened(service: Service, socket: WebSocket) -> websockets.connect:
    """A connection to the model's server."""
    base = service.url.rstrip("/").removesuffix("/invocations").replace("http", "ws", 1)
    key = service.key or _key(socket)
    given = [(name, one) for name, one in socket.query_params.multi_items() if name != "model"]
    return websockets.connect(
        f"{base}/v1/realtime?{urlencode(given)}",
        additional_headers={"apikey": key} if key else {},
        proxy=None,
    )


def _key(socket: WebSocket) -> str:
    """The client's key; a browser sends it as a subprotocol."""
    for one in socket.scope["subprotocols"]:
        if one.startswith(KEY):
            return str(one.removeprefix(KEY))
    return socket.headers.get("authorization", "").removeprefix("Bearer ")


async def _join(socket: WebSocket, server: ClientConnection) -> None:
    """Sends each one's messages to the other one, until one of them has gone."""

    async def up() -> None:
        with suppress(WebSocketDisconnect):
            while True:
                await server.send(await socket.receive_text())

    async def down() -> None:
        async for message in server:
            await socket.send_text(message if isinstance(message, str) else message.decode())

    tasks = [asyncio.create_task(one) for one in (up(), down())]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    for task in done:
        with suppress(websockets.ConnectionClosed):
            task.result()


async def _refuse(socket: WebSocket, message: str) -> None:
    """Tells why, as the protocol does, and closes."""
    about = {"type": "invalid_request_error", "code": "model_not_found", "message": message}
    await socket.send_json({"type": "error", "error": about})
    await socket.close(POLICY)
