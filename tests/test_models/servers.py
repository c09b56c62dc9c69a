"""Real HTTP servers that fail on demand."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from zoo.building.local_server import direct

HANG_UP = 0  # closes the connection instead of answering
Answer = Callable[[bytes], bytes | Iterator[bytes]]
PIECE = 1 << 18  # bytes that are read at a time
KEPT = 10 * PIECE  # bytes of the largest body that is kept
T = TypeVar("T")


class Flaky:
    """What a server does: the n-th request fails as `failures` has it; None, and later: it answers.

    Args:
        answer: of a POST; what it yields flows as server-sent events. It gets no body that is very
            large.
        gets: of a GET, by its path; nothing of another one.

    Attributes:
        sizes: bytes of each request's body.
        headers: of the last request.
        paths: of each request, with its query.
        left: set when a client has gone before its answer's end.
    """

    def __init__(
        self, answer: Answer, failures: Sequence[int | None], gets: Mapping[str, Any] | None = None
    ) -> None:
        self.answer, self.failures, self.gets = answer, failures, gets or {}
        self.sizes: list[int] = []
        self.headers: dict[str, str] = {}
        self.paths: list[str] = []
        self.left = threading.Event()
        self._lock = threading.Lock()

    def next_failure(self, size: int) -> int | None:
        with self._lock:
            number = len(self.sizes)
            self.sizes.append(size)
        return self.failures[number] if number < len(self.failures) else None


@contextmanager
def serving(flaky: Flaky, port: int = 0) -> Iterator[str]:
    """Serves on a port of the loopback interface; yields what takes the requests."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = left = int(self.headers["Content-Length"])
            body = b""
            while left:
                piece = self.rfile.read(min(left, PIECE))
                left -= len(piece)
                body += piece if size <= KEPT else b""
            flaky.headers = dict(self.headers)
            flaky.paths.append(self.path)
            failure = flaky.next_failure(size)
            if failure == HANG_UP:
                return
            content = b"<html>Bad gateway</html>" if failure else flaky.answer(body)
            if isinstance(content, bytes):
                self.send_whole(failure or 200, content)
            else:
                self.send_pieces(content)

        def send_whole(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            if status == 503:
                self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(content)

        def send_pieces(self, pieces: Iterator[bytes]) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
            except ConnectionError:
                flaky.left.set()

        def do_GET(self) -> None:
            content = flaky.gets.get(self.path)
            body = json.dumps(content).encode() if content else b""
            self.send_response(200)  # it says that it is up, whatever it will answer
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/invocations"
        finally:
            server.shutdown()
            thread.join()


class Nobody:
    """A port where nobody listens, and which nobody else can take meanwhile."""

    def __init__(self) -> None:
        self._held = socket.socket()
        self._held.bind(("127.0.0.1", 0))
        self._port: int = self._held.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def taken(self) -> int:
        """Gives the port to somebody who will listen there at once."""
        self._held.close()
        return self._port


@contextmanager
def nobody() -> Iterator[Nobody]:
    """Holds such a port until the block ends."""
    held = Nobody()
    try:
        yield held
    finally:
        held.taken()


def awaited(work: Coroutine[Any, Any, T]) -> T:
    """What a coroutine gives; in a thread, because a browser's tests have a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def forward(url: str) -> Callable[[bytes], bytes]:
    """Answers as another server does."""
    session = direct()

    def answer(body: bytes) -> bytes:
        response = session.post(url, content=body, headers={"Content-Type": "application/json"})
        response.raise_for_status()
        return response.content

    return answer
