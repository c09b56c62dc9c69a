"""Finds photos by their captions, and asks how well a comment fits its photo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clip_caption.searching.index import normalised
from clip_caption.searching.nearest import Rows

FUSION = 60  # reciprocal rank fusion's constant (Cormack, Clarke and Büttcher 2009)
OTHERS = 1000  # photos that a comment's own is compared with
BLOCK = 512


@dataclass(frozen=True)
class Hit:
    """A photo that was found.

    Args:
        row: its row in the embeddings.
        score: cosine with CLIP's features or with the captions' n-grams; of both rankings, the
            sum of reciprocal ranks.
    """

    row: int
    score: float


def by_captions(captions: Sequence[str], words: str, k: int, rows: Rows = None) -> list[Hit]:
    """The photos whose captions share most with some words.

    By TF-IDF of n-grams of characters, so that "flooded" finds "flood" and no tokenizer is needed.
    Photos that share nothing aren't found.

    Args:
        captions: of each photo; empty where it has none.
        words: what to look for.
        k: how many photos to find.
        rows: those that may be found; None: all.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True)
    try:
        table = vectorizer.fit_transform(captions)
    except ValueError:  # no caption has three characters
        return []
    scores = (table @ vectorizer.transform([words]).T).toarray()[:, 0]
    if rows is not None:
        scores[np.setdiff1d(np.arange(len(scores)), rows)] = 0
    order = np.argsort(-scores, kind="stable")[:k]
    return [Hit(int(row), float(scores[row])) for row in order if scores[row] > 0]


def fused(rankings: Sequence[Sequence[Hit]], k: int) -> list[Hit]:
    """One ranking of several, by the sum of reciprocal ranks."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for place, hit in enumerate(ranking, start=1):
            scores[hit.row] = scores.get(hit.row, 0.0) + 1 / (FUSION + place)
    best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[:k]
    return [Hit(row, score) for row, score in best]


def match(
    vectors: np.ndarray, texts: np.ndarray, given: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """How well each comment fits its photo.

    The cosine alone says little: some comments are near to every photo. Its rank among other photos
    of the collection says whether this photo is what the comment speaks of.

    Args:
        vectors: CLIP features of the photos, (n, d).
        texts: those of the comments, (n, d).
        given: which photos have a comment, bool (n,).
        seed: of the choice of other photos.

    Returns:
        Cosines, and the share of other photos that fit the comment less, 0 to 1; both (n,), NaN
        where there is no comment.
    """
    photos, comments = normalised(vectors), normalised(texts)
    cosines = np.einsum("nd,nd->n", photos, comments)
    generator = np.random.default_rng(seed)
    others = generator.permutation(len(photos))[:OTHERS]
    shares = np.empty(len(photos))
    for start in range(0, len(photos), BLOCK):
        block = slice(start, start + BLOCK)
        scores = comments[block] @ photos[others].T
        own = others[None] == np.arange(len(photos))[block, None]
        worse = scores < cosines[block, None]
        ties = (scores == cosines[block, None]) / 2
        shares[block] = np.where(own, 0, worse + ties).sum(1) / np.maximum((~own).sum(1), 1)
    return np.where(given, cosines, np.nan), np.where(given, shares, np.nan)
