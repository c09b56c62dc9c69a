"""Reads text and JSON files; an error is one sentence with the file and the line."""

import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from zoo.errors import ZooError

LARGE_BYTES = 10_000_000  # from this size on, a bar shows how far a file is read
BUFFER_BYTES = 1 << 20


@contextmanager
def open_text(
    path: Path, error: type[ZooError] = ZooError, newline: str | None = None
) -> Iterator[TextIO]:
    """Open a text file in UTF-8, with or without a byte order mark; a `.gz` is decompressed.

    Args:
        path: The file.
        error: The class to raise.
        newline: As `open` takes it.

    Raises:
        ZooError: The file doesn't exist, can't be read or isn't UTF-8; also while it is read.
    """
    try:
        with _opened(path) as file, io.TextIOWrapper(file, "utf-8-sig", newline=newline) as text:
            yield text
    except FileNotFoundError:
        raise error(f"'{path}' not found.") from None
    except (OSError, EOFError) as cause:  # gzip raises EOFError for a file that is cut off
        raise error(
            f"'{path}' can't be read: {getattr(cause, 'strerror', None) or cause}."
        ) from cause
    except UnicodeDecodeError as cause:
        raise error(
            f"'{path}' is not UTF-8 (line {_undecodable(path)}); iconv converts it (Thai is "
            "often cp874, Chinese gb18030)."
        ) from cause


class _Counted(io.FileIO):
    """A file; a bar shows how far it is read."""

    def __init__(self, path: Path, size: int) -> None:
        from tqdm import tqdm

        super().__init__(path)
        self._bar = tqdm(total=size, desc=path.name, unit="B", unit_scale=True, leave=False)

    def readinto(self, buffer: Any) -> int | None:
        count = super().readinto(buffer)
        self._bar.update(count or 0)
        return count

    def close(self) -> None:
        self._bar.close()
        super().close()


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Open the bytes of a file; those of a `.gz` are decompressed."""
    size = path.stat().st_size
    raw = _Counted(path, size) if size >= LARGE_BYTES else path.open("rb", buffering=0)
    with io.BufferedReader(raw, BUFFER_BYTES) as file:
        yield gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file


def _undecodable(path: Path) -> int:
    """Find the number of the first line that isn't UTF-8."""
    with _opened(path) as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number
    return 1


def read_text(path: Path, error: type[ZooError] = ZooError) -> str:
    """Read a text file.

    Args:
        path: The file, UTF-8.
        error: The class to raise.

    Raises:
        ZooError: The file doesn't exist, can't be read or isn't UTF-8.
    """
    with open_text(path, error) as file:
        return file.read()


def read_json(path: Path, error: type[ZooError] = ZooError) -> Any:
    """Read a JSON file.

    Args:
        path: The file, UTF-8.
        error: The class to raise.

    Raises:
        ZooError: The file doesn't exist, or isn't JSON.
    """
    text = read_text(path, error)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as cause:
        line = f", line {cause.lineno}" if isinstance(cause, json.JSONDecodeError) else ""
        raise error(f"'{path}'{line}: not valid JSON.") from cause


def read_object(
    path: Path, error: type[ZooError] = ZooError, missing: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: The file, UTF-8.
        error: The class to raise.
        missing: What to return if there is no file. None: a missing file is an error.

    Raises:
        ZooError: The file doesn't exist, isn't JSON, or isn't an object.
    """
    if missing is not None and not path.is_file():
        return missing
    content = read_json(path, error)
    if not isinstance(content, dict):
        raise error(f"'{path}' is not a JSON object.")
    return content
