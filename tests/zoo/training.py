"""What finetune.py of every recognizer of speech promises: to go on after a kill, and to leave a
finished run alone."""

import csv
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.zoo.helpers import assert_same, logged
from zoo.errors import CheckpointError

# The process kills itself, as rudely as can be, after the third step.
DYING = """
import os, signal
from {package} import finetune
from zoo.training.records import Records

def dying(self, args, state, *rest, **others):
    on_step_end(self, args, state, *rest, **others)
    if state.global_step == 3:
        os.kill(os.getpid(), signal.SIGKILL)

on_step_end, Records.on_step_end = Records.on_step_end, dying
finetune.main()
"""


def losses(output: Path) -> list[float]:
    """Of each step, none of which is missing or there twice."""
    with (output / "steps.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == list(range(1, len(rows) + 1))
    return [float(row["loss"]) for row in rows]


def resumed(
    finetune: ModuleType, arguments: list[str], whole: Path, killed: Path, registry: str
) -> tuple[Any, set[str]]:
    """A run that is killed goes on with the losses and to the weights of a whole one.

    Args:
        finetune: the module; in a folder that is a package.
        arguments: of the whole run, which saves every second step, but for its output.
        whole: its output.
        killed: the output of the one to be killed.
        registry: where MLflow keeps that one.

    Returns:
        What MLflow has of it, and its files.
    """
    experiment = f"killed {finetune.__name__}"
    arguments = [*arguments, "--output", str(killed), "--experiment", experiment]
    arguments += ["--tracking-uri", registry]
    dying = DYING.format(package=finetune.__package__)
    done = subprocess.run([sys.executable, "-c", dying, *arguments], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(losses(killed)) == 3 < len(losses(whole))
    assert (killed / "checkpoint-2").is_dir()
    (killed / "checkpoint-4").mkdir()  # as a kill amid saving leaves it
    finetune.main(arguments)

    assert_same_run(killed, whole, "model.safetensors")
    return logged(registry, experiment)


def assert_same_run(output: Path, other: Path, weights: str) -> None:
    """That two runs took the same steps, to the same weights: nearly, since two processes needn't
    sum in the same order; a step that were taken twice, or not at all, would change far more."""
    assert_same(losses(output), losses(other), 1e-4)
    for name in ("best", "last"):
        one, another = (tensors(run / name / weights) for run in (output, other))
        assert one.keys() == another.keys()
        differences = [np.abs(one[key] - another[key]).ravel() for key in one]
        assert np.concatenate(differences).mean() < 1e-6


def tensors(file: Path) -> dict[str, np.ndarray]:
    """A checkpoint's weights by their names, as float64."""
    import torch
    from safetensors.torch import load_file

    safe = file.suffix == ".safetensors"
    found = load_file(file) if safe else torch.load(file, weights_only=True)
    return {name: tensor.double().numpy() for name, tensor in found.items()}


def assert_left_alone(
    finetune: ModuleType,
    arguments: list[str],
    whole: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That a finished run is neither gone on with, nor mistaken for one with other settings."""
    before = losses(whole)
    arguments = [*arguments, "--output", str(whole), "--tracking-uri", ""]
    finetune.main(arguments)
    assert "is finished" in capsys.readouterr().out
    with pytest.raises(CheckpointError, match="a run with another seed; choose a new --output"):
        finetune.main([*arguments, "--seed", "9"])
    assert losses(whole) == before
