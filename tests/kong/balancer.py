"""Which target of an upstream takes a request, and which ones the fake gateway believes healthy.

As measured: a target that starts to get weight starts healthy, whatever it is; one at weight 0 is
never probed; a connection that failed is counted only when a second try begins; a control plane
runs no balancer, so it knows no health.
"""

import threading
from collections import Counter
from typing import Any

import httpx2

from tests.kong.store import Body, Config, Store


class Balancer:
    """The healths of all targets, kept up to date by probes.

    Args:
        store: what it goes by.
        interval: seconds between two rounds of probes; Kong has whole seconds, tests haven't.
    """

    def __init__(self, store: Store, interval: float) -> None:
        self._store, self._interval = store, interval
        self._lock = threading.Lock()
        self._unhealthy: dict[str, bool] = {}  # by the target's id; only while it has weight
        self._counts: dict[str, Counter[str]] = {}
        self._credit: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._probe_all, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def pick(self, config: Config, upstream: str) -> Body | None:
        """The next target, by smooth weighted round robin; None where none is healthy."""
        found = self._weighted(config, upstream)
        with self._lock:
            able = [one for one in found if not self._unhealthy.get(one["id"])]
            if not able:
                return None
            for one in able:
                self._credit[one["id"]] += one["weight"]
            best = max(able, key=lambda one: self._credit[one["id"]])
            self._credit[best["id"]] -= sum(one["weight"] for one in able)
            return best

    def failed(self, config: Config, target: Body) -> None:
        """A connection of the traffic failed, and a second try begins."""
        checks = config["upstreams"][target["upstream"]["id"]]["healthchecks"]
        self._count(target["id"], "tcp_failures", checks["passive"]["unhealthy"]["tcp_failures"])

    def health(self, target: Body) -> str:
        """As the Admin API has it; what was changed just now isn't seen yet."""
        config = self._store.visible()
        seen = config["targets"].get(target["id"])
        if self._store.role == "control_plane" or not seen or not seen["weight"]:
            return "HEALTHCHECKS_OFF"
        if not _interval(config["upstreams"][seen["upstream"]["id"]]):
            return "HEALTHCHECKS_OFF"
        with self._lock:
            return "UNHEALTHY" if self._unhealthy.get(seen["id"]) else "HEALTHY"

    def _probe_all(self) -> None:
        with httpx2.Client(timeout=30.0, trust_env=False) as client:
            while not self._stop.wait(self._interval):
                config = self._store.visible()
                alive = set()
                for upstream in config["upstreams"].values():
                    for target in self._weighted(config, upstream["name"]):
                        alive.add(target["id"])
                        if _interval(upstream):
                            self._probe(client, upstream["healthchecks"]["active"], target)
                with self._lock:
                    for gone in set(self._unhealthy) - alive:
                        del self._unhealthy[gone]
                        self._counts.pop(gone, None)

    def _probe(self, client: httpx2.Client, active: Body, target: Body) -> None:
        try:
            url = f"http://{target['target']}{active['http_path']}"
            status = client.get(url).status_code
        except httpx2.TimeoutException:
            self._count(target["id"], "timeouts", active["unhealthy"]["timeouts"])
        except httpx2.TransportError:
            self._count(target["id"], "tcp_failures", active["unhealthy"]["tcp_failures"])
        else:
            if status in active["healthy"]["http_statuses"]:
                self._count(target["id"], "successes", active["healthy"]["successes"])
            elif status in active["unhealthy"]["http_statuses"]:
                self._count(target["id"], "http_failures", active["unhealthy"]["http_failures"])

    def _count(self, target: str, what: str, enough: int) -> None:
        with self._lock:
            counts = self._counts.setdefault(target, Counter())
            if what == "successes":
                counts.pop("tcp_failures", None)
                counts.pop("http_failures", None)
            else:
                counts.pop("successes", None)
            counts[what] += 1
            if enough and counts[what] >= enough:
                self._unhealthy[target] = what != "successes"

    @staticmethod
    def _weighted(config: Config, upstream: str) -> list[Body]:
        ids = [one["id"] for one in config["upstreams"].values() if one["name"] == upstream]
        return [
            one
            for one in config["targets"].values()
            if ids and one["upstream"]["id"] == ids[0] and one["weight"]
        ]


def _interval(upstream: dict[str, Any]) -> Any:
    return upstream["healthchecks"]["active"]["healthy"]["interval"]
