"""OpenAI's speech API on a model's own server, so that that API's clients work unchanged.

  client = openai.OpenAI(base_url="http://localhost:8080/v1", api_key="...")
  client.audio.transcriptions.create(model="whisper_asr", file=open("talk.wav", "rb"))

It follows https://platform.openai.com/docs/api-reference/audio, with the server's limits. A model
that translates is a Whisper, and answers to `whisper-1`, too: many tools can't be told another
name. Any other name than the model's own is refused.
"""

import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from transcripts.answers import Transcript
from zoo.errors import BadInput, BadParameter, NotFound, OutOfMemory, TimedOut, ZooError
from zoo.serving import failures, metrics, observers
from zoo.serving.declaration import read
from zoo.serving.edge import error_body
from zoo.serving.forms import read_form
from zoo.serving.server import Server
from zoo.speech.openai_answers import answer, event, flowing
from zoo.speech.openai_errors import BadField, error_answer
from zoo.speech.openai_form import FRAME_BYTES, MAX_FIELDS, FormReader, Task, Wanted
from zoo.speech.openai_voices import gallery

WHISPER = "whisper-1"
MODELS, TRANSCRIPTIONS, TRANSLATIONS = (
    "/v1/models", "/v1/audio/transcriptions", "/v1/audio/translations"
)  # fmt: skip
log = logging.getLogger("theresa.server")


def routes(server: Server) -> list[BaseRoute]:
    """Give the routes of a speech model; the last one refuses what is left of `/v1/`."""
    api = SpeechApi(server)
    answers = {
        ("GET", MODELS): api.models,
        ("GET", MODELS + "/{name}"): api.model,
        ("POST", TRANSCRIPTIONS): api.transcriptions,
        ("POST", TRANSLATIONS): api.translations,
    }
    return [
        *(Route(path, Told(one), methods=[method]) for (method, path), one in answers.items()),
        Route("/v1/{path:path}", Told(api.nothing)),
    ]


class Told:
    """An endpoint whose errors have the form that OpenAI's clients read.

    Args:
        answers: Answers a request.
    """

    def __init__(self, answers: Callable[[Request], Awaitable[Response]]) -> None:
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        request, started = Request(scope, receive), False

        async def sent(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            response = await self._answers(request)
            await response(scope, receive, sent)
        except Exception as error:
            if started:
                raise
            request_id = request.state.request_id
            if not isinstance(error, ZooError):
                log.exception("Request %s failed.", request_id)
                error = ZooError("The model failed on this request.")
            await _told_as(error, request)(scope, receive, send)


class SpeechApi:
    """Answers the API's requests to one model.

    Args:
        server: The model's.
    """

    def __init__(self, server: Server) -> None:
        self._server, self._engine = server, server.engine
        known = self._engine.options.model_fields.get("task")
        self._translates = known is not None and "translate" in get_args(known.annotation)
        self._read = FormReader(
            server.scorer.name,
            self._engine.options,
            self._engine.languages,
            (WHISPER,) if self._translates else (),
        )

    async def models(self, _: Request) -> Response:
        """List the names that the model answers to."""
        return JSONResponse({"object": "list", "data": [_model(one) for one in self._read.names]})

    async def model(self, request: Request) -> Response:
        """Describe the model."""
        name = request.path_params["name"]
        self._read.check_name(name)
        return JSONResponse(_model(name))

    async def transcriptions(self, request: Request) -> Response:
        """Give a recording's text."""
        return await self._heard(request, "transcribe")

    async def translations(self, request: Request) -> Response:
        """Give a recording's text in English."""
        if not self._translates:
            raise NotFound(
                f"Model '{self._server.scorer.name}' doesn't translate; {TRANSCRIPTIONS} gives "
                "what is said."
            )
        return await self._heard(request, "translate")

    async def nothing(self, request: Request) -> Response:
        """Refuse a path, or a method, that isn't answered."""
        method, path = request.method, request.url.path.rstrip("/")
        error = ZooError(
            f"{method} isn't answered at this path; available: GET {MODELS}, "
            f"POST {TRANSCRIPTIONS}, POST {TRANSLATIONS}."
        )
        known = path in (MODELS, TRANSCRIPTIONS, TRANSLATIONS)
        error.status, error.code = (405, "METHOD_NOT_ALLOWED") if known else (404, "PATH_NOT_FOUND")
        answered = _told_as(error, request)
        if known:
            answered.headers["Allow"] = "GET, HEAD" if path == MODELS else "POST"
        return answered

    async def _heard(self, request: Request, task: Task) -> Response:
        with self._server.admitted():
            form = await read_form(request, self._server.settings, MAX_FIELDS, FRAME_BYTES)
            self._server.note(form.file or b"")
            wanted = self._read(form, request.query_params.get("model"), task)
            metrics.rows.observe(1)
            if wanted.flows:
                return self._server.events(
                    request, lambda: flowing(self._steps(wanted), wanted), event
                )
            try:
                return await self._server.answered(
                    request, lambda: answer(self._transcript(wanted), wanted)
                )
            except TimedOut as error:
                sentence = str(error).partition(";")[0]
                raise TimedOut(
                    f"{sentence}; set 'stream' to true, and the text comes as it is found."
                ) from None

    def _transcript(self, wanted: Wanted) -> Transcript:
        """Hear a recording; in a thread."""
        with _told_of_the_file():
            (heard,) = self._engine([wanted.audio], self._options(wanted))
            if isinstance(heard, Exception):
                raise heard
            return Transcript.model_validate(heard.record())

    def _steps(self, wanted: Wanted) -> Iterator[tuple[str, Any]]:
        """Hear a recording, and tell what is found as it is found; in a thread."""
        with _told_of_the_file():
            yield from self._engine.stream(wanted.audio, self._options(wanted))

    def _options(self, wanted: Wanted) -> Any:
        """Give the model's parameters; known voices are heard first."""
        params = dict(wanted.params)
        if wanted.known:
            params["voices"] = gallery(self._engine, wanted.known)
        return read(self._engine.options, params)


@contextlib.contextmanager
def _told_of_the_file() -> Iterator[None]:
    """Turn what an engine raises into what the client is told."""
    try:
        yield
    except (BadField, BadParameter):
        raise
    except BadInput as error:
        raise BadField("file", f"The file {str(error).rstrip('.')}.") from None
    except Exception as error:
        if failures.memory_ran_out(error):
            raise OutOfMemory() from error
        if not isinstance(error, ZooError):
            observers.failed(error)
        raise


def _told_as(error: ZooError, request: Request) -> Response:
    return error_answer(error, dict(error_body(error, request.state.request_id)))


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "theresa"}
