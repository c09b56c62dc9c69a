"""The zoo's server: an ASGI app around MLflow's scoring, for an operator behind a gateway.

`/invocations`, `/ping` and `/version` behave as MLflow documents. Besides: `/health` and `/ready`,
`/metrics`, errors as JSON with a request's id, limits (`zoo.settings`), and one line of JSON per
request in the log. A request that timed out, or whose client went away, stops costing.
"""

import asyncio
import contextlib
import contextvars
import gc
import json
import logging
import os
import re
import threading
import time
import uuid
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from mlflow.pyfunc import load_model  # type: ignore[attr-defined]
from mlflow.version import VERSION
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoo import metrics, runner
from zoo.errors import Busy, Cancelled, TimedOut, TooLarge, TooSlow, UnsupportedMedia, ZooError
from zoo.scoring import Scorer
from zoo.settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
PATHS = ("/invocations", "/ping", "/health", "/ready", "/version", "/metrics")
access = logging.getLogger("theresa.access")
log = logging.getLogger("theresa.server")


class Server:
    """One worker's state: the model, what is in flight, and whether it is ready.

    Args:
        model: A saved model's directory.
        settings: The limits.
        stopping: A file that exists while the service is being stopped.
    """

    def __init__(self, model: Path, settings: Settings, stopping: Path | None) -> None:
        self.settings, self._stopping = settings, stopping
        loaded = load_model(str(model))
        self._score = Scorer(loaded, settings.max_rows)
        self.sample = (model / "serving_input_example.json").read_bytes()
        self._pool: ThreadPoolExecutor | None = None
        self._in_flight = 0
        self._ready = False
        about = loaded.metadata.metadata or {}
        self._about = (str(about.get("name", "")), str(loaded.metadata.model_uuid))

    async def start(self) -> None:
        """Answers the sample; runs in the worker, after any fork. Until then it isn't ready."""
        self._pool = ThreadPoolExecutor(self.settings.max_requests, "request")
        runner.observers[:] = [metrics.EngineMetrics()]
        metrics.model_info.labels(*self._about).set(1)
        await self._run(self.sample, "application/json", {}, threading.Event())
        self._ready = True

    @property
    def ready(self) -> bool:
        """Whether this worker has answered its sample, and isn't about to stop."""
        return self._ready and not (self._stopping is not None and self._stopping.exists())

    async def invocations(self, request: Request) -> Response:
        """Answers a prediction within the limits."""
        if self._in_flight >= self.settings.max_requests:
            raise Busy("The server has as many requests as it takes at once; try again.")
        self._in_flight += 1
        metrics.in_flight.inc()
        start = time.perf_counter()
        try:
            content_type = request.headers.get("content-type")
            if not content_type:
                raise UnsupportedMedia("Content-Type is missing; JSON is application/json.")
            body = await self._body(request)
            answer = await self._answer(request, body, content_type)
            return Response(answer, media_type="application/json")
        finally:
            self._in_flight -= 1
            metrics.in_flight.dec()
            metrics.latency.observe(time.perf_counter() - start)

    async def _body(self, request: Request) -> bytes:
        """Reads the body, no further than the limits of size and time."""
        limit = self.settings.max_body_bytes
        too_large = TooLarge(f"The body is larger than {limit:,} bytes.")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise UnsupportedMedia("Content-Encoding must be identity: send the body as it is.")
        length = request.headers.get("content-length", "")
        if length.isdigit() and int(length) > limit:
            raise too_large
        parts, size = [], 0
        try:
            async with asyncio.timeout(self.settings.body_seconds):
                async for part in request.stream():
                    size += len(part)
                    if size > limit:
                        raise too_large
                    parts.append(part)
        except TimeoutError:
            raise TooSlow("The body didn't arrive in time.") from None
        except ClientDisconnect:
            raise Cancelled("The client went away.") from None
        return b"".join(parts)

    async def _answer(self, request: Request, body: bytes, content_type: str) -> str:
        """Scores in a thread; gives it up when time is out or the client has gone."""
        cancelled = threading.Event()
        query = dict(request.query_params)
        work = asyncio.ensure_future(self._run(body, content_type, query, cancelled))
        gone = asyncio.ensure_future(_disconnect(request))
        try:
            await asyncio.wait(
                (work, gone),
                timeout=self.settings.request_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if work.done():
                return work.result()
            if gone.done():
                raise Cancelled("The client went away.")
            seconds = self.settings.request_seconds
            raise TimedOut(f"The request took longer than {seconds:g} s; send less at once.")
        finally:
            cancelled.set()
            gone.cancel()
            work.cancel()

    async def _run(
        self, body: bytes, content_type: str, query: dict[str, str], cancelled: threading.Event
    ) -> str:
        context = contextvars.copy_context()
        context.run(runner.cancellation.set, cancelled)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, context.run, self._score, body, content_type, query
        )


