"""Writes photos and captions as an Arrow data set, in parts for training and tests.

A row has the file (`image`), the `captions`, a `name` and what else was kept. Photos that look the
same are in the same part, or a test would ask for what was learnt by heart.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clip_caption.preparing.photos import Look
from clip_caption.preparing.sources import COORDINATES, Entry
from zoo.data.outputs import whole_directory
from zoo.training.leaks import same
from zoo.training.splits import shuffled

if TYPE_CHECKING:
    from datasets import Features

CACHE = "cache"  # of the parts' directory, while they are written
BATCH = 32  # rows; so many photos are in memory


def features(extra: Sequence[str]) -> "Features":
    """The columns of the data set; 64-bit offsets, since photos of gigabytes are in one column."""
    from datasets import Features, Sequence, Value

    kept = {name: Value("float64" if name in COORDINATES else "string") for name in extra}
    return Features(
        {
            "image": Value("large_binary"),
            "captions": Sequence(Value("string")),
            "name": Value("string"),
            **kept,
        }
    )


def grouped(entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """Pairs of photos that have a group in common: a site, say; "" is none."""
    groups = [(row, name) for row, entry in enumerate(entries) for name in entry.groups if name]
    return [(groups[a][0], groups[b][0]) for a, b in same([name for _, name in groups])]


def split(
    looks: Sequence[Look], groups: Sequence[int], shares: dict[str, float], seed: int
) -> dict[str, list[int]]:
    """Draws the parts: their photos' indices, shuffled, by the part's name.

    Args:
        looks: of all photos.
        groups: the number of each photo's group, of `leaks.linked`; a group stays together.
        shares: of each part beside `train`, say `{"test": 0.1}`.
        seed: of the drawing, which goes by the photos' contents, whatever their order.
    """
    from datasets import Dataset

    keys: dict[int, str] = {}
    for group, look in zip(groups, looks, strict=True):
        keys[group] = min(keys.get(group, look.content), look.content)
    rows = {"row": list(range(len(looks))), "group": [keys[group] for group in groups]}
    parts = shuffled(Dataset.from_dict(rows), shares, "group", seed)
    return {name: list(part["row"]) for name, part in parts.items()}


def write(
    parts: dict[str, list[int]],
    entries: Sequence[Entry],
    read: Callable[[Entry], bytes],
    output: Path,
    finish: Callable[[Path], None],
) -> None:
    """Writes the parts to `output`, which appears when all of it is there.

    Args:
        parts: indices of entries, by the part's name; an empty one isn't written.
        entries: the photos.
        read: returns a photo's file.
        output: a directory that doesn't exist.
        finish: writes what else belongs into the directory, before it gets its name.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    columns = features(list(dict.fromkeys(name for entry in entries for name in entry.extra)))
    with whole_directory(output) as ready:
        for name, rows in parts.items():
            if rows:
                data = Dataset.from_generator(
                    _rows,
                    features=columns,
                    cache_dir=str(ready / CACHE / name),
                    gen_kwargs={"rows": PhotoRows(rows, entries, read, list(columns)[3:])},
                    writer_batch_size=BATCH,
                    fingerprint=name,  # else all that is to be written is hashed
                )
                data.save_to_disk(ready / name)
        shutil.rmtree(ready / CACHE)
        finish(ready)


class PhotoRows:
    """The rows of a part, read as they are written."""

    def __init__(
        self,
        rows: Sequence[int],
        entries: Sequence[Entry],
        read: Callable[[Entry], bytes],
        extra: Sequence[str],
    ) -> None:
        self.rows, self.entries, self.read, self.extra = rows, entries, read, extra

    def __iter__(self) -> Iterator[dict[str, Any]]:
        from tqdm import tqdm

        for row in tqdm(self.rows, desc="write", unit="photo"):
            entry = self.entries[row]
            yield {
                "image": self.read(entry),
                "captions": entry.captions,
                "name": entry.name,
                **{name: entry.extra.get(name) for name in self.extra},
            }


def _rows(rows: PhotoRows) -> Iterator[dict[str, Any]]:
    yield from rows
