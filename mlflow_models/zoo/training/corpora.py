"""Readers of speech corpora: from the layouts that they come in to recordings with transcripts.

| source | layout |
| --- | --- |
| `FILE.csv`, `FILE.tsv`... | a manifest with a column of paths, relative to it, and one of texts |
| a Common Voice directory | `clips/`, and `validated.tsv`, `train.tsv`... |
| an AISHELL directory | `wav/**/ID.wav`, and `transcript/aishell_transcript*.txt` |
| a TIMIT directory | the LDC's `TRAIN/DR1/FCJF0/SA1.WAV` beside `SA1.TXT`, below `data/` or not |
| an audio folder | `metadata.csv` (`file_name`, `text`) or `a.wav` beside `a.txt` |
| `owner/name` | a data set of the Hugging Face hub, if no such directory exists |
| a copy of such a data set | its Parquet files, or what `save_to_disk` wrote |

Every row, recording and transcript that a reader meets is yielded. `CorpusRecording.reason` says of
some that they can't be used, so that they are counted and listed; only hidden files are not.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from zoo.data.tables import TABBED, ColumnNotFound, open_table
from zoo.data.texts import encodings, read_text
from zoo.errors import ZooError

AUDIO = {".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".webm", ".aac", ".wma"}
AISHELL = "transcript/aishell_transcript*.txt"
SAVED = ("state.json", "dataset_dict.json")
BROKEN, NO_TEXT, NO_SOUND = "broken line", "no transcript", "no recording"  # reasons
PATHS = ("path", "file_name", "audio_filepath", "file", "filename", "audio")  # usual columns
TEXTS = ("text", "sentence", "transcription", "transcript")


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
        reason: why it can't be used, if that is known before it is decoded: `BROKEN`, `NO_TEXT`,
            `NO_SOUND`, or empty.
    """

    name: str
    audio: Path | bytes
    text: str
    extra: dict[str, str] = field(default_factory=dict)
    reason: str = ""


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


def unusable(name: str, reason: str, columns: CorpusColumns) -> CorpusRecording:
    """Stand for a row, a recording or a transcript that is left out."""
    return CorpusRecording(name, b"", "", dict.fromkeys(columns.keep, ""), reason)


def chosen(known: dict[str, str], columns: CorpusColumns, directory: Path) -> dict[str, str]:
    """Choose the columns to keep from those that a layout has.

    Raises:
        ColumnNotFound: the layout lacks one of the columns.
    """
    for name in columns.keep:
        if name not in known:
            raise ColumnNotFound(directory, name, list(known))
    return {name: known[name] for name in columns.keep}


