"""A client of running models, over HTTP: of one alone, or through a gateway.

  from test_models.client import Client

  with Client("http://localhost:8080") as model:
      print(model.transcribe("talk.wav", word_timestamps=True).text)
      for answer in model.entities(["我爱中国"]):
          print(answer.entities)

`AsyncClient` is the same to await. Large inputs go in several requests, a few at a time, so that
the model computes in batches while others get their turn. A server that is busy is asked again.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, TypeVar

import httpx2
import tenacity

from test_models.answers import Captions, Entities
from test_models.calls import (
    Busy,
    Call,
    File,
    OnError,
    ServiceError,
    Unavailable,
    address,
    check,
    encoded,
    in_batches,
    pause,
    raise_first,
    records,
)
from transcripts.answers import Answer, Transcript
from transcripts.speakers import attributed

R = TypeVar("R")
T = TypeVar("T", bound=Answer)
Progress = Callable[[int], object]
TEXTS, IMAGES = 256, 16  # rows of a request


class AsyncClient:
    """A running model, for asyncio.

    Args:
        url: `http://HOST:8080`, or a gateway's route to the model.
        key: for the gateway, in the header `apikey`.
        timeout: seconds that one answer may take.
        attempts: how often a busy server (429, 503) is asked, with growing pauses. What fails in
            another way isn't sent again.
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
        self.url = address(url)
        self._key = {"apikey": key} if key else {}
        self._timeout, self._attempts, self._concurrency = timeout, attempts, concurrency
        limits = httpx2.Timeout(timeout, connect=min(timeout, 5.0))
        try:
            self._http = httpx2.AsyncClient(**{"timeout": limits, **(http or {})})
        except (TypeError, ValueError, OSError) as error:
            raise ServiceError(f"The connection's options are wrong: {error}.") from error

    async def transcribe(self, audio: File, **params: Any) -> Transcript:
        """A recording's text; `params` are the model's, such as `speakers="auto"`, or `speakers=2`.

        Raises:
            ServiceError: of it `RowFailed`, `Refused` and `Unavailable` are kinds.
        """
        (transcript,) = await self.transcribe_all([audio], **params)
        return transcript

    async def transcribe_all(
        self,
        audios: Iterable[File],
        *,
        on_error: OnError = "raise",
        progress: Progress | None = None,
        speakers: str | int | None = None,
        **params: Any,
    ) -> list[Transcript]:
        """Recordings' texts, in order; each recording is a request.

        Channels that are heard apart are speakers, too: `C1`, `C2`.

        Args:
            on_error: `report` gives what fails an answer with an `error`.
            progress: called with the number of rows that were just answered.
            speakers: `auto`, or how many people speak: the answers say who says what.
        """
        if speakers is not None:
            params["speakers"] = str(speakers)  # the models take a text
        calls = in_batches("audio", map(encoded, audios), params, Transcript, 1)
        return [attributed(one) for one in await self._all(calls, on_error, progress)]

    async def entities(
        self,
        texts: Iterable[str],
        *,
        on_error: OnError = "raise",
        progress: Progress | None = None,
        **params: Any,
    ) -> list[Entities]:
        """Texts' named entities, in order; otherwise as `transcribe_all`."""
        calls = in_batches("text", iter(texts), params, Entities, TEXTS)
        return await self._all(calls, on_error, progress)

    async def caption(
        self,
        images: Iterable[File],
        *,
        on_error: OnError = "raise",
        progress: Progress | None = None,
        **params: Any,
    ) -> list[Captions]:
        """Images' captions, in order; otherwise as `transcribe_all`."""
        calls = in_batches("image", map(encoded, images), params, Captions, IMAGES)
        return await self._all(calls, on_error, progress)

    async def records(self, column: str, values: list[Any], params: Mapping[str, Any]) -> list[Any]:
        """One request's answers, as they come."""
        return records(await self._send(Call(column, values, params, Answer).body()))

    async def ready(self) -> None:
        """Returns if the model is up; of MLflow's server, if it answers `/ping`.

        Raises:
            Refused, Unavailable: it wants a key, or isn't there; it doesn't answer, or isn't ready.
        """
        if self.is_server:
            for path in ("/ready", "/ping"):
                response = await self.get(path)
                if response.status_code != 404:
                    break
        else:  # a gateway's route takes nothing but POST: no request is refused as one without type
            response = await self._request("POST", self.url)
            if response.status_code in (400, 415, 500):
                return
        check(response)

    @property
    def is_server(self) -> bool:
        """Whether it is a server itself, not a gateway's route to one."""
        return self.url.endswith("/invocations")

    async def get(self, path: str) -> httpx2.Response:
        """What the server has at a path; or a gateway, below its route."""
        return await self._request("GET", self.url.removesuffix("/invocations") + path)

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _all(
        self, calls: Iterator[Call[T]], on_error: OnError, progress: Progress | None
    ) -> list[T]:
        """Several requests, a few at a time; the first failure ends them all."""
        free = asyncio.Semaphore(self._concurrency)

        async def answered(call: Call[T]) -> list[T]:
            try:
                answers = call.read(await self._send(call.body()))
            finally:
                free.release()
            if on_error == "raise":
                raise_first(answers, call.first)
            if progress:
                progress(len(answers))
            return answers

        tasks = []
        try:
            async with asyncio.TaskGroup() as group:
                for call in calls:
                    await free.acquire()
                    tasks.append(group.create_task(answered(call)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return list(chain.from_iterable(task.result() for task in tasks))

    async def _send(self, body: bytes) -> httpx2.Response:
        """Posts a request, again and again while the server is busy."""
        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Busy),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=pause,
            reraise=True,
        )
        return await attempts(self._post, body)

    async def _post(self, body: bytes) -> httpx2.Response:
        return check(await self._request("POST", self.url, body, "application/json"))

    async def _request(
        self, method: str, url: str, body: bytes | None = None, kind: str | None = None
    ) -> httpx2.Response:
        headers = {**self._key, **({"Content-Type": kind} if kind else {})}
        try:
            return await self._http.request(method, url, content=body, headers=headers)
        except httpx2.InvalidURL as error:
            raise ServiceError(f"'{url}' is not an address: {error}.") from error
        except httpx2.ConnectTimeout as error:
            raise Unavailable(f"{self.url} can't be reached.") from error
        except httpx2.TimeoutException as error:
            raise Unavailable(f"{self.url} took longer than {self._timeout:g} s.") from error
        except httpx2.TransportError as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"{self.url} can't be reached: {said}.") from error


