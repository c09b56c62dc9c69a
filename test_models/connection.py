"""HTTP to one running model: what goes wrong is told in a sentence, a busy server asked again."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar

import httpx2
import tenacity

from test_models.calls import (
    Busy,
    Call,
    File,
    Refused,
    ServiceError,
    Unavailable,
    address,
    check,
    encoded,
    pause,
    waiting,
)
from test_models.flowing import (
    EVENTS,
    FILE,
    Broken,
    Progress,
    Step,
    named,
    of_row,
    pieces,
    query,
    size_of,
    step,
)
from transcripts.answers import Answer, Segment, Transcript

S = TypeVar("S")
T = TypeVar("T", bound=Answer)
JSON = "application/json"
UNTAKEN = 415  # of a server that takes no files, but tables


class Connection:
    """Carries requests; for the arguments see `client.AsyncClient`."""

    def __init__(
        self,
        url: str,
        key: str | None,
        timeout: float,
        attempts: int,
        concurrency: int,
        http: Mapping[str, Any] | None,
    ) -> None:
        self.url = address(url)
        self._key = {"apikey": key} if key else {}
        self._timeout, self._attempts, self._concurrency = timeout, attempts, concurrency
        limits = httpx2.Timeout(timeout, connect=min(timeout, 5.0))
        try:
            self._http = httpx2.AsyncClient(**{"timeout": limits, **(http or {})})
        except (TypeError, ValueError, OSError) as error:
            raise ServiceError(f"The connection's options are wrong: {error}.") from error

    async def close(self) -> None:
        """Lets go of the connections."""
        await self._http.aclose()

    async def request(
        self, method: str, url: str, body: bytes | None = None, kind: str | None = None
    ) -> httpx2.Response:
        """A response of any status.

        Raises:
            Unavailable: there is none.
            ServiceError: the address is none.
        """
        headers = {**self._key, **({"Content-Type": kind} if kind else {})}
        with self._told():
            return await self._http.request(method, url, content=body, headers=headers)

    @property
    def is_server(self) -> bool:
        """Whether it is a server itself, not a gateway's route to one."""
        return self.url.endswith("/invocations")

    async def get(self, path: str) -> httpx2.Response:
        """What the server has at a path; or a gateway, below its route."""
        return await self.request("GET", self.url.removesuffix("/invocations") + path)

    async def ready(self) -> None:
        """Returns if the model is up.

        Raises:
            Refused, Unavailable: as `AsyncClient.ready`.
        """
        if self.is_server:  # MLflow's has only /ping
            for path in ("/ready", "/ping"):
                response = await self.get(path)
                if response.status_code != 404:
                    break
        else:  # a gateway's route takes nothing but POST: no request is refused as one without type
            response = await self.request("POST", self.url)
            if response.status_code in (400, 415, 500):
                return
        check(response)

    async def post(self, body: bytes) -> httpx2.Response:
        """The response to a table in JSON; a busy server is asked again and again.

        Raises:
            ServiceError: as `calls.check`.
        """

        async def ask() -> httpx2.Response:
            return check(await self.request("POST", self.url, body, JSON))

        attempts = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(Busy),
            stop=tenacity.stop_after_attempt(self._attempts),
            wait=pause,
            reraise=True,
        )
        return await attempts(ask)

    async def all(
        self,
        asked: Iterable[S],
        ask: Callable[[S], Awaitable[list[T]]],
        progress: Callable[[int], object] | None,
    ) -> list[T]:
        """The answers of several requests, a few at a time; the first failure ends them all.

        Args:
            progress: called with the number of answers of each request.
        """
        free = asyncio.Semaphore(self._concurrency)

        async def answered(one: S) -> list[T]:
            try:
                answers = await ask(one)
            finally:
                free.release()
            if progress:
                progress(len(answers))
            return answers

        tasks = []
        try:
            async with asyncio.TaskGroup() as group:
                for one in asked:
                    await free.acquire()
                    tasks.append(group.create_task(answered(one)))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None
        return list(itertools.chain.from_iterable(task.result() for task in tasks))

    async def steps(self, audio: File, params: Mapping[str, Any]) -> AsyncIterator[Step]:
        """The parts of a transcript, as they come.

        A busy server is asked again; so is one whose connection broke, as long as each attempt gets
        further than the one before. What was given by then isn't given again.

        Raises:
            ServiceError: as `AsyncClient.transcribe`.
        """
        given: dict[int | None, float] = {}  # by channel, up to which second
        furthest = 0.0
        for attempt in itertools.count(1):
            before, reached = dict(given), 0.0
            try:
                async for one in self._attempt(audio, params):
                    if isinstance(one, Segment):
                        reached = max(reached, one.end)
                        if one.start < before.get(one.channel, 0.0):
                            continue
                        given[one.channel] = one.end
                    elif isinstance(one, Progress):
                        reached = max(reached, one.seconds)
                    yield one
                return
            except (Busy, Broken) as error:
                stuck = isinstance(error, Broken) and reached <= furthest
                if attempt >= self._attempts or stuck:
                    raise
                furthest = max(furthest, reached)
                await asyncio.sleep(waiting(error, attempt))

    async def _attempt(self, audio: File, params: Mapping[str, Any]) -> AsyncIterator[Step]:
        """The parts, asked for once: the file is the body, or in a table for a server of tables."""
        asked = query(params)
        try:
            if asked is not None:
                async for one in self._steps(f"{self.url}?{asked}", audio, FILE):
                    yield one
                return
        except Refused as error:
            if error.status != UNTAKEN:
                raise
        table = Call("audio", [encoded(audio)], params, Transcript).body()
        async for one in self._steps(self.url, table, JSON):
            yield one

    async def _steps(self, url: str, body: File, kind: str) -> AsyncIterator[Step]:
        try:
            async with self._opened(url, body, kind) as response:
                if response.headers.get("content-type", "").startswith(EVENTS):
                    async for event in self._events(response):
                        if part := step(event.event, event.data):
                            yield part
                            if isinstance(part, Transcript):
                                return
                    raise Broken(self._broken("it ended"))
                await response.aread()  # a server whose answers don't flow
                (whole,) = Call("audio", [None], {}, Transcript).read(response)
        except (Refused, Unavailable) as error:
            raise of_row(error) from None
        for segment in whole.segments:
            yield named(segment)
        yield named(whole)

    @asynccontextmanager
    async def _opened(self, url: str, body: File, kind: str) -> AsyncIterator[httpx2.Response]:
        """A response whose content hasn't been read, of status 200."""
        headers = {**self._key, "Content-Type": kind, "Content-Length": str(size_of(body)),
                   "Accept": f"{EVENTS}, {JSON}"}  # fmt: skip
        request = self._http.build_request("POST", url, content=pieces(body), headers=headers)
        with self._told():
            response = await self._http.send(request, stream=True)
        try:
            if response.status_code != 200:
                with self._told():
                    await response.aread()
                check(response)
            yield response
        finally:
            await response.aclose()

    async def _events(self, response: httpx2.Response) -> AsyncIterator[httpx2.ServerSentEvent]:
        """The events; what breaks in between isn't what a server can't be reached for."""
        try:
            async for event in httpx2.EventSource(response, max_event_size=None):
                yield event
        except httpx2.ReadTimeout as error:
            raise Broken(self._broken(f"nothing came for {self._timeout:g} s")) from error
        except httpx2.TransportError as error:
            raise Broken(self._broken(str(error).rstrip(".") or type(error).__name__)) from error

    def _broken(self, why: str) -> str:
        return f"The connection to {self.url} broke before the transcript was whole: {why}."

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Tells in a sentence what goes wrong."""
        try:
            yield
        except httpx2.InvalidURL as error:
            raise ServiceError(f"'{self.url}' is not an address: {error}.") from error
        except httpx2.ConnectTimeout as error:
            raise Unavailable(f"{self.url} can't be reached.") from error
        except httpx2.TimeoutException as error:
            raise Unavailable(f"{self.url} took longer than {self._timeout:g} s.") from error
        except httpx2.TransportError as error:
            said = str(error) or type(error).__name__
            raise Unavailable(f"{self.url} can't be reached: {said}.") from error
