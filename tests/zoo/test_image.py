"""The container image, where a Docker engine runs: MLflow's stock image and ours."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from zoo.packaging import ROOT

ASK = """
import json, urllib.request
body = json.dumps({"dataframe_split": {"columns": ["text"], "data": [["我爱中国"]]}}).encode()
request = urllib.request.Request(
    "http://127.0.0.1:8080/invocations", body, {"Content-Type": "application/json"}
)
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""
CITY = {"text": "中国", "type": "LOCATION", "start": 2, "end": 4}


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


@pytest.fixture(scope="module")
def images(ner_model: Path) -> Iterator[str]:
    """Builds MLflow's stock image (`:stock`) and ours (`:test`) by the Makefile's commands."""
    make = ["make", "image", f"SAVED={ner_model}", "MODEL=test_ner", "VERSION=test"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    yield "theresa/test_ner"
    docker("rmi", "theresa/test_ner:test", "theresa/test_ner:stock")


def answers_within(container: str, seconds: float) -> None:
    """Asks in the container until it answers as it should."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done = subprocess.run(
            ["docker", "exec", container, "python3", "-c", ASK], capture_output=True, text=True
        )
        if done.returncode == 0:
            assert json.loads(done.stdout) == {"predictions": [{"entities": [CITY]}]}
            return
    raise AssertionError(docker("logs", container))


CAREFUL = ["--network", "none", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp"]


@pytest.mark.parametrize("kind", ["careful", "as its users run it", "stock"])
def test_it_answers(images: str, ner_model: Path, kind: str) -> None:
    users = ["--memory=4000m", "-v", f"{ner_model}:/opt/ml/model"]
    users += ["-e", f"PYTHONPATH=/opt/ml/model:{os.environ.get('PYTHONPATH', '')}"]
    users += ["-e", "GUNICORN_CMD_ARGS=--timeout 60 -k gevent --workers=1"]
    options = CAREFUL if kind == "careful" else users
    ner_model.chmod(0o755)
    tag = "stock" if kind == "stock" else "test"
    container = docker("run", "--detach", *options, f"{images}:{tag}")
    try:
        answers_within(container, 120)
        if kind == "careful":
            assert docker("exec", container, "id", "-u") == "65534"
        if kind == "as its users run it":
            assert "can't run an ASGI app; carrying on" in subprocess.getoutput(
                f"docker logs {container}"
            )
    finally:
        docker("rm", "--force", container)


def test_it_stops_by_itself_when_told(images: str) -> None:
    container = docker("run", "--detach", *CAREFUL, f"{images}:test")
    try:
        answers_within(container, 120)
        docker("stop", "--time", "60", container)
        assert docker("inspect", "--format", "{{.State.ExitCode}}", container) == "0"
        logs = subprocess.getoutput(f"docker logs {container}")
        assert logs.count("Worker exiting") >= 1
        assert "was sent SIG" not in logs  # no worker had to be killed, or crashed on its way out
    finally:
        docker("rm", "--force", container)
