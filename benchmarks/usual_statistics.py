"""Statistics that tell known photos from unknown ones, to choose the one that is served among."""

from collections.abc import Callable, Iterator

import numpy as np

from clip_caption.building.usual import whitening_of

FOLDS = 10
Statistic = Callable[[np.ndarray], np.ndarray]
"""Tells how near photos are to the known ones: from features of length 1, (m, d), to (m,)."""
Fit = Callable[[np.ndarray, np.ndarray], Statistic]
"""Makes one of known photos: their features of length 1, (n, d), and their kinds, (n,)."""


def cosine(k: int) -> Fit:
    """The cosine of the k-th nearest known photo (Sun and others 2022, arXiv 2204.06507)."""
    return lambda known, _: lambda photos: np.sort(photos @ known.T, axis=1)[:, -k]


def one_gaussian(known: np.ndarray, _: np.ndarray) -> Statistic:
    """Mahalanobis' distance to the mean of all known photos."""
    middle, whitening = whitening_of(known, shrinkage(known))
    return lambda photos: -_squares((photos - middle) @ whitening)


def gaussian_per_kind(known: np.ndarray, kinds: np.ndarray) -> Statistic:
    """Mahalanobis' distance to the nearest kind's mean (Lee and others 2018, arXiv 1807.03888)."""
    middles = {kind: known[kinds == kind].mean(axis=0) for kind in np.unique(kinds)}
    apart = known - np.stack([middles[kind] for kind in kinds])
    _, whitening = whitening_of(apart, shrinkage(apart))
    return lambda photos: np.max(
        [-_squares((photos - middle) @ whitening) for middle in middles.values()], axis=0
    )


def relative(known: np.ndarray, kinds: np.ndarray) -> Statistic:
    """The last less the one before (Ren and others 2021, arXiv 2106.09022)."""
    per_kind, of_all = gaussian_per_kind(known, kinds), one_gaussian(known, kinds)
    return lambda photos: per_kind(photos) - of_all(photos)


def whitened(k: int) -> Fit:
    """The mean distance of the k nearest known photos, all whitened: with k of 5 it is served."""

    def fit(known: np.ndarray, _: np.ndarray) -> Statistic:
        middle, whitening = whitening_of(known, shrinkage(known))
        white = (known - middle) @ whitening

        def statistic(photos: np.ndarray) -> np.ndarray:
            own = (photos - middle) @ whitening
            squares = _squares(own)[:, None] + _squares(white) - 2 * own @ white.T
            return np.asarray(-np.sqrt(np.sort(squares, axis=1)[:, :k].clip(0)).mean(axis=1))

        return statistic

    return fit


STATISTICS: dict[str, Fit] = {
    "cosine of the nearest": cosine(1),
    "cosine of the 5th": cosine(5),
    "cosine of the 10th": cosine(10),
    "Mahalanobis, one Gaussian": one_gaussian,
    "Mahalanobis, one per kind": gaussian_per_kind,
    "relative Mahalanobis": relative,
    "whitened, the nearest": whitened(1),
    "whitened, mean of 5 (served)": whitened(5),
    "whitened, mean of 10": whitened(10),
}


def shrinkage(vectors: np.ndarray) -> float:
    """How far a covariance is drawn to an even one (Ledoit and Wolf 2004)."""
    from sklearn.covariance import ledoit_wolf_shrinkage

    return float(ledoit_wolf_shrinkage(vectors))


def _squares(vectors: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", vectors, vectors)


def auroc(known: np.ndarray, unknown: np.ndarray) -> float:
    """How often a known photo is nearer than an unknown one; ties count half."""
    from sklearn.metrics import roc_auc_score

    truth = np.repeat([1, 0], [len(known), len(unknown)])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def statistics(
    known: np.ndarray,
    kinds: np.ndarray,
    unseen: np.ndarray,
    unseen_kinds: np.ndarray,
    outside: dict[str, np.ndarray],
) -> dict[str, dict[str, float]]:
    """The AUROC of each statistic: against photographs, and kinds that are left out, one by one."""
    found: dict[str, dict[str, float]] = {f"demo_{name}": {} for name in outside}
    found |= {"kinds": {}, "hardest_kind": {}}
    for name, fit in STATISTICS.items():
        near = fit(known, kinds)
        for where, one in outside.items():
            found[f"demo_{where}"][name] = auroc(near(unseen), near(one))
        each = []
        for kind in np.unique(kinds):
            scores = fit(known[kinds != kind], kinds[kinds != kind])(unseen)
            each.append(auroc(scores[unseen_kinds != kind], scores[unseen_kinds == kind]))
        found["kinds"][name], found["hardest_kind"][name] = float(np.mean(each)), min(each)
    return found


def folds(groups: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield what is known and what isn't, bool (n,) each; a group is on one side."""
    numbers, places = np.unique(groups, return_inverse=True)
    own = (np.random.default_rng(0).permutation(len(numbers)) % FOLDS)[places]
    for fold in range(FOLDS):
        yield own != fold, own == fold


def roads_apart(
    roads: np.ndarray, kinds: np.ndarray, groups: np.ndarray, coco: np.ndarray
) -> dict[str, float]:
    """The AUROC of each statistic, cross-validated: roads that aren't known against COCO."""
    found = {}
    for name, fit in STATISTICS.items():
        each = []
        for known, held in folds(groups):
            near = fit(roads[known], kinds[known])
            each.append(auroc(near(roads[held]), near(coco)))
        found[name] = float(np.mean(each))
    return found
