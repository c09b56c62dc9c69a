"""Finds the photos of a labelled collection that are most like a new one: its nearest neighbours.

`explore.py index` writes a directory, `build.py --index` packs it, the served model reads it. With
n photos and features of d numbers:

    index.json    categories, how many neighbours vote, below which similarity a photo is rejected
    ids.json      the name of each photo
    labels.npy    int32 (n, most), places in the list of categories; -1 where a photo has fewer
    probe.npy     float32 (d,), the checkpoint's features of `PROBE`
    vectors.npy   float32 (n, d), L2-normalised: searched exactly, shared between processes
    hnsw.faiss    instead of vectors.npy in a large collection: a graph, searched approximately

Only the graph needs a package besides NumPy (faiss-cpu).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from clip_caption.voting import likely, sizes_of, vote
from zoo.data.texts import read_json, read_object
from zoo.errors import CheckpointError, ZooError

PROBE = "a photo of a street."  # any text: its features tell one CLIP from another
SAME_COSINE = 0.98  # between the probe's features in fp32 and in int8; another CLIP's is far lower
BLOCK_QUERIES = 64  # at a time: with 100,000 photos their similarities take 25 MB


class Neighbour(NamedTuple):
    """A photo of the collection that is like the query."""

    id: str
    category: str
    similarity: float  # cosine


@dataclass(frozen=True)
class Vote:
    """The category by vote of a photo's neighbours; None if they are too unlike the photo."""

    category: str | None
    neighbours: list[dict[str, Any]]  # id, category, similarity; nearest first
    categories: list[str] | None = None  # all that are likely; None if a photo has one at most


