"""One engine in a process of its own, so that its time and its memory are its alone.

It reads requests from standard input and answers on standard output, a line of JSON each:
{"inputs": [PATH.npy, ...], "options": {...}} gives {"texts", "cpu", "wall", "peak"}.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from zoo.building.packaging import ROOT
from zoo.speech.transcript import Transcript

Answer = Callable[[list[np.ndarray], dict[str, Any]], list[Any]]
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
NO_GPU = ""


class Contender:
    """A contender in its process, which transcribes what `request` says.

    Args:
        module: calls `serve`.
        name: of its engines.
        directory: what the engine loads.
        gpus: that it may use: by default none, since the CPU is what most comparisons are on.
    """

    def __init__(self, module: str, name: str, directory: Path, gpus: str = NO_GPU) -> None:
        command = [sys.executable, "-m", module, name, str(directory)]
        self.name = name
        self._errors = Path(tempfile.mkdtemp()) / "errors.txt"
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors.open("w"),
            env={**ONE_THREAD, "CUDA_VISIBLE_DEVICES": gpus},
            cwd=ROOT,
            text=True,
        )
        self.request: dict[str, Any] = {}
        self.peak = 0.0

    def timed(self) -> tuple[Any, float, float]:
        """The texts, and the seconds of CPU and wall time that they took."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(self.request), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        assert line, f"{self.name} failed: {self._errors.read_text()[-2000:]}"
        answer = json.loads(line)
        self.peak = answer["peak"]
        return answer["texts"], answer["cpu"], answer["wall"]

    def stop(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def first_answers(
    module: str, names: Iterable[str], directory: Path, request: dict[str, Any], turns: int
) -> dict[str, list[float]]:
    """Seconds of CPU and wall time from the start of a process to its first answer: medians."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(turns):
        for name in names:
            found.setdefault(name, []).append(_first_answer(module, name, directory, request))
    return {
        name: [statistics.median(values) for values in zip(*pairs, strict=True)]
        for name, pairs in found.items()
    }


def render_speed(one: dict[str, float]) -> str:
    """A ratio to the reference, with the range of the turns where there were several."""
    speed = f"{one['speedup']:.2f}×"
    if one["low"] != one["high"]:
        speed += f" ({one['low']:.2f} to {one['high']:.2f})"
    return speed


def _first_answer(
    module: str, name: str, directory: Path, request: dict[str, Any]
) -> tuple[float, float]:
    """Seconds of CPU and wall time from the start of a process to its first answer."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    engine = Contender(module, name, directory)
    engine.request = request
    engine.timed()
    wall = time.perf_counter() - start
    engine.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall


def texts_of(answers: Iterable[Transcript | Exception]) -> list[str]:
    """What our recognizers answer, which must be good."""
    texts = []
    for heard in answers:
        assert not isinstance(heard, Exception), heard
        texts.append(heard.text)
    return texts


def peak_memory() -> float:
    """GB that the process has had at most; getrusage would count its parent's."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one]
    return int(line.split()[1]) / 1e6


def serve(engines: dict[str, Callable[[Path], Answer]]) -> None:
    """Answers requests until standard input ends; the command line has the engine's name and what
    it loads."""
    run = engines[sys.argv[1]](Path(sys.argv[2]))
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed isn't an answer
    for line in sys.stdin:
        request = json.loads(line)
        inputs = [np.load(path) for path in request["inputs"]]
        cpu, wall = time.process_time(), time.perf_counter()
        texts = run(inputs, request["options"])
        answer = {
            "texts": texts,
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "peak": peak_memory(),
        }
        print(json.dumps(answer), file=answers, flush=True)
