"""The routes of the zoo's server, around one model; gunicorn calls `create`.

`/invocations`, `/ping` and `/version` behave as MLflow documents, `/v2/...` as the Open Inference
Protocol does. There are also `/health`, `/ready` and `/metrics`. Errors are JSON with a request's
id.
"""

import contextlib
import gc
import json
import logging
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from gunicorn.arbiter import Arbiter
from mlflow.version import VERSION
from starlette.exceptions import HTTPException
from starlette.routing import Route

from zoo.errors import TooBusy, ZooError
from zoo.serving import metrics
from zoo.serving.edge import Edge, error_body
from zoo.serving.server import Server
from zoo.settings import Settings, read

log = logging.getLogger("theresa.server")


def create() -> Edge:
    """Make the app of the model in `THERESA_MODEL`; gunicorn calls this before it forks."""
    try:
        server = Server(Path(os.environ["THERESA_MODEL"]), read(Settings))
    except ZooError as error:  # of what an operator gave; a trace would hide the sentence
        log.critical("The server doesn't start: %s", error)
        raise SystemExit(Arbiter.APP_LOAD_ERROR) from None

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await server.start()
        yield

    app = FastAPI(
        title="Theresa", lifespan=lifespan, docs_url=None, redoc_url=None, redirect_slashes=False
    )
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
    @app.get("/v2/health/live")
    async def health() -> Response:
        """Tell that the process is alive."""
        return Response("\n", media_type="application/json")

    @app.get("/ready")
    @app.get("/v2/health/ready")
    async def ready() -> JSONResponse:
        """Tell whether this worker has answered its own sample, and isn't about to stop."""
        if not server.ready:
            raise TooBusy("This worker isn't ready.")
        return JSONResponse({"ready": True})

    _add_inference_protocol(app, server)
    # FastAPI describes the routes of predictions. Starlette alone answers them, in a quarter
    # less time on the event loop: they read their requests themselves.
    routes = [one for one in app.routes if isinstance(one, APIRoute)]
    predictions = [one for one in routes if "POST" in (one.methods or ())]
    app.router.routes[:0] = [Route(one.path, one.endpoint, methods=["POST"]) for one in predictions]
    if hasattr(server.engine, "routes"):  # of a protocol that only such models speak
        app.router.routes.extend(server.engine.routes(server))

    @app.get("/version")
    async def version() -> Response:
        """Tell MLflow's version."""
        return Response(VERSION, media_type="application/json")

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Give all workers' metrics."""
        return Response(metrics.render(), media_type="text/plain; version=0.0.4")

    app.add_exception_handler(ZooError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(Exception, _fail)
    # The collector would look at the loaded model again and again, and its pauses slow requests.
    gc.collect()
    gc.freeze()
    return Edge(app)


def _add_inference_protocol(app: FastAPI, server: Server) -> None:
    """Add the Open Inference Protocol's routes about the model."""

    @app.get("/v2")
    async def about() -> JSONResponse:
        """Describe the server."""
        return JSONResponse(
            {"name": "theresa", "version": VERSION, "extensions": ["binary_tensor_data"]}
        )

    @app.get("/v2/models")
    async def models() -> JSONResponse:
        """List the names of the models that are served, as KServe does: one."""
        return JSONResponse({"models": [server.scorer.name]})

    for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):

        @app.get(path)
        async def model(request: Request) -> JSONResponse:
            """Describe the model: its inputs, parameters and outputs."""
            server.check_name(request)
            return JSONResponse(server.scorer.metadata)

        @app.get(f"{path}/ready")
        async def model_ready(request: Request) -> JSONResponse:
            """Tell whether this worker's model is ready."""
            server.check_name(request)
            if not server.ready:
                raise TooBusy("This worker isn't ready.")
            return JSONResponse({"name": server.scorer.name, "ready": True})

        app.add_api_route(f"{path}/infer", server.infer, methods=["POST"])


async def _refuse(request: Request, error: Exception) -> JSONResponse:
    """Write a refusal of ours, or of the router (404, 405), as JSON."""
    if not isinstance(error, HTTPException):
        assert isinstance(error, ZooError)
        return _json_error(request, error)
    refusal = ZooError(f"{error.detail}.")
    refusal.status, refusal.code = error.status_code, "HTTP_ERROR"
    return _json_error(request, refusal, error.headers)


async def _fail(request: Request, _: Exception) -> JSONResponse:
    """Log the trace of a fault of ours, with the request's id, and write an answer."""
    log.exception("Request %s failed.", request.state.request_id)
    return _json_error(request, ZooError("The model failed on this request."))


def _json_error(
    request: Request, error: ZooError, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    usual = {503: {"Retry-After": "1"}, 415: {"Accept-Encoding": "gzip"}}.get(error.status)
    body = error_body(error, request.state.request_id)
    return JSONResponse(body, error.status, headers or usual)
