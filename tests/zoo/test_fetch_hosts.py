"""Which hosts photos come from: an office's own, through a proxy, each in its own queue."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import pytest

from clip_caption.pixels import PhotoReader, Pixels
from tests.clip_caption.test_pixels import USUAL
from tests.zoo.site import PHOTO, released, serving
from zoo.data.fetch import Fetcher
from zoo.errors import BadInput
from zoo.serving.declaration import Url
from zoo.settings import FetchSettings


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


def test_photos_come_from_a_private_host_that_is_named(port: int) -> None:
    office = Fetcher(FetchSettings(private_hosts=f"localhost:{port}"))
    assert office(f"http://localhost:{port}/photo") == PHOTO
    for other in ("127.0.0.1", "[::1]"):
        with pytest.raises(BadInput, match="isn't allowed here"):
            office(f"http://{other}:{port}/photo")
    with pytest.raises(ValueError, match="private_hosts"):
        FetchSettings(private_hosts="*.example.org")


METADATA = ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]", "[fd00:ec2::254]"]


@pytest.mark.parametrize("host", METADATA)
def test_a_clouds_credentials_are_never_asked_for(port: int, host: str) -> None:
    named = f"127.0.0.1:{port}" + f",{host}" * ("[" not in host)
    settings = FetchSettings(hosts="*", private_hosts=named)
    for url in (f"http://{host}/latest", f"http://127.0.0.1:{port}/to/http://{host}/latest"):
        for private in (False, True):
            with pytest.raises(BadInput, match=r"isn't public|isn't allowed"):
                Fetcher(settings, private)(url)


class Proxy(BaseHTTPRequestHandler):
    """Notes what it is asked for, and who asks."""

    asked: ClassVar[list[tuple[str, str]]] = []

    def do_GET(self) -> None:
        self.asked.append((self.path, self.headers.get("Proxy-Authorization", "")))
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.end_headers()
        self.wfile.write(PHOTO)

    def log_message(self, *_: Any) -> None:
        pass


def test_photos_come_through_the_proxy_that_the_operator_names(port: int) -> None:
    with HTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        through = Fetcher(
            FetchSettings(
                hosts="photos.example.org",
                private_hosts=f"localhost:{port}",
                proxy=f"http://me:p%40ss@127.0.0.1:{server.server_port}",
            )
        )
        url = "http://photos.example.org/a.jpg"
        assert through(url) == PHOTO
        assert through(f"http://localhost:{port}/photo") == PHOTO  # directly
        server.shutdown()
    ((path, credentials),) = Proxy.asked
    assert path.replace(":80/", "/") == url
    assert base64.b64decode(credentials.removeprefix("Basic ")) == b"me:p@ss"


def test_a_slow_host_does_not_slow_the_others(port: int) -> None:
    released.clear()
    hosts = f"127.0.0.1:{port},localhost:{port}"
    reading = Fetcher(FetchSettings(hosts=hosts), private=True)
    read = PhotoReader(Pixels(USUAL), 16, reading)
    with ThreadPoolExecutor() as pool:
        held_back = [Url(f"http://127.0.0.1:{port}/held/{n}") for n in range(16)]
        slow = pool.submit(list, read(held_back))
        ((quick,),) = read([Url(f"http://localhost:{port}/photo")])
        assert not slow.done()
        released.set()
        ((*held,),) = slow.result()
    assert not [one for one in (quick, *held) if isinstance(one, BadInput)]
