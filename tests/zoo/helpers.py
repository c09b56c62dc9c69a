"""What tests of servers and of runs share."""

import re
from typing import Any

import requests


def metric(url: str, name: str) -> float:
    """A metric's value, summed over its labels."""
    lines = requests.get(f"{url}/metrics", timeout=30).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if re.match(rf"{name}(\{{| )", line))


def logged(uri: str, experiment: str) -> tuple[Any, set[str]]:
    """The one run of an experiment, and its files."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    place = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([place.experiment_id])
    return run, {file.path for file in client.list_artifacts(run.info.run_id)}
