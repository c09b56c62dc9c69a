"""How the nearest photos vote for categories; the served model and explore.py have one rule.

The rule was chosen by trial: the card has the figures.
"""

import numpy as np

from clip_caption.searching.nearest import Rows


def voters_of(labels: np.ndarray) -> Rows:
    """Find the photos that vote: those with a category, ascending, int64 (r,); None: all.

    Args:
        labels: Each photo's categories, int32 (n, most); negative where it has fewer.
    """
    voters = np.flatnonzero((labels >= 0).any(axis=1))
    return None if len(voters) == len(labels) else voters


def sizes_of(labels: np.ndarray, categories: int) -> np.ndarray:
    """Count the photos of each category: from int32 (n, most), with -1 for none, to int64 (c,)."""
    return np.bincount(labels[labels >= 0], minlength=categories)


def vote(
    labels: np.ndarray, similarities: np.ndarray, sizes: np.ndarray, photos: int
) -> tuple[np.ndarray, np.ndarray]:
    """Let neighbours vote for categories: by their similarity, and by how rare the category is.

    The nearest neighbour has a vote of 1, the k-th a vote of 0, the others what their similarity is
    between these two (Dudani 1976). A category with 4 photos beside 1,000 has few votes even where
    all its photos are near. So the votes for a category are divided by the square root of its
    number of photos: the one with most is the best.

    Args:
        labels: The neighbours' categories, int32 (m, k, most); -1 where one has fewer.
        similarities: The neighbours' cosines, nearest first, float32 (m, k); -inf for one that has
            no vote.
        sizes: How many photos of the collection each category has, int64 (c,).
        photos: How many photos of the collection have a category.

    Returns:
        The best category, int64 (m,); and the chance of each, from 0 to 1, float64 (m, c), in which
        the votes against it are divided by the square root of the number of other photos.
    """
    voters = np.isfinite(similarities)  # (m, k)
    farthest = np.where(voters, similarities, np.inf).min(axis=1, keepdims=True)  # (m, 1)
    reach = similarities[:, :1] - farthest
    equal = reach < 1e-6
    weights = np.where(equal, 1, (similarities - farthest) / np.where(equal, 1, reach))
    weights = np.where(voters, weights, 0)
    sums = np.zeros((len(labels), len(sizes) + 1))  # the last one is for -1
    np.add.at(sums, (np.arange(len(labels))[:, None, None], labels), weights[:, :, None])
    shares = sums[:, :-1] / weights.sum(axis=1, keepdims=True)
    favour = shares / np.sqrt(np.maximum(sizes, 1))
    against = (1 - shares).clip(0) / np.sqrt(np.maximum(photos - sizes, 1))
    return favour.argmax(axis=1), favour / (favour + against)


def likely(best: int, chances: np.ndarray) -> list[int]:
    """Name the categories of a photo: the best one, then all that are more likely than not.

    Args:
        best: Of `vote`.
        chances: Of `vote`, for this photo, (c,).
    """
    order = np.argsort(-chances, kind="stable").tolist()
    return [best, *(place for place in order if place != best and chances[place] >= 0.5)]
