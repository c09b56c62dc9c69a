"""A search by a photo and by words at once: sums of their cosines, and the rule that is served.

python -m benchmarks.both EMBEDDINGS     of explore.py embed, on drawn scenes: for photos, and words
                                         that name another problem (or another place) than theirs
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from clip_caption.exploring import opening
from clip_caption.exploring.store import Embeddings
from clip_caption.searching.both import find_both
from clip_caption.searching.index import normalised
from clip_caption.searching.nearest import Exact
from zoo.building import packaging

PHOTOS, FOUND = 40, 10  # for each of the words; and how many of the best are looked at
WORDS = {"type": "a {} in the street", "place": "a photo of a {}"}
Rule = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def summed(standard: bool, weight: float = 1.0) -> Rule:
    """Rank by a sum of cosines, each divided by its standard deviation or as it is."""

    def rank(vectors: np.ndarray, photo: np.ndarray, words: np.ndarray) -> np.ndarray:
        one, other = vectors @ photo, vectors @ words
        sums = one / one.std() + weight * other / other.std() if standard else one + other
        return np.asarray(np.argsort(-sums, kind="stable"))

    return rank


def served(vectors: np.ndarray, photo: np.ndarray, words: np.ndarray) -> np.ndarray:
    """Rank as the served model does."""
    rows: np.ndarray = find_both(Exact(vectors), photo[None], words, FOUND + 1)[1][0]
    return rows


RULES: dict[str, Rule] = {
    "the sum of cosines": summed(standard=False),
    "the sum, each by its spread": summed(standard=True),
    "the same, words 1.5 times": summed(standard=True, weight=1.5),
    "the lower of both (served)": served,
}


def main() -> None:
    """Prints a table."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("embeddings", type=Path, metavar="EMBEDDINGS")
    embeddings = Embeddings(cli.parse_args().embeddings)
    vectors = normalised(embeddings.features())
    captioner = opening.captioner(embeddings.directory, 1)
    print("| words say the | rule | fit both | fit the words | fit the photo |")
    print("| --- | --- | ---: | ---: | ---: |")
    for column, other in (("type", "place"), ("place", "type")):
        own, kept = (np.array(embeddings.texts(name)) for name in (column, other))
        names = sorted(set(own.tolist()))
        texts = normalised(captioner.embed_texts([WORDS[column].format(name) for name in names]))
        generator = np.random.default_rng(0)
        chosen = [generator.permutation(np.flatnonzero(own != name))[:PHOTOS] for name in names]
        for title, rule in RULES.items():
            shares = []
            for name, words, rows in zip(names, texts, chosen, strict=True):
                for row in rows:
                    best = rule(vectors, vectors[row], words)
                    best = best[best != row][:FOUND]
                    said, seen = own[best] == name, kept[best] == kept[row]
                    shares.append([(said & seen).mean(), said.mean(), seen.mean()])
            cells = " | ".join(f"{value:.2f}" for value in np.mean(shares, axis=0))
            print(f"| {column} | {title} | {cells} |")


if __name__ == "__main__":
    packaging.run(main)
