"""Embeddings as Parquet: what decides what they hold, and how they are read.

DIRECTORY/_settings.json      model, kind of embedding, and what the collection was
DIRECTORY/_model              the model, converted: for new photos, and CLIP's for words
DIRECTORY/part-00000.parquet  id, path, fingerprint, phash, thumbnail (JPEG)?, caption?, embedding,
                              the source's columns

A part holds what became of so many images of the source.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.searching.index import same_encoder
from zoo.data.tables import ColumnNotFound, listed
from zoo.data.texts import read_object
from zoo.errors import ZooError

PART = 1024  # images; with 512 numbers and a thumbnail each, about 6 MB
SETTINGS, FAILURES = "_settings.json", "_failed.tsv"  # readers of Parquet pass over an underscore
NEXT = "_next-"  # begins the names of directories with the parts of runs that aren't complete
READY = "_ready"  # complete parts on their way to their place
OWN = ("id", "path", "fingerprint", "phash", "thumbnail", "embedding")  # and `caption` if asked for


@dataclass(frozen=True)
class EmbeddingSettings:
    """What decides what the parts hold.

    Args:
        checkpoint: what `explore.py embed` was given as --checkpoint or --encoder.
        clip: what `--clip` was given.
        kind: clip, prefix, or encoder: features of an image encoder.
        width: how many numbers an embedding has.
        captions: how each image was captioned; None for not at all.
        thumbnail: the longer side of thumbnails, pixels; 0 for none.
        collection: the hash of what the collection held: `contents.Contents.state`.
        images: how many it has.
        probe: what tells the encoder from others, of `encoders.probe_of`, rounded.
        part: how many images a part stands for.
        weights: the hash of the model's files; empty for one that has a name only.
    """

    checkpoint: str
    clip: str | None
    kind: str
    width: int
    captions: str | None
    thumbnail: int
    collection: str
    images: int
    probe: Sequence[float]
    part: int = PART
    weights: str | None = None

    @classmethod
    def read(cls, directory: Path) -> "EmbeddingSettings":
        """Reads what `values` gave.

        Raises:
            ZooError: the directory isn't one of embeddings.
        """
        try:
            found = cls(**read_object(directory / SETTINGS))
        except (ZooError, TypeError) as error:
            raise ZooError(
                f"'{directory}' holds no embeddings; explore.py embed writes them."
            ) from error
        if found.weights is None:
            raise ZooError(
                f"An older explore.py wrote '{directory}', which lacks the hashes of its photos; "
                "embed into a new directory."
            )
        return found

    def values(self) -> dict[str, Any]:
        """Give what is written."""
        return asdict(self)

    @property
    def own(self) -> list[str]:
        """The columns that aren't the source's."""
        names = [name for name in OWN if self.thumbnail or name != "thumbnail"]
        return [*names, "caption"] if self.captions else names

    def of(self, **changes: Any) -> "EmbeddingSettings":
        """The same, some values apart."""
        return replace(self, **changes)

    def check(self, directory: Path, old: "EmbeddingSettings") -> None:
        """Makes sure that a directory was begun with the same model and columns.

        Args:
            directory: for the message.
            old: what it was begun with.

        Raises:
            ZooError: it was begun with others.
        """
        free = ("collection", "images", "probe", "width")
        changed = [name for name in self.values() if name not in free]
        changed = [name for name in changed if getattr(self, name) != getattr(old, name)]
        if changed == ["weights"]:
            raise ZooError(
                f"The model '{self.checkpoint}' has changed since '{directory}' was begun; "
                "embed into a new directory."
            )
        if changed:
            raise ZooError(
                f"'{directory}' was begun with another {' and '.join(changed)}; give the same, "
                "or another output."
            )

    def part_file(self, directory: Path, number: int) -> Path:
        """The file of a part."""
        return directory / f"part-{number:05d}.parquet"

    @property
    def starts(self) -> range:
        """The number of each part's first image."""
        return range(0, self.images, self.part)


