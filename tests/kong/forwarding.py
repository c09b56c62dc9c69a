"""The fake gateway's proxy: routes, plugins, and the way to a target, as Kong was measured."""

import re
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx2

from tests.kong.balancer import Balancer
from tests.kong.flowing import Answering, Upload, send_answer, tunnel
from tests.kong.store import Answer, Body, Config, Store

Headers = dict[str, str]
ONE_EACH = httpx2.Limits(max_keepalive_connections=0)  # a connection that is kept may be dead
UNITS = {"bytes": 1, "kilobytes": 2**10, "megabytes": 2**20}
CLASSES = {"[[:alpha:]]": "[A-Za-z]", "[[:digit:]]": "[0-9]", r"\p{L}": r"[^\W\d_]"}
BROKEN = "An invalid response was received from the upstream server"
KIND = (b"content-type", b"application/json")
NOBODY = "failure to get a peer from the ring-balancer"


class Forwarding:
    """The way of a client's request.

    Attributes:
        requests: how many a service got of a consumer in a minute.
        log: the access log: method, the path with its query, status.
        holds_back: whether another proxy between buffers answers, whatever a route says.
        clock: seconds, by which minutes are counted.
    """

    def __init__(self, store: Store, balancer: Balancer) -> None:
        self._store, self._balancer = store, balancer
        self._client = httpx2.AsyncClient(trust_env=False, limits=ONE_EACH)
        self.requests: Counter[tuple[str, str, int]] = Counter()
        self.log: list[str] = []
        self.holds_back = False
        self.clock: Callable[[], float] = time.time

    async def forward(self, scope: Any, receive: Any, send: Any) -> None:
        """Answers a request."""
        query, method = scope["query_string"].decode(), scope.get("method", "GET")
        address = scope["path"] + (f"?{query}" if query else "")
        live = scope["type"] == "websocket"
        if live:
            await receive()  # that somebody wants to connect

        async def logged(message: Any) -> None:
            if message["type"] == "websocket.accept":
                self.log.append(f"{method} {address} 101")
            elif message["type"] == "http.response.start":
                self.log.append(f"{method} {address} {message['status']}")
            if live and message["type"].startswith("http."):
                message = {**message, "type": f"websocket.{message['type']}"}
            await send(message)

        config = self._store.visible()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if offered := scope.get("subprotocols"):
            headers["sec-websocket-protocol"] = ", ".join(offered)
        route = match(config, method, scope["path"], headers)
        body = None if live else await Upload.begun(receive, headers, route)
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
        size = body.size if body else 0
        if refusal := self._refuse(config, plugins, service, headers, query, size):
            if body:
                await body.read()
            retry = [(b"retry-after", b"60")] if refusal[0] == 429 else []
            kind = [(b"content-type", b"application/json")]
            await send_answer(logged, *refusal, headers=[*kind, *retry, *marks])
            return
        _transform(plugins, headers)
        rest = _rest(route, scope["path"])
        path = (service["path"] or "").rstrip("/") + (f"/{rest.lstrip('/')}" if rest else "") or "/"
        path += f"?{query}" if query else ""
        if body is None:
            target = self._balancer.pick(config, service["host"])
            if not target:
                await send_answer(logged, 503, {"message": NOBODY}, [KIND, *marks])
                return
            url = f"ws://{target['target']}{path}"
            await tunnel(url, headers, marks, receive, logged, scope["state"]["transport"])
            return
        found = await self._pass_on(config, service, path, method, headers, body)
        response, served = found
        if isinstance(response, int):
            await send_answer(logged, response, served, headers=[KIND, *marks])
            return
        head = [*_kept(response), (b"x-served-by", served.encode()), *marks]
        buffers = self.holds_back or route["response_buffering"]
        await Answering(response, head, buffers).send(receive, logged)

    def _refuse(
        self,
        config: Config,
        plugins: Any,
        service: Body,
        headers: Headers,
        query: str,
        length: int,
    ) -> Answer | None:
        """What the plugins say; changes the headers as they do."""
        consumer = "anyone"
        if auth := plugins.get("key-auth"):
            given = headers
            if auth["key_in_query"]:
                given = {name: values[0] for name, values in parse_qs(query).items()} | headers
            name = next((one for one in auth["key_names"] if one in given), None)
            if name is None:
                return 401, {"message": "No API key found in request"}
            key = given[name]  # all of the header: nothing is taken off its beginning
            its = [c for c in config["keyauth_credentials"].values() if c["key"] == key]
            if not its:
                return 401, {"message": "Unauthorized"}
            consumer = its[0]["consumer"]["id"]
            if auth["hide_credentials"]:
                headers.pop(name, None)
        if limit := plugins.get("rate-limiting"):
            now = (service["id"], consumer, int(self.clock() // 60))
            self.requests[now] += 1
            if self.requests[now] > limit["minute"]:
                return 429, {"message": "API rate limit exceeded"}
        if size := plugins.get("request-size-limiting"):
            most = size["allowed_payload_size"] * UNITS[size["size_unit"]]
            if length > most:
                return 413, {"message": "Request size limit exceeded"}
        return None

    async def _pass_on(
        self,
        config: Config,
        service: Body,
        path: str,
        method: str,
        headers: Headers,
        body: Upload,
    ) -> tuple[Any, Any]:
        """One attempt, and more only where a connection failed before anything was sent.

        Returns:
            A response, of which nothing was read, and whose it is; or a status and what it means.
        """
        kept = {k: v for k, v in headers.items() if k not in ("host", "transfer-encoding")}
        seconds = service["read_timeout"] / 1000
        failed: Body | None = None
        for _ in range(service["retries"] + 1):
            if failed:
                self._balancer.failed(config, failed)  # counted only now
            target = self._balancer.pick(config, service["host"])
            if not target:
                return 503, {"message": NOBODY}
            url = f"http://{target['target']}{path}"
            request = self._client.build_request(
                method, url, content=body.parts(), headers=kept, timeout=seconds
            )
            try:
                return await self._client.send(request, stream=True), target["target"]
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                failed = target
                continue
            except httpx2.TimeoutException:
                return 504, {"message": "The upstream server is timing out"}
            except httpx2.TransportError:
                break
        return 502, {"message": BROKEN}


def _transform(plugins: Any, headers: Headers) -> None:
    """Changes a request's headers as request-transformer does, once the key has been looked at."""
    if transformer := plugins.get("request-transformer"):
        for name in transformer["remove"]["headers"]:
            headers.pop(name, None)
        for name, value in (one.split(":", 1) for one in transformer["replace"]["headers"]):
            if name in headers:
                headers[name] = value


def _kept(response: httpx2.Response) -> list[tuple[bytes, bytes]]:
    """The headers of a server's answer that go on to the client."""
    hop = (
        "connection",
        "transfer-encoding",
        "content-length",
        "content-encoding",
        "server",
        "date",
    )
    found = [(k.lower().encode(), v.encode()) for k, v in response.headers.multi_items()]
    return [one for one in found if one[0].decode() not in hop]


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
