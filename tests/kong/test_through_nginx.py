"""The routes as another proxy understands them: Debian's nginx stands in for Kong's own nginx.

Kong's regular expressions and nginx's are both PCRE (Kong's newer router has Rust's), so the paths
that `spec.whole` makes are tried here on something that isn't our own code. So are streams: what a
route says of buffering and a service of timeouts is what nginx does for Kong.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from websockets.exceptions import InvalidStatus

from kong.admin import tls
from kong.objects import KEY_NAMES, PROTOCOLS, KeyAuthConfig, credentials
from kong.spec import MEGABYTE, REGISTERED, Spec, objects
from tests.kong.certificates import Certificates
from tests.kong.conftest import SAMPLE
from tests.kong.streaming import CREATED, WRONG_FORMS, Speaker, speaker, talk
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
  upstream models {{ {targets} }}
  map $http_upgrade $upgrade {{ default upgrade; "" ""; }}
  map $http_sec_websocket_protocol $realtime {{ default realtime; "" ""; }}
{keys}
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
      set $known {known};
      if ($known = "") {{ return 401; }}
      client_max_body_size {size}; proxy_read_timeout {read}ms; proxy_send_timeout {write}ms;
      proxy_buffering {buffering}; proxy_request_buffering {requests}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrade;
      proxy_set_header apikey ""; proxy_set_header authorization ""; {replaced}
      rewrite ^ {to} break; proxy_pass http://models;
    }}
"""
KEY = {"apikey": "the-key", "Content-Type": "application/json"}
BEARER = {"Authorization": "Bearer the-key"}


def variable(name: str) -> str:
    """What nginx calls whether a header has a key that is known."""
    return f"$known_{name.replace('-', '_')}"


def keys(key: str) -> str:
    """A client's credentials: all of a header is looked up, as Kong does."""
    forms = "".join(f'"{form}" 1; ' for form in credentials(key))
    return "\n".join(
        f'  map $http_{name.replace("-", "_")} {variable(name)} {{ default ""; {forms}}}'
        for name in (*KEY_NAMES, PROTOCOLS)
    )


def locations(spec: Spec) -> str:
    """The objects of a model as nginx would have them."""
    text = ""
    for service, hung, routes in objects(spec, REGISTERED).services:
        configs = {plugin.name: plugin.config for plugin in hung}
        auth = KeyAuthConfig.model_validate(configs["key-auth"].body())
        hands_over = "request-transformer" in configs
        for route in routes:
            text += LOCATION.format(
                path=route.paths[0].removeprefix("~"),
                method=route.methods[0],
                known=f'"{"".join(map(variable, auth.key_names))}"',
                to=service.path,
                size=spec.body_megabytes * MEGABYTE,
                read=service.read_timeout,
                write=service.write_timeout,
                buffering="on" if route.response_buffering else "off",
                requests="on" if route.request_buffering else "off",
                replaced="proxy_set_header Sec-WebSocket-Protocol $realtime;" * hands_over,
            )
    return text


@contextmanager
def nginx(spec: Spec, certificates: Certificates, folder: Path) -> Iterator[httpx2.Client]:
    """A client of nginx with the routes of a model."""
    port, (certificate, key) = free_port(), certificates.server
    config = CONFIG.format(
        folder=folder,
        targets=" ".join(f"server {one};" for one in spec.targets),
        keys=keys("the-key"),
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
) -> Iterator[tuple[Speaker, httpx2.Client]]:
    """A speech model, and the gateway before it, which waits a second for each event.

    Another target is dead; the gateway doesn't know yet.
    """
    with speaker() as server:
        targets = [f"127.0.0.1:{free_port()}", server.address]
        spec = Spec(name="asr", path="/asr", targets=targets, speech=True, read_seconds=1)
        with nginx(spec, certificates, tmp_path) as client:
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
    streaming: tuple[Speaker, httpx2.Client],
) -> None:
    """The stream may last longer than the timeout, but no event may keep it waiting for so long.

    The recording, which isn't kept at the gateway, goes to the next target if one can't be reached.
    """
    server, client = streaming
    sound = b"a" * 3_000_000
    asked = [("/asr", KEY, []), ("/asr/v1/audio/transcriptions", BEARER, [0.4, 0.4, 0.4])]
    for path, key, pauses in asked:
        headers = {**key, "Accept": "text/event-stream"}
        server.pauses = pauses
        server.heard.clear()
        with client.stream("POST", path, content=sound, headers=headers) as answer:
            events = (line for line in answer.iter_lines() if line.startswith("event"))
            assert next(events) == "event: progress"
            server.heard.set()  # a gateway that buffers would still have the first event
            assert list(events) == ["event: progress"] * len(pauses) + ["event: done"]
    server.pauses = [3.0]
    with (
        pytest.raises(httpx2.TransportError),
        client.stream("POST", "/asr", content=b"{}", headers=headers) as answer,
    ):
        answer.read()


def test_a_websocket_goes_through_both_ways(
    streaming: tuple[Speaker, httpx2.Client], certificates: Certificates
) -> None:
    server, client = streaming
    url = str(client.base_url.join("/asr"))
    messages: list[str | bytes] = [b"a" * 10, b"a" * 70_000, "{}"]
    for wrong in WRONG_FORMS:
        with pytest.raises(InvalidStatus) as refused:
            talk(url, certificates, **wrong)
        assert refused.value.response.status_code == 401
    page = {"subprotocols": ["realtime", "openai-insecure-api-key.the-key"]}
    subprotocol, (first, *answers) = talk(url, certificates, *messages, **page)
    assert subprotocol == "realtime"
    assert json.loads(first)["type"] == CREATED
    assert answers == messages
    ((address, headers),) = server.asked
    assert address == "/v1/realtime?intent=transcription"
    assert "the-key" not in str(headers)
