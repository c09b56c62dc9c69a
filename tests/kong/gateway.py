"""A fake Kong: its Admin API over HTTPS with client certificates, and its proxy over HTTPS.

It really forwards to model servers. It can be told to fail a call of the Admin API: before the call
does anything, after it has done it, or by cutting the connection.
A token, and a workspace in the address, are Enterprise's, by its documentation: not measured.
"""

import asyncio
import json
import ssl
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.kong.balancer import Balancer
from tests.kong.certificates import AUTHORITY, Certificates
from tests.kong.flowing import send_answer, whole_body
from tests.kong.forwarding import Forwarding
from tests.kong.store import Answer, Body, Store
from tests.kong.threads import listening

REFUSED = """<html>\r
<head><title>400 {title}</title></head>\r
<body>\r
<center><h1>400 Bad Request</h1></center>\r
<center>{title}</center>\r
</body>\r
</html>
"""  # nginx speaks before Kong does, so it isn't JSON


class Protocol(H11Protocol):
    """Lets the app see the connection: whether it has a certificate, and how to cut it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        certificate = transport.get_extra_info("ssl_object").getpeercert()
        known = {"certificate": certificate, "transport": transport}
        self.app_state = {**self.app_state, **known}


@dataclass
class Failure:
    """Which write of the Admin API fails, counted from 0, and how."""

    number: int
    how: str  # refuse, break (done, then 500), cut (done, then no answer), cut early
    lasting: bool = False  # whether all that follow fail, too


@dataclass
class Gateway:
    """The fake, and what a test looks at.

    Attributes:
        writes: every write of the Admin API that arrived: method and path.
        failure: the call that is to fail.
        on_write: called with a write's number after it is done.
        token: what a caller's `Kong-Admin-Token` has to be; empty where there are no users.
        workspace: what a path of the Admin API begins with then; empty without workspaces.
        proxying: the way of a client's request.
    """

    store: Store
    balancer: Balancer
    certificates: Certificates
    admin: str = ""
    proxy: str = ""
    writes: list[tuple[str, str]] = field(default_factory=list)
    failure: Failure | None = None
    on_write: Any = None
    token: str = ""
    workspace: str = ""
    proxying: Forwarding = field(init=False)

    def __post_init__(self) -> None:
        self.proxying = Forwarding(self.store, self.balancer)

    @property
    def requests(self) -> Counter[tuple[str, str, int]]:
        """How many a service got of a consumer in a minute."""
        return self.proxying.requests

    async def administer(self, scope: Any, receive: Any, send: Any) -> None:
        """The Admin API."""
        if scope["type"] != "http":
            return
        if title := _mistrust(scope["state"]["certificate"]):
            html = [(b"content-type", b"text/html; charset=UTF-8")]
            await send_answer(send, 400, REFUSED.format(title=title).encode(), html)
            return
        raw = await whole_body(receive)
        headers = dict(scope["headers"])
        if self.token and headers.get(b"kong-admin-token", b"").decode() != self.token:
            await send_answer(send, 401, {"message": "Invalid RBAC credentials"})
            return
        method, path = scope["method"], scope["path"]
        if self.workspace and path != "/":
            start = f"/{self.workspace}/"
            if not path.startswith(start):
                await send_answer(send, 404, {"message": "Not found"})
                return
            path = path.removeprefix(start.rstrip("/"))
            scope = {**scope, "path": path}
        body = _read(headers.get(b"content-type", b""), raw) if raw else None
        writes = method != "GET" and not path.startswith("/schemas/")
        number = len(self.writes)
        if writes:
            self.writes.append((method, path))
        fails = writes and self._fails(number)
        if fails == "cut early":
            scope["state"]["transport"].abort()
            return
        status, answer = (500, None) if fails == "refuse" else self._answer(scope, body)
        if writes and self.on_write:
            self.on_write(number)
        if fails == "cut":
            scope["state"]["transport"].abort()
            return
        if fails:
            status, answer = 500, {"message": "An unexpected error occurred"}
        await send_answer(send, status, answer)

    def _fails(self, number: int) -> str:
        one = self.failure
        if one and (number == one.number or (one.lasting and number > one.number)):
            return one.how
        return ""

    def _answer(self, scope: Any, body: Body | None) -> Answer:
        method, path = scope["method"], scope["path"]
        query = scope["query_string"].decode()
        health = path.endswith("/health")
        path = path.removesuffix("/health") + ("/targets" if health else "")
        status, answer = self.store.answer(method, path, query, body)
        if health and answer and "data" in answer:
            found = [{**one, "health": self.balancer.health(one)} for one in answer["data"]]
            following = answer["next"] and answer["next"].replace("/targets?", "/health?")
            answer = {"data": found, "next": following}
        return status, answer


def _mistrust(certificate: Any) -> str:
    """What is wrong with a client's certificate; empty where nothing is."""
    if not certificate:
        return "No required SSL certificate was sent"
    issuer = {key: value for part in certificate["issuer"] for key, value in part}
    return "" if issuer["commonName"] == AUTHORITY else "The SSL certificate error"


def _read(kind: bytes, raw: bytes) -> Body:
    """A body of JSON, or of a form such as curl's `--data`."""
    if not kind.startswith(b"application/x-www-form-urlencoded"):
        return dict(json.loads(raw))
    body: Body = {}
    for name, value in parse_qsl(raw.decode()):
        if name.endswith("[]"):
            body.setdefault(name[:-2], []).append(value)
        elif name.startswith("config."):
            known = {"true": True, "false": False}.get(value, value)
            body.setdefault("config", {})[name.removeprefix("config.")] = known
        elif name == "url":
            url = urlsplit(value)
            body |= {"host": url.hostname, "port": url.port, "path": url.path}
        else:
            known = {"true": True, "false": False}.get(value, value)
            body[name] = int(value) if value.isdecimal() else known
    return body


@contextmanager
def _listening(
    app: Any, certificates: Certificates, mutual: bool
) -> Iterator[tuple[str, uvicorn.Server]]:
    """Serves an app over HTTPS in a thread; yields its address and itself once it listens."""

    async def lifespan_or_http(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        await app(scope, receive, send)

    certificate, key = certificates.server
    server = uvicorn.Server(
        uvicorn.Config(
            lifespan_or_http,
            host="127.0.0.1",
            port=0,
            log_config=None,
            http=Protocol,
            ws="wsproto",
            ssl_certfile=certificate,
            ssl_keyfile=str(key),
            ssl_ca_certs=str(certificates.both) if mutual else None,
            ssl_cert_reqs=ssl.CERT_OPTIONAL if mutual else ssl.CERT_NONE,
            timeout_graceful_shutdown=1,
        )
    )
    with listening(server) as port:
        yield f"https://127.0.0.1:{port}", server


@contextmanager
def gateway(
    certificates: Certificates,
    propagation: float = 0.0,
    interval: float = 0.05,
    database: str = "postgres",
    role: str = "traditional",
) -> Iterator[Gateway]:
    """A running fake gateway with nothing in it."""
    store = Store(propagation, database, role)
    fake = Gateway(store, Balancer(store, interval), certificates)
    with (
        _listening(fake.administer, certificates, mutual=True) as (fake.admin, admin),
        _listening(fake.proxying.forward, certificates, mutual=False) as (fake.proxy, proxy),
    ):
        fake.balancer.start()
        try:
            yield fake
        finally:
            admin.should_exit = proxy.should_exit = True  # each takes a moment
            fake.balancer.stop()