async def _disconnect(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create() -> FastAPI:
    """The app of the model in `THERESA_MODEL`; gunicorn calls it, before it forks."""
    stopping = os.environ.get("THERESA_STOPPING_FILE")
    server = Server(
        Path(os.environ["THERESA_MODEL"]), Settings(), Path(stopping) if stopping else None
    )

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await server.start()
        yield

    app = FastAPI(title="Theresa", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.add_api_route(
        "/invocations",
        server.invocations,
        methods=["POST"],
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {
                    "application/json": {
                        "schema": {"type": "object"},
                        "example": json.loads(server.sample),
                    }
                },
            }
        },
    )

    @app.get("/ping")
    @app.get("/health")
    async def health() -> Response:
        """The process is alive."""
        return Response("\n", media_type="application/json")

    @app.get("/ready")
    async def ready() -> JSONResponse:
        """This worker has answered its own sample request, and isn't about to stop."""
        if not server.ready:
            raise Busy("This worker isn't ready.")
        return JSONResponse({"ready": True})

    @app.get("/version")
    async def version() -> Response:
        """MLflow's version."""
        return Response(VERSION, media_type="application/json")

    @app.get("/metrics")
    async def prometheus() -> Response:
        """All workers' metrics."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    app.add_exception_handler(ZooError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(Exception, _fail)
    app.add_middleware(Observed)
    # What is loaded stays: left to the collector, its pauses are the slowest requests of a worker.
    gc.collect()
    gc.freeze()
    return app


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    """A refusal of ours, or of the router's (404, 405), as JSON."""
    if isinstance(error, HTTPException):
        status, code, message = error.status_code, "HTTP_ERROR", f"{error.detail}."
    else:
        assert isinstance(error, ZooError)
        status, code, message = error.status, error.code, str(error)
    return _json_error(request, status, code, message)


async def _fail(request: Request, _: Exception) -> JSONResponse:
    """A fault of ours; the trace goes to the log, under the request's id."""
    log.exception("Request %s failed.", request.state.request_id)
    return _json_error(request, 500, "INTERNAL_ERROR", "The model failed on this request.")


def _json_error(request: Request, status: int, code: str, message: str) -> JSONResponse:
    content = {"error_code": code, "message": message, "request_id": request.state.request_id}
    return JSONResponse(content, status, {"Retry-After": "1"} if status == 503 else None)


class Observed:
    """Gives every request an id, and, when it is answered, a line in the log and a count.

    Attributes:
        in_progress: How many requests this process has taken and not answered yet.
    """

    in_progress: ClassVar[int] = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        given = headers.get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        start, status = time.perf_counter(), 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        Observed.in_progress += 1
        try:
            await self._app(scope, receive, observed)
        finally:
            Observed.in_progress -= 1
            path = scope["path"] if scope["path"] in PATHS else "other"
            metrics.requests.labels(path, status).inc()
            line = {
                "request_id": request_id,
                "method": scope["method"],
                "path": path,
                "status": status,
                "seconds": round(time.perf_counter() - start, 4),
                "bytes": headers.get("content-length"),
            }
            access.info(json.dumps(line))
