"""Classes by nearest neighbours: how often they are right, and when to say nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clip_caption.exploring.store import Embeddings
from clip_caption.index import Searcher, normalised, vote
from zoo.errors import ZooError

OTHER, UNKNOWN = -1, -2  # a category that the collection hasn't, and none that is known
SAMPLE = 5_000  # photos of a large collection that the others classify


@dataclass(frozen=True)
class Labelled:
    """The photos of a collection whose category is known.

    Args:
        ids: their names.
        vectors: their CLIP features, L2-normalised, float32 (n, d).
        categories: the categories' names.
        labels: each photo's place among them, int32 (n,).
        probe: the checkpoint's features of `index.PROBE`, float32 (d,).
    """

    ids: Sequence[str]
    vectors: np.ndarray
    categories: list[str]
    labels: np.ndarray
    probe: np.ndarray

    @classmethod
    def read(cls, embeddings: Embeddings, column: str) -> "Labelled":
        """Takes the photos whose category isn't empty.

        Raises:
            ZooError: there are less than two categories.
        """
        names = np.array([name.strip() for name in embeddings.texts(column)])
        rows = np.flatnonzero(names != "")
        kinds, labels = np.unique(names[rows], return_inverse=True)
        if len(kinds) < 2:
            raise ZooError(
                f"Column '{column}' of '{embeddings.directory}' names less than two categories."
            )
        vectors = normalised(embeddings.clip_vectors()[rows])
        probe = np.array(embeddings.settings.probe, np.float32)
        ids = [embeddings.ids[row] for row in rows.tolist()]
        return cls(ids, vectors, kinds.tolist(), labels.astype(np.int32), probe)

    def places(self, names: Sequence[str]) -> np.ndarray:
        """Where other photos' categories are among these, int64 (m,), or `OTHER`, or `UNKNOWN`."""
        numbers = {name: number for number, name in enumerate(self.categories)} | {"": UNKNOWN}
        return np.array([numbers.get(name.strip(), OTHER) for name in names])


@dataclass(frozen=True)
class Outcome:
    """Photos whose category is known, as their neighbours classified them.

    Args:
        truth: places in the list of categories, int (m,); `OTHER`: of one that isn't in it.
        voted: by the neighbours, int64 (m,).
        nearest: similarity of the nearest neighbour, a cosine, float32 (m,).
        rows: which photos of their collection these are, int64 (m,).
    """

    truth: np.ndarray
    voted: np.ndarray
    nearest: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.truth)

    def select(self, which: np.ndarray) -> "Outcome":
        """Some of the photos, by bool (m,)."""
        return Outcome(*(values[which] for values in vars(self).values()))

    def known(self) -> "Outcome":
        """Those whose category is one of the collection's."""
        return self.select(self.truth >= 0)

    def accuracy(self, threshold: float = -1.0) -> float:
        """The share that is right of those that aren't rejected."""
        kept = self.nearest >= threshold
        return float((self.truth == self.voted)[kept].mean()) if kept.any() else float("nan")

    def rejected(self, threshold: float) -> float:
        """The share whose nearest neighbour is less similar."""
        return float((self.nearest < threshold).mean())

    def balanced(self) -> float:
        """The mean of the categories' recalls: each counts as much as another."""
        categories = np.unique(self.truth)
        return float(np.mean([(self.voted[self.truth == one] == one).mean() for one in categories]))

    def confusion(self, categories: int) -> np.ndarray:
        """How many photos of each category were taken for each: int64 (truth, taken for)."""
        table = np.zeros((categories, categories), int)
        np.add.at(table, (self.truth, self.voted), 1)
        return table


def leave_one_out(searcher: Searcher, data: Labelled, k: int, seed: int) -> Outcome:
    """Classifies labelled photos by all the others; of a large collection, some of them.

    Args:
        searcher: of the collection.
        data: the collection.
        k: how many neighbours vote.
        seed: which photos of a large collection.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(data.ids))[:SAMPLE])
    similarities, found = searcher(data.vectors[rows], k + 1)
    # No photo is its own neighbour; where equal ones took its place among the first, the last goes.
    own = found == rows[:, None]
    own[:, -1] |= ~own.any(axis=1)
    shape = (len(rows), found.shape[1] - 1)
    similarities, found = similarities[~own].reshape(shape), found[~own].reshape(shape)
    voted = vote(data.labels[found], similarities, len(data.categories))
    return Outcome(data.labels[rows], voted, similarities[:, 0], rows)


def classify(
    searcher: Searcher, data: Labelled, vectors: np.ndarray, truth: np.ndarray, k: int
) -> Outcome:
    """Classifies other photos.

    Args:
        searcher: of the collection.
        data: the collection.
        vectors: CLIP features of the others, float32 (m, d), normalised or not.
        truth: their categories' places, of `Labelled.places`, int64 (m,).
        k: how many neighbours vote.

    Raises:
        ZooError: their features are of another width.
    """
    if vectors.shape[1] != data.vectors.shape[1]:
        raise ZooError(
            f"The collection's embeddings have {data.vectors.shape[1]} numbers, the others' "
            f"{vectors.shape[1]}: they are of different checkpoints."
        )
    similarities, found = searcher(normalised(vectors), k)
    voted = vote(data.labels[found], similarities, len(data.categories))
    return Outcome(truth, voted, similarities[:, 0], np.arange(len(vectors)))


def threshold_for(outcome: Outcome, rejected: float, accuracy: float | None) -> float:
    """The similarity below which photos get no category, chosen on photos with a known one.

    Args:
        outcome: of `leave_one_out`.
        rejected: the share of them that may be lost.
        accuracy: what those that are kept must reach; the lowest threshold that does is taken, if
            it is the higher one.

    Raises:
        ZooError: no threshold reaches the accuracy.
    """
    # Rounded down, since a served copy's rounding may differ in the last digits.
    threshold = float(np.quantile(outcome.nearest, rejected)) - 1e-5 if rejected else -1.0
    if accuracy is None:
        return threshold
    order = np.argsort(-outcome.nearest, kind="stable")
    right = np.cumsum((outcome.truth == outcome.voted)[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero(right >= accuracy)
    if not len(enough):
        raise ZooError(
            f"No threshold reaches an accuracy of {accuracy:g}; without one it is "
            f"{outcome.accuracy():.3f}."
        )
    return max(threshold, float(outcome.nearest[order][enough[-1]]) - 1e-5)
