"""The zoo's server against MLflow's stock image, of the same model, on a real Docker engine."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np

from benchmarks.harness import machine, quartiles
from benchmarks.plots import Panel, exact
from zoo.building.local_server import direct
from zoo.building.packaging import ROOT
from zoo.errors import ZooError

TITLE = "The server in its image, beside MLflow's stock image"
KINDS = {
    "stock": ("theresa/hanlp_ner:stock", "/ping"),
    "ours": ("theresa/hanlp_ner:latest", "/ready"),
}
LAST_SECONDS = 60  # which the last requests of a load may take
LIGHT = {"dataframe_split": {"columns": ["text"], "data": [["我爱中国"]]}}
HEAVY = {"dataframe_split": {"columns": ["text"], "data": [["我爱中国。" * 200]] * 4}}

WORKERS = ("cat", "/proc/1/task/1/children")  # what gunicorn, the first process, has started

# Inside the container, since it has no network: waits for the first 200.
FIRST_200 = """
import sys, time, urllib.request
while True:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:8080{sys.argv[1]}", timeout=1)
        break
    except OSError:
        time.sleep(0.02)
"""


def docker(*arguments: str) -> str:
    """The output of a docker command."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ZooError(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def container(kind: str, *options: str) -> Iterator[tuple[str, str]]:
    """A running container that has answered, and its address.

    It has the host's network: Docker's proxy of published ports accepts connections even when
    nothing listens behind it, so that a client can't tell what was accepted.
    """
    image, path = KINDS[kind]
    name = docker("run", "--detach", "--network", "host", *options, image)
    try:
        docker("exec", name, "python3", "-c", FIRST_200, path)
        yield name, "http://127.0.0.1:8080"
    finally:
        docker("rm", "--force", name)


def start_seconds(kind: str) -> float:
    """Seconds from `docker run --network none` to the first 200."""
    image, path = KINDS[kind]
    start = time.perf_counter()
    name = docker("run", "--detach", "--network", "none", image)
    try:
        docker("exec", name, "python3", "-c", FIRST_200, path)
        return time.perf_counter() - start
    finally:
        docker("rm", "--force", name)


def overhead(url: str, turns: int) -> dict[str, float]:
    """Milliseconds per request, p50: over HTTP on one connection, and in-process, in turn."""
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(ROOT / "mlflow_models" / "models" / "hanlp_ner"))
    table, session = pd.DataFrame({"text": ["我爱中国"]}), direct()
    over_http, in_process = [], []
    for _ in range(turns):
        start = time.perf_counter()
        assert session.post(f"{url}/invocations", json=LIGHT, timeout=30).is_success
        middle = time.perf_counter()
        model.predict(table)
        over_http.append(middle - start)
        in_process.append(time.perf_counter() - middle)
    return {
        "http": 1000 * statistics.median(over_http),
        "in_process": 1000 * statistics.median(in_process),
    }


def load(
    url: str,
    seconds: int,
    clients: str = "Client",
    users: int = 32,
    requests: Path | None = None,
) -> dict[str, float]:
    """Requests per second, p50 and p99 in milliseconds, and failures, under load (locust).

    Args:
        url: The server's address.
        seconds: How long.
        clients: Which of the locust file's.
        users: How many of them.
        requests: What `GivenClient` sends.
    """
    environment = {**os.environ, **({"LOAD_REQUESTS": str(requests)} if requests else {})}
    command = [sys.executable, "-m", "locust", "-f", str(ROOT / "tests/load/locustfile.py")]
    command += [clients, "--headless", "--json", "--skip-log", "--host", url]
    command += ["--users", str(users), "--spawn-rate", str(users)]
    # The last requests are answered and counted, as the server's work on them is.
    command += ["--run-time", f"{seconds}s", "--stop-timeout", str(LAST_SECONDS)]
    said = subprocess.run(command, capture_output=True, check=False, env=environment).stdout
    kinds = json.loads(said)
    took = Counter[float]()
    for kind in kinds:
        took.update({float(time): count for time, count in kind["response_times"].items()})
    began = min(kind["start_time"] for kind in kinds)
    ended = max(kind["last_request_timestamp"] for kind in kinds)
    count = sum(kind["num_requests"] for kind in kinds)
    times = np.array(sorted(took.elements()))  # (requests,)
    return {
        "per_second": count / (ended - began),
        "p50": float(np.percentile(times, 50)),
        "p99": float(np.percentile(times, 99)),
        "failures": float(sum(kind["num_failures"] for kind in kinds)),
        "requests": float(count),
    }


