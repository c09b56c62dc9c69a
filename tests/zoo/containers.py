"""Images that are built once per run, and containers of them, where a Docker engine runs."""

import functools
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from zoo.building.packaging import ROOT


@functools.cache
def has_engine() -> bool:
    """Whether a Docker engine runs here."""
    try:
        return subprocess.run(["docker", "info"], capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


def docker(*arguments: str) -> str:
    """What a docker command prints."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@dataclass
class Images:
    """A saved model and its images `:stock` (MLflow's) and `:test` (ours)."""

    model: Path
    name: str


@contextmanager
def built(name: str, model: Path) -> Iterator[Images]:
    """Both images of a saved model, made by the Makefile's commands."""
    make = ["make", "image", f"SAVED={model}", f"MODEL=test_{name}", "VERSION=test"]
    done = subprocess.run(make, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    try:
        yield Images(model, f"theresa/test_{name}")
    finally:
        docker("rmi", f"theresa/test_{name}:test", f"theresa/test_{name}:stock")
