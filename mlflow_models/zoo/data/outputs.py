"""Files and directories that a command writes whole or not at all.

It replaces only what it has written itself.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import ZooError

PART = ".part-"  # begins the name of what isn't complete yet


def check_output(directory: Path, mark: str, kind: str) -> None:
    """See that a command replaces only what it has written itself.

    Names that begin with `_` or `PART` don't count: they are of a run that isn't done.

    Args:
        directory: Where the command writes to; it need not exist.
        mark: A file that each directory of this kind has.
        kind: What such a directory is, for the message.

    Raises:
        ZooError: It is a file, or a directory of another kind.
    """
    others = (path for path in directory.glob("*") if not path.name.startswith(("_", PART)))
    if directory.is_file() or (not (directory / mark).is_file() and any(others)):
        raise ZooError(f"'{directory}' holds something else than {kind}; give a new directory.")


def check_new(path: Path) -> None:
    """See that a command's output isn't there yet.

    Raises:
        ZooError: It is.
    """
    if path.exists():
        raise ZooError(f"'{path}' exists; choose another output, or remove it.")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a new file beside `path`, which takes its name when the block ends.

    After an error, or a kill, what was at `path` before is still there. The new file has the suffix
    of `path`, and its directory is made. A part that a killed run left is overwritten.

    Yields:
        Where to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(PART + path.name)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give a new, empty directory beside `path`, which takes its name when the block ends.

    After an error, or a kill, what was at `path` before is still there; else it is replaced. A part
    that a killed run left is removed first.

    Yields:
        Where to write to.
    """
    path = path.resolve()
    work = path.with_name(PART + path.name)
    new, old = work / "new", work / "old"
    shutil.rmtree(work, ignore_errors=True)
    new.mkdir(parents=True)
    try:
        yield new
        if path.exists():
            path.rename(old)
        try:
            new.rename(path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write a text whole, as UTF-8, with a line break at its end."""
    with whole_file(path) as part:
        part.write_text(text.removesuffix("\n") + "\n", encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON that a person can read, whole."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1))
