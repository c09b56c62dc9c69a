"""Reads manifests: which recordings there are, in which language, by whom, and what for."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from zoo.data.fingerprints import fingerprint
from zoo.data.tables import open_table
from zoo.errors import ZooError
from zoo.training.corpora import located
from zoo.training.leaks import Leak, across, same

SPLITS = ("train", "dev", "test")
VOICE, SOUND = "same speaker", "same sound"  # kinds of leaks


@dataclass(frozen=True)
class TaggedClip:
    """A row of a manifest.

    Args:
        path: Of the file.
        language: Its label, as in zh, th, en.
        speaker: Whose voice; the path where the manifest has no such column.
        source: Which collection, or "".
        split: train, dev or test.
        row: The manifest, and the line in it.
    """

    path: Path
    language: str
    speaker: str
    source: str
    split: str
    row: str = ""


def read_manifest(path: Path, dev_share: float | None = 0.1) -> list[TaggedClip]:
    """Read a table of recordings.

    Args:
        path: A table with the columns `path` (relative to the file's folder), `language` and, if
            there are any, `speaker`, `source` and `split`.
        dev_share: Without a split, this share of the speakers is for dev and the others for train,
            drawn by the speaker's name. None: such recordings have no split, "".

    Raises:
        ZooError: The file is missing, lacks a column, or has a row that can't be right.
    """
    table = open_table(path)
    for name in ("path", "language"):
        table.column(name)
    found = []
    spelt: dict[str, str] = {}
    for number, row in table.strict_rows():
        place, language = row["path"].strip(), row["language"].strip()
        if not place or not language:
            raise ZooError(f"'{path}' has no path or no language in line {number}.")
        if (known := spelt.setdefault(language.casefold(), language)) != language:
            raise ZooError(
                f"'{path}' has the language '{language}' in line {number}, and '{known}' before: "
                "write one of them in all rows."
            )
        speaker = row.get("speaker", "").strip() or place
        split = row.get("split", "").strip()
        if not split and dev_share is not None:
            split = _split(speaker, dev_share)
        if split and split not in SPLITS:
            raise ZooError(f"'{path}' has an unknown split in line {number}: train, dev or test.")
        source = row.get("source", "").strip()
        file = located(path.parent, place)
        found.append(TaggedClip(file, language, speaker, source, split, f"'{path}', line {number}"))
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


def check_files(recordings: Sequence[TaggedClip]) -> None:
    """See that all recordings are there, before a model is loaded.

    Raises:
        ZooError: A recording is missing.
    """
    missing = [one for one in recordings if not one.path.is_file()]
    if missing:
        first = missing[0]
        raise ZooError(
            f"{first.row}: '{first.path}' not found ({len(missing)} of {len(recordings)} "
            "recordings aren't there)."
        )


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


def leaks_of(recordings: Sequence[TaggedClip]) -> list[Leak]:
    """Find the speakers, and the recordings, that are in two splits.

    A speaker is told once for two splits, by a recording in each. Recordings are the same if their
    files are, to the byte.
    """
    names, splits = [str(one.path) for one in recordings], [one.split for one in recordings]
    voices: dict[tuple[str, str], int] = {}
    for row, one in enumerate(recordings):
        voices.setdefault((one.speaker, one.split), row)
    rows = list(voices.values())
    speakers = [(rows[a], rows[b]) for a, b in same([speaker for speaker, _ in voices])]
    told = [pair for pair in speakers if names[pair[0]] != names[pair[1]]]
    copies = same(_contents([one.path for one in recordings]))
    return [*across(told, splits, names, VOICE), *across(copies, splits, names, SOUND)]


def _contents(paths: Sequence[Path]) -> list[str | None]:
    """Fingerprints of files; None of those that no other can equal, since none is as long."""
    sizes = [path.stat().st_size if path.is_file() else -1 for path in paths]
    often = Counter(sizes)
    return [
        fingerprint(path) if size >= 0 and often[size] > 1 else None
        for path, size in zip(paths, sizes, strict=True)
    ]


def described(leaks: Sequence[Leak]) -> list[str]:
    """Say what two splits share: a line for each kind, with the first names."""
    said = []
    for kind, what in ((VOICE, "speakers"), (SOUND, "recordings")):
        found = [leak for leak in leaks if leak.kind == kind]
        if found:
            first = found[0]
            said.append(
                f"Look first: {len(found)} {what} are in two splits ({Path(first.first).name} in "
                f"{first.parts[0]}, {Path(first.second).name} in {first.parts[1]}...): scores are "
                "too good."
            )
    return said


def _split(speaker: str, dev_share: float) -> str:
    """The same on every machine, and whatever else the manifest has."""
    drawn = int.from_bytes(hashlib.sha256(speaker.encode()).digest()[:8]) / 2**64
    return "dev" if drawn < dev_share else "train"
