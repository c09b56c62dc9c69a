"""Small photos and a server of them, which counts what it is asked for."""

import contextlib
import io
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(number: int, size: tuple[int, int] = (96, 72), quality: int = 85) -> bytes:
    """A photo like no other: coarse blocks of colour by the number."""
    blocks = np.random.default_rng(number).integers(0, 255, (6, 8, 3), np.uint8)
    image, file = Image.fromarray(blocks).resize(size, Image.Resampling.BICUBIC), io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()


def save(path: Path, number: int) -> Path:
    """Writes a photo."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(number))
    return path


@dataclass
class Site:
    """A running server.

    /N.jpg is photo N; /busy/2/N.jpg answers 503 twice, /later/N.jpg 429 with Retry-After once,
    before they give it; /text/N.jpg and /octets/N.jpg call it so; /404, /page, /cut, /empty and
    /slow/N.jpg are what their names say.
    """

    address: str
    asked: Counter[str] = field(default_factory=Counter)
    agents: set[str] = field(default_factory=set)
    starts: list[float] = field(default_factory=list)
    busiest: int = 0
    serving: int = 0
    held: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body."""
        _, *words, last = path.split("/")
        photo = jpeg(int(last.removesuffix(".jpg"))) if last.endswith(".jpg") else b""
        kind = words[0] if words else last
        if kind == "held":
            self.held.wait(60)
        if kind == "slow":
            time.sleep(0.05)
        if kind == "busy" and self.asked[path] <= int(words[1]):
            return 503, {}, b""
        if kind == "later" and self.asked[path] == 1:
            return 429, {"Retry-After": "1"}, b""
        if kind == "404":
            return 404, {}, b""
        if kind == "page":
            return 200, {"Content-Type": "text/html"}, b"<p>Log in first.</p>"
        if kind == "cut":
            photo = jpeg(1, (640, 480))[:5000]
        types = {"text": "text/plain", "octets": "application/octet-stream"}
        return 200, {"Content-Type": types.get(kind, "image/jpeg")}, photo


@contextlib.contextmanager
def serving() -> Iterator[Site]:
    """Runs the server at a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # the body follows its headers at once

        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client was killed
                super().handle()

        def do_GET(self) -> None:
            with site.lock:
                site.asked[self.path] += 1
                site.agents.add(self.headers["User-Agent"])
                site.starts.append(time.monotonic())
                site.serving += 1
                site.busiest = max(site.busiest, site.serving)
            status, headers, body = site.answer(self.path)
            with site.lock:
                site.serving -= 1
            self.send_response(status)
            for name, value in (*headers.items(), ("Content-Length", str(len(body)))):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.held.set()
        server.shutdown()
        server.server_close()
