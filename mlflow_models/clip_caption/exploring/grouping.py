"""Groups of photos that belong together: near copies, equal files, one site or source.

A photo's copies know its category by heart. So `classify` leaves a photo's group out of its
neighbours when it scores it.
"""

from collections.abc import Sequence

import numpy as np

from clip_caption.exploring.store import Embeddings
from clip_caption.preparing.copies import near_pairs
from zoo.training.leaks import linked, same


def near_copies(hashes: np.ndarray, distance: int) -> list[tuple[int, int]]:
    """Pair photos whose perceptual hashes are near; of many equal ones, each with the first.

    Args:
        hashes: uint64 (n,).
        distance: the most bits that may differ.
    """
    unique, first = np.unique(hashes, return_index=True)
    pairs = [(int(first[one]), int(first[other])) for one, other, _ in near_pairs(unique, distance)]
    return pairs + same(hashes.tolist())


def groups_of(
    collections: Sequence[Embeddings], distance: int, column: str | None = None
) -> np.ndarray:
    """Number the groups of the photos of one collection, or of several, one after the other.

    Args:
        collections: the embeddings.
        distance: the most bits of 64 in which the hashes of near copies differ.
        column: photos with the same text in it belong together; an empty cell is like no other.

    Returns:
        For each photo the lowest row of its group, int64 (n,).

    Raises:
        ColumnNotFound: a collection lacks the column.
    """
    hashes = np.concatenate([one.hashes() for one in collections])
    pairs = near_copies(hashes, distance)
    if column:
        cells = [cell.strip() or None for one in collections for cell in one.texts(column)]
        pairs += same(cells)
    return np.array(linked(len(hashes), pairs))
