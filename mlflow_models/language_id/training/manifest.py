"""Reads manifests: which recordings there are, in which language, by whom, and what for."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.tables import open_table
from zoo.errors import ZooError

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class TaggedClip:
    """A row of a manifest.

    Args:
        path: Of the file.
        language: Its label, as in zh, th, en.
        speaker: Whose voice; the path where the manifest has no such column.
        source: Which collection, or "".
        split: train, dev or test.
    """

    path: Path
    language: str
    speaker: str
    source: str
    split: str


def read_manifest(path: Path, dev_share: float = 0.1) -> list[TaggedClip]:
    """Read a table of recordings.

    Args:
        path: A TSV or CSV file with the columns `path` (relative to the file's folder), `language`
            and, if there are any, `speaker`, `source` and `split`.
        dev_share: Without a column `split`, this share of the speakers is for dev and the others
            for train, drawn by the speaker's name.

    Raises:
        ZooError: The file is missing, lacks a column, or has a row that can't be right.
    """
    table = open_table(path)
    for name in ("path", "language"):
        table.column(name)
    found = []
    for number, row in table.strict_rows():
        if not row["path"] or not row["language"]:
            raise ZooError(f"'{path}' has no path or no language in line {number}.")
        speaker = row.get("speaker") or row["path"]
        split = row.get("split") or _split(speaker, dev_share)
        if split not in SPLITS:
            raise ZooError(f"'{path}' has an unknown split in line {number}: train, dev or test.")
        source = row.get("source") or ""
        found.append(TaggedClip(path.parent / row["path"], row["language"], speaker, source, split))
    return found


def read_split(
    manifests: Iterable[Path], split: str, dev_share: float = 0.1
) -> tuple[TaggedClip, ...]:
    """Read the recordings of one split from several manifests.

    Raises:
        ZooError: There are none, or one of the manifests can't be read.
    """
    paths = list(manifests)
    found = tuple(r for path in paths for r in read_manifest(path, dev_share) if r.split == split)
    if not found:
        raise ZooError(f"The manifest has no recordings for '{split}'.")
    return found


def languages_of(recordings: Sequence[TaggedClip]) -> list[str]:
    """Return the languages of recordings, sorted.

    Raises:
        ZooError: There are fewer than two.
    """
    found = sorted({recording.language for recording in recordings})
    if len(found) < 2:
        raise ZooError("The training recordings have fewer than two languages.")
    return found


def check_languages(recordings: Sequence[TaggedClip], known: Sequence[str]) -> None:
    """See that a checkpoint knows all languages of some recordings.

    Raises:
        ZooError: It doesn't.
    """
    if unknown := {recording.language for recording in recordings} - set(known):
        names = ", ".join(known)
        raise ZooError(f"Language '{sorted(unknown)[0]}' not found; available: {names}.")


def _split(speaker: str, dev_share: float) -> str:
    """The same on every machine, and whatever else the manifest has."""
    drawn = int.from_bytes(hashlib.sha256(speaker.encode()).digest()[:8]) / 2**64
    return "dev" if drawn < dev_share else "train"
