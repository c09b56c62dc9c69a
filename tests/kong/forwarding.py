"""The fake gateway's proxy: routes, plugins, and the way to a target, as Kong was measured."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2

from tests.kong.balancer import Balancer
from tests.kong.store import Answer, Body, Config, Store

Headers = dict[str, str]
ONE_EACH = httpx2.Limits(max_keepalive_connections=0)  # a connection that is kept may be dead
UNITS = {"bytes": 1, "kilobytes": 2**10, "megabytes": 2**20}
CLASSES = {"[[:alpha:]]": "[A-Za-z]", "[[:digit:]]": "[0-9]", r"\p{L}": r"[^\W\d_]"}
BROKEN = "An invalid response was received from the upstream server"
NOBODY = "failure to get a peer from the ring-balancer"


class Forwarding:
    """The way of a client's request.

    Attributes:
        requests: how many a service got of a consumer in a minute.
        log: the access log: method, the path with its query, status.
        clock: seconds, by which minutes are counted.
    """

    def __init__(self, store: Store, balancer: Balancer) -> None:
        self._store, self._balancer = store, balancer
        self._client = httpx2.AsyncClient(trust_env=False, limits=ONE_EACH)
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.log: list[str] = []
        self.clock: Callable[[], float] = time.time

    async def forward(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            return
        query = scope["query_string"].decode()
        address = scope["path"] + (f"?{query}" if query else "")

        async def logged(message: Any) -> None:
            if message["type"] == "http.response.start":
                self.log.append(f"{scope['method']} {address} {message['status']}")
            await send(message)

        config, raw = self._store.visible(), await whole_body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        route = match(config, scope["method"], scope["path"], headers)
        if not route:
            await send_answer(logged, 404, {"message": "no Route matched with those values"})
            return
        service = config["services"][route["service"]["id"]]
        own = {"id": service["id"]}
        plugins = {
            one["name"]: one["config"]
            for one in config["plugins"].values()
            if one["service"] == own and one["enabled"]
        }
        marks = _marks(plugins)
        if refusal := self._refuse(config, plugins, service, headers, query, raw):
            retry = [(b"retry-after", b"60")] if refusal[0] == 429 else []
            kind = [(b"content-type", b"application/json")]
            await send_answer(logged, *refusal, headers=[*kind, *retry, *marks])
            return
        rest = _rest(route, scope["path"])
        url = (service["path"] or "").rstrip("/") + (f"/{rest.lstrip('/')}" if rest else "") or "/"
        status, body, served = await self._pass_on(
            config, service, url, scope["method"], headers, raw
        )
        await send_answer(logged, status, body, [*served, *marks])

    def _refuse(
        self,
        config: Config,
        plugins: Any,
        service: Body,
        headers: Headers,
        query: str,
        raw: bytes,
    ) -> Answer | None:
        """What the plugins say; changes the headers as they do."""
        consumer = "anyone"
        if auth := plugins.get("key-auth"):
            given = headers
            if auth["key_in_query"]:
                given = {name: values[0] for name, values in parse_qs(query).items()} | headers
            key = next((given[one] for one in auth["key_names"] if one in given), None)
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
            now = (service["id"], consumer, int(self.clock() // 60))
            self.requests[now] += 1
            if self.requests[now] > limit["minute"]:
                return 429, {"message": "API rate limit exceeded"}
        if size := plugins.get("request-size-limiting"):
            most = size["allowed_payload_size"] * UNITS[size["size_unit"]]
            if len(raw) > most:
                return 413, {"message": "Request size limit exceeded"}
        return None

    async def _pass_on(
        self, config: Config, service: Body, path: str, method: str, headers: Headers, raw: bytes
    ) -> tuple[int, Any, Any]:
        """One attempt, and more only where a connection failed before anything was sent."""
        kept = {k: v for k, v in headers.items() if k not in ("host", "content-length")}
        seconds = service["read_timeout"] / 1000
        kind = [(b"content-type", b"application/json")]
        failed: Body | None = None
        for _ in range(service["retries"] + 1):
            if failed:
                self._balancer.failed(config, failed)  # counted only now
            target = self._balancer.pick(config, service["host"])
            if not target:
                return 503, {"message": NOBODY}, kind
            url = f"http://{target['target']}{path}"
            try:
                response = await self._client.request(
                    method, url, content=raw, headers=kept, timeout=seconds
                )
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                failed = target
                continue
            except httpx2.TimeoutException:
                return 504, {"message": "The upstream server is timing out"}, kind
            except httpx2.TransportError:
                break
            said = response.headers.get("content-type", "text/plain").encode()
            served = [(b"content-type", said), (b"x-served-by", target["target"].encode())]
            return response.status_code, response.content, served
        return 502, {"message": BROKEN}, kind


def _marks(plugins: Any) -> list[tuple[bytes, bytes]]:
    """The headers that response-transformer adds to every answer, also to those of plugins."""
    if not (transformer := plugins.get("response-transformer")):
        return []
    pairs = (one.split(":", 1) for one in transformer["add"]["headers"])
    return [(name.encode(), value.encode()) for name, value in pairs]


def match(config: Config, method: str, path: str, headers: Headers) -> Body | None:
    """The route of a request: one that wants a header before one that doesn't, then the older."""
    found = []
    for route in config["routes"].values():
        if route["methods"] and method not in route["methods"]:
            continue
        wanted = route["headers"] or {}
        if any(headers.get(name) not in values for name, values in wanted.items()):
            continue
        for one in route["paths"] or ["/"]:
            if re.match(_pattern(one), path):
                found.append((len(wanted), one.startswith("~"), len(one), route))
                break
    return max(found, key=lambda one: one[:3])[3] if found else None


def _pattern(path: str) -> str:
    """A route's path for Python, whose named groups and classes of letters have another form."""
    if path.startswith("~"):
        pattern = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", path[1:])
        for theirs, ours in CLASSES.items():
            pattern = pattern.replace(theirs, ours)
        return pattern
    return re.escape(path)


def _rest(route: Body, path: str) -> str:
    stripped = re.match(_pattern((route["paths"] or ["/"])[0]), path)
    return path[stripped.end() :] if stripped and route["strip_path"] else path


async def whole_body(receive: Any) -> bytes:
    """A request's body."""
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def send_answer(send: Any, status: int, body: Any, headers: Any = None) -> None:
    """Answers with bytes, or with JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    given = headers or [(b"content-type", b"application/json")]
    length = [(b"content-length", str(len(raw)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*given, *length]})
    await send({"type": "http.response.body", "body": raw})
