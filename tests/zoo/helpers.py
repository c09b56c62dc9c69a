"""What tests of servers and of runs share."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from zoo.building.local_server import direct

HTTP = direct(keep=False)  # each request may come to any of a server's workers


def metric(url: str, name: str) -> float:
    """A metric's value, summed over its labels."""
    lines = HTTP.get(f"{url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}(\{{| )", line))


def server_sent(lines: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The events of an answer's lines, with their data."""
    name, data = "", ""
    for line in lines:
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            data = value
        elif not line and name:
            yield name, json.loads(data)
            name = ""


def logged(uri: str, experiment: str) -> tuple[Any, set[str]]:
    """The one run of an experiment, and its files."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([place.experiment_id])
    return run, {file.path for file in client.list_artifacts(run.info.run_id)}


TIMES = {"start", "end", "duration"}  # s, in a recording; in a text they are whole numbers
MOMENT = 0.05  # s; a recognizer's frames last 0.02


def without_nulls(value: Any) -> Any:
    """A typed record as its model gives it; a table has null where a field is absent."""
    if isinstance(value, dict):
        return {name: without_nulls(one) for name, one in value.items() if one is not None}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


def assert_same(answer: Any, other: Any, tolerance: float = 0.05, where: str = "answer") -> None:
    """That two answers are the same: words, labels and whole numbers exactly, times of speech but
    for a frame or two, scores and embeddings nearly.

    Scores depend on the processor's kernels and on what else is in a batch, so that two processes,
    or two machines, needn't agree on their last digits.

    Args:
        tolerance: of a score. The default is what the probabilities of a quantised model vary by;
            an embedding needs a narrower one.
        where: what the answers are, for the message of a failure.
    """
    if isinstance(answer, dict):
        assert isinstance(other, dict), where
        assert answer.keys() == other.keys(), where
        for name, value in answer.items():
            near = MOMENT if name in TIMES else tolerance
            assert_same(value, other[name], near, f"{where}[{name!r}]")
    elif isinstance(answer, list):
        assert isinstance(other, list), where
        assert len(answer) == len(other), where
        for number, (one, another) in enumerate(zip(answer, other, strict=True)):
            assert_same(one, another, tolerance, f"{where}[{number}]")
    elif isinstance(answer, float) and isinstance(other, float):
        assert abs(answer - other) <= tolerance, f"{where}: {answer} and {other}"
    else:
        assert type(answer) is type(other), where
        assert answer == other, where
