"""A map of embeddings: StandardScaler, PCA, UMAP; saved without pickle and used for new images.

umap-learn saves itself by pickle, which runs what a stranger put into it. Here the file holds
arrays and parameters only (NumPy's .npz, JSON). A new photo gets the place where most of its
neighbours among the saved points are, their geometric median: a mean would lie between two groups.
UMAP's own way first computes the whole map's graph again, a minute for a dozen photos on 5,000, and
places them no better (the card has the figures).

The map is for looking at only. Distances in it are no similarities: neighbours are searched, and
photos classified, in the space of the embeddings (`index`).
"""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.outputs import whole_file
from zoo.errors import ZooError

MIN_PHOTOS = 10  # photos; UMAP makes nothing of less
PLACED_BY = 15  # neighbours that give a new photo its place
BLOCK = 256  # new photos at a time: with a map of 100,000 their distances take 200 MB
METRICS = {
    name: name
    for name in ("euclidean", "cosine", "correlation", "chebyshev", "canberra", "braycurtis")
} | {"manhattan": "cityblock"}  # UMAP's names, SciPy's
STEPS = 30  # of Weiszfeld's algorithm; it then moves by less than a hundredth of the map


@dataclass(frozen=True)
class Parameters:
    """How a map is made.

    Args:
        pca: components that are kept; 0: no PCA.
        neighbours: UMAP's n_neighbors: few show small groups, more keep categories together.
        min_dist: UMAP's: how dense a group may be drawn.
        metric: of the scaled values.
        seed: the same one, the same map.
    """

    pca: int = 50
    neighbours: int = 30
    min_dist: float = 0.1
    metric: str = "euclidean"
    seed: int = 1


class Projection:
    """A fitted map.

    Args:
        parameters: how it was made.
        mean: of the embeddings, float64 (d,).
        scale: their standard deviations, float64 (d,).
        components: PCA's, float32 (pca, d); or (0, d).
        points: the embeddings as UMAP saw them, float32 (n, pca or d).
        places: the map, float32 (n, 2), without unit.
        probe: what tells the embeddings' encoder from others, of `encoders.probe_of`, float32;
            empty if it isn't known.
    """

    def __init__(
        self,
        parameters: Parameters,
        mean: np.ndarray,
        scale: np.ndarray,
        components: np.ndarray,
        points: np.ndarray,
        places: np.ndarray,
        probe: np.ndarray,
    ) -> None:
        self.parameters, self.probe = parameters, probe
        self.mean, self.scale, self.components = mean, scale, components
        self.points, self.places = points, places

    @classmethod
    def fit(
        cls, vectors: np.ndarray, parameters: Parameters, probe: Sequence[float] = ()
    ) -> "Projection":
        """Makes a map of embeddings, float32 (n, d); `probe` tells of which CLIP.

        Raises:
            ZooError: there are too few of them.
        """
        from sklearn.decomposition import PCA
        from sklearn.preprocessing import StandardScaler

        if len(vectors) < MIN_PHOTOS:
            raise ZooError(f"A map needs {MIN_PHOTOS} images at least; there are {len(vectors)}.")
        scaler = StandardScaler().fit(vectors)
        points = scaler.transform(vectors).astype(np.float32)
        components = np.empty((0, vectors.shape[1]), np.float32)
        if 0 < parameters.pca < min(vectors.shape):
            solver = PCA(parameters.pca, svd_solver="covariance_eigh").fit(points)
            components = solver.components_.astype(np.float32)
            points = points @ components.T  # the scaled points' mean is 0
        places = _umap(parameters, len(points), verbose=len(points) > 5000).fit(points).embedding_
        return cls(
            parameters, scaler.mean_, scaler.scale_, components, points, places,
            np.array(probe, np.float32),
        )  # fmt: skip

    def transform(self, vectors: np.ndarray) -> np.ndarray:
        """Places new embeddings, float32 (m, d), on the map: float32 (m, 2).

        An image's place doesn't depend on the others'.

        Raises:
            ZooError: they aren't of the kind that the map was made of.
        """
        from scipy.spatial.distance import cdist  # scikit-learn takes a second to import

        if vectors.shape[1] != len(self.mean):
            raise ZooError(
                f"The map is of embeddings of {len(self.mean)} numbers; these have "
                f"{vectors.shape[1]}."
            )
        points = ((vectors - self.mean) / self.scale).astype(np.float32)
        if len(self.components):
            points = points @ self.components.T
        count = min(PLACED_BY, len(self.points))
        placed = [np.empty((0, 2), np.float32)]
        for start in range(0, len(points), BLOCK):
            block = points[start : start + BLOCK]
            distances = cdist(block, self.points, METRICS[self.parameters.metric])
            rows = np.argpartition(distances, count - 1, axis=1)[:, :count]  # (block, count)
            near = np.take_along_axis(distances, rows, axis=1)
            beyond = near - near.min(axis=1, keepdims=True)
            scale = np.maximum(beyond.mean(axis=1, keepdims=True), 1e-9)
            placed.append(_medians(self.places[rows], np.exp(-beyond / scale)))
        return np.concatenate(placed).astype(np.float32)

    def save(self, path: Path) -> None:
        """Writes the map as .npz."""
        names = ("mean", "scale", "components", "points", "places", "probe")
        with whole_file(path) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                allow_pickle=False,
                parameters=np.array(json.dumps(asdict(self.parameters))),
                **{name: getattr(self, name) for name in names},
            )

    @classmethod
    def load(cls, path: Path) -> "Projection":
        """Reads a saved map; nothing in it is executed.

        Raises:
            ZooError: it is no such file.
        """
        try:
            with np.load(path, allow_pickle=False) as saved:
                arrays = dict(saved)
            parameters = Parameters(**json.loads(str(arrays.pop("parameters"))))
            return cls(parameters, **arrays)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ZooError(f"'{path}' is not a map that explore.py map wrote.") from error


def _medians(places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Find the points whose weighted distance to others is least, by Weiszfeld's algorithm.

    Args:
        places: The others, float32 (m, k, 2).
        weights: How much each counts, float32 (m, k).

    Returns:
        float32 (m, 2)
    """
    shares = weights / weights.sum(axis=1, keepdims=True)
    for _ in range(STEPS):
        middles = np.einsum("mk,mkd->md", shares, places)
        apart = np.linalg.norm(places - middles[:, None], axis=2)  # (m, k)
        shares = weights / np.maximum(apart, 1e-6)
        shares /= shares.sum(axis=1, keepdims=True)
    return np.einsum("mk,mkd->md", shares, places)


def _umap(parameters: Parameters, count: int, **options: Any) -> Any:
    """UMAP with the parameters, as far as so many points allow."""
    from umap import UMAP

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a seed means one thread
        return UMAP(
            n_neighbors=min(parameters.neighbours, count - 1),
            min_dist=parameters.min_dist,
            metric=parameters.metric,
            random_state=parameters.seed,
            transform_seed=parameters.seed,
            n_jobs=1,
            **options,
        )
