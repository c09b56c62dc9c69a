"""The container image, where a Docker engine runs: MLflow's stock image and ours."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from typing import Any

import pytest
from mlflow.pyfunc import load_model
from mlflow.pyfunc.scoring_server import infer_and_parse_data
from mlflow.types import DataType

from tests.zoo.containers import Images, docker
from tests.zoo.helpers import assert_same

ASK = """
import json, sys, urllib.request
sample = json.load(open("/opt/ml/model/serving_input_example.json"))
body = json.dumps({**sample, "params": json.loads(sys.argv[1])}).encode()
request = urllib.request.Request(
    "http://127.0.0.1:8080/invocations", body, {"Content-Type": "application/json"}
)
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""
MODELS = {  # their fixtures, and parameters for an answer that is always the same
    "hanlp_ner": ("ner_images", {}),
    "whisper_asr": ("whisper_images", {"temperature": [0.0]}),
}


pytestmark = [pytest.mark.build, pytest.mark.container]  # by the names of fixtures in MODELS


@dataclass
class Served:
    """Images, parameters to ask their model with, what it answers, and whether it takes files."""

    images: Images
    params: dict[str, Any]
    answer: Any
    files: bool


@pytest.fixture(scope="module", params=MODELS)
def served(request: pytest.FixtureRequest) -> Served:
    """Each model's images, and what the loaded model says to its sample."""
    fixture, params = MODELS[request.param]
    images: Images = request.getfixturevalue(fixture)
    loaded = load_model(str(images.model))
    schema = loaded.metadata.get_input_schema()
    sent = infer_and_parse_data(
        json.loads((images.model / "serving_input_example.json").read_text()), schema=schema
    )
    files = DataType.binary in schema.input_types()
    return Served(images, params, loaded.predict(sent, params=params), files)


def answers_within(container: str, seconds: float, served: Served) -> None:
    """Asks in the container until it answers as the loaded model does."""
    ask = ["docker", "exec", container, "python3", "-c", ASK, json.dumps(served.params)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = subprocess.run(ask, capture_output=True, text=True)
        if done.returncode == 0:
            assert_same(json.loads(done.stdout)["predictions"], served.answer)
            return
    raise AssertionError(docker("logs", container))


CAREFUL = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp"]


def test_it_answers_with_no_rights_and_stops_by_itself_when_told(served: Served) -> None:
    spool = ["--tmpfs", "/spool:uid=65534", "--env", "THERESA_SPOOL=/spool"]
    spool += ["--env", "MLFLOW_MODELS_WORKERS=2"]  # all are there when it is told
    container = docker("run", "--detach", *CAREFUL, *spool, f"{served.images.name}:test")
    try:
        answers_within(container, 120, served)
        assert docker("exec", container, "id", "-u") == "65534"
        docker("stop", "--time", "60", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
        logs = subprocess.getoutput(f"docker logs {container}")
        assert logs.count("Worker exiting") >= 1
        assert ("kept in /spool" in logs) == served.files
        assert "was sent SIG" not in logs  # no worker had to be killed, or crashed on its way out
    finally:
        docker("rm", "--force", container)


def test_it_answers_as_its_users_run_it(served: Served) -> None:
    images = served.images
    options = ["--memory=4000m", "-v", f"{images.model}:/opt/ml/model"]
    options += ["-e", f"PYTHONPATH=/opt/ml/model:{os.environ.get('PYTHONPATH', '')}"]
    options += ["-e", "GUNICORN_CMD_ARGS=--timeout 60 -k gevent --workers=1"]
    images.model.chmod(0o755)
    for tag in images.tags:
        container = docker("run", "--detach", *options, f"{images.name}:{tag}")
        try:
            answers_within(container, 120, served)
            if tag == "test":
                logs = subprocess.getoutput(f"docker logs {container}")
                assert "worker class 'gevent'; carrying on" in logs
        finally:
            docker("rm", "--force", container)