def read_corpus(source: str, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads a corpus of any layout, always in the same order.

    Raises:
        ZooError: there is none, or it isn't laid out as it should be.
    """
    from zoo.training.hub import read_hub
    from zoo.training.timit import find_timit, read_timit, two_levels

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
        yield from read_aishell(path, columns)
    elif any(child.name in SAVED or child.suffix == ".parquet" for child in two_levels(path)):
        yield from read_hub(source, columns)
    elif timit := find_timit(path, columns.split):
        yield from read_timit(timit, columns)
    else:
        yield from read_folder(path, columns)


def read_manifest(
    path: Path,
    columns: CorpusColumns,
    folder: Path | None = None,
    guess: tuple[str, ...] = TEXTS,
) -> Iterator[CorpusRecording]:
    """Reads a table with a header line, or any other that `open_table` reads.

    Args:
        path: the table.
        columns: which of its columns to read.
        folder: what its paths are relative to; None is the table's own directory.
        guess: the names that a column of texts may have where `columns` doesn't say.
    """
    table = open_table(path, quoted=path.suffix != TABBED)  # Common Voice's marks quote nothing
    where = table.column(columns.path, PATHS, "--path-column")
    what = table.column(columns.text, guess, "--text-column")
    for name in columns.keep:
        table.column(name)
    for _ in table.rows():
        pass  # a wrong quotation mark is told now, not after hours of decoding
    for line, row in table.rows():
        if row is None:
            yield unusable(f"line {line}", BROKEN, columns)
            continue
        extra = {name: row[name] for name in columns.keep}
        place = row[where].strip()
        sound = located(folder or path.parent, place)
        yield CorpusRecording(place or f"line {line}", sound, row[what], extra)


def located(folder: Path, cell: str) -> Path:
    r"""The file that a table names, also as Windows writes it: clips\a.wav."""
    path = folder / cell
    return folder / cell.replace("\\", "/") if "\\" in cell and not is_there(path) else path


def is_there(path: Path) -> bool:
    """Whether there is such a file."""
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def read_common_voice(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads the table of a split (`train`, `dev`, `test`, `validated`...) of Common Voice."""
    table = directory / f"{columns.split}.tsv"
    if not table.is_file():
        raise CorpusError(f"'{directory}' has no '{table.name}'; choose the split.")
    yield from read_manifest(table, columns, directory / "clips", ("sentence",))


def read_aishell(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads AISHELL-1: transcripts by id, words apart; recordings anywhere below `wav/`.

    A column to keep is `speaker`. As published, a few hundred transcripts have no recording.
    """
    recordings = sorted((directory / "wav").rglob("*.wav"))
    files = {path.stem: path for path in reversed(recordings)}
    heard: set[Path] = set()
    for table in sorted(directory.glob(AISHELL)):
        for line in filter(None, map(str.strip, read_text(table).splitlines())):
            name, text = (*line.split(maxsplit=1), "")[:2]
            path = files.get(name)
            if path is None:
                yield unusable(name, NO_SOUND, columns)
                continue
            heard.add(path)
            extra = chosen({"speaker": path.parent.name}, columns, directory)
            yield CorpusRecording(name, path, text, extra)
    for path in recordings:
        if path not in heard:
            yield unusable(path.relative_to(directory).as_posix(), NO_TEXT, columns)


def beside(path: Path) -> Path | None:
    """The text file beside a recording."""
    return with_suffix(path, (".txt", ".TXT"))


def with_suffix(path: Path, suffixes: tuple[str, ...]) -> Path | None:
    """The file of the same name with one of these suffixes."""
    found = (path.with_suffix(suffix) for suffix in suffixes)
    return next((file for file in found if file.is_file()), None)


def read_folder(directory: Path, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads recordings with a text file each, or with a `metadata.csv` as `datasets` has it.

    What lies beside a text file is a recording if its suffix is one of `AUDIO`; where none is, it
    is taken for one whatever its suffix (.amr, .3gp), and decoding it decides. A column to keep is
    `folder`: often a speaker's.
    """
    sounds, texts, others = _sorted_out(directory)
    if (directory / "metadata.csv").is_file():
        yield from _listed(directory, columns, sounds)
        return
    if not texts:
        raise CorpusError(f"'{directory}' has no audio file with a transcript (.txt) beside it.")
    told = encodings(texts.values())
    found = {stem: [*files] for stem, files in sounds.items()}
    for stem in texts:
        found.setdefault(stem, others.get(stem) or [texts[stem]])
    for path in sorted(path for files in found.values() for path in files):
        transcript = texts.get(path.with_suffix(""))
        name = path.relative_to(directory)
        if transcript is None or transcript == path:
            yield unusable(name.as_posix(), NO_SOUND if transcript else NO_TEXT, columns)
        else:
            extra = chosen({"folder": name.parent.as_posix()}, columns, directory)
            text = read_text(transcript, told=told[transcript])
            yield CorpusRecording(name.as_posix(), path, text, extra)


def _listed(
    directory: Path, columns: CorpusColumns, sounds: dict[Path, list[Path]]
) -> Iterator[CorpusRecording]:
    """Reads `metadata.csv`, then what the table doesn't list."""
    listed: set[Path | bytes] = set()
    named = replace(columns, path=columns.path or "file_name")
    for recording in read_manifest(directory / "metadata.csv", named, directory):
        listed.add(recording.audio)
        yield recording
    for path in sorted(path for files in sounds.values() for path in files):
        if path not in listed:
            yield unusable(path.relative_to(directory).as_posix(), NO_TEXT, columns)


def _sorted_out(
    directory: Path,
) -> tuple[dict[Path, list[Path]], dict[Path, Path], dict[Path, list[Path]]]:
    """Recordings, texts and other files below a directory, by their paths without suffix."""
    sounds: dict[Path, list[Path]] = defaultdict(list)
    others: dict[Path, list[Path]] = defaultdict(list)
    texts: dict[Path, Path] = {}
    for path in sorted(directory.rglob("*")):
        if path.is_dir() or path.name.startswith("."):
            continue
        stem, suffix = path.with_suffix(""), path.suffix.lower()
        if suffix == ".txt":
            texts[stem] = path
        else:
            (sounds if suffix in AUDIO else others)[stem].append(path)
    return sounds, texts, others
