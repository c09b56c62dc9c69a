"""A model server that a test can make late, ill, wrong or slow."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RIGHT = {"predictions": [{"entities": [{"text": "中国"}]}, {"entities": []}]}


class Stub:
    """What the server says.

    Attributes:
        ready: the statuses of /ready, one per look; the last one stays.
        answer: what /invocations says.
        seconds: how long a prediction takes.
        openapi: what it says of its paths.
        collection: what it says of its photos; None: it has none.
        in_flight: what /metrics says, one per look; the last one stays.
        seen: the headers of each prediction.
        address: HOST:PORT.
    """

    def __init__(self) -> None:
        self.ready = [200]
        self.status = 200
        self.answer: Any = RIGHT
        self.seconds = 0.0
        self.openapi: Any = {}
        self.collection: Any = None
        self.in_flight = [0]
        self.seen: list[dict[str, str]] = []
        self.address = ""


def next_of(values: list[int]) -> int:
    return values.pop(0) if len(values) > 1 else values[0]


@contextmanager
def stub(host: str = "127.0.0.1") -> Iterator[Stub]:
    """Runs one on the loopback interface."""
    one = Stub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # the body follows its headers at once

        def do_GET(self) -> None:
            if self.path == "/metrics":
                said = f"theresa_requests_in_flight {next_of(one.in_flight)}.0\n"
                self._say(200, said.encode())
            elif self.path == "/openapi.json":
                self._say(200, json.dumps(one.openapi).encode())
            elif self.path == "/collection" and one.collection:
                self._say(200, json.dumps(one.collection).encode())
            elif self.path in ("/ready", "/ping"):
                status = next_of(one.ready) if self.path == "/ready" else 200
                self._say(status, b"{}")
            else:
                self._say(404, b"{}")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            one.seen.append({name.lower(): value for name, value in self.headers.items()})
            time.sleep(one.seconds)
            self._say(one.status, json.dumps(one.answer).encode())

        def _say(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    server = Server((host, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    one.address = f"{f'[{host}]' if ':' in host else host}:{server.server_port}"
    try:
        yield one
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
