"""The routes as another proxy understands them: Debian's nginx stands in for Kong's own nginx.

Kong's regular expressions and nginx's are both PCRE (Kong's newer router has Rust's), so the paths
that `spec.whole` makes are tried here on something that isn't our own code.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from kong.admin import tls
from kong.spec import REGISTERED, Spec, objects
from tests.kong.certificates import Certificates
from tests.kong.conftest import SAMPLE
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
      client_max_body_size {size}m; proxy_read_timeout {seconds}s;
      proxy_set_header apikey ""; rewrite ^ {to} break; proxy_pass http://models;
    }}
"""


def locations(spec: Spec) -> str:
    """The objects of a model as nginx would have them."""
    text = ""
    for service, _, routes in objects(spec, REGISTERED).services:
        for route in routes:
            text += LOCATION.format(
                path=route.paths[0].removeprefix("~"),
                method=route.methods[0],
                to=service.path,
                size=spec.body_megabytes,
                seconds=service.read_timeout // 1000,
            )
    return text


@pytest.fixture
def proxy(certificates: Certificates, model: Stub, tmp_path: Path) -> Iterator[httpx2.Client]:
    """A client of nginx with the routes of a model."""
    spec = Spec(name="ner", path="/v1.0/ner", targets=[model.address], body_megabytes=1)
    port, (certificate, key) = free_port(), certificates.server
    config = CONFIG.format(
        folder=tmp_path,
        target=model.address,
        port=port,
        certificate=certificate,
        key=key,
        locations=locations(spec),
    )
    (tmp_path / "nginx.conf").write_text(config)
    command = [str(NGINX), "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    running = subprocess.Popen([*command, "-e", str(tmp_path / "error.log")])
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
        assert running.poll() is None, (tmp_path / "error.log").read_text()
        yield client
    finally:
        client.close()
        running.terminate()
        running.wait()


def test_the_routes_take_their_path_and_nothing_beside_it(
    proxy: httpx2.Client, model: Stub
) -> None:
    key = {"apikey": "the-key", "Content-Type": "application/json"}
    body = SAMPLE.read_bytes()
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
