"""A web server on this machine that has a photo, and behaves well or badly by the path."""

import contextlib
import datetime
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.zoo.pictures import encoded, scene

PHOTO = encoded(scene())
asked: Counter[str] = Counter()
connections: set[Any] = set()
released = threading.Event()  # lets go of the photos that are held


class Site(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # the body follows its headers at once

    def do_GET(self) -> None:
        asked[self.path] += 1
        connections.add(self.client_address)
        name, _, rest = self.path.lstrip("/").partition("/")
        # what breaks off is the point of some answers
        with contextlib.suppress(OSError):
            getattr(self, name.partition("?")[0])(rest)

    def send(self, body: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        headers = {"Content_Type": "image/jpeg", "Content_Length": str(len(body)), **headers}
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def photo(self, _: str) -> None:
        self.send(PHOTO)

    def held(self, _: str) -> None:
        released.wait(20)
        self.photo("")

    def header(self, name: str) -> None:
        self.send(self.headers.get(name, "").encode())

    def status(self, code: str) -> None:
        self.send(b"", int(code))

    def flaky(self, code: str) -> None:
        first = asked[self.path] == 1
        self.send(b"" if first else PHOTO, int(code) if first else 200)

    def wait(self, seconds: str) -> None:
        self.send(b"", 429, Retry_After=unquote(seconds))

    def hang_up(self, _: str) -> None:
        if asked[self.path] == 1:
            self.close_connection = True
        else:
            self.send(PHOTO)

    def redirect(self, left: str) -> None:
        place = f"/redirect/{int(left) - 1}" if int(left) else "/photo"
        self.send(b"", 302, Location=place)

    def to(self, place: str) -> None:
        self.send(b"", 301, Location=unquote(place))

    def page(self, _: str) -> None:
        self.send(b"<html>", Content_Type="text/html; charset=utf-8")

    def as_text(self, _: str) -> None:
        self.send(PHOTO, Content_Type="text/plain")

    def packed(self, _: str) -> None:
        self.send(PHOTO, Content_Encoding="gzip")

    def claims_5_gb(self, _: str) -> None:
        self.send(PHOTO, Content_Length=str(5 * 10**9))

    def endless(self, _: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        block = bytes(65536)
        while True:
            self.wfile.write(b"10000\r\n" + block + b"\r\n")

    def slow_body(self, _: str) -> None:
        self.send(b"", Content_Length="1000000")
        self.drip(b"x")

    def slow_head(self, _: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self.drip(b"x")

    def drip(self, byte: bytes) -> None:
        while True:
            self.wfile.write(byte)
            self.wfile.flush()
            time.sleep(0.05)  # a slow server is what this is

    def half(self, _: str) -> None:
        self.send(PHOTO, Content_Length=str(2 * len(PHOTO)))
        self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A site's port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = True
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a certificate of its own, and of a client that trusts that."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "server.pem"
    pem = serialization.Encoding.PEM
    file.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))
