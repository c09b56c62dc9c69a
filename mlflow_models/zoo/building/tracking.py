"""MLflow's tracking server and registry: which one, whether it answers, which experiment."""

import argparse
import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import tenacity

from zoo import settings
from zoo.errors import ZooError

ROOT = Path(__file__).parents[3]
TRACKING_URI = os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{ROOT / 'mlflow.db'}")
PATIENCE = "THERESA_TRACKING_SECONDS"
ATTEMPT_SECONDS = 5.0  # at most, for a connection and again for an answer
PAUSE_SECONDS = 0.5  # between two attempts
PROBE = "/api/2.0/mlflow/experiments/search"  # unlike /health, it checks the credentials


class _Silent(Exception):
    """The server doesn't answer yet."""


def add_options(parser: argparse.ArgumentParser, experiment: str) -> None:
    """Add the options of a command that logs to MLflow.

    Args:
        parser: The command's parser.
        experiment: The default name of MLflow's experiment.
    """
    parser.add_argument("--tracking-uri", default=TRACKING_URI, help="MLflow's, or '' for none")
    parser.add_argument("--experiment", default=experiment, help="MLflow's")


def reach(uri: str) -> None:
    """Wait until a tracking server answers, before anything long is done.

    MLflow itself repeats each request for minutes, and prints nothing meanwhile.

    Args:
        uri: Where the server is. For a database, a folder or an empty text nothing is waited for.

    Raises:
        ZooError: The server doesn't answer in time, or refuses.
    """
    address = urlsplit(uri)
    if address.scheme not in ("http", "https"):
        return
    shown = address._replace(netloc=address.netloc.rpartition("@")[2]).geturl()
    patience = settings.read(settings.TrackingSettings).seconds
    import mlflow  # noqa: F401 - takes seconds, which are not the server's

    def say(state: tenacity.RetryCallState) -> None:
        if state.attempt_number == 1:
            wait = f"up to {patience:g} s ({PATIENCE})"
            said = f"Waiting for the tracking server {shown}, {wait} ..."
            print(said, file=sys.stderr, flush=True)  # standard output may be JSON

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(_Silent),
        stop=tenacity.stop_before_delay(patience),
        wait=tenacity.wait_fixed(PAUSE_SECONDS),
        before_sleep=say,
        reraise=True,
    )
    try:
        status = attempts(_status, uri, min(ATTEMPT_SECONDS, patience))
    except _Silent as error:
        message = f"The tracking server {shown} didn't answer within {patience:g} s: {error}."
        raise ZooError(message) from error
    if status in (401, 403):
        raise ZooError(
            f"The tracking server {shown} refuses (status {status}): are MLFLOW_TRACKING_USERNAME "
            "and MLFLOW_TRACKING_PASSWORD right?"
        )
    if status >= 400:
        raise ZooError(f"{shown} is not a tracking server of MLflow: it answers {status}.")


def set_experiment(name: str, tracking_uri: str) -> None:
    """Choose the server and the experiment; keep the files of a local database beside it.

    Raises:
        ZooError: As `reach` does.
    """
    import mlflow

    reach(tracking_uri)
    mlflow.set_tracking_uri(tracking_uri)
    if mlflow.get_experiment_by_name(name) is None and tracking_uri.startswith("sqlite:///"):
        database = Path(tracking_uri.removeprefix("sqlite:///")).resolve()
        mlflow.create_experiment(name, artifact_location=(database.parent / "mlruns").as_uri())
    mlflow.set_experiment(name)


def _status(uri: str, seconds: float) -> int:
    """Send one request with MLflow's own credentials and certificates; give the status."""
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    try:
        response = http_request(
            get_default_host_creds(uri),
            PROBE,
            "GET",
            params={"max_results": 1},
            max_retries=0,
            timeout=seconds,
            raise_on_status=False,
        )
    except MlflowException as error:
        raise _Silent(type(error.__context__).__name__) from error
    # The server is starting or busy, or a proxy can't reach it.
    if response.status_code >= 500 or response.status_code in (408, 429):
        raise _Silent(f"status {response.status_code}")
    return int(response.status_code)