class Searcher(Protocol):
    """Finds the rows that are nearest by cosine."""

    def __call__(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows.

        Args:
            features: L2-normalised, float32 (m, d).
            k: How many rows to find for each query.

        Returns:
            Cosines, float32 (m, k), and rows, int64 (m, k), nearest first.
        """


class Exact:
    """Compares with every photo.

    Args:
        vectors: L2-normalised, float32 (n, d).
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def __call__(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows, as `Searcher` says: float32 (m, d) to float32, int64 (m, k)."""
        k = min(k, len(self.vectors))
        similarities = np.empty((len(features), k), np.float32)
        rows = np.empty((len(features), k), np.int64)
        for start in range(0, len(features), BLOCK_QUERIES):
            block = slice(start, start + BLOCK_QUERIES)
            cosines = features[block] @ self.vectors.T  # (block, n)
            nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]  # (block, k)
            nearest.sort(axis=1)
            found = np.take_along_axis(cosines, nearest, axis=1)
            order = np.argsort(-found, axis=1, kind="stable")
            similarities[block] = np.take_along_axis(found, order, axis=1)
            rows[block] = np.take_along_axis(nearest, order, axis=1)
        return similarities, rows


class Graph:
    """Walks a graph of neighbours (HNSW, arXiv 1603.09320) that faiss built.

    Args:
        path: What `faiss.write_index` wrote.

    Raises:
        CheckpointError: faiss isn't installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import faiss
        except ImportError as error:
            raise CheckpointError(
                "The packed index is an HNSW graph, which needs the package faiss-cpu."
            ) from error
        self.graph = faiss.read_index(str(path))

    def __call__(self, features: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows, as `Searcher` says: float32 (m, d) to float32, int64 (m, k)."""
        similarities, rows = self.graph.search(
            np.ascontiguousarray(features), min(k, self.graph.ntotal)
        )
        return similarities, rows


class Index:
    """A labelled collection to search.

    Args:
        searcher: Searches the photos' CLIP features.
        ids: The photos' names.
        labels: Each photo's places in `categories`, int32 (n, most); -1 where it has fewer.
        categories: The categories' names.
        k: How many neighbours vote.
        threshold: A photo whose nearest neighbour has a lower cosine gets no category.
        probe: The checkpoint's features of `PROBE`, float32 (d,).
    """

    def __init__(
        self,
        searcher: Searcher,
        ids: Sequence[str],
        labels: np.ndarray,
        categories: Sequence[str],
        k: int,
        threshold: float,
        probe: np.ndarray,
    ) -> None:
        self.searcher, self.ids, self.labels = searcher, ids, labels
        self.categories, self.k, self.threshold, self.probe = categories, k, threshold, probe
        self.sizes = sizes_of(labels, len(categories))

    @classmethod
    def read(cls, directory: Path) -> "Index":
        """Read what `explore.py index` wrote.

        Raises:
            CheckpointError: The directory isn't an index, or the index is incomplete.
        """
        try:
            settings, ids = read_object(directory / "index.json"), read_json(directory / "ids.json")
            labels, probe = (_load(directory / f"{name}.npy") for name in ("labels", "probe"))
            labels = labels.reshape(len(labels), -1)
            graph = directory / "hnsw.faiss"
            searcher: Searcher = (
                Graph(graph) if graph.is_file() else Exact(_load(directory / "vectors.npy"))
            )
            categories, k = settings["categories"], settings["k"]
            return cls(searcher, ids, labels, categories, k, settings["threshold"], probe)
        except (
            ZooError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            RuntimeError,
        ) as error:
            raise CheckpointError(
                f"'{directory}' is not a complete index; write one with explore.py index."
            ) from error

    def __len__(self) -> int:
        return len(self.ids)

    def check(self, embed_texts: Callable[[Sequence[str]], np.ndarray]) -> None:
        """Check that the index was made with this checkpoint's CLIP.

        Args:
            embed_texts: `Captioner.embed_texts`: from n texts to float32 (n, d).

        Raises:
            CheckpointError: The index was made with another CLIP.
        """
        if not same_clip(normalised(embed_texts([PROBE]))[0], self.probe):
            raise CheckpointError(
                "The index was made with another CLIP than this checkpoint's; embed the collection "
                "with this checkpoint and run explore.py index again."
            )

    def search(
        self, features: np.ndarray, k: int | None = None
    ) -> tuple[list[list[str]], np.ndarray, np.ndarray]:
        """Find the photos that are most like each query.

        Args:
            features: CLIP's, normalised or not, float32 (m, d).
            k: How many photos to find. None: as many as vote.

        Returns:
            Ids, (m, k); labels, which are places in `categories`, int32 (m, k, most); cosines,
            float32 (m, k).
        """
        similarities, rows = self.searcher(normalised(features), k or self.k)
        return [[self.ids[row] for row in found] for found in rows], self.labels[rows], similarities

    def classify(self, features: np.ndarray, k: int | None = None) -> list[Vote]:
        """Find the category of each query by vote of its neighbours, and these neighbours.

        Args:
            features: CLIP's, normalised or not, float32 (m, d).
            k: How many neighbours to report; this doesn't change how many vote.
        """
        if not len(features):
            return []
        shown = k or self.k
        ids, labels, similarities = self.search(features, max(shown, self.k))
        best, chances = vote(labels[:, : self.k], similarities[:, : self.k], self.sizes, len(self))
        answers = []
        for row, nearest in enumerate(similarities[:, 0]):
            found = zip(ids[row], labels[row], similarities[row], strict=True)
            neighbours = [
                Neighbour(name, self._named(label), round(float(similarity), 4))._asdict()
                for name, label, similarity in list(found)[:shown]
            ]
            named: list[str] = []
            if nearest >= self.threshold:
                named = [self.categories[place] for place in likely(int(best[row]), chances[row])]
            several = named if self.labels.shape[1] > 1 else None
            answers.append(Vote(named[0] if named else None, neighbours, several))
        return answers

    def _named(self, labels: np.ndarray) -> str:
        """The categories of a photo, int32 (most,), in one text."""
        return ", ".join(self.categories[label] for label in labels if label >= 0)


def same_clip(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell by two checkpoints' features of `PROBE`, each of length 1, if they have one CLIP."""
    return len(one) == len(other) and float(one @ other) >= SAME_COSINE


def normalised(features: np.ndarray) -> np.ndarray:
    """Divide each row of float32 (m, d) by its L2 norm: float32 (m, d); zeros stay zeros."""
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _load(path: Path) -> np.ndarray:
    """Map an array of any shape from its file."""
    return np.load(path, mmap_mode="r", allow_pickle=False)
