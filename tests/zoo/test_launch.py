"""The launcher: what it refuses, signals, workers that come and go, and how they share the load."""

import json
import os
import signal
import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.zoo.helpers import HTTP, metric
from tests.zoo.launched import LAUNCH, launched
from tests.zoo.wire import GOOD, Wire, get, post, wire
from zoo.building.local_server import free_port, running
from zoo.building.packaging import ROOT
from zoo.serving.launch import command
from zoo.settings import Settings


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLFLOW_MODELS_WORKERS", "0"),
        ("MLFLOW_MODELS_WORKERS", "-1"),
        ("MLFLOW_MODELS_WORKERS", "many"),
        ("GUNICORN_CMD_ARGS", "--workers 0"),
        ("GUNICORN_CMD_ARGS", "-w0"),
        ("GUNICORN_CMD_ARGS", "--config other.py"),
        ("THERESA_DRAIN_SECONDS", "inf"),
        ("GUNICORN_CMD_ARGS", "--bind 'unclosed"),
        ("THERESA_MAX_ROWS", "many"),
        ("THERESA_MAX_ROWS", "0"),
        ("THERESA_PORT", "http"),
        ("THERESA_MAX_ROW", "5"),
        ("THERESA_IMAGE_SECONDS", "long"),
        ("THERESA_IMAGE_HOST", "a.example"),
        ("THERESA_SPOOL", "/proc"),
    ],
)
def test_a_variable_that_cant_be_is_refused_in_a_sentence(
    echo_model: Path, variable: str, value: str
) -> None:
    done = subprocess.run(
        [*LAUNCH, str(echo_model)],
        env={**os.environ, variable: value},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode not in (0, None)
    (line,) = done.stderr.splitlines()
    assert variable in line


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGHUP,
        pytest.param(signal.SIGUSR1, marks=pytest.mark.thorough),
        pytest.param(signal.SIGWINCH, marks=pytest.mark.thorough),
    ],
)
def test_a_signal_leaves_no_orphan_and_nothing_behind(
    echo_model: Path, tmp_path: Path, number: signal.Signals
) -> None:
    with launched(echo_model, {"TMPDIR": str(tmp_path)}) as server:
        before = {one.pid for one in server.workers()}
        server.master.send_signal(number)
        if number == signal.SIGHUP:  # new workers, with the old ones gone
            while before & {one.pid for one in server.workers()} or len(server.workers()) < 2:
                pass
        assert HTTP.post(f"{server.url}/invocations", json=json.loads(GOOD), timeout=30).is_success
        family = [server.master, *server.workers()]
        server.master.terminate()
        gone, alive = psutil.wait_procs(family, timeout=30)
        assert not alive
        assert len(gone) == len(family)
    assert list(tmp_path.iterdir()) == []


def test_workers_whose_master_was_killed_end_by_themselves(echo_model: Path) -> None:
    with launched(echo_model, {}) as server:
        workers = server.workers()
        server.master.kill()
        assert psutil.wait_procs(workers, timeout=30)[1] == []


def test_what_is_in_hand_when_the_server_stops_is_answered(echo_model: Path) -> None:
    slow = post(json.dumps({"instances": ["a"], "params": {"seconds": 6}}).encode())
    with launched(echo_model, {"THERESA_DRAIN_SECONDS": "4"}) as server:
        with wire(server.url) as busy, wire(server.url) as late, wire(server.url) as idle:
            late.send(post())
            assert late.read().status == 200
            busy.send(slow)
            while metric(server.url, "theresa_requests_in_flight") == 0:
                pass  # until it is taken
            server.master.terminate()
            while HTTP.get(f"{server.url}/ready", timeout=30).status_code != 503:
                pass  # a gateway sees this, and meanwhile:
            late.send(post())
            answer = late.read()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert busy.read().status == 200
            assert idle.is_closed()
        assert server.master.wait(30) == 0


def test_connections_that_come_as_the_server_stops_are_answered_or_refused(
    echo_model: Path,
) -> None:
    def ask(_: int) -> Counter[str]:
        seen: Counter[str] = Counter()
        while not seen["refused"]:
            try:
                one = Wire(server.url)
            except ConnectionRefusedError:
                seen["refused"] += 1
                break
            one.send(post())
            seen[str(one.read().status)] += 1
            one.close()
        return seen

    with launched(echo_model, {}) as server, ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, number) for number in range(4)]
        while metric(server.url, "theresa_request_rows_count") < 20:
            pass
        server.master.terminate()
        seen = sum((one.result(timeout=60) for one in asking), Counter())
    assert set(seen) == {"200", "refused"}, seen


