"""Readers of speech corpora: from the layouts that they come in to recordings with transcripts.

| source | layout |
| --- | --- |
| `FILE.csv`, `FILE.tsv` | a manifest with a column of paths, relative to it, and one of texts |
| a Common Voice directory | `clips/`, and `validated.tsv`, `train.tsv`... |
| an AISHELL directory | `wav/**/ID.wav`, and `transcript/aishell_transcript*.txt` |
| a TIMIT directory | the LDC's `TRAIN/DR1/FCJF0/SA1.WAV` beside `SA1.TXT`, below `data/` or not |
| an audio folder | `metadata.csv` (`file_name`, `text`) or `a.wav` beside `a.txt` |
| `owner/name` | a data set of the Hugging Face hub, if no such directory exists |
| a copy of such a data set | its Parquet files, or what `save_to_disk` wrote |
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from zoo.data.tables import TABBED, ColumnNotFound, open_table
from zoo.data.texts import read_text
from zoo.errors import ZooError

AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".aac", ".wma"}
AISHELL = "transcript/aishell_transcript*.txt"
SAVED = ("state.json", "dataset_dict.json")
REGION = re.compile("(?i)dr[1-8]")  # TIMIT's directories of dialects


class CorpusError(ZooError):
    """A corpus that isn't there, or isn't laid out as it should be."""


@dataclass(frozen=True)
class CorpusRecording:
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
class CorpusColumns:
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


def read_corpus(source: str, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads a corpus of any layout, always in the same order.

    Raises:
        ZooError: there is none, or it isn't laid out as it should be.
    """
    from zoo.training.hub import read_hub

    path = Path(source)
    if path.is_file():
        yield from read_manifest(path, columns)
    elif not path.is_dir():
        if source.count("/") != 1 or source.startswith((".", "/")):
            raise CorpusError(f"'{source}' is neither a file, a directory nor a hub's data set.")
        yield from read_hub(source, columns)
    elif (path / "clips").is_dir():
        yield from read_common_voice(path, columns)
    elif list(path.glob(AISHELL)):
        yield from read_aishell(path)
    elif any(child.name in SAVED or child.suffix == ".parquet" for child in _two_levels(path)):
        yield from read_hub(source, columns)
    elif timit := _timit(path, columns.split):
        yield from read_timit(timit, columns)
    else:
        yield from read_folder(path, columns)


def read_manifest(
    path: Path,
    columns: CorpusColumns,
    folder: Path | None = None,
    guess: tuple[str, str] = ("path", "text"),
) -> Iterator[CorpusRecording]:
    """Reads a CSV (comma) or TSV (tab) file with a header line.

    Args:
        path: the table.
        columns: which of its columns to read.
        folder: what its paths are relative to; None is the table's own directory.
        guess: the names of the columns of paths and texts where `columns` doesn't say.
    """
    where, what = columns.path or guess[0], columns.text or guess[1]
    table = open_table(path, quoted=path.suffix != TABBED)  # Common Voice's marks quote nothing
    for name in (where, what, *columns.keep):
        table.column(name)
    for _, row in table.strict_rows():
        extra = {name: row[name] for name in columns.keep}
        yield CorpusRecording(row[where], (folder or path.parent) / row[where], row[what], extra)


def read_common_voice(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads the table of a split (`train`, `dev`, `test`, `validated`...) of Common Voice."""
    table = directory / f"{columns.split}.tsv"
    if not table.is_file():
        raise CorpusError(f"'{directory}' has no '{table.name}'; choose the split.")
    yield from read_manifest(table, columns, directory / "clips", ("path", "sentence"))


def read_aishell(directory: Path) -> Iterator[CorpusRecording]:
    """Reads AISHELL-1: transcripts by id, words apart; recordings anywhere below `wav/`."""
    files = {path.stem: path for path in sorted((directory / "wav").rglob("*.wav"))}
    for table in sorted(directory.glob(AISHELL)):
        for line in read_text(table).splitlines():
            name, _, text = line.strip().partition(" ")
            if name in files:  # as published, a few transcripts have no recording
                yield CorpusRecording(name, files[name], text)


def read_timit(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads a part of TIMIT: `DR1/FCJF0/SA1.WAV` with `SA1.TXT`, "0 46797 She had your dark suit".

    Columns to keep are `speaker`, `dialect` and `sentence`. Case doesn't matter: CDs differ in it.
    """
    for path in sorted(directory.glob("*/*/*")):
        transcript = _beside(path)
        if path.suffix.lower() != ".wav" or transcript is None:
            continue
        dialect, speaker, _ = path.relative_to(directory).parts
        known = {"speaker": speaker, "dialect": dialect, "sentence": path.stem}
        for name in columns.keep:
            if name not in known:
                raise ColumnNotFound(directory, name, list(known))
        text = read_text(transcript).strip().split(maxsplit=2)
        yield CorpusRecording(
            path.relative_to(directory.parent).as_posix(),
            path,
            text[2] if len(text) == 3 else "",
            {name: known[name] for name in columns.keep},
        )


def _timit(directory: Path, split: str) -> Path | None:
    """The directory of a part of TIMIT, if this is TIMIT."""
    for part in sorted(_two_levels(directory)):
        if part.name.lower() == split.lower() and any(map(_is_region, part.glob("*"))):
            return part
    return directory if any(map(_is_region, directory.glob("*"))) else None


def _is_region(path: Path) -> bool:
    return path.is_dir() and REGION.fullmatch(path.name) is not None


def _two_levels(directory: Path) -> list[Path]:
    """What is in a directory, and in `data` and `timit` below it."""
    inner = [child for child in directory.glob("*") if child.name.lower() in ("data", "timit")]
    return [*directory.glob("*"), *(path for child in inner for path in child.glob("*"))]


def _beside(path: Path) -> Path | None:
    """The text file beside a recording."""
    found = (path.with_suffix(suffix) for suffix in (".txt", ".TXT"))
    return next((text for text in found if text.is_file()), None)


def read_folder(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads recordings with a text file each, or with a `metadata.csv` as `datasets` has it."""
    if (directory / "metadata.csv").is_file():
        table = directory / "metadata.csv"
        yield from read_manifest(table, columns, directory, ("file_name", "text"))
        return
    empty = True
    for path in sorted(directory.rglob("*")):
        transcript = _beside(path) if path.suffix.lower() in AUDIO else None
        if transcript is not None:
            empty = False
            name = path.relative_to(directory).as_posix()
            yield CorpusRecording(name, path, read_text(transcript))
    if empty:
        raise CorpusError(f"'{directory}' has no audio file with a transcript (.txt) beside it.")
