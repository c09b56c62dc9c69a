"""Writes the parts of embeddings, and puts new ones in the place of old ones at once.

DIRECTORY/_next-...     the parts of a run that isn't complete; a run that was killed goes on here
DIRECTORY/_ready        a complete run, on its way to DIRECTORY: readers wait, embed finishes it

The old parts stay as they are until the new ones are complete. So a kill loses one part at most,
and a reader never meets old and new parts together.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.exploring.contents import row_digest
from clip_caption.exploring.store import NEXT, READY, SETTINGS, EmbeddingSettings
from zoo.data.outputs import whole_file, write_json
from zoo.errors import ZooError

if TYPE_CHECKING:
    import pyarrow as pa

LARGE = ("embedding", "thumbnail")
FAILED = b"failed"  # the key in a part's metadata: {id: reason} as JSON
TYPES = {"phash": "uint64", "thumbnail": "binary"}  # of our columns; the others are strings
Embedded = tuple[dict[str, Any], np.ndarray]  # what a photo's pixels decide, and its embedding (d,)


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

    own = [pa.field(name, TYPES.get(name, "string")) for name in settings.own
           if name != "embedding"]  # fmt: skip
    table = pa.Table.from_pylist(rows, pa.schema([*own, *schema]))
    values = pa.array(vectors.reshape(-1), pa.float32())
    embeddings = pa.FixedSizeListArray.from_arrays(values, settings.width)
    table = table.append_column("embedding", embeddings)
    table = table.replace_schema_metadata({FAILED: json.dumps(failed).encode()})
    with whole_file(path) as part:
        pq.write_table(table, part, compression="zstd", row_group_size=256)


def read_part(file: Path, without: Sequence[str] = ()) -> "pa.Table":
    """Read a part, some of its columns apart.

    Raises:
        ZooError: it is damaged.
    """
    import pyarrow.parquet as pq

    try:
        names = [name for name in pq.read_schema(file).names if name not in without]
        return pq.read_table(file, columns=names)
    except (OSError, ValueError) as error:  # Arrow's
        raise ZooError(f"'{file}' is damaged; embed into a new directory.") from error


def all_failures(directory: Path) -> dict[str, str]:
    """Why images of a directory's parts have no row, by their id."""
    found: dict[str, str] = {}
    for file in part_files(directory):
        metadata = read_part(file, LARGE).schema.metadata
        found |= json.loads((metadata or {}).get(FAILED, b"{}"))
    return found


class EmbeddedPhotos:
    """What photos' embeddings are, of parts that are there: found by the hash of a photo's file.

    Args:
        files: the parts.
        settings: with which they were written.
    """

    def __init__(self, files: Sequence[Path], settings: EmbeddingSettings) -> None:
        self._where: dict[str, tuple[Path, int]] = {}
        self._columns = [name for name in settings.own if name not in ("id", "path")]
        self._width = settings.width
        self._last: tuple[Path, pa.Table] | None = None
        for file in files:
            self.add(file)

    def add(self, file: Path) -> None:
        """Know a further part's photos."""
        found = read_part(file, LARGE).column("fingerprint").to_pylist()
        for row, fingerprint in enumerate(found):
            if fingerprint:
                self._where.setdefault(fingerprint, (file, row))

    def __contains__(self, fingerprint: str) -> bool:
        return fingerprint in self._where

    def take(self, fingerprints: Sequence[str]) -> dict[str, Embedded]:
        """Read some photos' rows: those that are known, by their hash."""
        wanted = sorted({self._where[one] for one in fingerprints if one in self._where})
        found: dict[str, Embedded] = {}
        for file in dict.fromkeys(file for file, _ in wanted):
            table = self._read(file).take([row for path, row in wanted if path == file])
            flat = table.column("embedding").combine_chunks().flatten().to_numpy()
            vectors = flat.reshape(-1, self._width)
            rows = table.drop_columns(["embedding"]).to_pylist()
            for row, vector in zip(rows, vectors, strict=True):
                found[row["fingerprint"]] = (row, vector)
        return found

    def _read(self, file: Path) -> "pa.Table":
        """What pixels decide in a part; the last one is kept, as its next rows are asked for."""
        if self._last is None or self._last[0] != file:
            self._last = file, read_part(file).select(self._columns)
        return self._last[1]


def begun(directory: Path) -> list[Path]:
    """The directories of runs that aren't complete."""
    return sorted(path for path in directory.glob(f"{NEXT}*") if (path / SETTINGS).is_file())


def part_files(directory: Path) -> list[Path]:
    """The parts that are in a directory, in their order."""
    return sorted(directory.glob("part-*.parquet"))


def begin(directory: Path, settings: EmbeddingSettings) -> Path:
    """Make, or find, the directory of a run; its name tells what the collection holds."""
    work = directory / f"{NEXT}{settings.collection[:16]}"
    write_json(work / SETTINGS, settings.values())
    return work


def commit(directory: Path, work: Path) -> None:
    """Put a complete run's parts in the place of the old ones."""
    work.rename(directory / READY)
    finish(directory)


def finish(directory: Path) -> None:
    """Move what is ready to its place; a kill in between is mended by another call."""
    ready = directory / READY
    if (ready / SETTINGS).is_file():
        count = len(EmbeddingSettings.read(ready).starts)
        for file in part_files(directory)[::-1]:
            if int(file.stem.removeprefix("part-")) >= count:
                file.unlink()
        for file in part_files(ready):
            file.replace(directory / file.name)
        (ready / SETTINGS).replace(directory / SETTINGS)
    if ready.is_dir():
        shutil.rmtree(ready)
        clear(directory)


def clear(directory: Path) -> None:
    """Remove what runs that aren't complete have left."""
    for work in directory.glob(f"{NEXT}*"):
        shutil.rmtree(work)


def summary(directory: Path, settings: EmbeddingSettings) -> dict[str, tuple[str, str]]:
    """Tell what is embedded: by a photo's id, the hashes of its file and of its row."""
    found: dict[str, tuple[str, str]] = {}
    ours = [name for name in settings.own if name not in ("id", "path", "fingerprint")]
    for file in part_files(directory):
        for row in read_part(file, ours).to_pylist():
            name, path = row.pop("id"), row.pop("path")
            found[name] = row.pop("fingerprint"), row_digest(path, row)
    return found


def changes(old: dict[str, tuple[str, str]], new: dict[str, tuple[str, str]]) -> str:
    """Say what has changed between two summaries: "12 added, 1 replaced, 285 kept"."""
    both = [name for name in new if name in old]
    replaced = sum(new[name][0] != old[name][0] for name in both)
    same = sum(new[name] == old[name] for name in both)
    numbers = {
        "added": len(new) - len(both),
        "replaced": replaced,
        "with new columns": len(both) - replaced - same,
        "removed": len(old) - len(both),
        "kept": same,
    }
    return ", ".join(f"{count:,} {word}" for word, count in numbers.items() if count)
