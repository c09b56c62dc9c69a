"""From a built model to a route that works, and back: the whole way, with real model servers.

Everything is real but Kong itself: the servers are processes of `zoo.serving.launch`, the gateway
listens over HTTPS with client certificates, the tool is run as a person would run it.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.user_data import document
from tests.kong.conftest import SAMPLE, Client, Tool, arguments, catch_all, eventually
from tests.kong.gateway import Gateway
from tests.kong.stub import stub
from tests.zoo.containers import Images, docker
from zoo.building.local_server import free_port, serve
from zoo.building.packaging import ROOT

ONE = {"MLFLOW_MODELS_WORKERS": "1"}
MODEL = {"service": "hanlp_ner"}
KEY = "the-key-of-alice"
DRAIN_SECONDS = 3.0  # many probes of the tests' gateway


@pytest.fixture(scope="module")
def first(ner_model: Path) -> Iterator[str]:
    """HOST:PORT of a server of hanlp_ner."""
    with serve(ner_model, ONE) as url:
        yield url.removeprefix("http://")


@contextmanager
def version(
    model: Path, log: Path, drain_seconds: float = 0.0
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Another server, that a test may kill: its HOST:PORT, and its process group's leader."""
    port = free_port()
    variables = {**os.environ, **ONE, "THERESA_PORT": str(port)}
    variables["THERESA_DRAIN_SECONDS"] = str(drain_seconds)
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "zoo.serving.launch", str(model)],
            env=variables,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield f"127.0.0.1:{port}", process
        finally:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Traffic(threading.Thread):
    """A client that asks again when the gateway finds no server, as clients of a gateway should.

    Attributes:
        answered: requests that got their predictions, sooner or later.
        lost: requests that never did.
        servers: who answered.
        failures: the statuses of attempts that failed.
    """

    def __init__(self, fake: Gateway, key: str, attempts: int = 200) -> None:
        super().__init__(daemon=True)
        self._fake, self._key, self._attempts = fake, key, attempts
        self._over = threading.Event()
        self.answered = self.lost = 0
        self.failures: set[int] = set()
        self.servers: set[str] = set()

    def run(self) -> None:
        with Client(self._fake, self._key) as client:
            while not self._over.wait(0.02):  # others want the cores, too
                self._ask(client)

    def _ask(self, client: Client) -> None:
        for _ in range(self._attempts):  # a window of retries
            response = client.ask()
            if response.status_code == 200:
                self.answered += len(response.json()["predictions"]) == 2
                self.servers.add(response.headers["x-served-by"])
                return
            self.failures.add(response.status_code)
            time.sleep(0.01)  # what a client does between two attempts
        self.lost += 1

    def stop(self) -> None:
        self._over.set()
        self.join()


