"""Reads TIMIT, as the LDC has it on CDs: a directory for each dialect, in it for each speaker."""

import re
from collections.abc import Iterator
from pathlib import Path

from zoo.data.texts import read_text
from zoo.training.corpora import (
    NO_SOUND,
    NO_TEXT,
    CorpusColumns,
    CorpusRecording,
    beside,
    chosen,
    unusable,
    with_suffix,
)

REGION = re.compile("(?i)dr[1-8]")  # directories of dialects


def read_timit(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads a part of TIMIT: `DR1/FCJF0/SA1.WAV` with `SA1.TXT`, "0 46797 She had your dark suit".

    Columns to keep are `speaker`, `dialect` and `sentence`. Case doesn't matter: CDs differ in it.
    """
    for path in sorted(directory.glob("*/*/*")):
        transcript, suffix = beside(path), path.suffix.lower()
        name = path.relative_to(directory.parent).as_posix()
        if suffix == ".txt" and not with_suffix(path, (".wav", ".WAV")):
            yield unusable(name, NO_SOUND, columns)
        if suffix != ".wav":
            continue
        if transcript is None:
            yield unusable(name, NO_TEXT, columns)
            continue
        dialect, speaker, _ = path.relative_to(directory).parts
        known = {"speaker": speaker, "dialect": dialect, "sentence": path.stem}
        text = read_text(transcript).strip().split(maxsplit=2)
        spoken = text[2] if len(text) == 3 else ""
        yield CorpusRecording(name, path, spoken, chosen(known, columns, directory))


def find_timit(directory: Path, split: str) -> Path | None:
    """The directory of a part of TIMIT, if this is TIMIT."""
    for part in sorted(two_levels(directory)):
        if part.name.lower() == split.lower() and any(map(_is_region, part.glob("*"))):
            return part
    return directory if any(map(_is_region, directory.glob("*"))) else None


def _is_region(path: Path) -> bool:
    return path.is_dir() and REGION.fullmatch(path.name) is not None


def two_levels(directory: Path) -> list[Path]:
    """What is in a directory, and in `data` and `timit` below it."""
    inner = [child for child in directory.glob("*") if child.name.lower() in ("data", "timit")]
    return [*directory.glob("*"), *(path for child in inner for path in child.glob("*"))]
