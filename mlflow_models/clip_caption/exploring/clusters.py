"""Groups of points on a map, and names for them from the words of their captions."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

NOISE = -1  # HDBSCAN's label of points in no group
NO_GROUP = "in no group"
SAMPLES = 5  # neighbours that tell how dense it is around a point; more merge groups
SELECTIONS = ("eom", "leaf")
WORDS = 3  # in a name
THAI = re.compile("[\u0e00-\u0e7f]")
WORD = re.compile(r"[^\W\d_]{2,}")


def cluster(places: np.ndarray, smallest: int, selection: str = "leaf") -> np.ndarray:
    """The group of each point on a map, by HDBSCAN; the largest is 0, `NOISE` is none.

    Args:
        places: float32 (n, 2), without unit.
        smallest: how many points make a group.
        selection: of HDBSCAN's tree: eom takes the groups that hold longest, leaf the smallest.

    Returns:
        int64 (n,)
    """
    from sklearn.cluster import HDBSCAN

    if len(places) < 2 * smallest:
        return np.zeros(len(places), int)
    near = min(SAMPLES, smallest)
    method = HDBSCAN(smallest, near, cluster_selection_method=selection, copy=True)
    labels = method.fit(places).labels_
    order = [label for label, _ in Counter(labels[labels != NOISE].tolist()).most_common()]
    renamed = {old: new for new, old in enumerate(order)} | {NOISE: NOISE}
    return np.array([renamed[label] for label in labels.tolist()])


def nearest_cluster(places: np.ndarray, known: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The group of new points: that of the known point which is nearest on the map.

    Args:
        places: of new points, float32 (m, 2).
        known: those of the map, float32 (n, 2).
        labels: their groups, int64 (n,).

    Returns:
        int64 (m,)
    """
    from scipy.spatial import KDTree

    return np.asarray(labels[KDTree(known).query(places)[1]])


def names(labels: np.ndarray, texts: Sequence[str]) -> dict[int, str]:
    """A name for each group: the words that are common in it and rare elsewhere.

    A word's weight is that of class-based TF-IDF (Grootendorst 2022, BERTopic, arXiv 2203.05794):
    how many of the group's texts have it, times log(1 + mean words of a group / how many texts
    have it). Groups without words have numbers for names; equal names get one behind.

    Args:
        labels: the group of each text, int64 (n,).
        texts: captions or comments.
    """
    counted: dict[int, Counter[str]] = {label: Counter() for label in sorted(set(labels.tolist()))}
    for label, text in zip(labels.tolist(), texts, strict=True):
        counted[label].update(set(words(text)))
    total = sum(counted.values(), Counter[str]())
    mean = total.total() / max(1, len(counted))
    found: dict[int, str] = {}
    for label, counts in counted.items():
        weights = {word: n * np.log1p(mean / total[word]) for word, n in counts.items()}
        best = sorted(weights, key=lambda word: (-weights[word], word))[:WORDS]
        name = NO_GROUP if label == NOISE else " ".join(best) or f"group {label + 1}"
        found[label] = f"{name} ({label + 1})" if name in found.values() else name
    return found


def words(text: str) -> list[str]:
    """The words of a text without those that mean nothing alone, in lower case."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    if THAI.search(text):
        from pythainlp.corpus import thai_stopwords
        from pythainlp.tokenize import word_tokenize

        stop = thai_stopwords()
        found = [word.strip() for word in word_tokenize(text, engine="newmm")]
        return [word for word in found if len(word) > 1 and word not in stop]
    return [word for word in WORD.findall(text.lower()) if word not in ENGLISH_STOP_WORDS]