@pytest.mark.parametrize("clients", [8, pytest.param(1, marks=pytest.mark.thorough)])
def test_no_request_is_lost_when_workers_are_replaced(
    echo_model: Path, clients: int, tmp_path: Path
) -> None:
    arguments = {"GUNICORN_CMD_ARGS": "--max-requests 50", "TMPDIR": str(tmp_path)}
    with launched(echo_model, arguments) as server:
        first = {one.pid for one in server.workers()}

        def ask(_: int) -> Counter[int]:
            seen: Counter[int] = Counter()
            one = Wire(server.url)
            for _ in range(400 // clients):
                one.send(post())
                answer = one.read()
                seen[answer.status] += 1
                if answer.headers.get("connection") == "close":
                    one.close()
                    one = Wire(server.url)
            one.close()
            return seen

        with ThreadPoolExecutor(clients) as pool:
            assert sum(pool.map(ask, range(clients)), Counter()) == {200: 400}
        while first & {one.pid for one in server.workers()}:
            pass  # they were replaced, not only told to go
        assert metric(server.url, "theresa_request_rows_count") >= 400  # and their counts are kept
        assert len([*tmp_path.glob("*/*.db")]) <= 4 * 4  # in the files of their slots


def test_connections_that_come_together_are_shared(echo_model: Path) -> None:
    with launched(echo_model, {}) as server:
        least = []
        for _ in range(8):
            waiting = [Wire(server.url) for _ in range(16)]
            for one in waiting:
                one.send(get("/ping"))
            for one in waiting:
                assert one.read().status == 200
            counts = server.connections()
            for one in waiting:
                one.close()
            least.append(min(counts))  # mostly 7 or 8
            while any(server.connections()):
                pass  # until they have noticed
        assert sum(least) >= 5 * len(least), least  # for once a worker may have had no core


def test_a_server_is_full_when_all_of_its_workers_are(echo_model: Path) -> None:
    slow = post(json.dumps({"instances": ["a"], "params": {"seconds": 3}}).encode())
    with launched(echo_model, {"THERESA_MAX_REQUESTS": "4"}) as server:
        waiting = [Wire(server.url) for _ in range(24)]
        for one in waiting:
            one.send(slow)
        answers = [one.read() for one in waiting]
        for one in waiting:
            one.close()
        with wire(server.url) as one:  # and it takes as many again
            one.send(post())
            assert one.read().status == 200
    counts = Counter(answer.status for answer in answers)
    assert set(counts) == {200, 503}
    assert counts[200] >= 8
    assert {one.headers["retry-after"] for one in answers if one.status == 503} == {"1"}


def test_a_worker_that_is_killed_gives_its_requests_back(echo_model: Path) -> None:
    slow = post(json.dumps({"instances": ["a"], "params": {"seconds": 600}}).encode())
    with launched(echo_model, {"THERESA_MAX_REQUESTS": "1"}, workers=1) as server:
        (worker,) = server.workers()
        with wire(server.url) as busy, wire(server.url) as other:
            busy.send(slow)
            while True:
                other.send(post())
                if other.read().status == 503:
                    break
            worker.kill()
            assert busy.read().status == 0
        assert next_status(server.url) == 200


def test_a_worker_that_has_lost_its_gpu_is_replaced(echo_model: Path) -> None:
    lost = post(json.dumps({"instances": ["lost"]}).encode())
    with launched(echo_model, {"THERESA_IDLE_SECONDS": "600"}, workers=1) as server:
        (worker,) = server.workers()
        with wire(server.url) as one, wire(server.url) as idle:
            idle.send(get("/ping"))
            assert idle.read().status == 200  # nobody waits for this connection
            one.send(lost)
            assert one.read().status == 500
            worker.wait(30)
        assert next_status(server.url) == 200


def next_status(url: str) -> int:
    """The status of the next request that a worker answers, as soon as one is there."""
    while True:
        with suppress(ConnectionError), wire(url) as one:
            one.send(post())
            if (status := one.read().status) != 0:
                return status


def test_help_is_worth_reading() -> None:
    done = subprocess.run([*LAUNCH, "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0
    for word in ("THERESA_", "MLFLOW_MODELS_WORKERS", "GUNICORN_CMD_ARGS", "SIGTERM"):
        assert word in done.stdout


def test_the_memory_of_large_requests_comes_back(echo_model: Path) -> None:
    large = post(json.dumps({"instances": ["我" * 900_000] * 10}).encode())  # 54 MB
    with launched(echo_model, {}) as server:

        def ask(_: int) -> int:
            with wire(server.url) as one:
                one.send(large)
                return one.read().status

        before = server.memory()
        most = before
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(ask, number) for number in range(6)]
            while not all(one.done() for one in asked):
                most = max(most, server.memory())
        assert {one.result() for one in asked} == {200}
        assert most > 1.5 * before  # so it was something
        end = time.monotonic() + 60
        while server.memory() > 1.25 * before:
            assert time.monotonic() < end


def test_an_address_of_the_operators_stands_alone(echo_model: Path) -> None:
    port = free_port()
    # A proxy is nobody's business here, and Kubernetes names variables as it likes.
    others = {"http_proxy": "http://127.0.0.1:1", "THERESA_SERVICE_HOST": "10.0.0.1"}
    arguments = {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port}", "THERESA_PORT": str(port)}
    ready = f"http://127.0.0.1:{port}/ready"
    with running([*LAUNCH, str(echo_model)], ready, {**arguments, **others}, "echo") as process:
        (place,) = {
            one.laddr for one in psutil.Process(process.pid).net_connections() if not one.raddr
        }
        assert place == ("127.0.0.1", port)
        environment = {**os.environ, **arguments, **others}
        check = subprocess.run([*LAUNCH, "--check"], env=environment, timeout=60)
        assert check.returncode == 0


def test_what_a_command_line_asks_for_comes_last(
    echo_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--timeout 60 -k gevent --workers=3")
    line = command(Settings(), echo_model)
    assert line.index("--timeout") > line.index("--bind")
    assert [line[place + 1] for place, word in enumerate(line) if word == "--workers"][-1] == "3"
    assert "gevent" not in line
