"""What short requests feel of long recordings whose answers flow, on one server of real Whisper."""

import base64
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
from tqdm import tqdm

from benchmarks import whisper_quality_runs as runs
from benchmarks.harness import NotHere, machine
from tests.zoo.helpers import metric, server_sent
from tests.zoo.launched import Launched, launched
from tests.zoo.sounds import encoded
from whisper_asr.building.published import PUBLISHED
from zoo.building import published
from zoo.building.local_server import direct
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.errors import CheckpointError
from zoo.serving.lanes import LATELY_SECONDS

TITLE = "Short requests beside long recordings"
LONG_HOURS = 3
SHORT_SECONDS = 2.0
BESIDE = (0, 1, 4)  # long recordings at a time
CLIENTS = (1, 2)  # of short requests
PAUSE_SECONDS = 0.5  # the longest between an answer and the client's next request
TURNS, TURN_SECONDS, SETTLE_SECONDS = 1, 30.0, 5.0


def sounds() -> tuple[bytes, list[bytes]]:
    """A file of three hours of AISHELL's sentences; files of two seconds of them."""
    paths = sorted((runs.folder() / "data" / "speech" / "aishell").glob("*.flac"))
    clips = [decode(path) for path in paths]
    whole = np.concatenate(clips)
    times = -(-LONG_HOURS * 3600 * SAMPLE_RATE // len(whole))
    long = np.tile(whole, times)[: LONG_HOURS * 3600 * SAMPLE_RATE]
    size = round(SHORT_SECONDS * SAMPLE_RATE)
    return encoded(long, kind="MP3"), [encoded(clip[:size], kind="FLAC") for clip in clips[::12]]


@contextmanager
def model() -> Iterator[Path]:
    """Real Whisper base, saved as a builder does."""
    try:
        weights = published.fetch(PUBLISHED[runs.CHECKPOINT])
    except CheckpointError as error:
        raise NotHere(str(error)) from None
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "whisper_asr"
        build = [sys.executable, str(ROOT / "mlflow_models" / "whisper_asr" / "build.py")]
        build += ["--checkpoint", str(weights), "--output", str(output)]
        build += ["--tracking-uri", f"sqlite:///{folder}/mlflow.db"]
        subprocess.run(build, check=True, capture_output=True, cwd=folder)
        yield output


class LongRecording:
    """A client that hears a long recording's answer, until it is closed.

    Attributes:
        seconds: How much of the recording is done.
    """

    def __init__(self, url: str, file: bytes) -> None:
        self.seconds, self._begun, self._over = 0.0, threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._read, args=(url, file))
        self._thread.start()
        if not self._begun.wait(120):
            raise TimeoutError("the long recording has no first event")

    def _read(self, url: str, file: bytes) -> None:
        headers = {"Accept": "text/event-stream", "Content-Type": "audio/mpeg"}
        with direct(keep=False).stream(
            "POST", f"{url}/invocations?language=zh", content=file, headers=headers
        ) as answer:
            for name, data in server_sent(answer.iter_lines()):
                if name == "progress":
                    self.seconds = data["seconds"]
                self._begun.set()
                if self._over.is_set():
                    return

    def close(self) -> None:
        """Leave."""
        self._over.set()
        self._thread.join()


def short(url: str, files: list[bytes], until: float, seed: int, found: list[float]) -> None:
    """Send short requests, one after the other with pauses; add each one's seconds."""
    chance, client = random.Random(seed), direct()
    while time.perf_counter() < until:
        time.sleep(chance.uniform(0, PAUSE_SECONDS))
        text = base64.b64encode(chance.choice(files)).decode()
        request = {"inputs": {"audio": [text]}, "params": {"language": "zh"}}
        start = time.perf_counter()
        answer: httpx2.Response = client.post(
            f"{url}/invocations", content=json.dumps(request).encode(), headers=JSON
        )
        assert answer.status_code == 200, answer.text
        found.append(time.perf_counter() - start)


JSON = {"Content-Type": "application/json"}


