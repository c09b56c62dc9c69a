"""The state of one worker, and how it answers a request within the limits (`zoo.settings`).

If a request takes too long, or its client leaves, the server stops its work.
"""

import asyncio
import contextlib
import contextvars
import ctypes
import functools
import gc
import gzip
import logging
import os
import re
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from fastapi import Request, Response
from mlflow.pyfunc import load_model  # type: ignore[attr-defined]

from zoo.errors import (
    BadInput,
    Cancelled,
    NotAcceptable,
    NotFound,
    TimedOut,
    TooBusy,
    UnsupportedMedia,
)
from zoo.serving import bodies, devices, failures, metrics, observers, runner
from zoo.serving.events import (
    Admission,
    EventStream,
    Steps,
    Write,
    asks_for_events,
    server_sent,
)
from zoo.serving.model import WHOLE, streams
from zoo.serving.requests import RequestScorer
from zoo.serving.shared import MAX_WORKERS, shared
from zoo.serving.turns import turns
from zoo.settings import Settings

GZIP_FROM_BYTES = 1024  # a smaller answer fits into one packet
GZIP_ACCEPTED = re.compile(r"(^|[,\s])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
STREAMS = "send less, or ask for the answer in parts: 'Accept: text/event-stream'"
LARGE_BYTES = 1_000_000  # after a body of this size, memory is given back
TIDY_SECONDS = 1.0  # after such a request
LIBC = ctypes.CDLL(None)
Answer = TypeVar("Answer")
log = logging.getLogger("theresa.server")


class GpuWatch(observers.Observer):
    """Ends this worker when it has lost its GPU; gunicorn starts another, which opens the GPU anew.

    CUDA gives the same error to whatever the process asks for from then on.
    """

    def failed(self, error: Exception) -> None:
        """End this worker after the requests in hand, if the error says so."""
        if failures.gpu_is_lost(error) and not shared.lost:
            shared.lost = True
            log.error("This worker has lost its GPU, and ends: %s", error)
            os.kill(os.getpid(), signal.SIGTERM)


class Server:
    """One worker's state: the model, the requests in flight, and whether it is ready.

    A capability's own routes (`Engine.routes`) use `admitted`, `body`, `answered` and `events`.

    Args:
        model: A saved model's directory.
        settings: The limits.

    Attributes:
        engine: The loaded engine.
        scorer: Answers requests of the common protocols with it.
        sample: The body of a request that works.
    """

    def __init__(self, model: Path, settings: Settings) -> None:
        self.settings = settings
        loaded = load_model(str(model))
        self.engine = loaded.unwrap_python_model().engine
        self.scorer = RequestScorer(loaded, settings)
        self.sample = (model / "serving_input_example.json").read_bytes()
        self._pool: ThreadPoolExecutor | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._large = self._ready = False

    async def start(self) -> None:
        """Answer the sample, in the worker, after a fork; only then is the worker ready."""
        # The pool makes threads only when it needs them, for as many requests as there may be.
        self._pool = ThreadPoolExecutor(self.settings.max_requests * MAX_WORKERS, "request")
        if runner.cores() <= shared.workers and devices.used().kind == "cpu":
            turns.reset(lambda: shared.all_are_busy)
        observers.observers[:] = [metrics.EngineMetrics(), GpuWatch()]
        metrics.model_info.labels(self.scorer.name, self.scorer.version).set(1)
        metrics.device.labels(devices.used().kind, devices.used().name).set(1)
        await self.run(
            threading.Event(), lambda: self.scorer(self.sample, "application/json", [], False)
        )
        self._ready = True

    @property
    def ready(self) -> bool:
        """Whether this worker has answered its sample, and isn't about to end."""
        return self._ready and not shared.stopping and not shared.lost

    async def invocations(self, request: Request) -> Response:
        """Answer a request of MLflow's protocol."""
        content_type = request.headers.get("content-type")
        if not content_type:
            raise UnsupportedMedia("Content-Type is missing; JSON is application/json.")
        query = request.query_params.multi_items()
        flows = asks_for_events(request.headers.get("accept", ""))
        if flows and not streams(self.engine):
            raise NotAcceptable(WHOLE)
        with self.admitted():
            gzipped = bodies.is_gzipped(request)
            body = await self.body(request, self.scorer.is_file(content_type))
            if flows:
                found = functools.partial(self.scorer.stream, body, content_type, query, gzipped)
                return self.events(request, found)
            return await self._json(
                request, lambda: self.scorer(body, content_type, query, gzipped)
            )

    async def infer(self, request: Request) -> Response:
        """Answer a request of the Open Inference Protocol."""
        self.check_name(request)
        given = request.headers.get("inference-header-content-length")
        if given is not None and not given.isdecimal():
            raise BadInput("Inference-Header-Content-Length is not a number.")
        json_bytes = None if given is None else int(given)
        with self.admitted():
            gzipped = bodies.is_gzipped(request)
            body = await self.body(request)
            return await self._json(request, lambda: self.scorer.infer(body, json_bytes, gzipped))

    def check_name(self, request: Request) -> None:
        """Refuse another model's name, or version, in a path.

        Raises:
            NotFound: This server has no such model.
        """
        name, version = request.path_params["name"], request.path_params.get("version")
        if name != self.scorer.name:
            shown = name[:40].encode(errors="replace").decode()
            raise NotFound(f"Model '{shown}' not found; available: {self.scorer.name}.")
        if version not in (None, self.scorer.version):
            raise NotFound(f"Version not found; available: {self.scorer.version}.")

    @contextlib.contextmanager
    def admitted(self) -> Iterator[None]:
        """Count a request as one that is in flight, until it is answered.

        The answer of `events` takes the count over: such a request is in flight until its last
        event is sent.

        Raises:
            TooBusy: There are as many as the server takes.
        """
        # All workers may have so many together: a client can't choose its worker.
        if shared.in_flight >= self.settings.max_requests * shared.workers:
            raise TooBusy("The server has as many requests as it takes at once; try again.")
        with Admission(self._tidy_soon).entered():
            yield

    async def body(self, request: Request, file: bool = False) -> bytes | Path:
        """Read a request's body within the limits, as `bodies.read` says."""
        way = bodies.AS_BODY if self.scorer.takes_files else ""
        body = await bodies.read(request, self.settings, file, way)
        self.note(body)
        return body

    def note(self, body: bytes | Path) -> None:
        """Note a request's body, or its file: after a large one, memory is given back."""
        self._large |= isinstance(body, Path) or len(body) >= LARGE_BYTES

    async def answered(self, request: Request, work: Callable[[], Answer]) -> Answer:
        """Do the work for a request in a thread; give up when the time is over.

        Args:
            request: The request. When its client leaves, the work stops.
            work: It calls `runner.stop_if_cancelled`, or an engine, which does.

        Raises:
            TimedOut: It took longer than THERESA_REQUEST_SECONDS.
            Cancelled: The client went away.
        """
        cancelled = threading.Event()

        def in_turn() -> Answer:
            with turns.preparing():
                runner.stop_if_cancelled()
                return work()

        working = self.run(cancelled, in_turn)
        gone = asyncio.ensure_future(disconnected(request))
        try:
            await asyncio.wait(
                (working, gone),
                timeout=self.settings.request_seconds,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if working.done():
                return working.result()
            if gone.done():
                raise Cancelled("The client went away.")
            seconds = self.settings.request_seconds
            way = STREAMS if streams(self.engine) else "send less at once"
            raise TimedOut(f"The request took longer than {seconds:g} s; {way}.")
        finally:
            cancelled.set()
            gone.cancel()
            working.cancel()

    def events(self, request: Request, steps: Steps, write: Write = server_sent) -> Response:
        """Answer a request by server-sent events, which are sent as they are found.

        While nothing has been sent, an error has its own status. Later the last event tells it:
        `error`, with the fields that an error's answer has.

        Args:
            request: The request. When its client leaves, the work stops.
            steps: A generator function, called in a thread; it yields each event's name and data.
            write: Gives the bytes of an event; of a step that has none: `b""`.
        """
        return EventStream(request, self.settings, self.run, steps, write)

    async def _json(self, request: Request, score: Callable[[], bytes]) -> Response:
        """Answer a request by the JSON that `score` gives."""
        accepted = bool(GZIP_ACCEPTED.search(request.headers.get("accept-encoding", "")))

        def work() -> Response:
            answer, headers = score(), {"Vary": "Accept-Encoding"}
            if accepted and len(answer) >= GZIP_FROM_BYTES:
                answer, headers["Content-Encoding"] = gzip.compress(answer, 1), "gzip"
            return Response(answer, headers=headers, media_type="application/json")

        return await self.answered(request, work)

    def run(self, cancelled: threading.Event, work: Callable[[], Answer]) -> asyncio.Future[Answer]:
        """Do work in a thread; it is told by `cancelled` that nobody waits for it any more."""
        context = contextvars.copy_context()
        context.run(runner.cancellation.set, cancelled)
        return asyncio.get_running_loop().run_in_executor(self._pool, context.run, work)

    def _tidy_soon(self) -> None:
        """After a large request, give back the memory that Python and the C library would keep."""
        if self._large and self._tidying is None:
            self._tidying = asyncio.get_running_loop().call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        self._tidying, self._large = None, self._large and shared.is_busy  # others end later
        if self._pool is not None:
            self._pool.submit(_give_memory_back)


def _give_memory_back() -> None:
    gc.collect()  # an exception and its frames form a cycle, which keeps the body
    if hasattr(LIBC, "malloc_trim"):  # glibc's
        LIBC.malloc_trim(0)


async def disconnected(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
