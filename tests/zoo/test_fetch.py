"""Fetching by URL: real servers on this machine, good ones and hostile ones."""

import ipaddress
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.zoo.site import PHOTO, asked, certified, connections, serving
from zoo.data.connections import is_public
from zoo.data.fetch import Fetcher
from zoo.errors import BadInput, Cancelled
from zoo.serving import runner
from zoo.settings import FetchSettings


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving() as number:
        yield number


@pytest.fixture(autouse=True)
def _nothing_asked() -> None:
    asked.clear()
    connections.clear()


def fetcher(*hosts: str, private: bool = True, **settings: Any) -> Fetcher:
    usual = {"seconds": 3.0, "max_bytes": 1_000_000}
    return Fetcher(FetchSettings(hosts=",".join(hosts), **{**usual, **settings}), private)


@pytest.fixture
def fetch(port: int) -> Fetcher:
    """One that may fetch from the site."""
    return fetcher(f"127.0.0.1:{port}")


def test_a_photo_comes_as_it_is(fetch: Fetcher, port: int) -> None:
    assert fetch(f"http://127.0.0.1:{port}/photo") == PHOTO
    assert fetch(f"HTTP://127.0.0.1:{port}/photo?size=ใหญ่#part") == PHOTO
    assert fetch(f"http://127.0.0.1:{port}/header/accept-encoding") == b"identity"
    assert fetch(f"http://127.0.0.1:{port}/header/host") == f"127.0.0.1:{port}".encode()


def test_a_photo_is_told_by_its_bytes_whatever_the_server_calls_it(
    fetch: Fetcher, port: int
) -> None:
    assert fetch(f"http://127.0.0.1:{port}/as_text") == PHOTO


def test_many_photos_come_in_parallel_over_few_connections(fetch: Fetcher, port: int) -> None:
    with ThreadPoolExecutor(4) as pool:
        photos = pool.map(fetch, [f"http://127.0.0.1:{port}/photo/{n}" for n in range(40)])
        assert set(photos) == {PHOTO}
    assert len(connections) <= 4


def test_a_few_redirects_are_followed(fetch: Fetcher, port: int) -> None:
    assert fetch(f"http://127.0.0.1:{port}/redirect/2") == PHOTO
    with pytest.raises(BadInput, match="redirects more than 3 times"):
        fetch(f"http://127.0.0.1:{port}/redirect/10")
    assert asked["/photo"] == 1


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_once_more(fetch: Fetcher, port: int, code: int) -> None:
    assert fetch(f"http://127.0.0.1:{port}/flaky/{code}") == PHOTO


def test_a_broken_connection_is_tried_once_more(fetch: Fetcher, port: int) -> None:
    assert fetch(f"http://127.0.0.1:{port}/hang_up") == PHOTO


def test_what_will_not_change_is_asked_once(fetch: Fetcher, port: int) -> None:
    for code in (401, 403, 404, 410, 204):
        with pytest.raises(BadInput, match=f"the server answered {code}"):
            fetch(f"http://127.0.0.1:{port}/status/{code}")
        assert asked[f"/status/{code}"] == 1


def test_a_server_that_asks_for_a_long_pause_is_left_alone(fetch: Fetcher, port: int) -> None:
    for pause in ("100", "Wed, 21 Oct 2099 07:28:00 GMT"):
        with pytest.raises(BadInput, match="the server answered 429"):
            fetch(f"http://127.0.0.1:{port}/wait/{pause}")
    assert asked.total() == 2


def test_a_short_pause_is_kept(port: int) -> None:
    start = time.monotonic()
    with pytest.raises(BadInput, match="the server answered 429"):
        fetcher(f"127.0.0.1:{port}")(f"http://127.0.0.1:{port}/wait/1")
    assert time.monotonic() - start >= 1
    assert asked.total() == 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("page", "leads to a page or a text"),
        ("packed", "is sent compressed"),
        ("claims_5_gb", "leads to more than 1,000,000 bytes"),
        ("endless", "leads to more than 1,000,000 bytes"),
        ("slow_body", "takes longer than 1 s"),
        ("slow_head", "takes longer than 1 s"),
        ("half", "the connection failed"),
        ("to/ftp://127.0.0.1/photo", "is not an http or https URL"),
        ("to/file:///etc/passwd", "is not an http or https URL"),
        ("to/http://elsewhere.example/photo", "names a host or port that isn't allowed"),
        ("to/http://127.0.0.1/photo", "names a host or port that isn't allowed"),
        ("to/http://127.0.0.1:x/", "is not an http or https URL"),
        ("to/http://[::1/", "redirects to .* URL"),
    ],
)
def test_a_hostile_server_is_given_up(port: int, path: str, reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        fetcher(f"127.0.0.1:{port}", seconds=1.0)(f"http://127.0.0.1:{port}/{path}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "photo.jpg",
        "//127.0.0.1/photo",
        "ftp://127.0.0.1/photo",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "gopher://127.0.0.1/",
        "http://",
        "http:///photo",
        "http://[::1/photo",
        "http://user:word@127.0.0.1/photo",
        "http://127.0.0.1:99999/photo",
        "http://" + "a" * 64 + ".example/photo",
        "http://127.0.0.1/" + "a" * 5_000,
    ],
)
def test_what_is_no_url_to_fetch_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="is not an http or https URL that can be fetched"):
        fetcher("127.0.0.1", "*.example")(url)