class Client:
    """A running model, for programs that wait, within a loop, too; threads may share one.

    It runs an `AsyncClient` in a thread of its own: see there."""

    def __init__(self, url: str, **options: Any) -> None:
        self._client = AsyncClient(url, **options)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="client", daemon=True).start()

    @property
    def url(self) -> str:
        """Where requests go."""
        return self._client.url

    def transcribe(self, audio: File, **params: Any) -> Transcript:
        """See `AsyncClient.transcribe`."""
        return self._run(self._client.transcribe(audio, **params))

    def transcribe_all(self, audios: Iterable[File], **options: Any) -> list[Transcript]:
        """See `AsyncClient.transcribe_all`."""
        return self._run(self._client.transcribe_all(audios, **options))

    def entities(self, texts: Iterable[str], **options: Any) -> list[Entities]:
        """See `AsyncClient.entities`."""
        return self._run(self._client.entities(texts, **options))

    def caption(self, images: Iterable[File], **options: Any) -> list[Captions]:
        """See `AsyncClient.caption`."""
        return self._run(self._client.caption(images, **options))

    def records(self, column: str, values: list[Any], params: Mapping[str, Any]) -> list[Any]:
        """See `AsyncClient.records`."""
        return self._run(self._client.records(column, values, params))

    def ready(self) -> None:
        """See `AsyncClient.ready`."""
        self._run(self._client.ready())

    def close(self) -> None:
        """Lets go of the connections and the thread."""
        if self._loop.is_running():
            self._run(self._client.close())
            self._loop.call_soon_threadsafe(self._loop.stop)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # where the caller was interrupted, the request is given up
            raise