def test_from_a_built_model_to_a_route_and_back(
    fake: Gateway, tool: Tool, first: str, ner_model: Path, tmp_path: Path
) -> None:
    with version(ner_model, tmp_path / "log") as (new, process):
        register_and_ask(fake, tool, first, tmp_path)
        before = fake.store.config()
        traffic = Traffic(fake, KEY)
        traffic.start()
        command = [sys.executable, str(ROOT / "kong" / "register.py"), "canary", "--json"]
        options = arguments(
            fake, tmp_path, **MODEL, target=new, steps="50,100", watch=3600, sample=SAMPLE
        )
        running = subprocess.Popen(
            [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        while new not in traffic.servers and running.poll() is None:
            time.sleep(0.01)  # until the new version has answered some of the traffic
        assert running.poll() is None, running.communicate()
        kill(process)
        out, err = running.communicate()
    assert running.returncode == 1, err
    assert "as it was before" in " ".join(json.loads(out)["events"])
    assert fake.store.config() == before
    traffic.servers.clear()
    was_answered = traffic.answered
    while traffic.answered < was_answered + 20:
        time.sleep(0.01)
    traffic.stop()
    assert traffic.failures <= {502, 503}
    assert traffic.lost == 0
    assert traffic.servers <= {first}
    status = tool("status", api_key_file=tmp_path / "key")
    (shown,) = status.result["models"]
    assert shown["targets"] == [{"target": first, "weight": 100, "health": "HEALTHY"}]
    assert 0 < shown["probe"]["p50_ms"] <= shown["probe"]["p99_ms"]


def test_a_stop_and_the_end_of_a_model_lose_nothing(
    fake: Gateway, tool: Tool, first: str, ner_model: Path, tmp_path: Path
) -> None:
    """One of two servers is stopped as a host stops it; then the model goes, beside a catch-all.

    The client never asks twice. The gateway's probes are faster than Kong's, and the drain is
    shorter by as much: tests/deploy/test_stopping.py has the real times.
    """
    with version(ner_model, tmp_path / "log", DRAIN_SECONDS) as (second, process), stub() as rest:
        register_and_ask(fake, tool, first, tmp_path, second)
        catch_all(fake, rest.address)
        traffic = Traffic(fake, KEY, attempts=1)
        traffic.start()
        eventually(lambda: traffic.servers == {first, second} and traffic.answered > 50)
        process.terminate()
        assert process.wait(timeout=60) == 0
        traffic.servers.clear()
        eventually(lambda: bool(traffic.servers))
        assert traffic.servers == {first}
        done = tool("unregister", **MODEL)
        assert done, done.err
        traffic.servers.clear()
        eventually(lambda: bool(traffic.servers))
        traffic.stop()
        assert traffic.servers == {rest.address}
    assert (traffic.failures, traffic.lost) == (set(), 0)


def test_a_canary_that_is_well_takes_over_and_can_be_taken_back(
    fake: Gateway, tool: Tool, first: str
) -> None:
    assert tool("register", **MODEL, route="/ner", target=first)
    with stub() as one:
        new = one.address
        assert tool("canary", **MODEL, target=new, steps="30,100")
        assert weights(fake) == {first: 0, new: 100}
        assert tool("rollback", **MODEL)
        assert weights(fake) == {first: 100, new: 0}
        assert tool("rollback", **MODEL)
        assert weights(fake) == {first: 0, new: 100}
    assert tool("rollback", **MODEL), "back from a version that is dead"
    assert weights(fake) == {first: 100, new: 0}
    assert tool("drain", **MODEL, target=new)
    assert weights(fake) == {first: 100}
    refused = tool("drain", **MODEL, target=first)
    assert "the last with traffic" in refused.err
    assert tool("unregister", **MODEL)
    assert not any(fake.store.config().values())


def test_a_container_as_a_host_runs_it_gets_a_route(
    fake: Gateway, tool: Tool, ner_images: Images, tmp_path: Path
) -> None:
    """By the very commands of the unit that deploy/ puts on a host."""
    port, name = free_port(), "rehearsal"
    made = document(name, f"{ner_images.name}:test", port, "2g", gpu=False)
    (settings,) = (f["content"] for f in made["write_files"] if f["path"].endswith(".env"))
    unit = (ROOT / "deploy" / "theresa@.service").read_text().replace("%i", name)
    variables = dict(line.split("=", 1) for line in settings.splitlines())

    def commands(key: str) -> list[list[str]]:
        lines = re.findall(rf"^{key}=(-?)(.*)$", unit, re.MULTILINE)
        return [
            ["sh", "-c", line.replace("$$", "$") + (" || :" if may else "")] for may, line in lines
        ]

    def run(key: str) -> None:
        for command in commands(key):
            subprocess.run(command, env={**os.environ, **variables}, check=True, timeout=120)

    run("ExecStartPre")
    ((*start, line),) = commands("ExecStart")
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            [*start, line], env={**os.environ, **variables}, stdout=log, stderr=log
        )
    try:
        run("ExecStartPost")
        host = json.loads(docker("inspect", "--format", "{{json .HostConfig}}", f"theresa-{name}"))
        assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"])
        assert host["SecurityOpt"] == ["no-new-privileges"]
        register_and_ask(fake, tool, f"127.0.0.1:{port}", tmp_path)
        run("ExecStop")
        assert running.wait(timeout=120) == 0, (tmp_path / "log").read_text()
    finally:
        subprocess.run(["docker", "rm", "--force", f"theresa-{name}"], capture_output=True)
        running.wait(timeout=120)
    assert '"path": "/invocations"' in (tmp_path / "log").read_text()  # the journal's, on a host
    with Client(fake, KEY) as alice:
        eventually(lambda: alice.ask().status_code == 503)


def register_and_ask(fake: Gateway, tool: Tool, target: str, folder: Path, *more: str) -> None:
    """Registers a model, gives alice a key, and has her and others ask."""
    words = [word for one in more for word in ("--target", one)]
    done = tool("register", *words, **MODEL, route="/ner", target=target, per_minute=1_000_000)
    assert done, done.err
    (folder / "key").write_text(f"{KEY}\n")
    assert tool("client", "alice", api_key_file=folder / "key")
    with Client(fake) as anybody, Client(fake, KEY) as alice:
        eventually(lambda: alice.get("/ner/ready").status_code != 401)
        assert anybody.ask().status_code == 401
        assert anybody.get("/ner/ready").status_code == 401
        answer = alice.ask()
        entities = answer.json()["predictions"][0]["entities"]
        assert [(one["text"], one["start"], one["end"]) for one in entities] == [("中国", 2, 4)]
        assert alice.get("/ner/ready").json() == {"ready": True}
        about = alice.get("/ner").json()["parameters"]["declaration"]
        assert (about["task"], anybody.get("/ner").status_code) == ("token-classification", 401)
        for path in ("/nerx", "/ner/invocations", "/ner/ping", "/ner/metrics", "/"):
            assert alice.ask(path).status_code == 404
            assert alice.get(path).status_code == 404


def weights(fake: Gateway) -> dict[str, int]:
    return {one["target"]: one["weight"] for one in fake.store.config()["targets"].values()}