def turn(
    server: Launched, long: bytes, files: list[bytes], beside: int, clients: int, seconds: float
) -> dict[str, Any]:
    """One stretch of load: short requests beside long recordings."""
    with ExitStack() as stack:
        streams = [LongRecording(server.url, long) for _ in range(beside)]
        for one in streams:
            stack.callback(one.close)
        found: list[float] = []
        for part in (SETTLE_SECONDS, seconds):  # as it is while short requests come
            found.clear()
            done, cpu = sum(one.seconds for one in streams), _cpu(server)
            start = time.perf_counter()
            threads = [
                threading.Thread(target=short, args=(server.url, files, start + part, seed, found))
                for seed in range(clients)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        wall = time.perf_counter() - start
        result = {
            "found": list(found),
            "cores": (_cpu(server) - cpu) / wall,
            "speed": (sum(one.seconds for one in streams) - done) / wall,
        }
    while metric(server.url, "theresa_requests_in_flight"):
        pass
    return result


def alone(server: Launched, long: bytes, seconds: float) -> dict[str, float]:
    """How fast a long recording is done while nobody else asks."""
    stream = LongRecording(server.url, long)
    time.sleep(LATELY_SECONDS)  # until no thread is kept for short requests
    done, cpu, start = stream.seconds, _cpu(server), time.perf_counter()
    time.sleep(seconds)
    wall = time.perf_counter() - start
    result = {"cores": (_cpu(server) - cpu) / wall, "speed": (stream.seconds - done) / wall}
    stream.close()
    while metric(server.url, "theresa_requests_in_flight"):
        pass
    return result


def _cpu(server: Launched) -> float:
    """CPU seconds of the server's workers so far."""
    times = [worker.cpu_times() for worker in server.workers()]
    return sum(one.user + one.system for one in times)


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Every number of long recordings in turn, each turn with both numbers of clients."""
    long, files = sounds()
    turns, seconds = (1, 8.0) if quick else (TURNS, TURN_SECONDS)
    cases = [(beside, clients) for clients in CLIENTS for beside in BESIDE]
    found: dict[tuple[int, int], list[dict[str, Any]]] = {case: [] for case in cases}
    lone: list[dict[str, float]] = []
    with model() as path, launched(path, {"THERESA_STREAM_SECONDS": "14400"}, 1) as server:
        for _turn in tqdm(range(turns), desc="fairness", leave=False):
            lone.append(alone(server, long, seconds))
            for case in cases:
                found[case].append(turn(server, long, files, *case, seconds))
    rows = []
    for (beside, clients), parts in found.items():
        waits = sorted(one for part in parts for one in part["found"])
        rows.append(
            {
                "beside": beside,
                "clients": clients,
                "requests": len(waits),
                "p50": float(np.quantile(waits, 0.5)),
                "p99": float(np.quantile(waits, 0.99)),
                **{key: statistics.median(one[key] for one in parts) for key in ("cores", "speed")},
            }
        )
    return {
        "machine": machine(("ctranslate2", "faster-whisper", "uvicorn")),
        "turns": turns,
        "alone": {key: statistics.median(one[key] for one in lone) for key in ("cores", "speed")},
        "rows": rows,
    }


def render(result: dict[str, Any]) -> str:
    """The figures as Markdown."""
    plain = {row["clients"]: row["p99"] for row in result["rows"] if not row["beside"]}
    lone = result["alone"]
    lines = [
        f"Real Whisper base, one worker; requests of {SHORT_SECONDS:g} s of speech, whose clients "
        f"pause up to {PAUSE_SECONDS:g} s; recordings of {LONG_HOURS} hours, answered by events. "
        f"Turns: {result['turns']}. Alone, one such recording is done at {lone['speed']:.0f} times "
        f"its speed, on {lone['cores']:.1f} cores.",
        "",
        "| clients | long recordings | requests | p50 | p99 | p99 to that without | cores used | "
        "long ones' speed, together |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {row['clients']} | {row['beside']} | {row['requests']} | {row['p50'] * 1000:.0f} ms | "
        f"{row['p99'] * 1000:.0f} ms | {row['p99'] / plain[row['clients']]:.2f} | "
        f"{row['cores']:.1f} | {row['speed']:.0f} |"
        for row in result["rows"]
    ]
    return "\n".join(lines)
