"""What the tests of batches share: one local session, in which most of them run."""

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from batch import main
from batching import session

Score = Callable[..., list[dict[str, Any]]]


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


@pytest.fixture(params=["processes", pytest.param("spark", marks=pytest.mark.spark)])
def score(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Score:
    """`batch.py` in that session, and without Spark: takes its options, gives the output's rows."""
    way = []
    if request.param == "spark":
        spark = request.getfixturevalue("spark")
        monkeypatch.setattr(session, "session", lambda _: contextlib.nullcontext(spark))
        way = ["--master", "local[1]"]

    def run(model: object, input_: object, *options: str) -> list[dict[str, Any]]:
        output = tmp_path / "out"
        asked = ["--model", str(model), "--input", str(input_), "--output", str(output)]
        main([*asked, *way, *options])
        rows: list[dict[str, Any]] = pq.read_table(output).to_pylist()
        return rows

    return run
