"""A collection of photos as `mlflow_models/clip_caption/explore.py` writes it: a map, and what is
known of each photo. Read from Parquet, packed for the browser, which draws it.

What `explore.py map` writes has the places; what `explore.py embed` writes has captions,
thumbnails, embeddings and the columns of the table that the photos came from. Both are needed to
show photos; with the map alone there are points. What `explore.py atlas` writes has all but
embeddings.
"""

import json
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from test_models.calls import ServiceError

TEXTS = ("caption", "captions", "text", "comment")
OWN = ("id", "path", "x", "y", "thumbnail", "image", "embedding", "neighbors", "importance",
       "fingerprint", "phash")  # fmt: skip
MAX_ROWS = 200_000
MAX_BYTES = 1_000_000_000  # of a file, unpacked
ROWS = 64  # that are unpacked at a time
MAX_CATEGORIES = 50  # values of a column that photos can be sorted by
HELP = "drop or name what `explore.py map` and `explore.py embed` wrote, together"


@dataclass(frozen=True)
class Collection:
    """Photos on a map.

    Args:
        ids: of the photos.
        places: float32 (n, 2).
        captions: "" where there is none.
        categories: by the name of a column that photos can be sorted by, each one's value.
        vectors: normalised embeddings, float32 (n, width), if they are known.
        thumbnails: JPEG, if they are known.
    """

    ids: list[str]
    places: np.ndarray
    captions: list[str]
    categories: dict[str, list[str]]
    vectors: np.ndarray | None
    thumbnails: list[bytes] | None

    def packed(self, thumbnails: str | None = None) -> bytes:
        """For `map.js`: the header's length (uint32), the header (JSON), then one after the other
        places (float32), embeddings (bfloat16) and thumbnails.

        Args:
            thumbnails: the address that a photo's number is put behind to get its thumbnail; by
                default thumbnails are packed, too.
        """
        inside = [] if thumbnails or self.thumbnails is None else self.thumbnails
        vectors = np.empty((0, 0), np.float32) if self.vectors is None else self.vectors
        header = json.dumps({
            "ids": self.ids,
            "captions": self.captions,
            "categories": self.categories,
            "width": vectors.shape[1],
            "thumbnails": [len(one) for one in inside],
            "address": thumbnails if self.thumbnails is not None else None,
        }, ensure_ascii=False).encode()  # fmt: skip
        header += b" " * (-len(header) % 4)  # what follows is aligned
        parts = [struct.pack("<I", len(header)), header, self.places.astype("<f4").tobytes(),
                 bfloat16(vectors), *inside]  # fmt: skip
        return b"".join(parts)


def bfloat16(values: np.ndarray) -> bytes:
    """The upper halves of float32, rounded: three digits are enough to compare embeddings."""
    bits = np.ascontiguousarray(values, "<f4").view("<u4")
    return ((bits + 0x8000) >> 16).astype("<u2").tobytes()


def read_directories(directories: Sequence[Path]) -> Collection:
    """Reads all Parquet files of some directories.

    Raises:
        ServiceError: they hold no map, or can't be read.
    """
    files = [file for one in directories for file in sorted(one.glob("[!._]*.parquet"))]
    if not files:
        named = ", ".join(f"'{one}'" for one in directories)
        raise ServiceError(f"{named} holds no Parquet file; {HELP}.")
    return read([(str(file), file) for file in files])


def read(files: Sequence[tuple[str, Path | bytes]]) -> Collection:
    """Reads a map and what belongs to it.

    Args:
        files: the name of each, and its path or what is in it.

    Raises:
        ServiceError: one isn't Parquet, or is too large; there is no map among them; photos on the
            map are missing in the embeddings.
    """
    tables = [_table(name, content) for name, content in files]
    maps = [one for one in tables if {"id", "x", "y"} <= set(one.column_names)]
    others = [one for one in tables if "id" in one.column_names and one not in maps]
    if len(maps) != 1:
        found = "more than one map" if maps else "no map"
        raise ServiceError(f"There is {found} among the files; {HELP}.")
    (table,) = maps
    try:
        if others:
            table = _joined(table, pa.concat_tables(others, promote_options="default"))
        return _collection(table)
    except (pa.ArrowException, ValueError, TypeError, KeyError) as error:
        raise ServiceError(f"The map's columns aren't explore.py's: {error}.") from None


def _table(name: str, content: Path | bytes) -> pa.Table:
    """A Parquet file that isn't too large: a few bytes of one may stand for gigabytes."""
    source = BytesIO(content) if isinstance(content, bytes) else content
    batches, size = [], 0
    try:
        with pq.ParquetFile(source) as file:
            large = file.metadata.num_rows > MAX_ROWS
            for batch in () if large else file.iter_batches(ROWS):
                batches.append(batch)
                size += batch.nbytes
                if large := size > MAX_BYTES:
                    break
            if not large:
                return pa.Table.from_batches(batches, file.schema_arrow)
    except (pa.ArrowException, OSError, ValueError):
        raise ServiceError(f"'{name}' can't be read as Parquet.") from None
    raise ServiceError(
        f"'{name}' has more than {MAX_ROWS:,} rows or {MAX_BYTES / 1e6:,.0f} MB, unpacked."
    )


def _joined(places: pa.Table, known: pa.Table) -> pa.Table:
    """What is known of the photos on the map, in its order."""
    rows = {name: row for row, name in enumerate(known.column("id").to_pylist())}
    ids = places.column("id").to_pylist()
    if missing := [one for one in ids if one not in rows]:
        raise ServiceError(
            f"{len(missing):,} of {len(ids):,} photos of the map aren't in the embeddings, "
            f"such as '{missing[0]}'; {HELP}."
        )
    known = known.take([rows[one] for one in ids])
    for name in set(known.column_names) - set(places.column_names):
        places = places.append_column(name, known.column(name))
    return places


def _collection(table: pa.Table) -> Collection:
    """A table with all columns."""
    columns = {name: table.column(name) for name in table.column_names}
    places = np.stack([columns["x"].to_numpy(), columns["y"].to_numpy()], axis=1)
    text = next((name for name in TEXTS if name in columns), None)
    vectors = None
    if "embedding" in columns:
        flat = columns["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        vectors = flat.reshape(table.num_rows, -1).astype(np.float32)
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    thumbnails = None
    if "thumbnail" in columns:
        thumbnails = columns["thumbnail"].to_pylist()
    elif "image" in columns:
        thumbnails = [one["bytes"] for one in columns["image"].to_pylist()]
    categories = {
        name: values
        for name, column in columns.items()
        if name not in OWN and name != text and (values := _categories(column))
    }
    return Collection(
        ids=[str(one) for one in columns["id"].to_pylist()],
        places=np.nan_to_num(places.astype(np.float32)),
        captions=_texts(columns[text]) if text else [""] * table.num_rows,
        categories=dict(sorted(categories.items(), key=lambda one: one[0] != "group")),
        vectors=vectors,
        thumbnails=thumbnails and [one or b"" for one in thumbnails],
    )


def _categories(column: pa.ChunkedArray) -> list[str] | None:
    """A column as categories, if it is one of those."""
    values = _texts(column)
    different = Counter(values)
    return values if 1 < len(different) <= MAX_CATEGORIES else None


def _texts(column: pa.ChunkedArray) -> list[str]:
    """A column as text; of lists the first."""

    def text(value: Any) -> str:
        value = value[0] if isinstance(value, list) and value else value
        return "" if value in (None, []) else str(value)

    return [text(value) for value in column.to_pylist()]
