"""One way to score many rows, in processes of its own: a plain loop of `predict`, or Spark.

python -m benchmarks.batch_contender plain-2 MODEL     two processes, half of the rows each
python -m benchmarks.batch_contender spark-2 MODEL     `batch.py` with two workers

It reads requests from standard input and answers on standard output, as `contender` does; "inputs"
is a table or a folder, and "texts" says what was answered, and how much memory that took.
"""

import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

KEYS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "hanlp_ner": lambda row: [(one["type"], one["start"], one["end"]) for one in row["entities"]],
    "whisper_asr": lambda row: row["text"],
    "clip_caption": lambda row: row["captions"][0]["text"],
}
AT_ONCE = {"hanlp_ner": 1000, "whisper_asr": 16, "clip_caption": 64}  # rows of a plain request
Answers = list[tuple[str, Any]]  # by row: what it is called, and what to compare


class Plain:
    """Processes with a model each, which loop over their share of the rows."""

    def __init__(self, directory: str, count: int) -> None:
        self._workers = []
        for number in range(count):
            ours, theirs = multiprocessing.get_context("spawn").Pipe()
            multiprocessing.get_context("spawn").Process(
                target=loop, args=(theirs, directory, number, count), daemon=True
            ).start()
            self._workers.append(ours)

    def run(self, path: str) -> Callable[[], Answers]:
        """Scores; returns what tells the answers."""
        self._ask(path)
        return lambda: [one for found in self._ask(None) for one in found]

    def stop(self) -> None:
        """Nothing: the processes end with this one."""

    def _ask(self, request: str | None) -> list[Any]:
        for worker in self._workers:
            worker.send(request)
        return [worker.recv() for worker in self._workers]


def loop(requests: Any, directory: str, number: int, count: int) -> None:
    """A process of `Plain`."""
    import pandas as pd
    from mlflow.pyfunc import load_model

    os.environ["THERESA_CORES"] = "1"
    model, name = load_model(directory), Path(directory).name
    (column, *_) = model.metadata.get_input_schema().input_names()
    while True:
        path = requests.recv()
        if Path(path).is_dir():
            files = sorted(Path(path).iterdir())[number::count]
            names = [file.name for file in files]
            values: list[Any] = [file.read_bytes() for file in files]
        else:
            table = pd.read_parquet(path)[number::count]
            names, values = [str(one) for one in table["id"]], table[column].tolist()
        records: list[dict[str, Any]] = []
        for start in range(0, len(values), AT_ONCE[name]):
            part = pd.DataFrame({column: values[start : start + AT_ONCE[name]]})
            records += model.predict(part)
        requests.send(len(records))
        requests.recv()
        requests.send([(one, KEYS[name](row)) for one, row in zip(names, records, strict=True)])


class Spark:
    """`batch.py` in a session that is there already, with so many worker processes."""

    def __init__(self, directory: str, count: int) -> None:
        from batching import model, session

        self._scorer, self._name = model.read(Path(directory)), Path(directory).name
        settings = session.options(f"local[{count}]", {}, self._scorer.alone, asked=1)
        self._session = session.session(settings)
        self._spark = self._session.__enter__()
        self._work = tempfile.TemporaryDirectory()
        self._runs = 0

    def run(self, path: str) -> Callable[[], Answers]:
        """Scores; returns what tells the answers."""
        import pyarrow.parquet as pq

        import batch

        self._runs += 1
        output = f"{self._work.name}/{self._runs}"
        args = batch.parsed(["--model", self._name, "--input", path, "--output", output])
        home = Path(self._work.name) / f"work-{self._runs}"
        home.mkdir()
        batch.score(self._spark, args, self._scorer, {"on_error": "report"}, home)

        def answers() -> Answers:
            rows = pq.read_table(output).to_pylist()
            names = [Path(row["path"]).name if "path" in row else str(row["id"]) for row in rows]
            return [(one, KEYS[self._name](row)) for one, row in zip(names, rows, strict=True)]

        return answers

    def stop(self) -> None:
        """Ends the session; Python waits for it even after an error."""
        self._session.__exit__(None, None, None)


def main() -> None:
    """Answers requests until standard input ends."""
    kind, count = sys.argv[1].split("-")
    contender: Plain | Spark = (Plain if kind == "plain" else Spark)(sys.argv[2], int(count))
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed isn't an answer
    try:
        for line in sys.stdin:
            print(json.dumps(answer(contender, json.loads(line))), file=answers, flush=True)
    finally:
        contender.stop()


def answer(contender: Plain | Spark, request: dict[str, Any]) -> dict[str, Any]:
    """What a request took, and what came of it."""
    with measured() as seconds:
        found = contender.run(request["inputs"])
    text = json.dumps(sorted(found()), sort_keys=True)
    about = {"digest": hashlib.sha256(text.encode()).hexdigest(), "memory": memory()}
    return {"texts": {"name": sys.argv[1], **about}, "peak": 0.0, **seconds}


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Seconds of CPU time of this process and all below it, and of wall time."""
    seconds: dict[str, float] = {}
    cpu, wall = cpu_seconds(), time.perf_counter()
    yield seconds
    seconds["wall"] = time.perf_counter() - wall
    seconds["cpu"] = cpu_seconds() - cpu


def tree() -> list[psutil.Process]:
    """This process and all below it."""
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def cpu_seconds() -> float:
    """CPU time that the tree has had, its ended members included."""
    return sum(sum(process.cpu_times()[:4]) for process in tree())


def memory() -> dict[str, float]:
    """GB that a process with a model has had at most, and Spark's Java process."""
    found = {"worker": 0.0, "java": 0.0}
    for process in tree()[1:]:
        kind = "java" if process.name() == "java" else "worker"
        status = Path(f"/proc/{process.pid}/status").read_text()
        for line in status.splitlines():
            if line.startswith("VmHWM"):  # one that has just ended has none
                found[kind] = max(found[kind], int(line.split()[1]) / 1e6)
    return found


if __name__ == "__main__":
    main()
