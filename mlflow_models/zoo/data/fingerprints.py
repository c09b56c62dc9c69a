"""Tells files by their contents: the same name may have other data tomorrow."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

CHUNK_BYTES = 1 << 20
DIGEST_BYTES = 16


def fingerprint(path: Path) -> str:
    """Hash a file's content, or of a directory the relative names and contents of its files.

    Args:
        path: The file or directory. If it doesn't exist, the fingerprint is empty.

    Returns:
        A BLAKE2b digest in hexadecimal, 32 characters.
    """
    if not path.exists():
        return ""
    if path.is_file():
        return _content(path)
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for file in sorted(file for file in path.rglob("*") if file.is_file()):
        found.update(f"{file.relative_to(path).as_posix()}\0{_content(file)}\n".encode())
    return found.hexdigest()


def _content(path: Path) -> str:
    found = hashlib.blake2b(digest_size=DIGEST_BYTES)
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            found.update(chunk)
    return found.hexdigest()


def fingerprints(paths: Iterable[Path | str]) -> dict[str, str]:
    """Return the fingerprint of each path, by the path as it was given."""
    return {str(path): fingerprint(Path(path)) for path in paths}


def changed(then: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Say which data have changed; an empty text if all are equal.

    Args:
        then: Fingerprints by name.
        now: The same, later.
    """
    said = [f"'{name}' has changed" for name in now if then.get(name, now[name]) != now[name]]
    said += [f"'{name}' is new" for name in now if name not in then]
    said += [f"'{name}' is gone" for name in then if name not in now]
    return "; ".join(said)
