"""Small steps that several tests take."""

from pathlib import Path
from typing import Any


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def logged(uri: str, experiment: str) -> tuple[Any, set[str]]:
    """The one run of an experiment, and its files."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([place.experiment_id])
    return run, {file.path for file in client.list_artifacts(run.info.run_id)}
