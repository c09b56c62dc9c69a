"""A fake Kong: its Admin API over HTTPS with client certificates, and its proxy over HTTPS.

It really forwards to model servers. It can be told to fail a call of the Admin API: before the call
does anything, after it has done it, or by cutting the connection.
"""

import asyncio
import json
import re
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.kong.balancer import Balancer
from tests.kong.certificates import Certificates
from tests.kong.store import Answer, Body, Config, Store

Headers = dict[str, str]
ONE_EACH = httpx2.Limits(max_keepalive_connections=0)  # a connection that is kept may be dead


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
        requests: how many a service got of a consumer in a minute.
    """

    store: Store
    balancer: Balancer
    certificates: Certificates
    admin: str = ""
    proxy: str = ""
    writes: list[tuple[str, str]] = field(default_factory=list)
    failure: Failure | None = None
    on_write: Any = None
    _client: httpx2.AsyncClient = field(
        default_factory=lambda: httpx2.AsyncClient(trust_env=False, limits=ONE_EACH)
    )
    requests: Counter[tuple[str, str, int]] = field(default_factory=Counter)

    async def administer(self, scope: Any, receive: Any, send: Any) -> None:
        """The Admin API."""
        if scope["type"] != "http":
            return
        if not scope["state"]["certificate"]:
            await _send(send, 400, {"message": "No required SSL certificate was sent"})
            return
        raw = await _body(receive)
        method, path = scope["method"], scope["path"]
        body = json.loads(raw) if raw else None
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
        await _send(send, status, answer)

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

    async def forward(self, scope: Any, receive: Any, send: Any) -> None:
        """The proxy."""
        if scope["type"] != "http":
            return
        config, raw = self.store.visible(), await _body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        route = _match(config, scope["method"], scope["path"], headers)
        if not route:
            await _send(send, 404, {"message": "no Route matched with those values"})
            return
        service = config["services"][route["service"]["id"]]
        own = {"id": service["id"]}
        plugins = {
            one["name"]: one["config"]
            for one in config["plugins"].values()
            if one["service"] == own and one["enabled"]
        }
        if refusal := self._refuse(config, plugins, service, headers, raw):
            await _send(send, *refusal)
            return
        stripped = re.match(route["paths"][0][1:], scope["path"])
        rest = scope["path"][stripped.end() :] if stripped and route["strip_path"] else ""
        await self._pass_on(config, service, rest, scope["method"], headers, raw, send)

    def _refuse(
        self, config: Config, plugins: Any, service: Body, headers: Headers, raw: bytes
    ) -> Answer | None:
        """What the plugins say; changes the headers as they do."""
        consumer = "anyone"
        if auth := plugins.get("key-auth"):
            key = next((headers[one] for one in auth["key_names"] if one in headers), None)
            if key is None:
                return 401, {"message": "No API key found in request"}
            its = [c for c in config["keyauth_credentials"].values() if c["key"] == key]
            if not its:
                return 401, {"message": "Unauthorized"}
            consumer = its[0]["consumer"]["id"]
            if auth["hide_credentials"]:
                for one in auth["key_names"]:
                    headers.pop(one, None)
        if limit := plugins.get("rate-limiting"):
            now = (service["id"], consumer, int(time.time() // 60))
            self.requests[now] += 1
            if self.requests[now] > limit["minute"]:
                return 429, {"message": "API rate limit exceeded"}
        if (size := plugins.get("request-size-limiting")) and len(raw) > size[
            "allowed_payload_size"
        ] * 1_000_000:
            return 413, {"message": "Request size limit exceeded"}
        return None

    async def _pass_on(
        self,
        config: Config,
        service: Body,
        rest: str,
        method: str,
        headers: Headers,
        raw: bytes,
        send: Any,
    ) -> None:
        """One attempt."""
        target = self.balancer.pick(config, service["host"])
        if not target:
            await _send(send, 503, {"message": "failure to get a peer from the ring-balancer"})
            return
        url = f"http://{target['target']}{(service['path'] or '') + rest or '/'}"
        kept = {k: v for k, v in headers.items() if k not in ("host", "content-length")}
        seconds = service["read_timeout"] / 1000
        try:
            response = await self._client.request(
                method, url, content=raw, headers=kept, timeout=seconds
            )
        except httpx2.TimeoutException:
            await _send(send, 504, {"message": "The upstream server is timing out"})
        except httpx2.TransportError:
            self.balancer.failed(config, target)
            said = "An invalid response was received from the upstream server"
            await _send(send, 502, {"message": said})
        else:
            kind = response.headers.get("content-type", "text/plain")
            served = [(b"content-type", kind.encode()), (b"x-served-by", target["target"].encode())]
            await _send(send, response.status_code, response.content, served)


def _match(config: Config, method: str, path: str, headers: Headers) -> Body | None:
    """The route of a request: one that wants a header before one that doesn't."""
    found = []
    for route in config["routes"].values():
        if route["methods"] and method not in route["methods"]:
            continue
        wanted = route["headers"] or {}
        if any(headers.get(name) not in values for name, values in wanted.items()):
            continue
        for one in route["paths"] or ["/"]:
            if re.match(one[1:], path) if one.startswith("~") else path.startswith(one):
                found.append((len(wanted), one.startswith("~"), len(one), route))
                break
    return max(found, key=lambda one: one[:3])[3] if found else None


async def _body(receive: Any) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _send(send: Any, status: int, body: Any, headers: Any = None) -> None:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = headers or [(b"content-type", b"application/json")]
    length = [(b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*given, *length]})
    await send({"type": "http.response.body", "body": raw})


@contextmanager
def _listening(
    app: Any, certificates: Certificates, mutual: bool
) -> Iterator[tuple[str, uvicorn.Server]]:
    """Serves an app over HTTPS in a thread; yields its address and itself once it listens."""
    ready = threading.Event()

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
            log_level="critical",
            http=Protocol,
            ssl_certfile=certificate,
            ssl_keyfile=str(key),
            ssl_ca_certs=str(certificates.ca) if mutual else None,
            ssl_cert_reqs=ssl.CERT_OPTIONAL if mutual else ssl.CERT_NONE,
            timeout_graceful_shutdown=1,
        )
    )
    startup = server.startup

    async def started(sockets: Any = None) -> None:
        await startup(sockets)
        ready.set()

    server.startup = started  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert ready.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"https://127.0.0.1:{port}", server
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def gateway(
    certificates: Certificates,
    propagation: float = 0.0,
    interval: float = 0.05,
    database: str = "postgres",
) -> Iterator[Gateway]:
    """A running fake gateway with nothing in it."""
    store = Store(propagation, database)
    fake = Gateway(store, Balancer(store, interval), certificates)
    with (
        _listening(fake.administer, certificates, mutual=True) as (fake.admin, admin),
        _listening(fake.forward, certificates, mutual=False) as (fake.proxy, proxy),
    ):
        fake.balancer.start()
        try:
            yield fake
        finally:
            admin.should_exit = proxy.should_exit = True  # each takes a moment
            fake.balancer.stop()
