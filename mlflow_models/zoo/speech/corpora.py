"""Readers of speech corpora: from the layouts that they come in to recordings with transcripts.

| source | layout |
| --- | --- |
| `FILE.csv`, `FILE.tsv` | a manifest with a column of paths, relative to it, and one of texts |
| a Common Voice directory | `clips/`, and `validated.tsv`, `train.tsv`... |
| an AISHELL directory | `wav/**/ID.wav`, and `transcript/aishell_transcript*.txt` |
| an audio folder | `metadata.csv` (`file_name`, `text`) or `a.wav` beside `a.txt` |
| `owner/name` | a data set of the Hugging Face hub, if no such directory exists |
"""

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoo.errors import ZooError

AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".aac", ".wma"}
AISHELL = "transcript/aishell_transcript*.txt"


class _Tabbed(csv.excel_tab):
    quoting = csv.QUOTE_NONE  # quotation marks in Common Voice's tables are just that


class CorpusError(ZooError):
    """A corpus that isn't there, or isn't laid out as it should be."""


@dataclass(frozen=True)
class Recording:
    """One recording with its transcript, not yet decoded.

    Args:
        name: what a report calls it, and what a split is drawn by.
        audio: a file, or a file's content.
        text: the transcript as the corpus has it.
        extra: further columns to keep.
    """

    name: str
    audio: Path | bytes
    text: str
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """What to read of a table.

    Args:
        path: the column of paths; None is the usual one of the layout.
        text: the column of transcripts; None likewise.
        keep: further columns to keep.
        split: which part: Common Voice's table, the hub's split.
        config: the hub's configuration (a language, say).
    """

    path: str | None = None
    text: str | None = None
    keep: tuple[str, ...] = ()
    split: str = "train"
    config: str | None = None


def read_corpus(source: str, columns: Columns) -> Iterator[Recording]:
    """Reads a corpus of any layout, always in the same order.

    Raises:
        CorpusError: there is none, or it isn't laid out as it should be.
    """
    path = Path(source)
    if path.is_file():
        yield from read_manifest(path, columns)
    elif path.is_dir():
        if (path / "clips").is_dir():
            yield from read_common_voice(path, columns)
        elif list(path.glob(AISHELL)):
            yield from read_aishell(path)
        else:
            yield from read_folder(path, columns)
    elif source.count("/") == 1 and not source.startswith((".", "/")):
        yield from read_hub(source, columns)
    else:
        raise CorpusError(f"'{source}' is neither a file, a directory nor a hub's data set.")


def read_manifest(
    path: Path,
    columns: Columns,
    folder: Path | None = None,
    guess: tuple[str, str] = ("path", "text"),
) -> Iterator[Recording]:
    """Reads a CSV (comma) or TSV (tab) file with a header line.

    Args:
        path: the table.
        columns: which of its columns to read.
        folder: what its paths are relative to; None is the table's own directory.
        guess: the names of the columns of paths and texts where `columns` doesn't say.
    """
    where, what = columns.path or guess[0], columns.text or guess[1]
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file, dialect=_Tabbed if path.suffix == ".tsv" else csv.excel)
        for name in (where, what, *columns.keep):
            if name not in (table.fieldnames or []):
                raise CorpusError(f"'{path}' has no column '{name}'.")
        for row in table:
            yield Recording(
                name=row[where] or "",
                audio=(folder or path.parent) / (row[where] or ""),
                text=row[what] or "",
                extra={name: row[name] or "" for name in columns.keep},
            )


def read_common_voice(directory: Path, columns: Columns) -> Iterator[Recording]:
    """Reads the table of a split (`train`, `dev`, `test`, `validated`...) of Common Voice."""
    table = directory / f"{columns.split}.tsv"
    if not table.is_file():
        raise CorpusError(f"'{directory}' has no '{table.name}'; choose the split.")
    yield from read_manifest(table, columns, directory / "clips", ("path", "sentence"))


def read_aishell(directory: Path) -> Iterator[Recording]:
    """Reads AISHELL-1: transcripts by id, words apart; recordings anywhere below `wav/`."""
    files = {path.stem: path for path in sorted((directory / "wav").rglob("*.wav"))}
    for table in sorted(directory.glob(AISHELL)):
        for line in table.read_text(encoding="utf-8").splitlines():
            name, _, text = line.strip().partition(" ")
            if name in files:  # as published, a few transcripts have no recording
                yield Recording(name, files[name], text)


def read_folder(directory: Path, columns: Columns) -> Iterator[Recording]:
    """Reads recordings with a text file each, or with a `metadata.csv` as `datasets` has it."""
    if (directory / "metadata.csv").is_file():
        table = directory / "metadata.csv"
        yield from read_manifest(table, columns, directory, ("file_name", "text"))
        return
    empty = True
    for path in sorted(directory.rglob("*")):
        transcript = path.with_suffix(".txt")
        if path.suffix.lower() in AUDIO and transcript.is_file():
            empty = False
            name = path.relative_to(directory).as_posix()
            yield Recording(name, path, transcript.read_text(encoding="utf-8"))
    if empty:
        raise CorpusError(f"'{directory}' has no audio file with a transcript (.txt) beside it.")


def read_hub(name: str, columns: Columns) -> Iterator[Recording]:
    """Reads a data set of the Hugging Face hub, without decoding its audio."""
    from datasets import Audio, load_dataset

    try:
        data = load_dataset(name, columns.config, split=columns.split)
    except Exception as error:  # datasets raises whatever its parts do
        raise CorpusError(
            f"The data set '{name}' can't be loaded from the hub: {type(error).__name__}; "
            "check the name, the split and the connection."
        ) from error
    where, what = columns.path or "audio", columns.text or _text_column(data.column_names)
    for column in (where, what, *columns.keep):
        if column not in data.column_names:
            raise CorpusError(f"The data set '{name}' has no column '{column}'.")
    for index, row in enumerate(data.cast_column(where, Audio(decode=False))):
        sound = row[where]
        audio = sound["bytes"] if sound["bytes"] is not None else Path(sound["path"])
        extra = {column: str(row[column]) for column in columns.keep}
        yield Recording(f"{name}/{index}", audio, row[what] or "", extra)


def _text_column(names: list[str]) -> str:
    """The first of the usual names that there is."""
    usual = [n for n in ("text", "sentence", "transcription", "transcript") if n in names]
    return usual[0] if usual else "text"
