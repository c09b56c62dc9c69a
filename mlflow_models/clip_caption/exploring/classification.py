"""Classes by nearest neighbours: how often they are right, and when to say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clip_caption.exploring.store import Embeddings
from clip_caption.searching.index import normalised
from clip_caption.searching.nearest import Rows, Searcher
from clip_caption.searching.voting import sizes_of, vote, voters_of
from zoo.errors import ZooError

OTHER, UNKNOWN = -1, -2  # a category that the collection hasn't, and none that is known
SAMPLE = 5_000  # photos of a large collection that the others classify
MARGIN = 1e-5  # of a cosine: a served copy's rounding may differ in the last digits


@dataclass(frozen=True)
class Labelled:
    """The photos of a collection, and the categories of those whose category is known.

    Args:
        ids: their names.
        vectors: their features, L2-normalised, float32 (n, d).
        categories: the categories' names; empty if none is known.
        labels: each photo's places among them, int32 (n, most); -1 where it has fewer, or none.
        probe: what tells their encoder from others, of `encoders.probe_of`, float32 (p,).
        groups: each photo's group, int (n,): near copies, or photos of one site.
    """

    ids: Sequence[str]
    vectors: np.ndarray
    categories: list[str]
    labels: np.ndarray
    probe: np.ndarray
    groups: np.ndarray

    @classmethod
    def read(cls, embeddings: Embeddings, column: str | None, groups: np.ndarray) -> "Labelled":
        """Takes all photos; those whose cell is empty have no category.

        Args:
            embeddings: the collection.
            column: of the categories; `Embeddings.labels` says what is in a cell. None: no photo
                has a category.
            groups: of its photos, int (n,).

        Raises:
            ZooError: the column has fewer than two categories, or all photos that have one are of
                one group.
        """
        kinds, labels = categories_of(embeddings, column)
        if column and len(kinds) < 2:
            raise ZooError(
                f"Column '{column}' of '{embeddings.directory}' names fewer than two categories."
            )
        if column and len({*groups[(labels >= 0).any(axis=1)].tolist()}) < 2:
            raise ZooError(
                f"All labelled photos of '{embeddings.directory}' are copies of each other, or of "
                "one group; there are no others to classify them by."
            )
        vectors = normalised(embeddings.features())
        probe = np.array(embeddings.settings.probe, np.float32)
        return cls(embeddings.ids, vectors, kinds, labels, probe, groups)

    @property
    def voters(self) -> Rows:
        """The photos that vote, as `voters_of` says."""
        return voters_of(self.labels)

    @property
    def labelled(self) -> np.ndarray:
        """The photos that have a category, ascending, int64 (r,)."""
        return np.arange(len(self.ids)) if (voters := self.voters) is None else voters

    @property
    def several(self) -> bool:
        """Whether there are photos of several categories."""
        return self.labels.shape[1] > 1

    @property
    def sizes(self) -> np.ndarray:
        """How many photos each category has, int64 (c,)."""
        return sizes_of(self.labels, len(self.categories))


def categories_of(embeddings: Embeddings, column: str | None) -> tuple[list[str], np.ndarray]:
    """The categories' names, and each photo's places among them, int32 (n, most), -1 for none.

    Args:
        embeddings: the collection.
        column: of the categories; None: there are none.
    """
    cells = embeddings.labels(column) if column else [[] for _ in embeddings.ids]
    kinds = sorted({name for cell in cells for name in cell})
    return kinds, places_of(cells, kinds).clip(min=-1)


def places_of(cells: Sequence[Sequence[str]], categories: Sequence[str]) -> np.ndarray:
    """Where photos' categories are in a list, int32 (n, most).

    A photo with fewer than others has -1 in its last columns. A category that isn't in the list is
    left out; the first column is `OTHER` where none is in it, and `UNKNOWN` where there is none.
    """
    numbers = {name: number for number, name in enumerate(categories)}
    found = np.full((len(cells), max([1, *map(len, cells)])), -1, np.int32)
    for row, cell in enumerate(cells):
        places = [numbers[name] for name in cell if name in numbers]
        places = places or [OTHER if cell else UNKNOWN]
        found[row, : len(places)] = places
    return found


@dataclass(frozen=True)
class Outcome:
    """Photos whose category is known, as their neighbours classified them.

    Args:
        truth: of `places_of`, int32 (m, most).
        voted: by the neighbours, int64 (m,).
        chances: of each category, float64 (m, c).
        nearest: similarity of the nearest neighbour, a cosine, float32 (m,).
        rows: which photos of their collection these are, int64 (m,).
    """

    truth: np.ndarray
    voted: np.ndarray
    chances: np.ndarray
    nearest: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    @property
    def right(self) -> np.ndarray:
        """Whether a photo has the category that was voted for, bool (m,)."""
        return np.asarray((self.truth == self.voted[:, None]).any(axis=1))

    def select(self, which: np.ndarray) -> "Outcome":
        """Some of the photos, by bool (m,)."""
        return Outcome(*(values[which] for values in vars(self).values()))

    def known(self) -> "Outcome":
        """Those whose category is one of the collection's."""
        return self.select(self.truth[:, 0] >= 0)

    def accuracy(self, threshold: float = -1.0) -> float:
        """The share that is right of those that aren't rejected."""
        kept = self.nearest >= threshold
        return float(self.right[kept].mean()) if kept.any() else float("nan")

    def rejected(self, threshold: float) -> float:
        """The share whose nearest neighbour is less similar."""
        return float((self.nearest < threshold).mean())


