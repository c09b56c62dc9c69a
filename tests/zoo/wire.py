"""A client that speaks HTTP byte by byte, for what no client library would send."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

GOOD = json.dumps({"dataframe_split": {"columns": ["text"], "data": [["我爱中国"]]}}).encode()

ERROR_DETAILS = {"row", "column", "parameter", "reason"}  # as they apply


@dataclass
class Answer:
    """A response; `status` is 0 where the connection ended instead."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """One connection."""

    def __init__(self, url: str, timeout: float = 30) -> None:
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port or 80), timeout)
        self._file = self.socket.makefile("rb")

    def send(self, *parts: bytes) -> None:
        self.socket.sendall(b"".join(parts))

    def read(self, method: str = "POST") -> Answer:
        """The next answer."""
        line = self._file.readline()
        if not line:
            return Answer(0)
        status, headers = int(line.split()[1]), {}
        while (line := self._file.readline().strip()) != b"":
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("transfer-encoding") == "chunked":
            return Answer(status, headers, b"".join(self._chunks()))
        length = 0 if method == "HEAD" or status == 100 else int(headers["content-length"])
        return Answer(status, headers, self._file.read(length))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._file.readline(), 16):
            yield self._file.read(size)
            self._file.readline()
        self._file.readline()

    def end(self) -> None:
        """Say that nothing more is sent; answers are still read."""
        self.socket.shutdown(socket.SHUT_WR)

    def is_closed(self) -> bool:
        """Waits for the server to end the connection; what still comes isn't looked at."""
        try:
            while self._file.read(65536):
                pass
        except ConnectionError:
            pass
        return True

    def close(self) -> None:
        self._file.close()
        self.socket.close()


@contextmanager
def wire(url: str, timeout: float = 30) -> Iterator[Wire]:
    one = Wire(url, timeout)
    try:
        yield one
    finally:
        one.close()


def post(
    body: bytes = GOOD,
    *headers: str,
    target: str = "/invocations",
    kind: str = "application/json",
    method: str = "POST",
) -> bytes:
    """A request, head and body."""
    lines = [f"{method} {target} HTTP/1.1", "Host: a", f"Content-Type: {kind}"]
    lines += [f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def get(target: str, method: str = "GET") -> bytes:
    """A request without a body."""
    return f"{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def assert_good(answer: Answer) -> None:
    """The answer of the model `echo` to `GOOD`."""
    assert answer.status == 200, answer
    assert answer.json() == {"predictions": [{"text": "我爱中国"}]}


def assert_refused(answer: Answer, *statuses: int) -> None:
    """As every other error: JSON, under an id that the header names, too."""
    assert answer.status in statuses, answer
    error = answer.json()
    assert set(error) - ERROR_DETAILS == {"error_code", "message", "request_id"}
    assert error["request_id"] == answer.headers["x-request-id"]
