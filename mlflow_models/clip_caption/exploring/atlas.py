"""A collection in Embedding Atlas (github.com/apple/embedding-atlas): a map to walk in, offline.

The program has packages that disagree with ours (huggingface-hub), so it runs in an environment of
its own, without the gigabytes of torch, which nothing here runs. 0.22 draws thumbnails on the map
and falls back to WebGL; later ones show an empty map where WebGPU lacks shader-f16.
"""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clip_caption.exploring.store import Embeddings
from clip_caption.searching.index import normalised
from clip_caption.searching.nearest import Exact
from zoo.data.outputs import check_new, whole_directory
from zoo.errors import ZooError

if TYPE_CHECKING:
    import pyarrow as pa

OVERRIDES = "mlflow_models/clip_caption/exploring/atlas-overrides.txt"
INSTALL = f"`uv tool install embedding-atlas==0.22.0 --overrides {OVERRIDES}`"
NEIGHBOURS = 10
OWN = ("id", "path", "fingerprint", "phash", "thumbnail", "embedding")


def write(
    path: Path,
    embeddings: Embeddings,
    places: np.ndarray,
    groups: Sequence[str],
    text: Sequence[str],
    with_neighbours: bool = True,
) -> None:
    """Writes the table that Embedding Atlas reads, as Parquet.

    Args:
        path: of the table.
        embeddings: with thumbnails, which become a struct of bytes and path.
        places: on the map, float32 (n, 2), without unit.
        groups: the name of each one's group.
        text: what is shown with each photo.
        with_neighbours: whether the most similar photos are in the table; they are searched
            exactly, which takes minutes for 100,000.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = [
        {"bytes": content, "path": name}
        for content, name in zip(
            embeddings.thumbnails(range(len(embeddings))), embeddings.ids, strict=True
        )
    ]
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {
        "id": pa.array(embeddings.ids),
        "x": pa.array(places[:, 0].astype(np.float32)),
        "y": pa.array(places[:, 1].astype(np.float32)),
        "group": pa.array(groups),
        "text": pa.array(text),
        "image": pa.array(pictures, picture),
    }
    if with_neighbours:
        found = neighbours(embeddings.vectors())
        columns["neighbors"] = found
        # Whose thumbnails are drawn first. Left alone, it would compute PageRank, with torch.
        named = found.field("ids").flatten().to_numpy()
        columns["importance"] = pa.array(np.bincount(named, minlength=len(embeddings)) * 1.0)
    for name in embeddings.columns:
        if name not in OWN and name not in columns:
            values = embeddings.column(name)
            listed = any(isinstance(value, list) for value in values)
            columns[name] = pa.array(embeddings.texts(name) if listed else values)
    pq.write_table(pa.table(columns), path, row_group_size=1000)


def neighbours(vectors: np.ndarray) -> "pa.StructArray":
    """The most similar others of each row, as Embedding Atlas wants them.

    Args:
        vectors: embeddings, float32 (n, d), normalised or not.

    Returns:
        An Arrow array of n structs: ids (int64, rows) and distances (float32, 1 - cosine), nearest
        first.
    """
    import pyarrow as pa
    from tqdm import tqdm

    unit = normalised(vectors)
    search, found = Exact(unit), []
    for start in tqdm(range(0, len(unit), 1024), desc="neighbours", disable=len(unit) < 5000):
        block = unit[start : start + 1024]
        similarities, rows = search(block, NEIGHBOURS + 1)
        found += [
            {"ids": row[keep].tolist(), "distances": (1 - similarity[keep]).tolist()}
            for number, row, similarity in zip(
                range(start, start + len(block)), rows, similarities, strict=True
            )
            for keep in [np.flatnonzero(row != number)[:NEIGHBOURS]]
        ]
    kind = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])
    return pa.array(found, kind)


def command(table: Path, with_neighbours: bool) -> list[str]:
    """The command that shows a table; to be run in the table's directory.

    Args:
        table: of `write`.
        with_neighbours: as `write` had it.

    Raises:
        ZooError: Embedding Atlas isn't installed.
    """
    found = shutil.which("embedding-atlas")
    if not found:
        raise ZooError(f"Embedding Atlas isn't installed: {INSTALL}.")
    columns = {name: name for name in ("x", "y", "text", "image")}
    if with_neighbours:
        columns |= {"neighbors": "neighbors", "pagerank": "importance"}
    options = [word for name, column in columns.items() for word in (f"--{name}", column)]
    return [str(Path(found).absolute()), table.name, *options, "--disable-projection"]


def export(arguments: Sequence[str], directory: Path, folder: Path) -> None:
    """Writes the page to share; the folder appears when it is complete.

    Args:
        arguments: of `command`.
        directory: the table's.
        folder: a new one.

    Raises:
        ZooError: the folder is there, or Embedding Atlas failed.
    """
    check_new(folder)
    with whole_directory(folder) as fresh:
        fresh.rmdir()  # Embedding Atlas makes it
        done = subprocess.run(
            [*arguments, "--export-application", str(fresh)],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        if done.returncode:
            raise ZooError(f"Embedding Atlas failed:\n{done.stderr.strip()}")


def serve(arguments: Sequence[str], directory: Path, port: int) -> None:
    """Serves the map until it is stopped.

    Args:
        arguments: of `command`.
        directory: the table's.
        port: to listen on, or the next free one.

    Raises:
        ZooError: Embedding Atlas failed.
    """
    try:
        done = subprocess.run([*arguments, "--port", str(port)], cwd=directory)
    except KeyboardInterrupt:
        return
    if done.returncode:
        raise ZooError("Embedding Atlas failed; its own message is above.")
