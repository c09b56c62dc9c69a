"""Finds the rows of a collection whose features are nearest to a query's, by cosine.

Up to 100,000 photos each one is compared. Beyond, faiss has the vectors in lists of similar ones,
as float16, and compares those of the lists that are nearest to the query (an inverted file, Sivic
and Zisserman 2003): `benchmarks/search.py` measures what it misses. It maps the file: the workers
of a server, and servers on one machine, share one copy of it.

Rows with equal cosines come in the order of their numbers, and a row's cosine doesn't depend on the
queries beside it. So the pages of an answer fit together.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from zoo.errors import CheckpointError

Rows = np.ndarray | None
"""The rows that may be found, ascending, int64 (r,); None: all."""

BLOCK_QUERIES = 64  # at a time: with 100,000 photos their similarities take 25 MB
BLOCK_ROWS = 4096  # of float64 at a time: 17 MB
ROUNDING = 1e-5  # more than float32 loses in a cosine; what is nearer to the last one is compared
DIGITS = 9  # of a cosine in float64; equal features differ in later ones
COMPARED = 32_000  # photos that may be found, and are in lists near the query: some 4 ms
TIES = 64  # further rows that are asked for, since some may be as near as the last one
EQUAL = 1e-6  # cosines of float16 that differ by less are of equal features
SAMPLE = 1_000  # rows that tell how widely cosines are spread


class Searcher(Protocol):
    """Finds the rows that are nearest by cosine."""

    def __call__(
        self, features: np.ndarray, k: int, rows: Rows = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows.

        Args:
            features: L2-normalised, float32 (m, d).
            k: How many rows to find for each query.
            rows: Those that may be found.

        Returns:
            Cosines, float32 (m, k), and rows, int64 (m, k), nearest first; fewer columns if there
            are fewer rows.
        """

    def sample(self) -> np.ndarray:
        """Give features as the collection's are, L2-normalised, float32 (s, d)."""


