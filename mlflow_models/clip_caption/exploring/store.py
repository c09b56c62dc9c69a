"""Embeddings as Parquet, in parts: what is written stays after a kill, and memory stays bounded.

DIRECTORY/_settings.json      checkpoint, kind of embedding, and what the collection was
DIRECTORY/_model              the checkpoint, converted: for words, and for new photos
DIRECTORY/part-00000.parquet  id, path, thumbnail (JPEG), embedding, caption?, the source's columns

A part holds what became of so many images of the source; it gets its name when it is complete.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.outputs import whole_file, write_json
from zoo.data.tables import ColumnNotFound
from zoo.data.texts import read_object
from zoo.errors import ZooError

if TYPE_CHECKING:
    import pyarrow as pa

PART = 1024  # images; with 512 numbers and a thumbnail each, about 6 MB
SETTINGS, FAILURES = "_settings.json", "_failed.tsv"  # readers of Parquet pass over an underscore
FAILED = b"failed"  # the key in a part's metadata: {id: reason} as JSON


@dataclass(frozen=True)
class EmbeddingSettings:
    """What decides what the parts hold.

    Args:
        checkpoint: what `explore.py embed --checkpoint` was given.
        clip: what `--clip` was given.
        kind: clip or prefix.
        width: how many numbers an embedding has.
        captions: how each image was captioned; None for not at all.
        thumbnail: the longer side of thumbnails, pixels; 0 for none.
        collection: the collection's fingerprint.
        images: how many it has.
        probe: the checkpoint's features of `index.PROBE`, normalised and rounded.
        part: how many images a part stands for.
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

    @classmethod
    def read(cls, directory: Path) -> "EmbeddingSettings":
        """Reads what `write` wrote.

        Raises:
            ZooError: the directory isn't one of embeddings.
        """
        try:
            return cls(**read_object(directory / SETTINGS))
        except (ZooError, TypeError) as error:
            raise ZooError(
                f"'{directory}' holds no embeddings; explore.py embed writes them."
            ) from error

    def write(self, directory: Path) -> None:
        """Writes them, or makes sure that the directory was begun with the same.

        Raises:
            ZooError: it was begun with others.
        """
        if (directory / SETTINGS).is_file():
            old, new = asdict(EmbeddingSettings.read(directory)), asdict(self)
            old["probe"] = new["probe"] = np.allclose(old["probe"], new["probe"], atol=0.01)
            if changed := [name for name in old if old[name] != new[name]]:
                raise ZooError(
                    f"'{directory}' was begun with another {' and '.join(changed)}; give the same, "
                    "or another output."
                )
            return
        write_json(directory / SETTINGS, asdict(self))

    def part_file(self, directory: Path, number: int) -> Path:
        """The file of a part."""
        return directory / f"part-{number:05d}.parquet"

    @property
    def starts(self) -> range:
        """The number of each part's first image."""
        return range(0, self.images, self.part)


def write_part(
    path: Path,
    rows: list[dict[str, Any]],
    vectors: np.ndarray,
    failed: dict[str, str],
    settings: EmbeddingSettings,
    schema: "pa.Schema",
) -> None:
    """Writes a part; one all of whose images failed has no rows.

    Args:
        path: its name when it is complete.
        rows: what is beside the embeddings.
        vectors: the embeddings, float32 (rows, width).
        failed: why an image has no row, by its id.
        settings: with which columns there are.
        schema: of the source's columns.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = [("id", pa.string()), ("path", pa.string())]
    own += [("thumbnail", pa.binary())] if settings.thumbnail else []
    own += [("caption", pa.string())] if settings.captions else []
    table = pa.Table.from_pylist(rows, pa.schema([*(pa.field(*field) for field in own), *schema]))
    values = pa.array(vectors.reshape(-1), pa.float32())
    embeddings = pa.FixedSizeListArray.from_arrays(values, settings.width)
    table = table.append_column("embedding", embeddings)
    table = table.replace_schema_metadata({FAILED: json.dumps(failed).encode()})
    with whole_file(path) as part:
        pq.write_table(table, part, compression="zstd", row_group_size=256)


def failures(path: Path) -> dict[str, str]:
    """Why images of a part have no row, by their id."""
    import pyarrow.parquet as pq

    metadata = pq.read_schema(path).metadata or {}
    return dict(json.loads(metadata.get(FAILED, b"{}")))


class Embeddings:
    """What `explore.py embed` wrote; columns are read when they are asked for.

    Args:
        directory: complete.

    Raises:
        ZooError: it isn't one of embeddings, or not complete.
    """

    def __init__(self, directory: Path) -> None:
        import pyarrow.dataset as ds

        self.directory, self.settings = directory, EmbeddingSettings.read(directory)
        parts = len(self.settings.starts)
        files = [self.settings.part_file(directory, number) for number in range(parts)]
        if missing := [file.name for file in files if not file.is_file()]:
            raise ZooError(
                f"'{directory}' is not complete: {len(missing)} of {parts} parts are missing; run "
                "explore.py embed again."
            )
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
        return list(self._data.to_table(columns=[name]).column(name).to_pylist())

    def texts(self, name: str) -> list[str]:
        """A column as text; of lists the first, of nothing an empty text."""
        values = self.column(name)
        firsts = [value[0] if isinstance(value, list) and value else value for value in values]
        return ["" if value in (None, []) else str(value) for value in firsts]

    def thumbnails(self, rows: Sequence[int]) -> list[bytes]:
        """The thumbnails of some rows, JPEG.

        Raises:
            ZooError: the images were embedded without.
        """
        if "thumbnail" not in self.columns:
            raise ZooError(f"'{self.directory}' has no thumbnails; embed with --thumbnail 128.")
        table = self._data.take(list(rows), columns=["thumbnail"])
        return list(table.column("thumbnail").to_pylist())

    def vectors(self) -> np.ndarray:
        """The embeddings as they were computed, float32 (n, width)."""
        vectors, start = np.empty((len(self), self.settings.width), np.float32), 0
        for batch in self._data.to_batches(columns=["embedding"]):
            found = batch.column("embedding").flatten().to_numpy()
            vectors[start : start + len(batch)] = found.reshape(-1, self.settings.width)
            start += len(batch)
        return vectors

    def clip_vectors(self) -> np.ndarray:
        """CLIP's embeddings, float32 (n, d); prefixes can't be compared with words.

        Raises:
            ZooError: they are prefixes.
        """
        if self.settings.kind != "clip":
            raise ZooError(
                f"'{self.directory}' holds prefix embeddings; this needs CLIP's: explore.py embed "
                "--embedding clip."
            )
        return self.vectors()
