"""OpenAI's speech API at the pages' address: a request goes on to the model that it names.

  client = openai.OpenAI(base_url="http://localhost:7860/v1", api_key="...")
  client.audio.transcriptions.create(model="whisper_asr", file=open("talk.wav", "rb"))

The models' own servers speak that API; here is only the choice between them. The client's key goes
on to the gateway, where the service has none of its own. Answers are passed on as they come; of a
form only what comes before its field `model` is kept for a moment, on the disk if it is large.
"""

import asyncio
from typing import Any

import httpx2
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect

from test_models.calls import Refused, ServiceError, Unavailable, check
from test_models.forms import BadRequest, PassedForm
from test_models.services import Service, Services

PATHS = ("/audio/transcriptions", "/audio/translations")
CONNECT_SECONDS, READ_SECONDS = 5.0, 300.0  # a model's server sends something far earlier
TO_MODEL = ("content-type", "content-length", "accept", "accept-encoding", "x-request-id")
TO_CLIENT = ("content-type", "content-length", "content-encoding", "cache-control", "retry-after",
             "vary", "x-accel-buffering", "x-request-id", "x-should-retry")  # fmt: skip


def router(services: Services, max_bytes: int) -> APIRouter:
    """The endpoint's routes.

    Args:
        max_bytes: that a file may have.
    """
    routes = APIRouter(prefix="/v1")
    limits = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
    http = httpx2.AsyncClient(timeout=limits)

    @routes.get("/models")
    async def models() -> JSONResponse:
        """The speech models."""
        named = [_model(one.name) for one in await services.learned("asr")]
        return JSONResponse({"object": "list", "data": named})

    @routes.get("/models/{name}")
    async def model(name: str) -> JSONResponse:
        """One of them."""
        try:
            return JSONResponse(_model((await speech_model(services, name)).name))
        except ServiceError as error:
            return _error(error)

    async def passed_on(request: Request) -> Response:
        """The answer of the model that the form names."""
        try:
            form = PassedForm(request, max_bytes)
            service = await speech_model(services, await form.model())
            return await _passed_on(http, request, form, service)
        except ServiceError as error:
            return _error(error)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it

    for path in PATHS:
        routes.add_api_route(path, passed_on, methods=["POST"])
    return routes


async def speech_model(services: Services, name: str) -> Service:
    """The speech model of that name; `whisper-1` is the one that translates, if there is only one.

    Raises:
        BadRequest: there is none; the sentence names those that there are.
    """
    known = await services.learned("asr")
    whispers = [one for one in known if one.described.takes("task")]
    for one in known:
        if one.name == name or (name == "whisper-1" and whispers == [one]):
            return one
    available = ", ".join(one.name for one in known) or "none"
    raise BadRequest("model", f"Model '{name[:40]}' not found; available: {available}.", 404)


def client_key(service: Service, authorization: str) -> dict[str, str]:
    """The header with the service's key for a gateway, or the client's own.

    Args:
        authorization: the client's header.
    """
    scheme, _, own = authorization.partition(" ")
    key = service.key or (own if scheme.lower() == "bearer" else "")
    return {"apikey": key} if key else {}


def no_api(service: Service) -> ServiceError:
    """Why a server without the API can't be asked."""
    return ServiceError(
        f"Model '{service.name}' has no OpenAI API at {service.base}/v1: it was built by an "
        "earlier version, or a gateway doesn't pass these paths on; build it again, or ask its "
        "/invocations."
    )


async def _passed_on(
    http: httpx2.AsyncClient, request: Request, form: PassedForm, service: Service
) -> Response:
    headers = {name: request.headers[name] for name in TO_MODEL if name in request.headers}
    headers |= client_key(service, request.headers.get("authorization", ""))
    asked = http.build_request(
        "POST",
        service.base + request.url.path,
        params={"model": service.described.name or service.name},
        content=form.pieces(),
        headers=headers,
    )
    try:
        response = await _while_here(request, form, http.send(asked, stream=True))
        if response.status_code != 200:
            return await _refusal(response, service)
    except httpx2.TimeoutException as error:
        raise Unavailable(f"Model '{service.name}' took too long.") from error
    except httpx2.TransportError as error:
        raise Unavailable(f"Model '{service.name}' can't be reached at {service.base}.") from error
    return StreamingResponse(
        response.aiter_raw(),
        headers={name: response.headers[name] for name in TO_CLIENT if name in response.headers},
        background=BackgroundTask(response.aclose),
    )


async def _while_here(request: Request, form: PassedForm, sending: Any) -> httpx2.Response:
    """The response; given up if the client leaves before it comes."""

    async def gone() -> None:
        await form.sent.wait()  # who reads the form sees by itself that nothing comes any more
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(sending), asyncio.ensure_future(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if not tasks[0].done():
            raise ClientDisconnect
        response: httpx2.Response = tasks[0].result()
        return response
    finally:
        for task in tasks:
            task.cancel()


async def _refusal(response: httpx2.Response, service: Service) -> Response:
    """A refusal as the model's server has it; one of a gateway gets the API's form.

    Raises:
        ServiceError: the server doesn't speak the API.
    """
    try:
        await response.aread()
    finally:
        await response.aclose()
    try:
        body = response.json()
    except ValueError:
        body = None
    if not (isinstance(body, dict) and isinstance(body.get("error"), dict)):
        if response.status_code in (404, 405):
            raise no_api(service)
        check(response)
    headers = {name: response.headers[name] for name in TO_CLIENT if name in response.headers}
    headers.pop("content-length", None)
    headers.pop("content-encoding", None)
    return Response(response.content, response.status_code, headers)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "theresa"}


def _error(error: ServiceError) -> JSONResponse:
    """An error in OpenAI's form."""
    status, about = error_object(error)
    return JSONResponse({"error": about}, status)


def error_object(error: ServiceError) -> tuple[int, dict[str, Any]]:
    """An error's status, and what OpenAI's clients read of it."""
    status, field, kind = 502, None, "server_error"
    if isinstance(error, BadRequest):
        status, field = error.status, error.field
    elif isinstance(error, Refused):
        status = error.status
    elif isinstance(error, Unavailable):
        status = 503
    if status < 500:
        kind = "authentication_error" if status in (401, 403) else "invalid_request_error"
    code = "model_not_found" if status == 404 else None
    return status, {"message": str(error), "type": kind, "param": field, "code": code}
