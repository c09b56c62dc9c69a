"""The container image, where a Docker engine runs: MLflow's stock image and ours."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mlflow.pyfunc import load_model
from mlflow.pyfunc.scoring_server import infer_and_parse_data

from zoo.packaging import ROOT

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
    "hanlp_ner": ("ner_model", {}),
    "whisper_asr": ("whisper_model", {"temperature": [0.0]}),
}


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def has_engine() -> bool:
    try:
        return subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


pytestmark = pytest.mark.skipif(not has_engine(), reason="no Docker engine is running")


@dataclass
class Images:
    """A saved model, its images `:stock` (MLflow's) and `:test` (ours), and what it answers."""

    model: Path
    name: str
    params: dict[str, Any]
    answer: Any


@pytest.fixture(scope="module", params=MODELS)
def images(request: pytest.FixtureRequest) -> Iterator[Images]:
    """Builds both images by the Makefile's commands."""
    fixture, params = MODELS[request.param]
    model: Path = request.getfixturevalue(fixture)
    make = ["make", "image", f"SAVED={model}", f"MODEL=test_{request.param}", "VERSION=test"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    name = f"theresa/test_{request.param}"
    sent = infer_and_parse_data(
        json.loads((model / "serving_input_example.json").read_text()),
        schema=(loaded := load_model(str(model))).metadata.get_input_schema(),
    )
    yield Images(model, name, params, loaded.predict(sent, params=params))
    docker("rmi", f"{name}:test", f"{name}:stock")


def answers_within(container: str, seconds: float, images: Images) -> None:
    """Asks in the container until it answers as the loaded model does."""
    ask = ["docker", "exec", container, "python3", "-c", ASK, json.dumps(images.params)]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = subprocess.run(ask, capture_output=True, text=True)
        if done.returncode == 0:
            assert json.loads(done.stdout) == {"predictions": images.answer}
            return
    raise AssertionError(docker("logs", container))


CAREFUL = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp"]


@pytest.mark.parametrize("kind", ["careful", "as its users run it", "stock"])
def test_it_answers(images: Images, kind: str) -> None:
    users = ["--memory=4000m", "-v", f"{images.model}:/opt/ml/model"]
    users += ["-e", f"PYTHONPATH=/opt/ml/model:{os.environ.get('PYTHONPATH', '')}"]
    users += ["-e", "GUNICORN_CMD_ARGS=--timeout 60 -k gevent --workers=1"]
    options = CAREFUL if kind == "careful" else users
    images.model.chmod(0o755)
    tag = "stock" if kind == "stock" else "test"
    container = docker("run", "--detach", *options, f"{images.name}:{tag}")
    try:
        answers_within(container, 120, images)
        if kind == "careful":
            assert docker("exec", container, "id", "-u") == "65534"
        if kind == "as its users run it":
            assert "can't run an ASGI app; carrying on" in subprocess.getoutput(
                f"docker logs {container}"
            )
    finally:
        docker("rm", "--force", container)


def test_it_stops_by_itself_when_told(images: Images) -> None:
    container = docker("run", "--detach", *CAREFUL, f"{images.name}:test")
    try:
        answers_within(container, 120, images)
        docker("stop", "--time", "60", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
        logs = subprocess.getoutput(f"docker logs {container}")
        assert logs.count("Worker exiting") >= 1
        assert "was sent SIG" not in logs  # no worker had to be killed, or crashed on its way out
    finally:
        docker("rm", "--force", container)
