"""Checks that a model runs the code that it was built with.

A Python process has only one package of a name. If it loads two models that were built with
different code, the second would run the first one's code.
"""

import functools
import hashlib
import importlib
from pathlib import Path

from zoo.errors import CheckpointError


def check(artifact: Path, *packages: str) -> None:
    """Compare the code that a saved model carries with what this process runs.

    Args:
        artifact: A directory in the saved model's `artifacts/`.
        packages: The packages that the model carries, beside `zoo` and `transcripts`.

    Raises:
        CheckpointError: The code differs.
    """
    code = artifact.parents[1] / "code"
    for name in ("zoo", "transcripts", *packages):
        if not (code / name).is_dir():
            continue
        running = _running(name)
        for path, digest in _digests(code / name).items():
            if running.get(path) != digest:
                raise CheckpointError(
                    f"The model in '{code.parent}' was built with another '{name}/{path}' than "
                    "this process runs. Load it in a process of its own, or build it again."
                )


@functools.cache  # the directory of an earlier model may be gone
def _running(package: str) -> dict[str, str]:
    return _digests(Path(str(importlib.import_module(package).__file__)).parent)


def _digests(directory: Path) -> dict[str, str]:
    """Compute the SHA-256 of each module below a directory, by its path."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*.py")
    }