@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        ("photos.example.org", "photos.example.com"),
        ("photos.example.org", "photos.example.org.evil.example"),
        ("photos.example.org", "photos.example.org:8080"),
        ("*.example.org", "example.org"),
        ("*.example.org", "evilexample.org"),
        ("*.example.org:8443", "a.example.org"),
        ("*", "photos.example.org:22"),
    ],
)
def test_other_hosts_and_ports_are_refused(hosts: str, host: str) -> None:
    with pytest.raises(BadInput, match="names a host or port that isn't allowed here"):
        fetcher(hosts)(f"http://{host}/photo")


def test_nothing_is_fetched_unless_hosts_are_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("THERESA_IMAGE_HOSTS", raising=False)
    with pytest.raises(BadInput, match="no hosts are allowed here"):
        Fetcher()("http://photos.example.org/photo")
    monkeypatch.setenv("THERESA_IMAGE_HOSTS", "photos.example.org, *.example.net")
    with pytest.raises(BadInput, match="names a host or port that isn't allowed"):
        Fetcher()("http://photos.example.com/photo")


LOCAL = [
    "127.0.0.1",
    "localhost",
    "localhost.",
    "2130706433",  # 127.0.0.1 as one number, in hexadecimal, in octal, with parts left out
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "[fe80::1]",
    "[fd00::1]",
    "[ff02::1]",
]


@pytest.mark.parametrize("host", LOCAL)
def test_addresses_that_are_not_public_are_refused(port: int, host: str) -> None:
    careful = fetcher("*", f"*:{port}", private=False)
    for place in (f"{host}:{port}", host):
        with pytest.raises(BadInput, match=r"isn't public|doesn't exist"):
            careful(f"http://{place}/photo")
    assert not asked


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("203.150.1.1", True),
        ("2001:4860:4860::8888", True),
        ("::ffff:8.8.8.8", True),
        ("64:ff9b::808:808", True),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("::ffff:10.0.0.1", False),
        ("::10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378::1", False),
        ("2001:db8::1", False),
        ("fec0::1", False),
        ("fe80::1%eth0", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("192.0.0.170", False),
        ("240.0.0.1", False),
        ("0.1.2.3", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(address) == public


def test_a_redirect_to_a_private_address_is_refused(port: int) -> None:
    """127.0.0.1 stands for a public address; all of 127.0.0.0/8 is this machine."""
    place = f"http://127.0.0.1:{port}/to/http://{{}}:{port}/photo"
    hosts = [f"{name}:{port}" for name in ("127.0.0.*", "localhost")]
    settings = FetchSettings(hosts=",".join(hosts), attempts=1)
    named = settings.model_copy(update={"private_hosts": f"127.0.0.1:{port},localhost:{port}"})
    careful = Fetcher(named)
    assert careful(place.format("localhost")) == PHOTO
    assert Fetcher(settings, private=True)(place.format("127.0.0.1")) == PHOTO
    with pytest.raises(BadInput, match="names a host whose address isn't public"):
        careful(place.format("127.0.0.2"))


events: list[tuple[str, Any]] = []


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.getaddrinfo":
        events.append((event, arguments[0]))
    elif event == "socket.connect":
        events.append((event, arguments[1]))


sys.addaudithook(_note)


def test_the_address_that_was_looked_up_once_is_connected_to(port: int) -> None:
    events.clear()
    assert fetcher(f"localhost:{port}")(f"http://localhost:{port}/photo") == PHOTO
    names = [name for event, name in events if event == "socket.getaddrinfo"]
    assert names.count("localhost") == 1
    for event, place in events:
        if event == "socket.connect" and isinstance(place, tuple):
            ipaddress.ip_address(place[0])  # never a name, which could lead elsewhere by now


def test_a_certificate_must_be_the_hosts_own(tmp_path: Path) -> None:
    server, client = certified(tmp_path, "localhost")
    with serving(server) as port:
        settings = FetchSettings(hosts=f"localhost:{port},127.0.0.1:{port}", attempts=1)
        trusting = Fetcher(settings, private=True, ssl_context=client)
        assert trusting(f"https://localhost:{port}/photo") == PHOTO
        with pytest.raises(BadInput, match="the connection failed"):
            trusting(f"https://127.0.0.1:{port}/photo")
        with pytest.raises(BadInput, match="the connection failed"):
            Fetcher(settings, private=True)(f"https://localhost:{port}/photo")


def test_a_host_that_nobody_listens_at_says_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but not listening
        port = taken.getsockname()[1]
        with pytest.raises(BadInput, match="the connection failed"):
            fetcher(f"127.0.0.1:{port}")(f"http://127.0.0.1:{port}/photo")


def test_what_nobody_waits_for_is_not_fetched(fetch: Fetcher, port: int) -> None:
    event = threading.Event()
    event.set()
    token = runner.cancellation.set(event)
    try:
        with pytest.raises(Cancelled):
            fetch(f"http://127.0.0.1:{port}/photo")
    finally:
        runner.cancellation.reset(token)
    assert not asked


def test_a_proxy_in_the_environment_is_not_asked(
    fetch: Fetcher, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert fetch(f"http://127.0.0.1:{port}/photo") == PHOTO
