"""The state of one worker, and how it answers a request within the limits (`zoo.settings`).

If a request takes too long, or its client leaves, the server stops its work.
"""

import asyncio
import contextvars
import ctypes
import gc
import gzip
import logging
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from mlflow.pyfunc import load_model  # type: ignore[attr-defined]
from starlette.requests import ClientDisconnect

from zoo.errors import (
    BadInput,
    Cancelled,
    NotFound,
    TimedOut,
    TooBusy,
    TooLarge,
    TooSlow,
    UnsupportedMedia,
)
from zoo.serving import devices, failures, metrics, observers, runner
from zoo.serving.requests import RequestScorer
from zoo.serving.shared import MAX_WORKERS, shared
from zoo.settings import Settings

GZIP_FROM_BYTES = 1024  # a smaller answer fits into one packet
GZIP_ACCEPTED = re.compile(r"(^|[,\s])gzip(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)
LARGE_BYTES = 1_000_000  # after a body of this size, memory is given back
TIDY_SECONDS = 1.0  # after such a request
LIBC = ctypes.CDLL(None)
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

    Args:
        model: A saved model's directory.
        settings: The limits.
    """

    def __init__(self, model: Path, settings: Settings) -> None:
        self.settings = settings
        loaded = load_model(str(model))
        self.scorer = RequestScorer(loaded, settings.max_rows, settings.max_body_bytes)
        self.sample = (model / "serving_input_example.json").read_bytes()
        self._pool: ThreadPoolExecutor | None = None
        self._tidying: asyncio.TimerHandle | None = None
        self._ready = False

    async def start(self) -> None:
        """Answer the sample, in the worker, after a fork; only then is the worker ready."""
        # The pool makes threads only when it needs them, for as many requests as there may be.
        self._pool = ThreadPoolExecutor(self.settings.max_requests * MAX_WORKERS, "request")
        observers.observers[:] = [metrics.EngineMetrics(), GpuWatch()]
        metrics.model_info.labels(self.scorer.name, self.scorer.version).set(1)
        metrics.device.labels(devices.used().kind, devices.used().name).set(1)
        await self._run(
            threading.Event(), False, self.scorer, self.sample, "application/json", [], False
        )
        self._ready = True

    def _most(self) -> int:
        """Give how many requests all workers may have: a client can't choose its worker."""
        return self.settings.max_requests * shared.workers

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
        return await self._limited(
            request, lambda body, gzipped: self.scorer(body, content_type, query, gzipped)
        )

    async def infer(self, request: Request) -> Response:
        """Answer a request of the Open Inference Protocol."""
        self.check_name(request)
        given = request.headers.get("inference-header-content-length")
        if given is not None and not given.isdecimal():
            raise BadInput("Inference-Header-Content-Length is not a number.")
        json_bytes = None if given is None else int(given)
        return await self._limited(
            request, lambda body, gzipped: self.scorer.infer(body, json_bytes, gzipped)
        )

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

    async def _limited(self, request: Request, score: Callable[[bytes, bool], bytes]) -> Response:
        """Answer a request within the limits; `score` gets its body, and whether it is gzipped."""
        if shared.in_flight >= self._most():
            raise TooBusy("The server has as many requests as it takes at once; try again.")
        shared.count(1)
        metrics.in_flight.inc()
        start, body = time.perf_counter(), b""
        try:
            encoding = request.headers.get("content-encoding", "identity").strip().lower()
            if encoding not in ("identity", "gzip"):
                raise UnsupportedMedia("Content-Encoding must be gzip or identity.")
            body = await self._body(request)
            return await self._answer(request, score, body, encoding == "gzip")
        finally:
            shared.count(-1)
            metrics.in_flight.dec()
            metrics.latency.observe(time.perf_counter() - start)
            if len(body) >= LARGE_BYTES and self._tidying is None:
                loop = asyncio.get_running_loop()
                self._tidying = loop.call_later(TIDY_SECONDS, self._tidy)

    def _tidy(self) -> None:
        """Give back the memory of large requests, which Python and the C library would keep."""
        self._tidying = None
        if self._pool is not None:
            self._pool.submit(_give_memory_back)

    async def _body(self, request: Request) -> bytes:
        """Read the body, within the limits of size and time."""
        limit = self.settings.max_body_bytes
        too_large = TooLarge(f"The body is larger than {limit:,} bytes.")
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

    async def _answer(
        self, request: Request, score: Callable[[bytes, bool], bytes], body: bytes, gzipped: bool
    ) -> Response:
        """Score in a thread; give up when the time is over or the client has gone."""
        cancelled = threading.Event()
        compress = bool(GZIP_ACCEPTED.search(request.headers.get("accept-encoding", "")))
        work = asyncio.ensure_future(self._run(cancelled, compress, score, body, gzipped))
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
        self,
        cancelled: threading.Event,
        compress: bool,
        score: Callable[..., bytes],
        *request: Any,
    ) -> Response:
        """Answer a request, which is `score`'s arguments, in a thread."""
        context = contextvars.copy_context()
        context.run(runner.cancellation.set, cancelled)

        def work() -> Response:
            answer, headers = score(*request), {"Vary": "Accept-Encoding"}
            if compress and len(answer) >= GZIP_FROM_BYTES:
                answer, headers["Content-Encoding"] = gzip.compress(answer, 1), "gzip"
            return Response(answer, headers=headers, media_type="application/json")

        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, context.run, work)


def _give_memory_back() -> None:
    gc.collect()  # an exception and its frames form a cycle, which keeps the body
    if hasattr(LIBC, "malloc_trim"):  # glibc's
        LIBC.malloc_trim(0)


async def _disconnect(request: Request) -> None:
    """Wait until the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
