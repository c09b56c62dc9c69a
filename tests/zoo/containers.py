"""Images that are built once per run, and containers of them, where a Docker engine runs."""

import functools
import os
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
    """A saved model and its images.

    Attributes:
        tags: Of the images that run: "test" is ours, "stock" MLflow's.
    """

    model: Path
    name: str
    tags: tuple[str, ...]


@contextmanager
def built(name: str, model: Path, stock: bool = True) -> Iterator[Images]:
    """Both images of a saved model, made by the Makefile's commands; gone at the end.

    Args:
        name: What they are called.
        model: The saved model.
        stock: Whether MLflow's image is to run; else it has the model and nothing more, which ours
            needs of it, and takes no minute to build and no 2 GB.
    """
    own = f"test_{name}_{os.getpid()}"  # another run on this machine has its own images
    image = f"theresa/{own}"
    make = ["make", "image", f"SAVED={model}", f"MODEL={own}", "VERSION=test"]
    try:
        if not stock:
            bare = ["docker", "build", "--tag", f"{image}:stock", "--file", "-", str(model)]
            _run(bare, "FROM scratch\nCOPY . /opt/ml/model\n")
            make.append("--assume-old=stock-image")
        _run(make)
        yield Images(model, image, ("test", "stock") if stock else ("test",))
    finally:
        for tag in ("test", "stock"):  # of a build that failed there may be one
            subprocess.run(["docker", "rmi", "--force", f"{image}:{tag}"], capture_output=True)


def _run(command: list[str], given: str = "") -> None:
    done = subprocess.run(command, cwd=ROOT, input=given, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
