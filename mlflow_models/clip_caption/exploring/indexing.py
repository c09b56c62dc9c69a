"""Writes the index of a labelled collection: what `index.Index` reads in the served model."""

from pathlib import Path

import numpy as np

from clip_caption.exploring.classification import Labelled, Outcome, leave_group_out, threshold_for
from clip_caption.index import Exact, Graph, Searcher
from zoo.data.outputs import check_output, whole_directory, write_json
from zoo.errors import ZooError

EXACT = 100_000  # photos; more are searched by a graph
LINKS, BUILD, SEARCH = 32, 200, 128  # HNSW's M, efConstruction and efSearch
GRAPH = "hnsw.faiss"


def searcher_of(vectors: np.ndarray, directory: Path, exact: bool | None) -> Searcher:
    """Searches a collection: exactly, or by an HNSW graph.

    Args:
        vectors: L2-normalised, float32 (n, d).
        directory: where the graph is written.
        exact: whether to compare with every photo; None: up to 100,000 photos.

    Raises:
        ZooError: a graph needs faiss-cpu.
    """
    if exact or (exact is None and len(vectors) <= EXACT):
        return Exact(vectors)
    try:
        import faiss
    except ImportError as error:
        raise ZooError(
            "A graph needs the package faiss-cpu: `uv pip install faiss-cpu`, or search exactly: "
            "--exact."
        ) from error
    graph = faiss.IndexHNSWFlat(vectors.shape[1], LINKS, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD, SEARCH
    graph.add(np.ascontiguousarray(vectors))
    faiss.write_index(graph, str(directory / GRAPH))
    return Graph(directory / GRAPH)


def recall(searcher: Searcher, vectors: np.ndarray, k: int, seed: int) -> float:
    """The share of the true k neighbours that a searcher finds, of 200 photos.

    Args:
        searcher: of the collection.
        vectors: the collection's CLIP features, L2-normalised, float32 (n, d).
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
) -> tuple[Outcome, float, float | None]:
    """Writes an index; the directory appears when it is complete.

    Args:
        directory: an index that is there is replaced.
        data: the collection.
        k: how many neighbours vote.
        exact: as `searcher_of` takes it.
        rejected, accuracy: as `threshold_for` takes them.
        seed: of what is drawn by chance.
        state: the hash of what the collection holds, `EmbeddingSettings.collection`.

    Returns:
        How the collection's photos are classified by the others, the threshold, and of a graph the
        share of true neighbours that it finds.

    Raises:
        ZooError: the directory holds something else.
    """
    check_output(directory, "index.json", "an index")
    with whole_directory(directory) as fresh:
        searcher = searcher_of(data.vectors, fresh, exact)
        outcome = leave_group_out(searcher, data, k, seed)
        threshold = threshold_for(outcome, rejected, accuracy)
        found = None if isinstance(searcher, Exact) else recall(searcher, data.vectors, k, seed)
        if found is None:
            np.save(fresh / "vectors.npy", data.vectors)
        np.save(fresh / "labels.npy", data.labels)
        np.save(fresh / "probe.npy", data.probe)
        write_json(fresh / "ids.json", data.ids)
        settings = {"categories": data.categories, "k": k, "threshold": threshold,
                    "embeddings": state}  # fmt: skip
        write_json(fresh / "index.json", settings)
    return outcome, threshold, found
