"""Files and directories that a command writes whole or not at all.

A command replaces only what it has written itself.
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zoo.errors import ZooError

PART = ".part-"  # the names of incomplete files and directories begin so


def check_output(directory: Path, mark: str, kind: str) -> None:
    """Check that a command replaces only what it has written itself.

    Names that begin with `_` or `PART` don't count: a run that isn't done has them.

    Args:
        directory: The directory that the command writes; it need not exist.
        mark: A file that each directory of this kind has.
        kind: What such a directory is, for the message.

    Raises:
        ZooError: There is a file, or a directory of another kind.
    """
    others = (path for path in directory.glob("*") if not path.name.startswith(("_", PART)))
    if directory.is_file() or (not (directory / mark).is_file() and any(others)):
        raise ZooError(f"'{directory}' holds something other than {kind}; give a new directory.")


def check_new(path: Path) -> None:
    """Check that a command's output doesn't exist yet.

    Raises:
        ZooError: The output exists.
    """
    if path.exists():
        raise ZooError(f"'{path}' exists; choose another output, or remove it.")


def make_directory(path: Path) -> None:
    """Make a directory and those above it; one that exists is fine.

    Raises:
        ZooError: It can't be made: a file is in its place or above it, or nobody may write there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ZooError(f"Directory '{path}' can't be made: {error.strerror}.") from error


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the path of a new file beside `path`; when the block ends, it is moved to `path`.

    After an error, or a kill, the old file is still there. The new file has the suffix of `path`,
    and its directory is made. A part that a killed run left is overwritten.

    Yields:
        The file to write to.

    Raises:
        ZooError: Its directory can't be made.
    """
    make_directory(path.parent)
    part = path.with_name(PART + path.name)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Give a new, empty directory beside `path`; when the block ends, it is moved to `path`.

    After an error, or a kill, the old directory is still there. A part that a killed run left is
    removed first.

    Yields:
        The directory to write to.

    Raises:
        ZooError: It can't be made.
    """
    path = path.resolve()
    work = path.with_name(PART + path.name)
    new, old = work / "new", work / "old"
    shutil.rmtree(work, ignore_errors=True)
    make_directory(new)
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
    """Write a text whole or not at all, as UTF-8, with a line break at its end."""
    with whole_file(path) as part:
        part.write_text(text.removesuffix("\n") + "\n", encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a value whole or not at all, as JSON that a person can read."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=1))
