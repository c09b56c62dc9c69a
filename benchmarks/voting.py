"""How categories are found by neighbours' votes: by the most votes, and by the rule that is served.

python -m benchmarks.voting                                 drawn vectors: 1,000 and 4, 8, 12 others
python -m benchmarks.voting EMBEDDINGS --rare 4 --cut 2     of explore.py embed; two of its
                                                            categories are cut to four photos
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from clip_caption.exploring.classification import Labelled, nearest_others
from clip_caption.exploring.grouping import groups_of
from clip_caption.exploring.store import Embeddings
from clip_caption.searching.index import normalised
from clip_caption.searching.nearest import Exact
from clip_caption.searching.voting import vote
from zoo.building import packaging

SIZES = (1000, 4, 8, 12)
WIDTH, SPREAD = 64, 4.0  # of drawn vectors; the middles of the categories are spread by 2
Rule = Callable[[Labelled, np.ndarray, np.ndarray], np.ndarray]


def most_votes(data: Labelled, labels: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """The category that most neighbours have; in a tie, the one with more similarity."""
    counts = np.zeros((len(labels), len(data.categories)))
    weights = 1 + similarities / (4 * labels.shape[1])  # all similarities together: under one vote
    np.add.at(counts, (np.arange(len(labels))[:, None], labels[:, :, 0]), weights)
    return np.asarray(counts.argmax(axis=1))


def served(data: Labelled, labels: np.ndarray, similarities: np.ndarray) -> np.ndarray:
    """The category that the served model names."""
    return vote(labels, similarities, data.sizes, len(data.ids))[0]


def drawn(draws: int) -> Iterator[tuple[Labelled, list[int]]]:
    """Yield vectors around a middle for each category, and the rare categories."""
    labels = np.repeat(np.arange(len(SIZES)), SIZES)
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        middles = 3 * generator.standard_normal(WIDTH)
        middles = middles + 2 * generator.standard_normal((len(SIZES), WIDTH))
        vectors = middles[labels] + SPREAD * generator.standard_normal((len(labels), WIDTH))
        yield Labelled(
            [str(row) for row in range(len(labels))], normalised(vectors),
            [str(size) for size in SIZES], labels[:, None].astype(np.int32), vectors[0],
            np.arange(len(labels)),
        ), [1, 2, 3]  # fmt: skip


def cut(
    directory: Path, column: str, rare: int, count: int, draws: int
) -> Iterator[tuple[Labelled, list[int]]]:
    """Yield a collection, some of whose categories, drawn each time, keep few photos."""
    embeddings = Embeddings(directory)
    whole = Labelled.read(embeddings, column, groups_of([embeddings], 0))
    truth = whole.labels[:, 0]
    for seed in range(draws):
        generator = np.random.default_rng(seed)
        chosen = generator.choice(len(whole.categories), count, replace=False)
        kept = np.sort(np.concatenate([
            generator.permutation(np.flatnonzero(truth == one))[: rare if one in chosen else None]
            for one in range(len(whole.categories))
        ]))  # fmt: skip
        ids, groups = [whole.ids[row] for row in kept], whole.groups[kept]
        data = Labelled(
            ids, whole.vectors[kept], whole.categories, whole.labels[kept], whole.probe, groups
        )
        yield data, chosen.tolist()


def scores(rule: Rule, data: Labelled, rare: list[int], k: int) -> list[float]:
    """Accuracy, the mean of the categories' recalls, and the share of the rare that are found."""
    cosines, rows = nearest_others(Exact(data.vectors), data.vectors, data.groups, data.groups, k)
    truth, found = data.labels[:, 0], rule(data, data.labels[rows], cosines)
    recalls = [(found[truth == one] == one).mean() for one in range(len(data.categories))]
    few = np.isin(truth, rare)
    right = found == truth
    return [right.mean(), np.mean(recalls), right[few].mean() if few.any() else np.nan]


def main() -> None:
    """Prints a table."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("embeddings", type=Path, nargs="?", metavar="EMBEDDINGS")
    cli.add_argument("--category", default="type", metavar="COLUMN")
    cli.add_argument("--rare", type=int, default=4, help="photos that a rare category keeps")
    cli.add_argument("--cut", type=int, default=1, help="categories that are made rare")
    cli.add_argument("--draws", type=int, default=20, help="the scores are means of so many")
    cli.add_argument("-k", type=int, default=10, help="neighbours that vote")
    args = cli.parse_args()
    collections = list(
        cut(args.embeddings, args.category, args.rare, args.cut, args.draws)
        if args.embeddings else drawn(args.draws)
    )  # fmt: skip
    print("| rule | accuracy | mean of recalls | rare ones found |\n| --- | ---: | ---: | ---: |")
    for rule in (most_votes, served):
        found = [scores(rule, data, rare, args.k) for data, rare in collections]
        cells = " | ".join(f"{value:.3f}" for value in np.mean(found, axis=0))
        print(f"| {rule.__name__} | {cells} |")


if __name__ == "__main__":
    packaging.run(main)
