"""Models that are built with `--gpu`, where there is no GPU: they are packed whole, and answer.

One of them by default, in an environment of its own requirements; all of them, in their images, if
THERESA_GPU_IMAGES is set: that takes 18 minutes or more, and 20 GB.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.conftest import FOUND, Capability
from tests.zoo import containers
from tests.zoo.containers import docker
from tests.zoo.helpers import HTTP, assert_same
from zoo.building.local_server import free_port, running

ALL = "THERESA_GPU_IMAGES"
ASK_PROVIDERS = "import onnxruntime; print(*onnxruntime.get_available_providers())"
CUDA = "CUDAExecutionProvider"
# Parameters for an answer that is always the same.
PARAMS = {"whisper_asr": {"temperature": [0.0]}}

pytestmark = pytest.mark.gpu


def check(url: str, capability: Capability) -> None:
    """Asks a server for its sample: it answers on the CPU, and says so."""
    about = HTTP.get(f"{url}/v2/models/{capability.name}").json()["parameters"]
    assert about["cuda"] in ("12", "13")
    assert about["device"]["kind"] == "cpu"
    assert about["device"]["why"]
    assert 'theresa_device{kind="cpu"' in HTTP.get(f"{url}/metrics").text
    request = {**capability.sample, "params": PARAMS.get(capability.name, {})}
    answer = HTTP.post(f"{url}/invocations", json=request)
    assert answer.status_code == 200, answer.text
    assert len(answer.json()["predictions"]) == len(request["dataframe_split"]["data"])


@pytest.mark.thorough
@pytest.mark.build
def test_it_answers_with_its_own_requirements_alone(
    gpu_model_of: Callable[[str], Path], ner_url: str, tmp_path: Path
) -> None:
    """The model for a GPU host answers on a CPU what the one for CPUs does."""
    capability = FOUND["hanlp_ner"]
    model, python = gpu_model_of(capability.name), tmp_path / "bin" / "python"
    uv: list[str | Path] = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, tmp_path], check=True)
    install = [*uv, "pip", "install", "--quiet", "--python", python, "--requirement"]
    done = subprocess.run([*install, model / "requirements.txt"], capture_output=True)
    if done.returncode:
        pytest.skip(f"the packages can't be installed: {done.stderr.decode()[-300:]}")
    subprocess.run([*uv, "pip", "check", "--quiet", "--python", python], check=True)
    assert CUDA in subprocess.check_output([python, "-c", ASK_PROVIDERS], text=True).split()
    port = free_port()
    url, path = f"http://127.0.0.1:{port}", str(model / "code")
    serve = [str(python), "-m", "zoo.serving.launch", str(model)]
    variables = {"THERESA_PORT": str(port), "THERESA_DRAIN_SECONDS": "0", "PYTHONPATH": path}
    with running(serve, f"{url}/ready", variables, str(model)):
        check(url, capability)
        answers = [
            HTTP.post(f"{one}/invocations", json=capability.sample).json() for one in (url, ner_url)
        ]
    assert_same(*answers)


@pytest.mark.build
@pytest.mark.container
@pytest.mark.skipif(ALL not in os.environ, reason=f"{ALL} isn't set: 18 minutes or more, and 20 GB")
@pytest.mark.parametrize("name", FOUND)
def test_its_image_answers(name: str, gpu_model_of: Callable[[str], Path]) -> None:
    capability = FOUND[name]
    with containers.built(f"gpu_{capability.name}", gpu_model_of(capability.name)) as images:
        image = f"{images.name}:test"
        if capability.name != "whisper_asr":  # CTranslate2 has its own way to CUDA
            ask = ["run", "--rm", "--entrypoint", "python3", image, "-c", ASK_PROVIDERS]
            assert CUDA in docker(*ask).split()
        port = free_port()
        run = ["run", "--detach", "--read-only", "--cap-drop", "ALL", "--tmpfs", "/tmp"]
        container = docker(*run, "--publish", f"127.0.0.1:{port}:8080", image)
        try:
            command = ["docker", "logs", "--follow", container]
            url = f"http://127.0.0.1:{port}"
            with running(command, f"{url}/ready", {}, image):
                check(url, capability)
        finally:
            docker("rm", "--force", container)
