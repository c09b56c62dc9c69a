"""A search by a photo and by words at once.

Cosines of photos with photos are spread wider than cosines with words, so a sum of both looks at
the photo. Here each is held against its own mean and spread over the collection, and the lower of
both counts: what is found is like the photo and fits the words. The rule was chosen by trial: the
card has the figures.
"""

import numpy as np

from clip_caption.searching.nearest import Rows, Searcher

CANDIDATES = 2_000  # the best by the sum of both; the rule orders these
LEAST_SPREAD = 1e-6  # of a collection whose photos are all equal


def find_both(
    searcher: Searcher, features: np.ndarray, words: np.ndarray, k: int, rows: Rows = None
) -> tuple[np.ndarray, np.ndarray]:
    """Find the rows that are near a query and near some words.

    Args:
        searcher: Of the collection.
        features: The queries', L2-normalised, float32 (m, d).
        words: The words', L2-normalised, float32 (d,).
        k: How many rows to find for each query.
        rows: Those that may be found; None: all.

    Returns:
        Cosines with the query, float32 (m, k), and rows, int64 (m, k), best first.
    """
    found = [_one(searcher, query, words, k, rows) for query in features]
    return np.stack([cosines for cosines, _ in found]), np.stack([row for _, row in found])


def _one(
    searcher: Searcher, query: np.ndarray, words: np.ndarray, k: int, rows: Rows
) -> tuple[np.ndarray, np.ndarray]:
    both = np.stack([query, words])  # (2, d)
    sample = both @ searcher.sample().T  # (2, s)
    middle = sample.mean(axis=1, keepdims=True)
    spread = np.maximum(sample.std(axis=1, keepdims=True), LEAST_SPREAD)
    (best,) = searcher((both / spread).sum(axis=0, keepdims=True), max(k, CANDIDATES), rows)[1]
    best = best[best >= 0]
    cosines = np.stack([_of_rows(searcher, one, best) for one in both])  # (2, rows)
    lower = ((cosines - middle) / spread).min(axis=0)[:CANDIDATES]
    order = np.lexsort((best[:CANDIDATES], -lower.round(6)))
    order = np.concatenate([order, np.arange(len(order), len(best))])[:k]
    return cosines[0, order], best[order]


def _of_rows(searcher: Searcher, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Give the cosines of a query, (d,), with some rows: float32 (r,)."""
    ascending = np.argsort(rows)
    cosines, found = searcher(query[None], len(rows), rows[ascending])
    placed = np.full(len(rows), -1.0, np.float32)
    known = found[0] >= 0
    placed[ascending[np.searchsorted(rows[ascending], found[0, known])]] = cosines[0, known]
    return placed
