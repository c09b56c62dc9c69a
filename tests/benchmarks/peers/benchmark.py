"""The zoo's server beside those that a user would pick instead: the same saved model, the same
requests, the same number of workers, one machine."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.benchmarks.clip_serving import resident
from tests.benchmarks.harness import machine, quartiles, saved
from tests.benchmarks.peers import environment
from tests.benchmarks.peers.servers import (
    BentoML,
    FasterWhisper,
    LitServe,
    Post,
    Server,
    Stock,
    Zoo,
)
from tests.benchmarks.plots import Panel, exact
from tests.benchmarks.server import load
from zoo.packaging import ROOT
from zoo.serving import direct

FOLDERS = ROOT / "mlflow_models"
CLIENTS = (1, 8, 32)
TURNS = 2
FIGURES = ("per_second", "p50", "p99", "failures")


class Peers:
    """A comparison of the servers of one model.

    Args:
        model: Its folder's name.
        rows: What they are asked, in turn.
        servers: The zoo's first.
        same: What of a record must be the same from every server.
        seconds: Of load, at each number of clients.
        quick: How many of the servers a quick run takes; none that needs an environment.
    """

    def __init__(
        self,
        model: str,
        rows: Callable[[], Sequence[str | bytes]],
        servers: Sequence[Server],
        same: Callable[[dict[str, Any]], Any],
        seconds: int,
        quick: int = 1,
    ) -> None:
        self.TITLE = f"Servers of {model}, side by side"
        self._model, self._rows, self._servers = model, rows, servers
        self._same, self._seconds, self._quick = same, seconds, quick

    def measure(self, _: Path | None, quick: bool) -> dict[str, Any]:
        """Runs everything, three to five minutes; `quick` takes two clients for a second."""
        turns, clients, seconds = (1, (2,), 1) if quick else (TURNS, CLIENTS, self._seconds)
        rows, model = self._rows(), saved(self._model)
        known: list[Any] = []
        found: dict[str, list[dict[str, Any]]] = {}
        for _turn in range(turns):
            for server in self._servers[: self._quick if quick else None]:
                one = self._run(server, model, rows, known, clients, seconds)
                found.setdefault(server.name, []).append(one)
        return {
            "machine": machine(("mlflow", "onnxruntime", "ctranslate2", "locust")),
            "clients": clients,
            "seconds": seconds,
            "settings": {one.name: one.settings for one in self._servers if one.name in found},
            "servers": {name: median(runs, clients) for name, runs in found.items()},
        }

    def _run(
        self,
        server: Server,
        model: Path,
        rows: Sequence[str | bytes],
        known: list[Any],
        clients: Sequence[int],
        seconds: int,
    ) -> dict[str, Any]:
        """One server's figures; its answers must be those that are known, which the first gives."""
        if server.environment:
            environment.programs(server.environment)  # or its installation would be timed
        posts = [server.request(row) for row in rows]
        begin = time.perf_counter()
        with server.start(model) as url:
            ask(url, posts[0])
            start = time.perf_counter() - begin
            with ThreadPoolExecutor(max(clients)) as pool:  # at once, so that batches are made
                asked = posts * (1 + max(clients) // len(posts))
                answers = list(pool.map(lambda post: ask(url, post), asked))
            said = [self._same(server.record(answer)) for answer in answers]
            known[:] = known or said[: len(rows)]
            for number, one in enumerate(said):
                expected = known[number % len(rows)]
                assert one == expected, f"{server.name} says {one}, not {expected}"
            with tempfile.TemporaryDirectory() as work:
                given = Path(work) / "requests.json"
                given.write_text(json.dumps([post.as_json() for post in posts]))
                loads = {
                    str(count): load(url, seconds, "GivenClient", count, given) for count in clients
                }
            assert not any(one["failures"] for one in loads.values()), (server.name, loads)
            return {"start": start, "memory": resident(), "load": loads}

    def chart(self, result: dict[str, Any]) -> list[Panel]:
        """Throughput and latency as bars."""
        panels = []
        for key, axis in (("per_second", "requests per second"), ("p99", "p99, ms")):
            groups = {
                f"{count} client{'s' * (count > 1)}": {
                    name: exact(one["load"][str(count)][key])
                    for name, one in result["servers"].items()
                }
                for count in result["clients"]
            }
            panels.append(Panel(axis, groups, log=key == "p99"))
        return panels

    def render(self, result: dict[str, Any]) -> str:
        """The results as Markdown."""
        servers = result["servers"]
        ours = next(iter(servers))
        lines = [
            "The same saved model of the demo checkpoint, the same requests of one row, answers "
            "checked equal. A thread of computing in each worker; the clients (locust) share the "
            f"machine, wait for nothing but their answer, and stay for {result['seconds']} s.",
            "",
            "| clients | server | requests per second | times the zoo's | p50 | p99 |",
            "| ---: | --- | ---: | ---: | ---: | ---: |",
        ]
        behind = []
        for count in map(str, result["clients"]):
            rate = {name: one["load"][count]["per_second"] for name, one in servers.items()}
            for name, one in servers.items():
                figures = one["load"][count]
                if rate[name] > rate[ours]:
                    behind.append(f"{name} at {count}")
                lines.append(
                    f"| {count} | {name} | {rate[name]:.1f} | {rate[name] / rate[ours]:.2f}× "
                    f"| {figures['p50']:.0f} ms | {figures['p99']:.0f} ms |"
                )
        lines += [
            "",
            f"More requests per second than the zoo's server: {', '.join(behind)} clients."
            if behind
            else "No server answers more requests per second than the zoo's, at any of these.",
            "",
            "| server | process start to first answer | memory (PSS) after the load | settings |",
            "| --- | ---: | ---: | --- |",
        ]
        for name, one in servers.items():
            low, middle, high = one["start"]
            lines.append(
                f"| {name} | {middle:.1f} s ({low:.1f} to {high:.1f}) | {one['memory']:.2f} GB "
                f"| {result['settings'][name]} |"
            )
        return "\n".join(lines)


def ask(url: str, post: Post) -> Any:
    """The answer to a request, which must be good."""
    headers = {"Content-Type": post.type}
    answer = direct().post(url + post.path, data=post.body, headers=headers, timeout=300)
    assert answer.ok, answer.text[:500]
    return answer.json()


def median(runs: list[dict[str, Any]], clients: Sequence[int]) -> dict[str, Any]:
    """The figures of several runs of a server."""
    return {
        "start": quartiles([run["start"] for run in runs]),
        "memory": statistics.median(run["memory"] for run in runs),
        "load": {
            str(count): {
                key: statistics.median(run["load"][str(count)][key] for run in runs)
                for key in FIGURES
            }
            for count in clients
        },
    }


def texts(model: str) -> list[str]:
    """The texts of a model's sample request."""
    sample = json.loads((FOLDERS / model / "sample.json").read_text(encoding="utf-8"))
    return [row[0] for row in sample["dataframe_split"]["data"]]


def files(model: str, kind: str) -> list[bytes]:
    """The samples of a model."""
    return [path.read_bytes() for path in sorted((FOLDERS / model / "samples").glob(kind))]


def captions(record: dict[str, Any]) -> list[str]:
    """What is said of a photo; the scores of a batch differ in their last digits."""
    return [one["text"] for one in record["captions"]]


NER = Peers(
    "hanlp_ner",
    lambda: texts("hanlp_ner"),
    [Zoo("text", 32), Stock("text", 32), BentoML("text", 32), LitServe("text", 32)],
    lambda record: record,
    6,
    quick=2,
)
CAPTIONS = Peers(
    "clip_caption",
    lambda: files("clip_caption", "*.jpg"),
    [Zoo("image", 16), Stock("image", 16), BentoML("image", 16), LitServe("image", 16)],
    captions,
    8,
)
SPEECH = Peers(
    "whisper_asr",
    lambda: files("whisper_asr", "*.flac"),
    [Zoo("audio", 1), Stock("audio", 1), FasterWhisper("audio", 1)],
    lambda record: record["text"],
    8,
)
