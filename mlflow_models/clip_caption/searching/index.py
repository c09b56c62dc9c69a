"""A collection: finds its photos that are most like a new one, and its category by vote.

All photos are found. Those that have a category vote; a collection may have no categories at all.

`explore.py index` writes a directory, `build.py --index` packs it, the served model reads it. With
n photos and features of d numbers:

    index.json        categories (none: an empty list), how many neighbours vote, below which
                      similarity a photo is rejected, and `version`, which tells the photos of one
                      index from another's
    photos.arrow      what is known of each photo, see `searching/photos.py`
    thumbnails.arrow  their thumbnails, if there are any
    labels.npy        int32 (n, most), places in the list of categories; -1 where a photo has fewer
    probe.npy         float32 (d,), the checkpoint's features of `PROBE`
    vectors.npy       float32 (n, d), L2-normalised: searched exactly, shared between processes
    vectors.faiss     instead of vectors.npy in a large collection: searched approximately
    hnsw.faiss        the same in an older index, a graph

Only a large collection needs a package besides the server's own (faiss-cpu).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.searching.both import find_both
from clip_caption.searching.nearest import Exact, Lists, Rows, Searcher
from clip_caption.searching.photos import Photos
from clip_caption.searching.voting import likely, sizes_of, vote, voters_of
from zoo.data.texts import read_object
from zoo.errors import CheckpointError, ZooError

PROBE = "a photo of a street."  # any text: its features tell one CLIP from another
SAME_COSINE = 0.98  # between the probe's features in fp32 and in int8; another CLIP's is far lower
LARGE = ("vectors.faiss", "hnsw.faiss")  # files that faiss reads
Neighbour = dict[str, Any]
"""A photo of the collection that is like the query: the fields of `options.Neighbour`."""


@dataclass(frozen=True)
class Vote:
    """The category by vote of a photo's neighbours, and the most similar photos."""

    category: str | None  # None if the voters are too unlike the photo, or there are none
    neighbours: list[Neighbour]  # nearest first, with a category or without
    categories: list[str] | None = None  # all that are likely; None if a photo has one at most


