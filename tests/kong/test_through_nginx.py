"""The routes as another proxy understands them: Debian's nginx stands in for Kong's own nginx.

Kong's regular expressions and nginx's are both PCRE (Kong's newer router has Rust's), so the paths
that `spec.whole` makes are tried here on something that isn't our own code. So are streams: what a
route says of buffering and a service of timeouts is what nginx does for Kong.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import websocket

from kong.admin import tls
from kong.spec import MEGABYTE, REGISTERED, Spec, objects
from tests.kong.certificates import Certificates
from tests.kong.conftest import SAMPLE
from tests.kong.streaming import Streams, streams
from tests.kong.stub import RIGHT, Stub
from zoo.building.local_server import free_port

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
pytestmark = pytest.mark.skipif(not NGINX, reason="nginx isn't installed")
CONFIG = """
daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream models {{ server {target}; }}
  map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate}; ssl_certificate_key {key};
    location / {{ return 404; }}
{locations}
  }}
}}
"""
LOCATION = """
    location ~ "^{path}" {{
      limit_except {method} {{ deny all; }}
      if ($http_apikey != "the-key") {{ return 401; }}
      client_max_body_size {size}; proxy_read_timeout {read}ms; proxy_send_timeout {write}ms;
      proxy_buffering {buffering}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade;
      proxy_set_header apikey ""; rewrite ^ {to} break; proxy_pass http://models;
    }}
"""


KEY = {"apikey": "the-key", "Content-Type": "application/json"}


def locations(spec: Spec) -> str:
    """The objects of a model as nginx would have them."""
    text = ""
    for service, _, routes in objects(spec, REGISTERED).services:
        for route in routes:
            text += LOCATION.format(
                path=route.paths[0].removeprefix("~"),
                method=route.methods[0],
                to=service.path,
                size=spec.body_megabytes * MEGABYTE,
                read=service.read_timeout,
                write=service.write_timeout,
                buffering="on" if route.response_buffering else "off",
            )
    return text


@contextmanager
def nginx(spec: Spec, certificates: Certificates, folder: Path) -> Iterator[httpx2.Client]:
    """A client of nginx with the routes of a model."""
    port, (certificate, key) = free_port(), certificates.server
    config = CONFIG.format(
        folder=folder,
        target=spec.targets[0],
        port=port,
        certificate=certificate,
        key=key,
        locations=locations(spec),
    )
    (folder / "nginx.conf").write_text(config)
    command = [str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]
    running = subprocess.Popen([*command, "-e", str(folder / "error.log")])
    client = httpx2.Client(
        base_url=f"https://127.0.0.1:{port}", verify=tls(certificates.ca), trust_env=False
    )
    try:
        while running.poll() is None:
            try:
                client.get("/")
                break
            except httpx2.TransportError:
                time.sleep(0.02)  # until it listens
        assert running.poll() is None, (folder / "error.log").read_text()
        yield client
    finally:
        client.close()
        running.terminate()
        running.wait()


@pytest.fixture
def proxy(certificates: Certificates, model: Stub, tmp_path: Path) -> Iterator[httpx2.Client]:
    """The gateway of a model that answers as models do."""
    spec = Spec(name="ner", path="/v1.0/ner", targets=[model.address], body_megabytes=1)
    with nginx(spec, certificates, tmp_path) as client:
        yield client


@pytest.fixture
def streaming(
    certificates: Certificates, tmp_path: Path
) -> Iterator[tuple[Streams, httpx2.Client]]:
    """A server of streams, and the gateway before it, which waits a second for each event."""
    with streams() as server:
        spec = Spec(name="asr", path="/asr", targets=[server.address], live="/v1/realtime")
        with nginx(spec.model_copy(update={"read_seconds": 1}), certificates, tmp_path) as client:
            yield server, client


def test_the_routes_take_their_path_and_nothing_beside_it(
    proxy: httpx2.Client, model: Stub
) -> None:
    key, body = KEY, SAMPLE.read_bytes()
    assert proxy.post("/v1.0/ner", content=body, headers=key).json() == RIGHT
    assert "apikey" not in model.seen[-1]
    assert proxy.get("/v1.0/ner/ready", headers=key).status_code == 200
    assert proxy.post("/v1.0/ner", content=body).status_code == 401
    for path in ("/v1.0/nerx", "/v1.0/ner/x", "/v1.0/ner/", "/v1x0/ner", "/x/v1.0/ner", "/"):
        assert proxy.post(path, content=body, headers=key).status_code == 404, path
    assert proxy.get("/v1.0/ner", headers=key).status_code == 403
    assert proxy.get("/v1.0/ner/readyx", headers=key).status_code == 404
    large = b" " * 1_100_000
    assert proxy.post("/v1.0/ner", content=large, headers=key).status_code == 413
    assert len(model.seen) == 1


def test_an_event_comes_through_before_the_next_one_is_made(
    streaming: tuple[Streams, httpx2.Client],
) -> None:
    """The stream may last longer than the timeout, but no event may keep it waiting for so long."""
    server, client = streaming
    server.pauses = [0.5, 0.5, 0.5]
    headers = {**KEY, "Accept": "text/event-stream"}
    with client.stream("POST", "/asr", content=b"{}", headers=headers) as answer:
        events = answer.iter_lines()
        assert next(events) == "data: 0"
        server.heard.set()  # a gateway that buffers would still have the first event
        assert [line for line in events if line] == [f"data: {number}" for number in range(1, 5)]
    server.pauses = [3.0]
    with (
        pytest.raises(httpx2.TransportError),
        client.stream("POST", "/asr", content=b"{}", headers=headers) as answer,
    ):
        answer.read()


def test_a_websocket_goes_through_both_ways(
    streaming: tuple[Streams, httpx2.Client], certificates: Certificates
) -> None:
    server, client = streaming
    url = str(client.base_url).replace("https", "wss").rstrip("/")
    secure = {"ca_certs": str(certificates.ca)}
    with pytest.raises(websocket.WebSocketBadStatusException, match="401"):
        websocket.create_connection(f"{url}/asr/live", sslopt=secure)
    live = websocket.create_connection(
        f"{url}/asr/live?intent=transcription", sslopt=secure, header=["apikey: the-key"]
    )
    try:
        for size in (10, 70_000):
            live.send_binary(b"a" * size)
            assert live.recv() == b"a" * size
        live.send("{}")
        assert live.recv() == "{}"
    finally:
        live.close()
    address, headers = server.asked[-1]
    assert address == "/v1/realtime?intent=transcription"
    assert "apikey" not in headers
