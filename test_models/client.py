"""A client of running models, over HTTP: of one alone, or through a gateway.

  from test_models.client import Client

  with Client("http://localhost:8080") as model:
      print(model.transcribe("talk.wav", word_timestamps=True).text)
      for answer in model.entities(["我爱中国"]):
          print(answer.entities)

`async_client.AsyncClient` is the same to await, and does the work.
"""

import asyncio
import queue
import threading
from collections.abc import Coroutine, Generator, Iterable, Mapping
from typing import Any, TypeVar

from test_models.answers import Captions, Entities, Facets
from test_models.async_client import AsyncClient
from test_models.calls import File
from test_models.flowing import Step
from transcripts.answers import Transcript

R = TypeVar("R")


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

    def transcribe_stream(self, audio: File, **params: Any) -> Generator[Step, None, None]:
        """See `AsyncClient.transcribe_stream`; closing the iterator gives the request up."""
        found: queue.SimpleQueue[Step | None] = queue.SimpleQueue()

        async def fill() -> None:
            try:
                async for step in self._client.transcribe_stream(audio, **params):
                    found.put(step)
            finally:
                found.put(None)

        future = asyncio.run_coroutine_threadsafe(fill(), self._loop)
        try:
            while (step := found.get()) is not None:
                yield step
            future.result()
        finally:
            future.cancel()

    def transcribe_all(self, audios: Iterable[File], **options: Any) -> list[Transcript]:
        """See `AsyncClient.transcribe_all`."""
        return self._run(self._client.transcribe_all(audios, **options))

    def entities(self, texts: Iterable[str], **options: Any) -> list[Entities]:
        """See `AsyncClient.entities`."""
        return self._run(self._client.entities(texts, **options))

    def caption(self, images: Iterable[File], **options: Any) -> list[Captions]:
        """See `AsyncClient.caption`."""
        return self._run(self._client.caption(images, **options))

    def search(self, words: str = "", image: File | None = None, **options: Any) -> Captions:
        """See `AsyncClient.search`."""
        return self._run(self._client.search(words, image, **options))

    def facets(self) -> Facets:
        """See `AsyncClient.facets`."""
        return self._run(self._client.facets())

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
