"""The client of running models that `client.Client` runs, for programs of asyncio.

Large inputs go in several requests, a few at a time, so that the model computes in batches while
others get their turn. A server that is busy is asked again.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, TypeVar

import httpx2
from pydantic import ValidationError

from test_models.answers import Captions, Entities, Facets
from test_models.calls import (
    Call,
    File,
    OnError,
    RowFailed,
    ServiceError,
    check,
    encoded,
    in_batches,
    raise_first,
    records,
)
from test_models.connection import Connection
from test_models.flowing import Step, is_long, named, with_speakers
from transcripts.answers import Answer, Transcript

T = TypeVar("T", bound=Answer)
OnProgress = Callable[[int], object]
OnAnswer = Callable[[int, Transcript], object]
TEXTS, IMAGES = 256, 16  # rows of a request


class AsyncClient:
    """A running model, for asyncio.

    Args:
        url: `http://HOST:8080`, or a gateway's route to the model.
        key: for the gateway, in the header `apikey`.
        timeout: seconds that one answer may take; of one that flows, from one sign of life to the
            next.
        attempts: how often a busy server (429, 503) is asked, with growing pauses. What fails in
            another way isn't sent again, but for an answer whose connection breaks while it flows:
            it is asked for again as long as each attempt gets further than the one before.
        concurrency: requests that are under way at a time.
        http: arguments of `httpx2.AsyncClient`: `verify`, `proxy`, `trust_env`.
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        timeout: float = 70.0,
        attempts: int = 5,
        concurrency: int = 4,
        http: Mapping[str, Any] | None = None,
    ) -> None:
        self._connection = Connection(url, key, timeout, attempts, concurrency, http)

    @property
    def url(self) -> str:
        """Where requests go."""
        return self._connection.url

    async def transcribe(self, audio: File, **params: Any) -> Transcript:
        """A recording's text; `params` are the model's, such as `speakers="auto"`, or `speakers=2`.

        The answer of a recording that is longer than a minute flows, so that no server gives up.

        Raises:
            ServiceError: of it `RowFailed`, `Refused` and `Unavailable` are kinds.
        """
        (transcript,) = await self.transcribe_all([audio], **params)
        return transcript

    async def transcribe_stream(
        self, audio: File, *, speakers: str | int | None = None, **params: Any
    ) -> AsyncIterator[Step]:
        """A recording's text while it is made; a file that is longer than a minute needs no memory.

        Yields:
            A `Segment` as soon as it is final, `Progress`, and at the end the `Transcript`, equal
            to what `transcribe` gives. No segment comes twice, where a request is made again. What
            isn't longer than a minute comes at once.

        Raises:
            ServiceError: as `transcribe`.
        """
        params = with_speakers(params, speakers)
        if is_long(audio):
            async for step in self._connection.steps(audio, params):
                yield step
            return
        (call,) = in_batches("audio", iter([encoded(audio)]), params, Transcript, 1)
        (found,) = await self._answers(call, "raise")
        for segment in found.segments:
            yield named(segment)
        yield named(found)

    async def transcribe_all(
        self,
        audios: Iterable[File],
        *,
        on_error: OnError = "raise",
        progress: OnProgress | None = None,
        answered: OnAnswer | None = None,
        speakers: str | int | None = None,
        **params: Any,
    ) -> list[Transcript]:
        """Recordings' texts, in order; each recording is a request.

        Channels that are heard apart are speakers, too: `C1`, `C2`.

        Args:
            on_error: `report` gives what fails an answer with an `error`.
            progress: called with the number of rows that were just answered.
            answered: called with a recording's number, from 0, and its answer, as soon as that is
                there.
            speakers: `auto`, or how many people speak: the answers say who says what.
        """

        async def heard(numbered: tuple[int, File]) -> list[Transcript]:
            row, audio = numbered
            last: Step | None = None
            try:
                async for step in self.transcribe_stream(audio, speakers=speakers, **params):
                    last = step
            except RowFailed as error:
                if on_error == "raise":
                    raise RowFailed(row, error.reason, error.fields) from None
                last = Transcript(error=error.reason)
            assert isinstance(last, Transcript)
            if answered is not None:
                answered(row, last)
            return [last]

        return await self._connection.all(enumerate(audios), heard, progress)

    async def entities(
        self,
        texts: Iterable[str],
        *,
        on_error: OnError = "raise",
        progress: OnProgress | None = None,
        **params: Any,
    ) -> list[Entities]:
        """Texts' named entities, in order; otherwise as `transcribe_all`."""
        calls = in_batches("text", iter(texts), params, Entities, TEXTS)
        return await self._connection.all(
            calls, lambda call: self._answers(call, on_error), progress
        )

    async def caption(
        self,
        images: Iterable[File],
        *,
        on_error: OnError = "raise",
        progress: OnProgress | None = None,
        **params: Any,
    ) -> list[Captions]:
        """Images' captions, in order; otherwise as `transcribe_all`."""
        calls = in_batches("image", map(encoded, images), params, Captions, IMAGES)
        return await self._connection.all(
            calls, lambda call: self._answers(call, on_error), progress
        )

    async def search(
        self, words: str = "", image: File | None = None, *, count: int = 20, **params: Any
    ) -> Captions:
        """The images of the model's collection that are most like words, an image, or both.

        Args:
            words: what they should show; "" if an image is given.
            image: what they should be like.
            count: how many; `skip=20` gives the next ones.
            params: the model's: `in_categories`, `in_places`, `since`, `until`.

        Returns:
            `neighbours`, and `total`, how many images pass the filters.

        Raises:
            ServiceError: as `transcribe`.
        """
        asked = {"num_captions": 0, "neighbours": count, **params}
        if image is None:
            call = Call("search_text", [words], asked, Captions)
        else:
            asked |= {"with_text": words} if words else {}
            call = Call("image", [encoded(image)], asked, Captions)
        (found,) = await self._answers(call, "raise")
        return found

    async def facets(self) -> Facets:
        """What the images of the model's collection can be filtered by.

        Raises:
            Refused: the model has no collection.
            ServiceError: as `transcribe`.
        """
        response = check(await self.get("/collection"))
        try:
            return Facets.model_validate_json(response.content)
        except ValidationError:
            raise ServiceError("The server's answer isn't about a collection.") from None

    async def records(self, column: str, values: list[Any], params: Mapping[str, Any]) -> list[Any]:
        """One request's answers, as they come."""
        return records(await self._connection.post(Call(column, values, params, Answer).body()))

    async def ready(self) -> None:
        """Returns if the model is up; of MLflow's server, if it answers `/ping`.

        Raises:
            Refused, Unavailable: it wants a key, or isn't there; it doesn't answer, or isn't ready.
        """
        await self._connection.ready()

    @property
    def is_server(self) -> bool:
        """Whether it is a server itself, not a gateway's route to one."""
        return self._connection.is_server

    async def get(self, path: str) -> httpx2.Response:
        """What the server has at a path; or a gateway, below its route."""
        return await self._connection.get(path)

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._connection.close()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _answers(self, call: Call[T], on_error: OnError) -> list[T]:
        """One request's answers."""
        answers = call.read(await self._connection.post(call.body()))
        if on_error == "raise":
            raise_first(answers, call.first)
        return answers