class Clients:
    """Clients that post heavy requests on connections of their own, until they are stopped."""

    def __init__(self, url: str, count: int) -> None:
        self._url, self._stop = url, threading.Event()
        self.answered = self.refused = self.lost = 0
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._post) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _post(self) -> None:
        session = direct(keep=False)
        while not self._stop.is_set():
            try:
                answer = session.post(f"{self._url}/invocations", json=HEAVY)
                outcome = "answered" if answer.is_success else "lost"
            except httpx2.ConnectError:  # nothing was accepted
                outcome = "refused"
            except httpx2.TransportError:
                outcome = "lost"
            with self._lock:
                setattr(self, outcome, getattr(self, outcome) + 1)
            if outcome != "answered":
                return

    def wait_for(self, answers: int) -> None:
        """Returns when so many requests have been answered."""
        while self.answered < answers and any(thread.is_alive() for thread in self._threads):
            time.sleep(0.01)

    def stop(self) -> None:
        """Lets the requests in flight finish."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def lost_on_stop(kind: str, stops: int) -> int:
    """How many requests, accepted while the server worked, `docker stop` lost."""
    lost = 0
    for _ in range(stops):
        with container(kind) as (name, url):
            clients = Clients(url, 4)
            clients.wait_for(8)
            docker("stop", "--time", "60", name)
            clients.stop()
            lost += clients.lost
    return lost


def kill_worker(url: str, name: str) -> dict[str, float]:
    """Kills one of our workers under load: requests lost, and seconds to full strength."""
    before = docker("exec", name, *WORKERS).split()
    clients = Clients(url, 4)
    clients.wait_for(8)
    docker("exec", name, "python3", "-c", f"import os; os.kill({before[0]}, 9)")
    start = time.perf_counter()
    while len(now := docker("exec", name, *WORKERS).split()) < len(before) or (before[0] in now):
        pass
    seconds = time.perf_counter() - start
    clients.wait_for(clients.answered + 8)
    clients.stop()
    return {"lost": clients.lost, "seconds": seconds}


def memory(kind: str, model: Path, workers: int) -> float:
    """GB of memory (PSS) of a container's processes, when every worker has answered."""
    options = ["-v", f"{model}:/opt/ml/model", "-e", f"MLFLOW_MODELS_WORKERS={workers}"]
    with container(kind, *options) as (name, url):
        for _ in range(100 * workers):
            assert direct().post(f"{url}/invocations", json=LIGHT, timeout=60).is_success
        return resident(name)


def resident(name: str) -> float:
    """GB of memory (PSS) of a container's processes."""
    pids = [line.split()[1] for line in docker("top", name).splitlines()[1:]]
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in pids]
    sizes = [line.split()[1] for text in rollups for line in text.splitlines() if "Pss:" in line]
    return sum(map(int, sizes)) / 1e6


