"""The zoo's server beside those that a user would pick instead: the same saved model, the same
requests, the same number of workers, one machine. Captions are also asked of a model of true size.

python -m benchmarks peers_ner        3 minutes
python -m benchmarks peers_captions   7 minutes
python -m benchmarks peers_speech     3 minutes
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from rapidfuzz.distance import Levenshtein

from benchmarks.clip_serving import build, resident
from benchmarks.harness import Meter, children_seconds, machine, saved
from benchmarks.peers.servers import (
    BentoML,
    FasterWhisper,
    Installed,
    LitServe,
    Post,
    Server,
    Stock,
    Zoo,
)
from benchmarks.plots import Panel, exact
from benchmarks.server import load
from benchmarks.whisper_quality_scores import spelt
from zoo.building.local_server import direct
from zoo.building.packaging import ROOT

FOLDERS = ROOT / "mlflow_models"
CLIENTS = (1, 8, 32)
TURNS = 2
TRUE_SIZE = "8, true size"  # a row's label
TRUE_CLIENTS, TRUE_SECONDS = 8, 30
TRUE_SERVERS = ("zoo", "BentoML", "LitServe")  # MLflow's would take two more minutes
SAME = (
    "The same saved model of the demo checkpoint, the same requests of one row, answers checked "
    "equal."
)
HEARD = (
    "The same saved model of the demo checkpoint and the same requests of one row. MLflow's "
    "answers were checked equal to the zoo's. faster-whisper has windows and rounding of its own, "
    "which may change a character: the last table counts the wrong characters of each server."
)
BATCHING = (
    "BentoML and LitServe wait a little for rows of other clients, to compute them in one batch. "
    "The zoo's models, in its own server and in MLflow's, wait some milliseconds for clients who "
    "were just answered, if they were several. What has come while they computed is the next batch."
)
SAID_OF_TRUE_SIZE = (
    "True size is ViT-B/32 and GPT-2 small in int8, of random weights in the published layout, "
    "whose captions all have 67 tokens; each server ran once with it, and texts were not compared."
)


class Peers:
    """A comparison of the servers of one model.

    Args:
        model: Its folder's name.
        rows: What they are asked, in turn.
        servers: The zoo's first.
        same: What of a record must be the same from every server.
        seconds: Of load, at each number of clients.
        quick: How many of the servers a quick run takes; none that needs an environment.
        title: Of the page's chapter.
        said: What they are asked, and how their answers compare.
        true_size: Builds a model of true size in a folder, for one more row.
        truth: What is said in each row of speech, by which wrong characters are counted.
    """

    def __init__(
        self,
        model: str,
        rows: Callable[[], Sequence[str | bytes]],
        servers: Sequence[Server],
        same: Callable[[dict[str, Any]], Any],
        seconds: int,
        quick: int = 1,
        title: str = "",
        said: str = SAME,
        true_size: Callable[[Path], Path] | None = None,
        truth: Callable[[], Sequence[str]] | None = None,
    ) -> None:
        self.TITLE = title or f"Servers of {model}, side by side"
        self._said, self._true_size, self._truth = said, true_size, truth
        self._model, self._rows, self._servers = model, rows, servers
        self._same, self._seconds, self._quick = same, seconds, quick

    def measure(self, _: Path | None, quick: bool) -> dict[str, Any]:
        """Run all servers; `quick`: two clients, three seconds, and the demo only."""
        turns, clients, seconds = (1, (2,), 3) if quick else (TURNS, CLIENTS, self._seconds)
        rows, model = self._rows(), saved(self._model)
        known: list[Any] = []
        found: dict[str, list[dict[str, Any]]] = {}
        for _turn in range(turns):
            for server in self._servers[: self._quick if quick else None]:
                one = self._run(server, model, rows, self._same, known, clients, seconds)
                found.setdefault(server.name, []).append(one)
        servers = {name: quietest(runs) for name, runs in found.items()}
        labels = [str(count) for count in clients]
        if self._true_size and not quick:
            labels.append(TRUE_SIZE)
            self._add_true_size(servers, rows, self._true_size)
        return {
            "machine": machine(("mlflow", "onnxruntime", "ctranslate2", "locust")),
            "clients": labels,
            "seconds": seconds,
            "turns": turns,
            "settings": {one.name: one.settings for one in self._servers if one.name in found},
            "servers": servers,
        }

    def _add_true_size(
        self, servers: dict[str, Any], rows: Sequence[str | bytes], make: Callable[[Path], Path]
    ) -> None:
        """Adds to the servers' loads that of a model of true size."""
        with tempfile.TemporaryDirectory() as work:
            model, clients = make(Path(work)), (TRUE_CLIENTS,)
            for server in (one for one in self._servers if one.name in TRUE_SERVERS):
                # A last digit may change a word of random weights: only fields must be the same.
                one = self._run(server, model, rows, sorted, [], clients, TRUE_SECONDS)
                servers[server.name]["load"][TRUE_SIZE] = one["load"][str(TRUE_CLIENTS)]

    def _run(
        self,
        server: Server,
        model: Path,
        rows: Sequence[str | bytes],
        same: Callable[[dict[str, Any]], Any],
        known: list[Any],
        clients: Sequence[int],
        seconds: int,
    ) -> dict[str, Any]:
        """One server's figures; its answers must be those that are known, which the first gives."""
        if isinstance(server, Installed):
            _ = server.programs  # or its installation would be timed
        posts = [server.request(row) for row in rows]
        meter, begin = Meter(), time.perf_counter()
        with server.start(model) as url:
            ask(url, posts[0])
            start = [time.perf_counter() - begin, children_seconds()]
            with ThreadPoolExecutor(max(clients)) as pool:  # at once, so that batches are made
                asked = posts * (1 + max(clients) // len(posts))
                answers = list(pool.map(lambda post: ask(url, post), asked))
            records = [server.record(answer) for answer in answers]
            said = [same(record) for record in records]
            assert all(said), f"{server.name} has an answer that is empty"
            known[:] = known or said[: len(rows)]
            for number, one in enumerate(() if server.own_engine else said):
                expected = known[number % len(rows)]
                assert one == expected, f"{server.name} says {one}, not {expected}"
            wrong = wrong_characters(self._truth(), records[: len(rows)]) if self._truth else None
            with tempfile.TemporaryDirectory() as work:
                given = Path(work) / "requests.json"
                given.write_text(json.dumps([post.as_json() for post in posts]))
                loads = {str(count): loaded(url, seconds, count, given) for count in clients}
            assert not any(one["failures"] for one in loads.values()), (server.name, loads)
            return {
                "start": start,
                "memory": resident(),
                "load": loads,
                "others": meter.others(),
                "wrong": wrong,
            }

    def chart(self, result: dict[str, Any]) -> list[Panel]:
        """Throughput and latency as bars."""
        panels = []
        shown = (("cpu", "CPU per request, ms"), ("per_second", "requests per second"),
                 ("p99", "p99, ms"))  # fmt: skip
        for key, axis in shown:
            groups = {
                f"{count} client{'s' * (count != '1')}": {
                    name: exact(one["load"][count][key])
                    for name, one in result["servers"].items()
                    if count in one["load"]
                }
                for count in map(str, result["clients"])
                if count != TRUE_SIZE  # of another scale
            }
            panels.append(Panel(axis, groups, log=key == "p99"))
        return panels

    def render(self, result: dict[str, Any]) -> str:
        """The results as Markdown."""
        servers = result["servers"]
        ours = next(iter(servers))
        most = max(one["others"] for one in servers.values())
        lines = [
            f"{self._said} A thread of computing in each worker; the clients (locust) share the "
            f"machine, wait for nothing but their answer, and stay for {result['seconds']} s. "
            f"Each server ran {result['turns']} times, in turn with the others; its figures are of "
            "the run that other processes disturbed least. These took up to "
            f"{100 * most:.0f} % of the machine, which seconds and requests show and CPU time "
            "hardly does.",
            "",
            "| clients | server | CPU per request | times the zoo's | requests per second | p50 "
            "| p99 |",
            "| ---: | --- | ---: | ---: | ---: | ---: | ---: |",
        ]
        better: dict[str, list[str]] = {"per_second": [], "cpu": []}
        for count in map(str, result["clients"]):
            own = servers[ours]["load"][count]
            for name, one in servers.items():
                if count not in one["load"]:
                    continue
                figures = one["load"][count]
                if figures["per_second"] > own["per_second"]:
                    better["per_second"].append(f"{name} at {count}")
                if round(figures["cpu"] / own["cpu"], 2) < 1:  # as it is shown
                    better["cpu"].append(f"{name} at {count}")
                lines.append(
                    f"| {count} | {name} | {figures['cpu']:.1f} ms "
                    f"| {figures['cpu'] / own['cpu']:.2f}× | {figures['per_second']:.1f} "
                    f"| {figures['p50']:.0f} ms | {figures['p99']:.0f} ms |"
                )
        for key, what in (("cpu", "Less CPU per request"), ("per_second", "More requests")):
            lines += ["", f"{what} than the zoo's server: {', '.join(better[key]) or 'none'}."]
        if {"BentoML", "LitServe"} & set(servers):
            lines += ["", BATCHING]
        if TRUE_SIZE in result["clients"]:
            lines += ["", SAID_OF_TRUE_SIZE]
        counted = bool(servers[ours].get("wrong"))
        columns = ["server", "process start to first answer", "its CPU"]
        columns += ["memory (PSS) after the load", *["wrong characters"] * counted, "settings"]
        lines += [
            "",
            f"| {' | '.join(columns)} |",
            f"| --- |{' ---: |' * (len(columns) - 2)} --- |",
        ]
        for name, one in servers.items():
            wall, cpu = one["start"]
            cells = [name, f"{wall:.1f} s", f"{cpu:.1f} s", f"{one['memory']:.2f} GB"]
            if counted:
                cells.append("{} of {}".format(*one["wrong"]))
            lines.append(f"| {' | '.join([*cells, result['settings'][name]])} |")
        return "\n".join(lines)


def wrong_characters(truth: Sequence[str], records: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """How many characters of rows of speech are wrong, and how many are said."""
    said, heard = (list(map(spelt, texts)) for texts in (truth, (one["text"] for one in records)))
    pairs = zip(said, heard, strict=True)
    return sum(Levenshtein.distance(*pair) for pair in pairs), sum(map(len, said))


def ask(url: str, post: Post) -> Any:
    """The answer to a request, which must be good."""
    headers = {"Content-Type": post.type}
    answer = direct().post(url + post.path, content=post.body, headers=headers, timeout=300)
    assert answer.is_success, answer.text[:500]
    return answer.json()


def loaded(url: str, seconds: int, clients: int, requests: Path) -> dict[str, float]:
    """What so many clients find, and the server's milliseconds of CPU for a request."""
    before = children_seconds()
    figures = load(url, seconds, "GivenClient", clients, requests)
    return {**figures, "cpu": 1000 * (children_seconds() - before) / figures["requests"]}


def quietest(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of a server's runs the one that other processes of the machine disturbed least."""
    return min(runs, key=lambda run: float(run["others"]))


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
    4,
    quick=2,
)
CAPTIONS = Peers(
    "clip_caption",
    lambda: files("clip_caption", "*.jpg"),
    [Zoo("image", 16), Stock("image", 16), BentoML("image", 16), LitServe("image", 16)],
    captions,
    5,
    true_size=lambda work: build(work, ["int8"])["int8"],
)
SPEECH = Peers(
    "whisper_asr",
    lambda: files("whisper_asr", "*.flac"),
    [Zoo("audio", 1), Stock("audio", 1), FasterWhisper("audio", 1)],
    lambda record: record["text"],
    6,
    said=HEARD,
    truth=lambda: [text.decode() for text in files("whisper_asr", "*.txt")],
)
