"""What the tests of batches share: one local session, in which most of them run."""

import contextlib
import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from batch import main
from batching import session

Score = Callable[..., list[dict[str, Any]]]
ScoreBy = Callable[..., list[dict[str, Any]]]
OUTPUT = "out [1]"  # no pattern: the name has these brackets
PROCESSES, SPARK = "processes", "spark"
WAYS = {PROCESSES: [], SPARK: ["--master", "local[1]"]}


@pytest.fixture(scope="session")
def java() -> None:
    """Skips what needs Java where there is none."""
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java, and there is none")


@pytest.fixture(scope="session")
def spark(java: None) -> Iterator[Any]:  # noqa: ARG001
    """A local session with one worker process."""
    with session.session(session.options("local[1]", {}, alone=False, asked=None)) as spark:
        yield spark


@pytest.fixture
def score_by(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> ScoreBy:
    """`batch.py` with Spark, in that session, or without: takes its options, gives the rows."""

    def run(way: str, model: object, input_: object, *options: str) -> list[dict[str, Any]]:
        if way == SPARK:
            spark = request.getfixturevalue("spark")
            monkeypatch.setattr(session, "session", lambda _: contextlib.nullcontext(spark))
        output = tmp_path / OUTPUT
        asked = ["--model", str(model), "--input", str(input_), "--output", str(output)]
        main([*asked, *WAYS[way], *options])
        rows: list[dict[str, Any]] = pq.read_table(output).to_pylist()
        return rows

    return run


@pytest.fixture(params=[PROCESSES, pytest.param(SPARK, marks=pytest.mark.spark)])
def way(request: pytest.FixtureRequest) -> str:
    """A way to run `batch.py`."""
    return str(request.param)


@pytest.fixture
def score(way: str, score_by: ScoreBy) -> Score:
    """`batch.py` in one way."""
    return functools.partial(score_by, way)