class Index:
    """A collection to search.

    Args:
        searcher: Searches the photos' CLIP features.
        photos: What is known of them.
        labels: Each photo's places in `categories`, int32 (n, most); -1 where it has fewer.
        categories: The categories' names; empty if the collection has none.
        k: How many neighbours vote.
        threshold: A photo whose nearest voter has a lower cosine gets no category.
        probe: The checkpoint's features of `PROBE`, float32 (d,).
        version: Tells the photos' numbers of this index from those of another.
    """

    def __init__(
        self,
        searcher: Searcher,
        photos: Photos,
        labels: np.ndarray,
        categories: Sequence[str],
        k: int,
        threshold: float,
        probe: np.ndarray,
        version: str = "",
    ) -> None:
        self.searcher, self.photos, self.labels = searcher, photos, labels
        self.categories, self.k, self.threshold, self.probe = categories, k, threshold, probe
        self.version, self.sizes = version, sizes_of(labels, len(categories))
        self.voters = voters_of(labels)

    @classmethod
    def read(cls, directory: Path) -> "Index":
        """Read what `explore.py index` wrote.

        Raises:
            CheckpointError: The directory isn't an index, or the index is incomplete.
        """
        try:
            settings, photos = read_object(directory / "index.json"), Photos.read(directory)
            labels, probe = (_load(directory / f"{name}.npy") for name in ("labels", "probe"))
            labels = labels.reshape(len(labels), -1)
            large = [directory / name for name in LARGE if (directory / name).is_file()]
            searcher: Searcher = (
                Lists(large[0]) if large else Exact(_load(directory / "vectors.npy"))
            )
            categories, k = settings["categories"], settings["k"]
            threshold, version = settings["threshold"], settings.get("version", "")
            return cls(searcher, photos, labels, categories, k, threshold, probe, version)
        except (
            ZooError,
            OSError,
            ValueError,
            KeyError,
            TypeError,
            EOFError,
            RuntimeError,
        ) as error:
            if isinstance(error, CheckpointError):
                raise
            raise CheckpointError(
                f"'{directory}' is not a complete index; write one with explore.py index."
            ) from error

    def __len__(self) -> int:
        return len(self.photos)

    def check(self, embed_texts: Callable[[Sequence[str]], np.ndarray]) -> None:
        """Check that the index was made with this checkpoint's CLIP.

        Args:
            embed_texts: `Captioner.embed_texts`: from n texts to float32 (n, d).

        Raises:
            CheckpointError: The index was made with another CLIP.
        """
        if not same_encoder(normalised(embed_texts([PROBE]))[0], self.probe):
            raise CheckpointError(
                "The index was made with another CLIP than this checkpoint's; embed the collection "
                "with this checkpoint and run explore.py index again."
            )

    def search(
        self,
        features: np.ndarray,
        k: int | None = None,
        rows: Rows = None,
        words: np.ndarray | None = None,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Find the photos that are most like each query.

        Args:
            features: CLIP's, normalised or not, float32 (m, d).
            k: How many photos to find. None: as many as vote.
            rows: Those that may be found, ascending; None: all.
            words: Features of words that the photos should fit, too, of length 1, float32 (d,).

        Returns:
            Their numbers, int64 (m, k); labels, which are places in `categories`, int32
            (m, k, most); cosines, float32 (m, k). An older index may find fewer: the last numbers
            are -1 then, and the cosines -inf.
        """
        queries, k = normalised(features), k or self.k
        if words is None:
            similarities, found = self.searcher(queries, k, rows)
        else:
            similarities, found = find_both(self.searcher, queries, words, k, rows)
        return found, self.labels[found], similarities

    def find(
        self,
        features: np.ndarray,
        count: int,
        skip: int = 0,
        rows: Rows = None,
        words: np.ndarray | None = None,
    ) -> list[list[Neighbour]]:
        """Name the photos that are most like each query.

        Args:
            features: CLIP's, normalised or not, float32 (m, d).
            count: How many photos to name.
            skip: How many of the nearest to leave out.
            rows, words: As `search` takes them.

        Returns:
            For each query its neighbours, nearest first.
        """
        found, _, similarities = self.search(features, skip + count, rows, words)
        pages = zip(found[:, skip:], similarities[:, skip:], strict=True)
        return [self._similar(*page) for page in pages]

    def classify(self, features: np.ndarray, k: int | None = None, skip: int = 0) -> list[Vote]:
        """Find the category of each query by vote, and the photos that are most like it.

        The nearest photos that have a category vote; neighbours are reported with and without one.

        Args:
            features: CLIP's, normalised or not, float32 (m, d).
            k: How many neighbours to report; this doesn't change how many vote.
            skip: How many of the nearest not to report.
        """
        if not len(features):
            return []
        shown = skip + (k or self.k)
        found, labels, similarities = self.search(features, max(shown, self.k))
        pages = zip(found[:, skip:shown], similarities[:, skip:shown], strict=True)
        neighbours = [self._similar(*page) for page in pages]
        if self.voters is not None:
            _, labels, similarities = self.search(features, self.k, self.voters)
        several = self.labels.shape[1] > 1
        return [
            Vote(named[0] if named else None, near, named if several else None)
            for named, near in zip(self._named_by(labels, similarities), neighbours, strict=True)
        ]

    def _named_by(self, labels: np.ndarray, similarities: np.ndarray) -> list[list[str]]:
        """Name each query's likely categories, the likeliest first, by vote of its nearest voters.

        Args:
            labels: Of at least k voters where there are so many, int32 (m, k or more, most).
            similarities: Their cosines, float32 (m, k or more).
        """
        voters = len(self) if self.voters is None else len(self.voters)
        if not voters:
            return [[] for _ in labels]
        labels, similarities = labels[:, : self.k], similarities[:, : self.k]
        best, chances = vote(labels, similarities, self.sizes, voters)
        return [
            [self.categories[place] for place in likely(int(one), chance)]
            if nearest >= self.threshold
            else []
            for one, chance, nearest in zip(best, chances, similarities[:, 0], strict=True)
        ]

    def about(self) -> dict[str, Any]:
        """Describe the collection: how many photos, which categories, places and days it has."""
        first, last = self.photos.first_and_last()
        return {
            "photos": len(self),
            "categories": list(self.categories),
            "places": self.photos.places,
            "first_day": first,
            "last_day": last,
        }

    def named(self, row: int) -> Neighbour:
        """Give what is known of a photo."""
        labels = [self.categories[label] for label in self.labels[row] if label >= 0]
        found = {
            "id": self.photos.id_of(row),
            "category": ", ".join(labels) or None,
            **self.photos.about(row),
        }
        if self.photos.has_thumbnails:
            found["photo"] = f"collection/photo?number={row}&index={self.version}"
        return found

    def _similar(self, rows: np.ndarray, similarities: np.ndarray) -> list[Neighbour]:
        """Name what was found: of int64 (k,) and float32 (k,)."""
        return [
            {
                **dict.fromkeys(("id", "category", "similarity")),
                **self.named(int(row)),
                "similarity": round(float(similarity), 4),
            }
            for row, similarity in zip(rows, similarities, strict=True)
            if row >= 0
        ]


def same_encoder(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell by what stands for two encoders, each of length 1, if they are the same.

    Args:
        one, other: Features of `PROBE` by a CLIP, or the hash of an image encoder, float32 (p,).
    """
    return len(one) == len(other) and float(one @ other) >= SAME_COSINE


def normalised(features: np.ndarray) -> np.ndarray:
    """Divide each row of float32 (m, d) by its L2 norm: float32 (m, d); zeros stay zeros."""
    features = np.asarray(features, np.float32)
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)


def _load(path: Path) -> np.ndarray:
    """Map an array of any shape from its file."""
    return np.load(path, mmap_mode="r", allow_pickle=False)
