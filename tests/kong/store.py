"""The configuration of the fake gateway: Kong's objects, and what its Admin API says to each call.

As measured on Kong 3.4 and 3.9: a name that is taken is a 409, PUT is an upsert (but not for
targets), a PUT of a route below another service moves it there and forgets its methods, a service
with routes isn't deleted, an unknown field is a 400, and a Kong without a database takes nothing
but a whole configuration. Read in Kong's source, not measured: an IPv6 target is written out.
"""

import copy
import ipaddress
import threading
import time
import uuid
from typing import Any
from urllib.parse import parse_qs

from tests.kong.schemas import CONFIGS, DEFAULTS, NAMES, PARENTS

Body = dict[str, Any]
Config = dict[str, dict[str, Body]]  # kind → id → object
Answer = tuple[int, Body | None]


class Refusal(Exception):
    """A status and Kong's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Store:
    """All objects, and what the proxy sees of them: the past.

    Args:
        propagation: seconds until the proxy sees a change.
        database: `off` is Kong without one.
        role: what `GET /` tells: `traditional`, `control_plane` or `data_plane`.
    """

    def __init__(
        self, propagation: float, database: str = "postgres", role: str = "traditional"
    ) -> None:
        self.database, self.role, self._propagation = database, role, propagation
        self._lock = threading.RLock()
        self._config: Config = {kind: {} for kind in DEFAULTS}
        self._history: list[tuple[float, Config]] = [(0.0, copy.deepcopy(self._config))]

    def config(self, timeless: bool = True) -> Config:
        """A copy of everything; without the times of the last changes, for comparing."""
        with self._lock:
            found = copy.deepcopy(self._config)
        if timeless:
            for kind in found.values():
                for body in kind.values():
                    del body["created_at"], body["updated_at"]
        return found

    def visible(self) -> Config:
        """What the proxy goes by; not to be changed."""
        now = time.monotonic()
        with self._lock:
            while len(self._history) > 1 and self._history[1][0] <= now:
                del self._history[0]
            return self._history[0][1]

    def answer(self, method: str, path: str, query: str, body: Body | None) -> Answer:
        """What the Admin API says to a call."""
        if self.database == "off" and path == "/config" and method == "POST":
            self._load(body or {})
            return 201, self.config()
        if self.database == "off" and method != "GET":
            return 405, {"message": "cannot create or update when not using a database"}
        with self._lock:
            before = copy.deepcopy(self._config)
            try:
                answer = self._route(method, path.strip("/").split("/"), query, body or {})
            except Refusal as refusal:
                self._config = before
                return refusal.status, {"message": str(refusal)}
            if method != "GET":
                later = time.monotonic() + self._propagation
                self._history.append((later, copy.deepcopy(self._config)))
            return answer

    def _load(self, document: Body) -> None:
        """Takes a kong.yaml in place of all that was there."""
        hung = {"services": ("routes", "plugins"), "upstreams": ("targets",)}
        hung["consumers"] = ("keyauth_credentials",)
        with self._lock:
            self._config = {kind: {} for kind in DEFAULTS}
            for kind, below in hung.items():
                for given in document.get(kind, []):
                    plain = {key: value for key, value in given.items() if key not in below}
                    owner = self._write(kind, self._filled(kind, plain), None)
                    parent = {kind.removesuffix("s"): {"id": owner["id"]}}
                    for child in below:
                        for one in given.get(child, []):
                            self._write(child, {**self._filled(child, one), **parent}, None)
            self._history.append((time.monotonic(), copy.deepcopy(self._config)))

    def _route(self, method: str, parts: list[str], query: str, body: Body) -> Answer:
        if parts == [""]:
            configuration = {"database": self.database, "role": self.role}
            return 200, {"version": "3.9.1", "configuration": configuration}
        if parts[0] == "schemas":
            self._filled(parts[1], body)
            return 200, {"message": "schema validation successful"}
        parent: Body = {}
        if len(parts) >= 3:
            owner = self._find(parts[0], parts[1])
            if owner is None:
                raise Refusal(404, "Not found")
            parent = {parts[0].removesuffix("s"): {"id": owner["id"]}}
            kind = "keyauth_credentials" if parts[2] == "key-auth" else parts[2]
            parts = [kind, *parts[3:]]
        kind = parts[0]
        if kind not in DEFAULTS or len(parts) > 2:
            raise Refusal(404, "Not found")
        if len(parts) == 1:
            return self._collection(method, kind, parent, query, body)
        return self._one(method, kind, parts[1], parent, body)

    def _collection(self, method: str, kind: str, parent: Body, query: str, body: Body) -> Answer:
        if method == "POST":
            return 201, self._write(kind, {**self._filled(kind, body), **parent}, None)
        if method != "GET":
            raise Refusal(405, "Method not allowed")
        tags = set(parse_qs(query).get("tags", [""])[0].split(",")) - {""}
        found = [
            one
            for one in self._config[kind].values()
            if parent.items() <= one.items() and tags <= set(one["tags"] or [])
        ]
        offset, size = int(parse_qs(query).get("offset", ["0"])[0]), 2  # pages are small on purpose
        more = f"/{self._address(kind, parent)}?offset={offset + size}"
        more += f"&tags={','.join(sorted(tags))}" if tags else ""
        following = more if len(found) > offset + size else None
        return 200, {"data": found[offset : offset + size], "next": following}

    @staticmethod
    def _address(kind: str, parent: Body) -> str:
        name = "key-auth" if kind == "keyauth_credentials" else kind
        return "/".join([*(f"{k}s/{v['id']}" for k, v in parent.items()), name])

    def _one(self, method: str, kind: str, name: str, parent: Body, body: Body) -> Answer:
        there = self._find(kind, name, parent if kind in PARENTS or method != "PUT" else {})
        if method == "GET":
            if there is None:
                raise Refusal(404, "Not found")
            return 200, there
        if method == "DELETE":
            if there is not None:
                self._delete(kind, there)
            return 204, None
        if kind == "targets" and there is None:
            raise Refusal(404, "Not found")  # no upsert
        if method == "PATCH":
            if there is None:
                raise Refusal(404, "Not found")
            known = self._filled(kind, {**there, **body})
            return 200, self._write(kind, known, there)
        if method != "PUT":
            raise Refusal(405, "Method not allowed")
        label = {"id": name} if _is_id(name) else {NAMES[kind]: name}
        return 200, self._write(kind, {**self._filled(kind, {**body, **label}), **parent}, there)

    def _find(self, kind: str, name: str, parent: Body | None = None) -> Body | None:
        if kind not in self._config:
            raise Refusal(404, "Not found")
        name = written_out(name) if kind == "targets" else name
        for one in self._config[kind].values():
            if name in (one["id"], one.get(NAMES[kind])) and (parent or {}).items() <= one.items():
                return one
        return None

    def _filled(self, kind: str, body: Body) -> Body:
        """With Kong's defaults for what isn't said; what it doesn't know is refused."""
        common = {"id": None, "tags": None, "created_at": 0, "updated_at": 0, NAMES[kind]: None}
        if kind == "plugins":
            common["name"] = None
        filled = _merge({**common, **DEFAULTS[kind]}, body, "")
        if kind == "plugins":
            if filled["name"] not in CONFIGS:
                raise Refusal(400, "schema violation (name: plugin not enabled)")
            filled["config"] = _merge(CONFIGS[filled["name"]], body.get("config") or {}, "config.")
        if kind == "services" and not filled["host"]:
            raise Refusal(400, "schema violation (host: required field missing)")
        if kind == "targets" and filled["target"]:
            filled["target"] = written_out(filled["target"])
        return filled

    def _write(self, kind: str, body: Body, old: Body | None) -> Body:
        now = int(time.time())
        body["id"] = old["id"] if old else body["id"] or str(uuid.uuid4())
        body["created_at"], body["updated_at"] = old["created_at"] if old else now, now
        for other in self._config[kind].values():
            if other["id"] != body["id"] and self._same(kind, other, body):
                label = f"{NAMES[kind]}={body[NAMES[kind]]!r}"
                raise Refusal(409, f"UNIQUE violation detected on '{{{label}}}'")
        if old is None and body["id"] in self._config[kind]:
            raise Refusal(409, "UNIQUE violation detected on id")
        self._config[kind][body["id"]] = body
        return body

    @staticmethod
    def _same(kind: str, one: Body, other: Body) -> bool:
        if kind == "plugins":
            keys: tuple[str, ...] = ("name", "service", "route", "consumer")
            return all(one[key] == other[key] for key in keys)
        same = one[NAMES[kind]] is not None and one[NAMES[kind]] == other[NAMES[kind]]
        return same and (kind != "targets" or one["upstream"] == other["upstream"])

    def _delete(self, kind: str, body: Body) -> None:
        reference = {"id": body["id"]}
        if kind == "services" and any(
            one["service"] == reference for one in self._config["routes"].values()
        ):
            raise Refusal(400, "an existing 'routes' entity references this 'services' entity")
        del self._config[kind][body["id"]]
        single = kind.removesuffix("s")
        for child in ("targets", "keyauth_credentials", "plugins"):
            for one in list(self._config[child].values()):
                if one.get(single) == reference:
                    del self._config[child][one["id"]]


def _merge(defaults: Body, given: Body, at: str) -> Body:
    if unknown := set(given) - set(defaults):
        raise Refusal(400, f"schema violation ({at}{sorted(unknown)[0]}: unknown field)")
    merged = copy.deepcopy(defaults)
    for key, value in given.items():
        nested = isinstance(value, dict) and isinstance(defaults[key], dict) and key != "config"
        merged[key] = _merge(defaults[key], value, f"{at}{key}.") if nested else value
    return merged


def written_out(target: str) -> str:
    """A target's address as Kong keeps it: IPv6 with all its zeros."""
    host, _, port = target.rpartition(":")
    if not host.startswith("["):
        return target
    return f"[{ipaddress.IPv6Address(host[1:-1]).exploded}]:{port}"


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
