"""Sees that a model runs the code that it was built with.

Python keeps one package of a name in a process. A second model, or a second version of one, that
was built with other code would be answered by the first one's.
"""

import functools
import hashlib
import importlib
from pathlib import Path

from zoo.errors import CheckpointError


def check(artifact: Path, *packages: str) -> None:
    """Compare the code that a saved model carries with what this process runs.

    Args:
        artifact: A directory of the saved model's `artifacts/`.
        packages: The packages that it carries, besides `zoo`.

    Raises:
        CheckpointError: They differ.
    """
    code = artifact.parents[1] / "code"
    for name in ("zoo", *packages):
        if not (code / name).is_dir():
            continue
        running = _running(name)
        for path, digest in _digests(code / name).items():
            if running.get(path) != digest:
                raise CheckpointError(
                    f"The model in '{code.parent}' was built with another '{name}/{path}' than "
                    "this process runs. Load it in a process of its own, or build it again."
                )


@functools.cache  # the directory of a model that was loaded earlier may be gone
def _running(package: str) -> dict[str, str]:
    return _digests(Path(str(importlib.import_module(package).__file__)).parent)


def _digests(directory: Path) -> dict[str, str]:
    """The SHA-256 of each module below a directory, by its path in it."""
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in directory.rglob("*.py")
    }
