"""The models that are built for GPU hosts."""

import functools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from zoo.building.packaging import ROOT


@pytest.fixture(scope="session")
def gpu_model_of(registry: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The saved model of a capability that is built with `--gpu`, by its name."""

    @functools.cache
    def build(name: str) -> Path:
        output = tmp_path_factory.mktemp("gpu") / name
        script = ROOT / "mlflow_models" / name / "build.py"
        where = ["--tracking-uri", registry, "--output", str(output), "--alias", "gpu"]
        subprocess.run([sys.executable, str(script), "--gpu", *where], check=True)
        return output

    return build