@contextmanager
def heavy_model() -> Iterator[Path]:
    """The saved model with a gigabyte more of weights, which every process loads that loads it."""
    with tempfile.TemporaryDirectory() as work:
        model = Path(shutil.copytree(ROOT / "mlflow_models/models/hanlp_ner", Path(work) / "model"))
        Path(work).chmod(0o755)
        np.save(model / "ballast.npy", np.ones(10**9 // 8))
        with (model / "code" / "hanlp_ner" / "engine.py").open("a") as file:
            file.write("\nimport numpy\nBALLAST = numpy.load('/opt/ml/model/ballast.npy')\n")
        yield model


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything that needs minutes; needs `make image` before it."""
    turns, seconds = (1, 3) if quick else (5, 15)
    stops = {"stock": 1, "ours": 2} if quick else {"stock": 5, "ours": 20}
    starts: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _turn in range(turns):
        for kind, times in starts.items():
            times.append(start_seconds(kind))
    loads: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}
    overheads = {}
    for _turn in range(1 if quick else 3):
        for kind, figures in loads.items():
            with container(kind) as (_name, url):
                load(url, 3)  # warm up
                figures.append(load(url, seconds))
    for kind in KINDS:
        with container(kind) as (_name, url):
            overhead(url, 50)
            overheads[kind] = overhead(url, 100 if quick else 1000)
    with container("ours") as (name, url):
        killed = kill_worker(url, name)
    with heavy_model() as model:
        sizes = {kind: [memory(kind, model, count) for count in (1, 4)] for kind in KINDS}
    return {
        "machine": machine(("mlflow", "gunicorn", "uvicorn", "onnxruntime", "locust")),
        "start": {kind: quartiles(times) for kind, times in starts.items()},
        "load": {
            kind: {key: statistics.median(one[key] for one in figures) for key in figures[0]}
            for kind, figures in loads.items()
        },
        "overhead": overheads,
        "killed": killed,
        "memory": sizes,
        "stops": stops,
        "lost": {kind: lost_on_stop(kind, count) for kind, count in stops.items()},
        "size": {
            kind: int(docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e9
            for kind, (image, _path) in KINDS.items()
        },
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """How it bears load, and how soon it is there, as bars."""
    panels = []
    for key, axis in (("per_second", "requests per second"), ("p99", "p99, ms")):
        group = {kind: exact(result["load"][kind][key]) for kind in KINDS}
        panels.append(Panel(axis, {"32 clients": group}))
    starts = {kind: tuple(result["start"][kind]) for kind in KINDS}
    return [*panels, Panel("seconds to the first 200", {"start": starts})]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    start, load_, over = result["start"], result["load"], result["overhead"]

    def row(*cells: str) -> str:
        return f"| {' | '.join(cells)} |"

    lines = ["| what | stock | ours | target |", "| --- | ---: | ---: | --- |"]
    seconds = {k: f"{v[1]:.2f} s ({v[0]:.2f} to {v[2]:.2f})" for k, v in start.items()}
    lines.append(
        row("`docker run --network none` to the first 200", *seconds.values(), "10 s, faster")
    )
    for key, unit, target in (
        ("per_second", "/s", "never below stock"),
        ("p50", " ms", ""),
        ("p99", " ms", "never above stock"),
        ("failures", "", "0"),
    ):
        values = [f"{load_[kind][key]:.0f}{unit}" for kind in KINDS]
        lines.append(row(f"32 clients, short requests: {key.replace('_', ' ')}", *values, target))
    extra = [f"{over[kind]['http'] - over[kind]['in_process']:.2f} ms" for kind in KINDS]
    lines.append(row("over `predict` in-process, p50", *extra, "3 ms"))
    lost = [f"{result['lost'][kind]} in {count} stops" for kind, count in result["stops"].items()]
    lines.append(row("requests lost by `docker stop` under load", *lost, "0 in 20"))
    killed = result["killed"]
    lines.append(
        row(
            "`kill -9` of a worker under load",
            "",
            f"{killed['lost']:.0f} lost, full strength after {killed['seconds']:.2f} s",
            "only that worker's, 5 s",
        )
    )
    pairs = [result["memory"][kind] for kind in KINDS]
    grown = [f"{four:.2f} GB, {four / one:.2f} × one worker's" for one, four in pairs]
    lines.append(row("memory (PSS) of 4 workers, 1 GB of weights", *grown, "1.3 × one worker's"))
    sizes = [f"{result['size'][kind]:.2f} GB" for kind in KINDS]
    lines.append(row("size of the image", *sizes, ""))
    return "\n".join(lines)


if __name__ == "__main__":
    print(json.dumps(measure(None, True), indent=1))
