"""Reads text and JSON files; an error is one sentence with the file and the line."""

import gzip
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from zoo.data.encodings import LEGACY, UTF_8, encoding_of
from zoo.errors import ZooError

LARGE_BYTES = 10_000_000  # from this size on, a bar shows how far a file is read
BUFFER_BYTES = 1 << 20


@contextmanager
def open_text(
    path: Path, error: type[ZooError] = ZooError, newline: str | None = None, told: str = ""
) -> Iterator[TextIO]:
    """Open a text file; a `.gz` is decompressed.

    It may be UTF-8 or UTF-16, with or without a byte order mark, CP874, GB18030 or Big5.

    Args:
        path: The file.
        error: The class to raise.
        newline: As `open` takes it.
        told: Its encoding, if `encodings` has told it.

    Raises:
        ZooError: The file doesn't exist, can't be read or isn't such a text; also while it is read.
    """
    try:
        told = told or encoding(path)
        with (
            open_bytes(path, bar=True) as file,
            io.TextIOWrapper(file, told, newline=newline) as text,
        ):
            yield text
    except FileNotFoundError:
        raise error(f"'{path}' not found.") from None
    except (OSError, EOFError) as cause:  # gzip raises EOFError for a file that is cut off
        raise error(
            f"'{path}' can't be read: {getattr(cause, 'strerror', None) or cause}."
        ) from cause
    except UnicodeDecodeError as cause:
        raise error(
            f"'{path}' is not {told.removesuffix('-sig').upper()} (line "
            f"{_undecodable(path, told)}); iconv converts other encodings."
        ) from cause


def encoding(path: Path) -> str:
    """Tell a file's encoding, as `encodings.encoding_of` does; say so on stderr, once."""
    state = path.stat()
    return _told(path, state.st_size, state.st_mtime_ns)


def encodings(paths: Iterable[Path]) -> dict[Path, str]:
    """Tell the encodings of files that belong together; say on stderr what isn't UTF-8, once.

    A few words may fit several encodings. So files that aren't Unicode are read in the encoding
    that most of them have, if it fits.
    """
    told = {path: _tell(path) for path in paths if path.is_file()}
    others = Counter(name for name in told.values() if name in LEGACY)
    usual, count = max(others.items(), key=lambda item: item[1], default=("", 0))
    for path, name in told.items():
        chance = name == UTF_8 and 2 * count > len(told) and _by_chance(path)
        if name != usual and (name in LEGACY or chance) and _fits(path, usual):
            told[path] = usual
    for name, count in Counter(told.values()).items():
        if name != UTF_8:
            said = f"{count} of {len(told)} files are not UTF-8; they are read as"
            print(f"{said} {LEGACY.get(name, name.upper())}.", file=sys.stderr, flush=True)
    return told


def _tell(path: Path) -> str:
    with open_bytes(path) as file:
        return encoding_of(file)


def _by_chance(path: Path) -> bool:
    """Whether a text may be UTF-8 by chance: no Chinese or Thai, which take three bytes there."""
    text = path.read_bytes().decode("utf-8", "replace")
    return "\x7f" < max(text, default="") < "\u0800"


def _fits(path: Path, name: str) -> bool:
    try:
        path.read_bytes().decode(name)
    except UnicodeDecodeError:
        return False
    return True


@lru_cache(maxsize=1024)
def _told(path: Path, _size: int, _changed: int) -> str:
    found = _tell(path)
    if found != UTF_8:
        name = LEGACY.get(found, found.upper())
        print(f"'{path}' is not UTF-8; it is read as {name}.", file=sys.stderr, flush=True)
    return found


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
def open_bytes(path: Path, bar: bool = False) -> Iterator[Any]:
    """Open the bytes of a file; those of a `.gz` are decompressed.

    Args:
        path: The file.
        bar: Whether a bar shows how far a large file is read.
    """
    size = path.stat().st_size
    raw = _Counted(path, size) if bar and size >= LARGE_BYTES else path.open("rb", buffering=0)
    with io.BufferedReader(raw, BUFFER_BYTES) as file:
        yield gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file


def _undecodable(path: Path, told: str) -> int:
    """Find the number of the first line that can't be decoded."""
    # Half a character of UTF-16 can't be escaped.
    errors = "replace" if told.startswith("utf-16") else "surrogateescape"
    with open_bytes(path) as file, io.TextIOWrapper(file, told, errors) as text:
        broken = (
            number
            for number, line in enumerate(text, 1)
            if any("\udc80" <= one <= "\udcff" or one == "\ufffd" for one in line)
        )
        return next(broken, 1)


def read_text(path: Path, error: type[ZooError] = ZooError, told: str = "") -> str:
    """Read a text file.

    Args:
        path: The file, as `open_text` reads it.
        error: The class to raise.
        told: Its encoding, if `encodings` has told it.

    Raises:
        ZooError: The file doesn't exist, can't be read or isn't a text.
    """
    with open_text(path, error, told=told) as file:
        return file.read()


def read_json(path: Path, error: type[ZooError] = ZooError) -> Any:
    """Read a JSON file.

    Args:
        path: The file, as `open_text` reads it.
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
        path: The file, as `open_text` reads it.
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