class Embeddings:
    """What `explore.py embed` wrote; columns are read when they are asked for.

    Args:
        directory: complete.

    Raises:
        ZooError: it isn't one of embeddings, or not complete; also while it is read, if
            `explore.py embed` has changed it.
    """

    def __init__(self, directory: Path) -> None:
        import pyarrow.dataset as ds

        if (directory / READY).is_dir() or _is_begun(directory):
            raise ZooError(f"'{directory}' is not complete; run explore.py embed again.")
        self.directory, self.settings = directory, EmbeddingSettings.read(directory)
        parts = len(self.settings.starts)
        files = [self.settings.part_file(directory, number) for number in range(parts)]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ZooError(f"'{directory}' lacks {missing[0]}; embed into a new directory.")
        with self._reading():
            self._data = ds.dataset([str(file) for file in files])
        self.ids: list[str] = self.column("id")
        if not self.ids:
            raise ZooError(f"'{directory}' is empty: none of its images could be read.")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        return list(self._data.schema.names)

    def column(self, name: str) -> list[Any]:
        """The values of a column.

        Raises:
            ZooError: there is none of the name.
        """
        if name not in self.columns:
            raise ColumnNotFound(self.directory, name, self.columns)
        with self._reading():
            return list(self._data.to_table(columns=[name]).column(name).to_pylist())

    def pieces(self, name: str) -> Iterator[list[Any]]:
        """Yield the values of a column, some at a time: for large ones."""
        with self._reading():
            for batch in self._data.to_batches(columns=[name]):
                yield batch.column(name).to_pylist()

    def texts(self, name: str) -> list[str]:
        """A column as text; of lists the first, of nothing an empty text."""
        values = self.column(name)
        firsts = [value[0] if isinstance(value, list) and value else value for value in values]
        return ["" if value in (None, []) else str(value) for value in firsts]

    def labels(self, name: str) -> list[list[str]]:
        """The labels in each of a column's cells, as `labels_in` tells them."""
        return [labels_in(value) for value in self.column(name)]

    @property
    def photos(self) -> dict[str, str]:
        """The hash of each photo's file, by its id."""
        return dict(zip(self.ids, self.column("fingerprint"), strict=True))

    def hashes(self) -> np.ndarray:
        """The photos' perceptual hashes, uint64 (n,)."""
        return np.array(self.column("phash"), np.uint64)

    def thumbnails(self, rows: Sequence[int]) -> list[bytes]:
        """The thumbnails of some rows, JPEG.

        Raises:
            ZooError: the images were embedded without.
        """
        if "thumbnail" not in self.columns:
            raise ZooError(f"'{self.directory}' has no thumbnails; embed with --thumbnail 128.")
        with self._reading():
            table = self._data.take(list(rows), columns=["thumbnail"])
            return list(table.column("thumbnail").to_pylist())

    def vectors(self) -> np.ndarray:
        """The embeddings as they were computed, float32 (n, width)."""
        vectors, start = np.empty((len(self), self.settings.width), np.float32), 0
        with self._reading():
            for batch in self._data.to_batches(columns=["embedding"]):
                found = batch.column("embedding").flatten().to_numpy()
                vectors[start : start + len(batch)] = found.reshape(-1, self.settings.width)
                start += len(batch)
        return vectors

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Check that no other run has put new parts in place while these are read."""
        try:
            yield
            damaged = None
        except (OSError, ValueError) as error:  # Arrow's; also of a part that was replaced
            damaged = error
        now = EmbeddingSettings.read(self.directory).collection
        if now != self.settings.collection or (self.directory / READY).is_dir():
            raise ZooError(f"'{self.directory}' has changed while it was read; run this again.")
        if damaged:
            raise ZooError(
                f"A part of '{self.directory}' is damaged; embed into a new directory."
            ) from damaged

    def check_encoder(self, probe: Sequence[float] | np.ndarray, what: str) -> None:
        """Check that another thing was made with the same encoder.

        Args:
            probe: of the other thing; empty if it isn't known.
            what: the other thing, for the message.

        Raises:
            ZooError: it was made with another.
        """
        if len(probe) and not same_encoder(np.array(probe), np.array(self.settings.probe)):
            raise ZooError(
                f"'{self.directory}' and {what} are of different encoders; embed both with one."
            )

    def features(self) -> np.ndarray:
        """The encoder's features of photos, to compare by cosine, not normalised, float32 (n, d).

        Raises:
            ZooError: they are prefixes.
        """
        if self.settings.kind == "prefix":
            raise ZooError(
                f"'{self.directory}' holds prefix embeddings; this needs CLIP's: explore.py embed "
                "--embedding clip."
            )
        return self.vectors()


def labels_in(cell: Any) -> list[str]:
    """The labels in a cell, each once: "{a,b}" and '["a", "b"]' are two."""
    found = (
        label.strip()
        for one in (cell if isinstance(cell, list) else [cell])
        for label in listed("" if one is None else str(one))
    )
    return list(dict.fromkeys(label for label in found if label))


def _is_begun(directory: Path) -> bool:
    """Whether a first run was killed: there are parts of it, but none is in its place."""
    return not (directory / SETTINGS).is_file() and any(directory.glob(f"{NEXT}*/{SETTINGS}"))