def nearest_others(
    searcher: Searcher,
    vectors: np.ndarray,
    own: np.ndarray,
    groups: np.ndarray,
    k: int,
    rows: Rows = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Find the nearest photos of other groups.

    Args:
        searcher: of the collection.
        vectors: CLIP features of the photos to find neighbours for, L2-normalised, float32 (m, d).
        own: their groups, int (m,).
        groups: those of the collection's photos, int (n,).
        k: how many.
        rows: the collection's photos that may be found, ascending; None: all.

    Returns:
        Cosines, float32 (m, k), and rows, int64 (m, k), nearest first; where there are fewer than k
        others, the last cosines are -inf.
    """
    numbers, sizes = np.unique(groups if rows is None else groups[rows], return_counts=True)
    place = np.searchsorted(numbers, own).clip(max=len(numbers) - 1)
    hidden = np.where(numbers[place] == own, sizes[place], 0)  # (m,): as many may come before
    similarities = np.full((len(vectors), k), -np.inf, np.float32)
    nearest = np.zeros((len(vectors), k), np.int64)
    depths = k + np.where(hidden, 2 ** np.ceil(np.log2(np.maximum(hidden, 1))), 0).astype(int)
    for depth in np.unique(depths).tolist():
        which = np.flatnonzero(depths == depth)
        cosines, found = searcher(vectors[which], depth, rows)
        other = (groups[found] != own[which, None]) & (found >= 0)  # a graph may find fewer
        order = np.argsort(~other, axis=1, kind="stable")[:, :k]
        cosines = np.where(other, cosines, -np.inf)
        similarities[which, : order.shape[1]] = np.take_along_axis(cosines, order, axis=1)
        nearest[which, : order.shape[1]] = np.take_along_axis(found, order, axis=1)
    return similarities, nearest


def leave_group_out(searcher: Searcher, data: Labelled, k: int, seed: int) -> Outcome:
    """Classifies labelled photos by those of other groups; of a large collection, some of them.

    Args:
        searcher: of the collection.
        data: the collection.
        k: how many neighbours vote.
        seed: which photos of a large collection.
    """
    rows = data.labelled
    rows = rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:SAMPLE])]
    truth, groups = data.labels[rows], data.groups[rows]
    return _voted(searcher, data, data.vectors[rows], truth, groups, rows, k)


def classify(
    searcher: Searcher,
    data: Labelled,
    vectors: np.ndarray,
    truth: np.ndarray,
    groups: np.ndarray,
    k: int,
) -> Outcome:
    """Classifies other photos.

    Args:
        searcher: of the collection.
        data: the collection.
        vectors: CLIP features of the others, float32 (m, d), normalised or not.
        truth: their categories' places, of `places_of`, int32 (m, most).
        groups: their groups, numbered with the collection's, int (m,).
        k: how many neighbours vote.

    Raises:
        ZooError: their features are of another width.
    """
    if vectors.shape[1] != data.vectors.shape[1]:
        raise ZooError(
            f"The collection's embeddings have {data.vectors.shape[1]} numbers, the others' "
            f"{vectors.shape[1]}: they are of different checkpoints."
        )
    rows = np.arange(len(vectors))
    return _voted(searcher, data, normalised(vectors), truth, groups, rows, k)


def _voted(
    searcher: Searcher,
    data: Labelled,
    vectors: np.ndarray,
    truth: np.ndarray,
    groups: np.ndarray,
    rows: np.ndarray,
    k: int,
) -> Outcome:
    similarities, found = nearest_others(searcher, vectors, groups, data.groups, k, data.voters)
    voted, chances = vote(data.labels[found], similarities, data.sizes, len(data.labelled))
    return Outcome(truth, voted, chances, similarities[:, 0], rows)


def threshold_for(outcome: Outcome, rejected: float, accuracy: float | None) -> float:
    """The similarity below which photos get no category, chosen on photos with a known one.

    Args:
        outcome: of `leave_group_out`.
        rejected: the share of them that may be lost.
        accuracy: what those that are kept must reach; the lowest threshold that does is taken, if
            it is the higher one.

    Raises:
        ZooError: no threshold reaches the accuracy.
    """
    threshold = float(np.quantile(outcome.nearest, rejected)) - MARGIN if rejected else -1.0
    if accuracy is None:
        return threshold
    order = np.argsort(-outcome.nearest, kind="stable")
    lowest = outcome.nearest[order].astype(float) - MARGIN  # each one a threshold
    kept = np.searchsorted(-outcome.nearest[order], -lowest, side="right")
    enough = np.flatnonzero(np.cumsum(outcome.right[order])[kept - 1] / kept >= accuracy)
    if not len(enough):
        raise ZooError(
            f"No threshold reaches an accuracy of {accuracy:g}; without one it is "
            f"{outcome.accuracy():.3f}."
        )
    return max(threshold, float(lowest[enough[-1]]))
