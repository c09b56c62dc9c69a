"""Writes the index of a collection: what `index.Index` reads in the served model."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clip_caption.answering.usual import FILE
from clip_caption.building import usual
from clip_caption.exploring.classification import Labelled, Outcome, leave_group_out, threshold_for
from clip_caption.exploring.store import Embeddings
from clip_caption.searching.index import LARGE
from clip_caption.searching.nearest import Exact, Lists, Searcher
from clip_caption.searching.photos import PHOTOS, THUMBNAILS, table_of
from zoo.data.outputs import check_output, whole_directory, write_json
from zoo.errors import ZooError

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 100_000  # photos; in more, faiss searches
LISTS = 4  # times the square root of the number of photos, in powers of two
TRAINING = 40  # photos for each list, by which the lists' middles are found
ROUNDS = 8  # of k-means; more gain nothing
VERSION_BYTES = 6


@dataclass(frozen=True)
class Facts:
    """What is packed of the photos besides their features and categories.

    Attributes:
        table: Of `searching.photos.table_of`.
        thumbnails: JPEG files in the photos' order, some at a time; None: none are packed.
    """

    table: "pa.Table"
    thumbnails: Iterable[Sequence[bytes]] | None = None

    @classmethod
    def read(
        cls,
        embeddings: Embeddings,
        caption: str | None,
        date: str | None,
        place: str | None,
        thumbnails: bool,
    ) -> "Facts":
        """Take what the embeddings know.

        Args:
            embeddings: The collection.
            caption: The column of captions; None: none are packed.
            date: The column of dates.
            place: The column of places.
            thumbnails: Whether they are packed.
        """
        columns = [
            [cell.strip() for cell in embeddings.texts(name)] if name else None
            for name in (caption, date, place)
        ]
        table = table_of(embeddings.ids, *columns)
        return cls(table, embeddings.pieces("thumbnail") if thumbnails else None)


def searcher_of(vectors: np.ndarray, directory: Path, exact: bool | None, seed: int) -> Searcher:
    """Searches a collection: exactly, or by faiss.

    Args:
        vectors: L2-normalised, float32 (n, d).
        directory: where faiss's file is written.
        exact: whether to compare with every photo; None: up to 100,000 photos.
        seed: of the photos by which the lists' middles are found.

    Raises:
        ZooError: faiss-cpu is needed.
    """
    if exact or (exact is None and len(vectors) <= EXACT):
        return Exact(vectors)
    try:
        import faiss
    except ImportError as error:
        raise ZooError(
            "More than 100,000 photos need the package faiss-cpu: `uv pip install faiss-cpu`, or "
            "compare with every photo: --exact."
        ) from error
    count, width = vectors.shape
    most = min(LISTS * math.sqrt(count), count / TRAINING)
    index: Any = faiss.IndexIVFScalarQuantizer(
        faiss.IndexFlatIP(width),
        width,
        2 ** max(0, round(math.log2(most))),
        faiss.ScalarQuantizer.QT_fp16,
        faiss.METRIC_INNER_PRODUCT,
        False,  # by_residual: a vector as it is, whatever its list
    )
    index.cp.niter, index.cp.spherical, index.cp.seed = ROUNDS, True, seed
    chosen = np.random.default_rng(seed).permutation(count)[: TRAINING * index.nlist]
    index.train(vectors[np.sort(chosen)])
    index.add(np.ascontiguousarray(vectors))
    faiss.write_index(index, str(directory / LARGE[0]))
    return Lists(directory / LARGE[0])


def recall(searcher: Searcher, vectors: np.ndarray, k: int, seed: int) -> float:
    """The share of the true k neighbours that a searcher finds, of 200 photos.

    Args:
        searcher: of the collection.
        vectors: the collection's features, L2-normalised, float32 (n, d).
        k: how many neighbours.
        seed: which photos.
    """
    rows = np.random.default_rng(seed).permutation(len(vectors))[:200]
    true, found = Exact(vectors)(vectors[rows], k)[1], searcher(vectors[rows], k)[1]
    return float(np.mean([len({*a} & {*b}) / len(a) for a, b in zip(true, found, strict=True)]))


def write_index(
    directory: Path,
    data: Labelled,
    k: int,
    exact: bool | None,
    rejected: float,
    accuracy: float | None,
    seed: int,
    state: str = "",
    facts: Facts | None = None,
) -> tuple[Outcome | None, float, float | None]:
    """Writes an index; the directory appears when it is complete.

    Args:
        directory: an index that is there is replaced.
        data: the collection.
        k: how many neighbours vote.
        exact: as `searcher_of` takes it.
        rejected, accuracy: as `threshold_for` takes them, if there are categories.
        seed: of what is drawn by chance.
        state: the hash of what the collection holds, `EmbeddingSettings.collection`.
        facts: what is packed of the photos; None: their names.

    Returns:
        How the photos that have a category are classified by the others (None if none has one),
        the threshold, and where faiss searches the share of true neighbours that it finds.

    Raises:
        ZooError: the directory holds something else.
    """
    check_output(directory, "index.json", "an index")
    facts = facts or Facts(table_of(data.ids))
    with whole_directory(directory) as fresh:
        searcher = searcher_of(data.vectors, fresh, exact, seed)
        outcome = leave_group_out(searcher, data, k, seed) if data.categories else None
        threshold = threshold_for(outcome, rejected, accuracy) if outcome else -1.0
        found = None if isinstance(searcher, Exact) else recall(searcher, data.vectors, k, seed)
        if found is None:
            np.save(fresh / "vectors.npy", data.vectors)
        np.save(fresh / "labels.npy", data.labels)
        np.save(fresh / "probe.npy", data.probe)
        write_facts(fresh, facts)
        settings = {"categories": data.categories, "k": k, "threshold": threshold,
                    "embeddings": state, "version": version_of(data.ids, state)}  # fmt: skip
        write_json(fresh / "index.json", settings)
        if known := usual.learn(data.vectors, data.groups, seed):
            known.write(fresh / FILE)
    return outcome, threshold, found


def summary(
    data: Labelled, facts: Facts, category: str | None, date: str | None, place: str | None
) -> list[str]:
    """Say how many photos there are, and of how many something isn't known.

    Args:
        data: The collection.
        facts: What is packed of its photos.
        category, date, place: The columns.
    """
    count, known = len(data.ids), len(data.labelled)
    if not category:
        found = [f"{count:,} images, without categories; --category COLUMN adds them"]
    else:
        found = [f"{count:,} images; {known:,} have one of {len(data.categories):,} categories"]
    if category and known < count:
        found.append(f"'{category}' names no category for {count - known:,} images, which are "
                     "found like the others, but don't vote")  # fmt: skip
    for name, column, what in (("date", date, "day that can be read"), ("place", place, "place")):
        if column and (count := facts.table.column(name).null_count):
            found.append(f"'{column}' gives no {what} for {count:,} images")
    return found


def write_facts(directory: Path, facts: Facts) -> None:
    """Write what `searching.photos.Photos` reads."""
    import pyarrow as pa

    table = facts.table.combine_chunks()  # one piece: a photo's row is found at once
    with (
        pa.OSFile(str(directory / PHOTOS), "wb") as file,
        pa.ipc.new_file(file, table.schema) as out,
    ):
        out.write_table(table)
    if facts.thumbnails is None:
        return
    schema = pa.schema([("jpeg", pa.large_binary())])
    with pa.OSFile(str(directory / THUMBNAILS), "wb") as file, pa.ipc.new_file(file, schema) as out:
        for some in facts.thumbnails:
            out.write_batch(pa.record_batch([pa.array(some, pa.large_binary())], schema=schema))


def version_of(ids: Sequence[str], state: str) -> str:
    """Tell the numbers of an index's photos from those of another: a short hash."""
    content = "\0".join([state, *ids]).encode(errors="surrogatepass")
    return hashlib.blake2b(content, digest_size=VERSION_BYTES).hexdigest()
