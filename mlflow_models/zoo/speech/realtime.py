"""Live speech: OpenAI's realtime protocol, as far as it transcribes, over `WS /v1/realtime`."""

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket
from websockets.frames import CloseCode

from zoo.errors import Stopping, ZooError
from zoo.serving import metrics
from zoo.serving.declaration import Options
from zoo.serving.edge import error_body
from zoo.serving.server import Server
from zoo.serving.shared import shared
from zoo.speech.live import LiveSession
from zoo.speech.realtime_events import SoundInput
from zoo.speech.realtime_items import LiveSound
from zoo.speech.realtime_session import Conversation, Listen
from zoo.speech.realtime_stream import End, LiveStream, close

PATH = "/v1/realtime"
SUBPROTOCOL, BETA_SUBPROTOCOL = "realtime", "openai-beta.realtime-v1"
BETA_HEADER, BETA = "openai-beta", "realtime=v1"


def routes(server: Server, listen: Listen | None = None) -> list[BaseRoute]:
    """Give the routes of live speech.

    Args:
        server: The model's.
        listen: Makes the `LiveSession` of a stream; None: `zoo.speech.live` does.
    """
    endpoint = Endpoint(server, listen or _listener(server.engine))
    return [WebSocketRoute(PATH, endpoint.stream), Route(PATH, endpoint.plain)]


def _listener(engine: Any) -> Listen:
    def listen(settings: SoundInput, options: Options) -> LiveSound:
        if (vad := settings.turn_detection) is None:
            return LiveSession(engine, options, detects=False)
        return LiveSession(
            engine,
            options,
            silence_seconds=vad.silence_duration_ms / 1000,
            threshold=vad.threshold,
            prefix_seconds=vad.prefix_padding_ms / 1000,
        )

    return listen


class Endpoint:
    """The live streams of one worker.

    Args:
        server: The model's.
        listen: As `routes` has it.
    """

    def __init__(self, server: Server, listen: Listen) -> None:
        self._server, self._listen = server, listen
        self._open = 0

    async def plain(self, request: Request) -> Response:
        """Refuse a request that isn't for a WebSocket."""
        error = ZooError(
            "This path is for WebSockets: wss://HOST/v1/realtime?intent=transcription."
        )
        error.status, error.code = 426, "UPGRADE_REQUIRED"
        body = error_body(error, request.state.request_id)
        return JSONResponse(body, error.status, {"Upgrade": "websocket"})

    async def stream(self, socket: WebSocket) -> None:
        """Serve one client until it leaves, or a limit ends its stream."""
        if shared.stopping or shared.leaving or not self._server.ready:
            busy = Stopping("This worker takes no new streams; connect again.")
            body = error_body(busy, socket.state.request_id)
            await socket.send_denial_response(JSONResponse(body, 503, {"Retry-After": "1"}))
            return
        offered = socket.scope["subprotocols"]  # a browser's key is among them
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        beta = BETA_SUBPROTOCOL in offered or BETA in socket.headers.get(BETA_HEADER, "")
        if (end := self._refused(socket)) is not None:
            await close(socket, end)
            return
        self._open += 1
        metrics.live_streams.inc()
        settings, name = self._server.settings, self._server.scorer.name
        try:
            conversation = Conversation(
                self._server.engine, self._listen, name, beta, settings.live_seconds
            )
            await LiveStream(socket, self._server, conversation).run()
        finally:
            self._open -= 1
            metrics.live_streams.dec()

    def _refused(self, socket: WebSocket) -> End | None:
        """Say why a stream isn't served, or None."""
        query, name = socket.query_params, self._server.scorer.name
        if query.get("intent", "transcription") != "transcription":
            message = "This server only transcribes: 'intent' is 'transcription'."
            return End(
                CloseCode.POLICY_VIOLATION, "invalid_value", message, "invalid_request_error"
            )
        if query.get("model", name) != name:
            shown = query["model"][:40].encode(errors="replace").decode()
            message = f"Model '{shown}' not found; available: {name}."
            code = "model_not_found"
            return End(CloseCode.POLICY_VIOLATION, code, message, "invalid_request_error")
        if self._open >= self._server.settings.live_streams:
            message = f"This worker serves {self._open} live streams already; try again later."
            return End(CloseCode.TRY_AGAIN_LATER, "too_many_streams", message)
        return None
