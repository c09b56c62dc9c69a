"""Reads data sets of the Hugging Face hub, and copies of such: Parquet, or `save_to_disk`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from zoo.data.tables import ColumnNotFound
from zoo.training.corpora import SAVED, CorpusColumns, CorpusError, CorpusRecording

if TYPE_CHECKING:
    from datasets import Dataset


def read_hub(name: str, columns: CorpusColumns) -> Iterator[CorpusRecording]:
    """Reads a data set of the Hugging Face hub, or a copy, without decoding its audio."""
    from datasets import Audio

    data = _load(name, columns)
    where, what = columns.path or "audio", columns.text or _text_column(data.column_names)
    for column in (where, what, *columns.keep):
        if column not in data.column_names:
            raise ColumnNotFound(name, column, data.column_names)
    try:
        undecoded = data.cast_column(where, Audio(decode=False))
    except (TypeError, ValueError) as error:
        raise CorpusError(
            f"Column '{where}' of '{name}' holds no audio; name one that does."
        ) from error
    prefix = Path(name).name if Path(name).is_dir() else name
    for index, row in enumerate(undecoded):
        sound = row[where] or {}
        inside = sound.get("bytes")
        audio = inside if inside is not None else Path(sound.get("path") or "")
        text, *kept = ("" if row[c] is None else str(row[c]) for c in (what, *columns.keep))
        extra = dict(zip(columns.keep, kept, strict=True))
        yield CorpusRecording(f"{prefix}/{index}", audio, text, extra)


def _load(name: str, columns: CorpusColumns) -> "Dataset":
    from datasets import Dataset, load_dataset, load_from_disk

    try:
        if any((Path(name) / file).is_file() for file in SAVED):
            saved = load_from_disk(name)
            return saved if isinstance(saved, Dataset) else saved[columns.split]
        return load_dataset(name, columns.config, split=columns.split)
    except Exception as error:  # datasets raises whatever its parts do
        where = "" if Path(name).is_dir() else " from the hub"
        raise CorpusError(
            f"The data set '{name}' can't be loaded{where}: {type(error).__name__}; "
            "check the name, the split and the connection."
        ) from error


def _text_column(names: list[str]) -> str:
    """The first of the usual names that there is."""
    usual = [n for n in ("text", "sentence", "transcription", "transcript") if n in names]
    return usual[0] if usual else "text"
