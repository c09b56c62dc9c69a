"""The fake gateway does what Kong was measured to do: all the other tests rely on that."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from kong.admin import tls
from tests.kong.certificates import Certificates
from tests.kong.conftest import Client, administer, eventually
from tests.kong.gateway import Gateway, gateway
from tests.kong.stub import Stub, stub
from zoo.building.local_server import free_port

CHECKS = {"passive": {"unhealthy": {"tcp_failures": 2}}}
ONE_MIB = 2**20


def lead(fake: Gateway, *targets: str, name: str = "a", path: str = "/a", **service: Any) -> None:
    """A service with its upstream, targets and route."""
    upstream = {"name": f"{name}.up", "healthchecks": CHECKS}
    administer(fake, "PUT", f"/upstreams/{name}.up", upstream)
    for target in targets:
        administer(fake, "POST", f"/upstreams/{name}.up/targets", {"target": target})
    administer(fake, "PUT", f"/services/{name}", {"host": f"{name}.up", "path": "/x", **service})
    administer(fake, "PUT", f"/services/{name}/routes/{name}", {"paths": [path]})


def statuses(fake: Gateway, times: int, path: str = "/a") -> Counter[int]:
    with Client(fake) as client:
        return Counter(client.ask(path).status_code for _ in range(times))


def one_of_two_is_dead(fake: Gateway, model: Stub, retries: int) -> Counter[int]:
    lead(fake, model.address, f"127.0.0.1:{free_port()}", retries=retries)
    return statuses(fake, 12)


def late(fake: Gateway, model: Stub) -> tuple[Counter[int], int]:
    model.seconds = 3
    lead(fake, model.address, read_timeout=1000, retries=5)
    found = statuses(fake, 1)
    eventually(lambda: bool(model.seen))
    return found, len(model.seen)


def beside_a_catch_all(fake: Gateway, model: Stub) -> Counter[int]:
    lead(fake, model.address)
    lead(fake, model.address, name="all", path="/")
    administer(fake, "DELETE", "/services/a/routes/a")
    return statuses(fake, 1)


def two_on_one_path(fake: Gateway, model: Stub) -> tuple[int, Counter[int]]:
    with stub() as other:
        other.status = 418
        lead(fake, model.address)
        lead(fake, other.address, name="b")
        return len(fake.store.config()["routes"]), statuses(fake, 4)


def size(fake: Gateway, model: Stub, unit: str, allowed: int, sent: int) -> int:
    lead(fake, model.address)
    config = {"allowed_payload_size": allowed, "size_unit": unit}
    body = {"name": "request-size-limiting", "config": config}
    administer(fake, "POST", "/services/a/plugins", body)
    with httpx2.Client(verify=tls(fake.certificates.ca), trust_env=False) as client:
        return client.post(f"{fake.proxy}/a", content=b" " * sent).status_code


def key_in_the_address(fake: Gateway, model: Stub, config: dict[str, Any]) -> tuple[int, bool]:
    lead(fake, model.address)
    administer(fake, "POST", "/services/a/plugins", {"name": "key-auth", "config": config})
    administer(fake, "PUT", "/consumers/alice", {})
    administer(fake, "POST", "/consumers/alice/key-auth", {"key": "the-key"})
    with Client(fake) as client:
        status = client.ask("/a?apikey=the-key").status_code
    return status, "the-key" in fake.proxying.log[-1]


def limited(fake: Gateway, model: Stub) -> tuple[Counter[int], str]:
    lead(fake, model.address)
    body = {"name": "rate-limiting", "config": {"minute": 30}}
    administer(fake, "POST", "/services/a/plugins", body)
    fake.proxying.clock = lambda: 0.0
    with Client(fake) as client:
        answers = [client.ask("/a") for _ in range(36)]
    return Counter(one.status_code for one in answers), answers[-1].headers.get("retry-after", "")


def by_group(fake: Gateway, model: Stub) -> Counter[int]:
    lead(fake, model.address, path="~/(?<lang>[a-z]+)$")
    return statuses(fake, 1) + statuses(fake, 1, "/A")


def written_out(fake: Gateway, _: Stub) -> str:
    lead(fake, "[::1]:80")
    (target,) = fake.store.config()["targets"].values()
    return str(target["target"])


FACTS: list[tuple[str, Callable[[Gateway, Stub], Any], Any]] = [
    (
        "without a second try a dead target is never counted",
        lambda f, m: one_of_two_is_dead(f, m, 0),
        {200: 6, 502: 6},
    ),
    ("with one the traffic loses nothing", lambda f, m: one_of_two_is_dead(f, m, 1), {200: 12}),
    ("a read timeout is one attempt", late, ({504: 1}, 1)),
    ("a catch-all route answers a path that was closed", beside_a_catch_all, {200: 1}),
    ("two routes on one path are both stored; the older shadows", two_on_one_path, (2, {200: 4})),
    ("a named group matches", by_group, {200: 1, 404: 1}),
    ("a megabyte is 2^20", lambda f, m: size(f, m, "megabytes", 1, ONE_MIB), 200),
    ("and no more", lambda f, m: size(f, m, "megabytes", 1, ONE_MIB + 1), 413),
    ("bytes are bytes", lambda f, m: size(f, m, "bytes", 1000, 1001), 413),
    ("a key in the address is logged", lambda f, m: key_in_the_address(f, m, {}), (200, True)),
    (
        "unless keys there are refused",
        lambda f, m: key_in_the_address(f, m, {"key_in_query": False}),
        (401, True),
    ),
    ("thirty a minute are thirty", limited, ({200: 30, 429: 6}, "60")),
    ("an IPv6 target is written out (not measured)", written_out, f"[{'0000:' * 7}0001]:80"),
]


@pytest.mark.parametrize(("fact", "look", "found"), FACTS, ids=[one[0] for one in FACTS])
def test_a_fact(
    certificates: Certificates, model: Stub, fact: str, look: Callable[..., Any], found: Any
) -> None:
    with gateway(certificates) as fake:
        assert look(fake, model) == found, fact


def test_a_wrong_certificate_is_refused_by_a_page_of_html(fake: Gateway) -> None:
    certificates = fake.certificates
    pairs: list[tuple[tuple[Any, ...], str]] = [((), "No required SSL certificate was sent")]
    pairs.append((certificates.stranger, "The SSL certificate error"))
    for pair, title in pairs:
        with httpx2.Client(verify=tls(certificates.ca, *pair), trust_env=False) as client:
            answer = client.get(fake.admin)
        assert (answer.status_code, answer.headers["content-type"][:9]) == (400, "text/html")
        assert title in answer.text


def test_a_control_plane_knows_no_health(certificates: Certificates, model: Stub) -> None:
    with gateway(certificates, role="control_plane") as fake:
        lead(fake, model.address)
        (target,) = fake.store.config()["targets"].values()
        assert fake.balancer.health(target) == "HEALTHCHECKS_OFF"
        assert administer(fake, "GET", "/")["configuration"]["role"] == "control_plane"
        assert statuses(fake, 1) == {200: 1}


def test_without_a_database_there_is_only_the_whole(certificates: Certificates) -> None:
    with gateway(certificates, database="off") as fake:
        assert fake.store.answer("POST", "/services", "", {"host": "x"})[0] == 405
        whole = {"services": [{"name": "a", "host": "x", "routes": [{"name": "r"}]}]}
        assert fake.store.answer("POST", "/config", "", whole)[0] == 201
        assert administer(fake, "GET", "/routes/r")["name"] == "r"
