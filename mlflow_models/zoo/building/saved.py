"""Saved models: finds one by name, directory or MLflow URI, and asks it with its own code.

A saved model carries the code that it was built with. It runs in a process of its own, so that two
versions are compared as they would be served, whatever this repository has become meanwhile.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from zoo.building import capabilities, tracking
from zoo.building.tracking import ROOT
from zoo.errors import ZooError

MODELS = ROOT / "mlflow_models" / "models"
URI = re.compile(r"(models|runs):/")
BATCH_ROWS = 16  # that are asked together

# A line with the model's directory and parameters; then a line a batch, and an answer to each.
ASK = """
import base64, json, sys, warnings
warnings.filterwarnings("ignore")
root = sys.argv[1]
sys.path[:] = [path for path in sys.path if not path.startswith(root + "/mlflow_models")]
import pandas as pd
from mlflow.pyfunc import load_model
answers = sys.stdout
sys.stdout = sys.stderr
first = json.loads(sys.stdin.readline())
loaded = load_model(first["model"])
for line in sys.stdin:
    rows = json.loads(line)
    if first["binary"]:
        rows = [base64.b64decode(row) for row in rows]
    table = pd.DataFrame({first["column"]: pd.Series(rows, dtype=object)})
    found = loaded.predict(table, params=first["params"])
    print(json.dumps(found, ensure_ascii=False), file=answers, flush=True)
"""


def is_saved(name: str) -> bool:
    """Whether a name is that of a saved model: an MLflow URI, or a directory with `MLmodel`."""
    return URI.match(name) is not None or (Path(name) / "MLmodel").is_file()


def find(model: str, tracking_uri: str, work: Path) -> Path:
    """Find the directory of a saved model.

    Args:
        model: A saved model's name, its directory, or an MLflow URI.
        tracking_uri: The registry of `models:/NAME@ALIAS`.
        work: The directory for downloads.

    Raises:
        ZooError: The model isn't found, or the registry doesn't answer.
    """
    if re.fullmatch(r"\w+", model) and not (Path(model) / "MLmodel").is_file():
        if (MODELS / model / "MLmodel").is_file():
            return MODELS / model
        builders = [folder.name for folder in capabilities.folders()]
        if model in builders:
            raise ZooError(
                f"{model} isn't built yet; `python mlflow_models/{model}/build.py` does it."
            )
        raise ZooError(
            f"Model '{model}' not found; available: {', '.join(builders)}, a directory, or an "
            "MLflow URI."
        )
    if (Path(model) / "MLmodel").is_file():
        return Path(model).resolve()
    if ":" not in model:
        raise ZooError(f"'{model}' is not a saved model: it has no file MLmodel.")
    import mlflow

    if model.startswith("models:"):
        tracking.reach(tracking_uri)
    try:
        mlflow.set_tracking_uri(tracking_uri)
        return Path(mlflow.artifacts.download_artifacts(model, dst_path=str(work)))
    except Exception as error:  # each store raises its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ZooError(f"The model '{model}' can't be loaded: {reason}") from error


def ask(
    model: str,
    tracking_uri: str,
    column: str,
    rows: Iterable[bytes | str],
    params: Mapping[str, Any] | None = None,
    total: int | None = None,
    label: str = "",
) -> Iterator[dict[str, Any]]:
    """Ask a saved model, with the code and the weights that it was saved with.

    Args:
        model: As `find` takes it.
        tracking_uri: The registry of `models:/NAME@ALIAS`.
        column: The name of the column that the model reads.
        rows: Texts, or the bytes of files.
        params: The request's parameters. A row that the model refuses has a record with `error`.
        total: How many rows there are, for the progress bar.
        label: The bar's; by default the model's name.

    Yields:
        The record of each row, in order.

    Raises:
        ZooError: The model isn't found, can't be loaded, or fails.
    """
    from tqdm import tqdm

    waiting, given = iter(rows), {"on_error": "report", **(params or {})}
    with (
        tempfile.TemporaryDirectory() as work,
        tqdm(total=total, desc=label or model, unit="row") as bar,
    ):
        directory = find(model, tracking_uri, Path(work))
        with _process(directory, model) as (process, fail):
            first = True
            while batch := list(islice(waiting, BATCH_ROWS)):
                binary = isinstance(batch[0], bytes)
                if first:
                    about = {"model": str(directory), "column": column, "params": given}
                    _send(process, {**about, "binary": binary}, fail)
                    first = False
                _send(process, [_text(row) for row in batch], fail)
                line = process.stdout.readline() if process.stdout else ""
                if not line:
                    fail()
                yield from json.loads(line)
                bar.update(len(batch))


def _text(row: bytes | str) -> str:
    return base64.b64encode(row).decode() if isinstance(row, bytes) else row


def _send(process: "subprocess.Popen[str]", value: Any, fail: Any) -> None:
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(value, ensure_ascii=False) + "\n")
        process.stdin.flush()
    except OSError:
        fail()


@contextmanager
def _process(directory: Path, name: str) -> Iterator[tuple["subprocess.Popen[str]", Any]]:
    """Start the process; also give a function that raises with the last line it has said."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", ASK, str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            cwd=directory,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )

        def fail() -> None:
            process.wait()
            errors.seek(0)
            said = errors.read().strip().splitlines() or [f"status {process.returncode}"]
            raise ZooError(f"The model '{name}' fails: {said[-1]}")

        try:
            yield process, fail
        finally:
            process.kill()
            process.communicate()