class Exact:
    """Compares with every photo.

    Args:
        vectors: L2-normalised, float32 (n, d).
    """

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def __call__(
        self, features: np.ndarray, k: int, rows: Rows = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows, as `Searcher` says: float32 (m, d) to float32, int64 (m, k)."""
        features = np.asarray(features, np.float32)
        k = min(k, len(self.vectors) if rows is None else len(rows))
        cosines = np.empty((len(features), k), np.float32)
        found = np.empty((len(features), k), np.int64)
        if not k:
            return cosines, found
        for start in range(0, len(features), BLOCK_QUERIES):
            block = slice(start, start + BLOCK_QUERIES)
            near = self._cosines(features[block], rows)  # (block, n or r)
            last = np.partition(near, -k, axis=1)[:, -k]  # the k-th nearest of each query
            for query, (row, least) in enumerate(zip(near, last, strict=True), start):
                close = np.flatnonzero(row >= least - ROUNDING)
                close = close if rows is None else rows[close]
                cosines[query], found[query] = self._order(features[query], close, k)
        return cosines, found

    def _cosines(self, features: np.ndarray, rows: Rows) -> np.ndarray:
        """Compare with the rows: float32 (m, n), or (m, r)."""
        if rows is None:
            return features @ self.vectors.T
        if len(rows) > len(self.vectors) // 4:  # to copy so many takes longer than to compare all
            return (features @ self.vectors.T)[:, rows]
        return features @ self.vectors[rows].T

    def _order(self, query: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Give the k nearest of some rows, by float64: cosines and rows, (k,)."""
        exact = query.astype(np.float64)
        blocks = (rows[start : start + BLOCK_ROWS] for start in range(0, len(rows), BLOCK_ROWS))
        found = [(self.vectors[one].astype(np.float64) * exact).sum(1) for one in blocks]
        cosines = np.concatenate(found).round(DIGITS)
        order = np.lexsort((rows, -cosines))[:k]
        return cosines[order], rows[order]

    def sample(self) -> np.ndarray:
        """Give features, as `Searcher` says."""
        return np.asarray(self.vectors[:: -(-len(self.vectors) // SAMPLE)])


class Lists:
    """Compares with the photos of the lists that are nearest to the query.

    Args:
        path: What `faiss.write_index` wrote: an inverted file; in older indexes, a graph of
            neighbours (HNSW, arXiv 1603.09320).

    Raises:
        CheckpointError: faiss isn't installed.
    """

    def __init__(self, path: Path) -> None:
        try:
            import faiss
        except ImportError as error:
            raise CheckpointError(
                "So large an index is searched by faiss; install the package faiss-cpu."
            ) from error
        self._faiss: Any = faiss
        self.index: Any = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        self._lists = int(getattr(self.index, "nlist", 0))

    def __call__(
        self, features: np.ndarray, k: int, rows: Rows = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find the nearest rows, as `Searcher` says: float32 (m, d) to float32, int64 (m, k).

        A graph may find fewer: the last cosines are -inf then, and the rows -1.
        """
        self._faiss.omp_set_num_threads(1)  # of the calling thread
        features = np.ascontiguousarray(features, np.float32)
        among = self.index.ntotal if rows is None else len(rows)
        k = min(k, among)
        cosines = np.full((len(features), k), -np.inf, np.float32)
        found = np.full((len(features), k), -1, np.int64)
        if not k:
            return cosines, found
        selector = None if rows is None else self._selector(rows)
        probes = min(self._lists, max(1, round(self._lists * COMPARED / among)))
        for number, query in enumerate(features):
            near, nearest = self._nearest(query, k, among, selector, probes)
            if len(nearest) < k and probes < self._lists:  # a page far behind: all lists
                near, nearest = self._rest(query, k, among, selector, (near, nearest))
            cosines[number, : len(near)], found[number, : len(near)] = near, nearest
        return cosines, found

    def _selector(self, rows: np.ndarray) -> Any:
        """Make what tells faiss which rows may be found."""
        allowed = np.zeros(self.index.ntotal, bool)
        allowed[rows] = True
        return self._faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))

    def _nearest(
        self, query: np.ndarray, k: int, among: int, selector: Any, probes: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find up to k rows of the nearest lists: cosines and rows, in their fixed order."""
        depth = min(k + TIES, among)
        while True:
            if self._lists:
                how = self._faiss.SearchParametersIVF(sel=selector, nprobe=probes)
            else:
                walked = max(self.index.hnsw.efSearch, depth)
                how = self._faiss.SearchParametersHNSW(sel=selector, efSearch=walked)
            cosines, rows = (one[0] for one in self.index.search(query[None], depth, params=how))
            kept = rows >= 0
            cosines, rows = cosines[kept], rows[kept]
            if len(rows) < depth or depth == among or cosines[k - 1] - cosines[-1] > EQUAL:
                break
            depth = min(2 * depth, among)  # so many are equal to the last one
        order = np.lexsort((rows, -cosines.round(6)))[:k]
        return cosines[order], rows[order]

    def _rest(
        self,
        query: np.ndarray,
        k: int,
        among: int,
        selector: Any,
        before: tuple[np.ndarray, np.ndarray],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Add rows of the other lists behind those that were found: up to k in all."""
        cosines, rows = self._nearest(query, k, among, selector, self._lists)
        new = ~np.isin(rows, before[1])
        return (
            np.concatenate([before[0], cosines[new]])[:k],
            np.concatenate([before[1], rows[new]])[:k],
        )

    def sample(self) -> np.ndarray:
        """Give features, as `Searcher` says."""
        if self._lists:
            middles = self.index.quantizer.reconstruct_n(0, self._lists)  # (lists, d)
            return middles / np.linalg.norm(middles, axis=1, keepdims=True)
        step = -(-self.index.ntotal // SAMPLE)
        return np.stack([self.index.reconstruct(row) for row in range(0, self.index.ntotal, step)])
