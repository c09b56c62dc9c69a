"""Requests that were lost behind a real Kong, each as a test."""

import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kong.register import main
from kong.spec import MARK
from tests.kong.certificates import Certificates
from tests.kong.conftest import SAMPLE, Client, Tool, arguments, catch_all, eventually
from tests.kong.gateway import Gateway, gateway
from tests.kong.stub import RIGHT, Stub, stub

MODEL = {"service": "hanlp_ner", "route": "/ner"}
KEY = "the-key-of-alice"


@pytest.fixture
def alice(fake: Gateway, tool: Tool, tmp_path: Path) -> Iterator[Client]:
    """A client with a key."""
    file = tmp_path / "key"
    file.write_text(KEY)
    assert tool("client", "alice", api_key_file=file)
    with Client(fake, KEY) as client:
        yield client


def config(fake: Gateway, plugin: str, service: str = "hanlp_ner") -> Any:
    its = {one["id"]: one["name"] for one in fake.store.config()["services"].values()}
    (found,) = (
        one["config"]
        for one in fake.store.config()["plugins"].values()
        if one["name"] == plugin and its[one["service"]["id"]] == service
    )
    return found


@pytest.mark.parametrize(("retries", "lost"), [(None, False), (0, True)])
def test_a_target_that_dies_costs_no_request_unless_the_user_wants_one_try(
    certificates: Certificates, tmp_path: Path, retries: int | None, lost: bool
) -> None:
    (tmp_path / "key").write_text(KEY)
    with gateway(certificates, interval=3600) as fake, stub() as one:  # no probe tells Kong
        with stub() as other:
            words = arguments(fake, tmp_path, **MODEL, target=one.address, retries=retries)
            assert main(["register", *words, "--target", other.address]) == 0
            words = arguments(fake, tmp_path, api_key_file=tmp_path / "key")
            assert main(["client", "alice", *words]) == 0
        with Client(fake, KEY) as alice:
            found = Counter(alice.ask().status_code for _ in range(20))
    assert set(found) == ({200, 502} if lost else {200})


def test_a_model_is_taken_off_beside_a_route_for_the_rest(
    fake: Gateway, tool: Tool, target: str, alice: Client, second: str
) -> None:
    catch_all(fake, second)
    assert tool("register", **MODEL, target=target)
    eventually(lambda: alice.ask().headers.get(MARK) == "hanlp_ner")
    done = tool("unregister", service="hanlp_ner")
    assert done, done.err
    answer = alice.ask()
    assert (answer.status_code, answer.headers.get(MARK)) == (200, None)
    assert {one["name"] for one in fake.store.config()["services"].values()} == {"rest"}


def test_of_two_models_that_want_one_path_at_once_one_gets_it(
    fake: Gateway, target: str, second: str, tmp_path: Path, alice: Client
) -> None:
    codes: dict[str, int] = {}

    def register(name: str, its: str) -> None:
        words = arguments(fake, tmp_path, service=name, route="/ner", target=its, propagation=6.0)
        codes[name] = main(["register", *words, "--sample", str(SAMPLE)])

    runs = [
        threading.Thread(target=register, args=one) for one in (("one", target), ("two", second))
    ]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert sorted(codes.values()) == [0, 1]
    winner = min(codes, key=lambda name: codes[name])
    routes = {one["name"] for one in fake.store.config()["routes"].values()}
    assert routes == {f"{winner}.predict", f"{winner}.ready", f"{winner}.about"}
    eventually(lambda: alice.ask().headers.get(MARK) == winner)


def test_another_models_answer_is_no_proof(
    fake: Gateway, tool: Tool, target: str, second: str
) -> None:
    """A route that only a host's name tells apart wins, and answers as well as ours."""
    assert tool("register", service="other", route="/ner", target=second, sample=str(SAMPLE))
    (route,) = (r for r in fake.store.config()["routes"].values() if r["name"] == "other.predict")
    done = tool(
        "register",
        "--beside",
        "other.predict",
        "--beside",
        "other.ready",
        "--beside",
        "other.about",
        **MODEL,
        target=target,
        propagation=0.3,
    )
    assert done.code == 1
    assert "answered by other" in done.err
    assert route["id"] in fake.store.config()["routes"]
    assert len(fake.store.config()["routes"]) == 3


def test_a_body_has_one_limit(fake: Gateway, tool: Tool, model: Stub, alice: Client) -> None:
    assert tool("register", **MODEL, target=model.address)
    size = config(fake, "request-size-limiting")
    assert (size["allowed_payload_size"], size["size_unit"]) == (100_000_000, "bytes")
    assert tool("register", **MODEL, target=model.address, body_megabytes=1)
    eventually(lambda: alice.send(b" " * 1_000_001).status_code == 413)
    assert alice.send(b" " * 1_000_000).json() == RIGHT
