"""How many people speak, by several rules: the table of tried.md.

The recordings are made from the folder that THERESA_SHARED names. Each rule only says how many
speakers there are; the served code finds them.

python -m benchmarks.speaker_rules
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.linalg import eigh

from benchmarks.speakers import MOST, packed, told, voices
from benchmarks.speakers_sets import MIXES, SpeakerMaterial, SpokenRecording, in_noise, mixes
from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging
from zoo.speech.clustering import MIN_LENGTH, MIN_WINDOWS, cluster
from zoo.speech.turns import Heard
from zoo.training.diarization import DiarizationCounts, diarization_errors

Rule = Callable[[np.ndarray, np.ndarray], int]
PEOPLE, TURNS = (2, 6), (6, 20)  # of mixes of the voices that thresholds were set on
FIRST_TRY, BEST_FIXED = 0.30, 0.35  # distances
MIN_SILHOUETTE = 0.2  # under which all is one voice
NEIGHBOURS = 0.2  # of the windows, in the graph of the eigengap
MAX_NEIGHBOURS = 0.25  # likewise, among which NME-SC chooses
DIMENSIONS, PENALTY = 20, 2.0  # of the Bayesian information criterion


def fixed(distance: float, least: int = 1) -> Rule:
    """Cut the tree at a distance; groups of fewer windows than the least are nobody's."""

    def rule(embeddings: np.ndarray, _: np.ndarray) -> int:
        sizes = np.bincount(fcluster(_tree(embeddings), distance, "distance"))
        return max(1, int((sizes >= least).sum()))

    return rule


def of_clear(rule: Rule) -> Rule:
    """Leave out windows that are too short to show a voice."""

    def clear(embeddings: np.ndarray, times: np.ndarray) -> int:
        seconds = times[:, 1] - times[:, 0]
        kept = seconds >= MIN_LENGTH * seconds.max()
        return rule(embeddings[kept], times[kept]) if kept.sum() > 3 else 1

    return clear


def silhouette(embeddings: np.ndarray, _: np.ndarray) -> int:
    """Take the cut of the tree whose groups are the most compact and the farthest apart."""
    tree, distances = _tree(embeddings), 1 - embeddings @ embeddings.T
    scores = {}
    for number in range(2, min(MOST, len(embeddings) - 1) + 1):
        labels = fcluster(tree, number, "maxclust")
        members = np.eye(labels.max() + 1)[labels][:, 1:]
        sizes, sums = members.sum(axis=0), distances @ members
        own = (sums * members).sum(axis=1) / np.maximum(sizes[labels - 1] - 1, 1)
        other = np.where(members > 0, np.inf, sums / sizes).min(axis=1)
        value = (other - own) / np.maximum(np.maximum(own, other), 1e-9)
        scores[number] = np.where(sizes[labels - 1] > 1, value, 0).mean()
    best = max(scores, key=lambda number: scores[number])
    return best if scores[best] >= MIN_SILHOUETTE else 1


def eigengap(embeddings: np.ndarray, _: np.ndarray) -> int:
    """Take the widest gap of the normalised Laplacian's eigenvalues (von Luxburg 2007)."""
    similar = np.maximum(embeddings @ embeddings.T, 0)
    np.fill_diagonal(similar, 0)
    least = np.quantile(similar, 1 - NEIGHBOURS, axis=1, keepdims=True)
    graph = np.where(similar >= least, similar, 0.01 * similar)
    graph = np.maximum(graph, graph.T)
    roots = np.sqrt(graph.sum(axis=1))
    values = eigh(np.eye(len(graph)) - graph / np.outer(roots, roots), eigvals_only=True)
    return int(np.diff(values[: MOST + 1]).argmax()) + 1


def nme(embeddings: np.ndarray, _: np.ndarray) -> int:
    """Choose the number of neighbours, too, by the eigengap (NME-SC, Park et al. 2020)."""
    similar, count = embeddings @ embeddings.T, len(embeddings)
    order = np.argsort(-similar, axis=1)
    found = []
    for near in np.unique(np.linspace(2, max(2, MAX_NEIGHBOURS * count), 20).astype(int)):
        graph = np.zeros_like(similar)
        np.put_along_axis(graph, order[:, :near], 1, axis=1)
        graph = (graph + graph.T) / 2
        np.fill_diagonal(graph, 0)
        values = eigh(np.diag(graph.sum(axis=1)) - graph, eigvals_only=True)
        gaps = np.diff(values[: MOST + 1])
        found.append((near / count / (gaps.max() / values[-1] + 1e-9), int(gaps.argmax()) + 1))
    return min(found)[1]


def bayesian(embeddings: np.ndarray, _: np.ndarray) -> int:
    """Take the cut with the best Bayesian information, its groups round and equally wide."""
    centred = embeddings - embeddings.mean(axis=0)
    left, values, _right = np.linalg.svd(centred, full_matrices=False)
    width = min(DIMENSIONS, len(values))
    points, tree, scores = left[:, :width] * values[:width], _tree(embeddings), {}
    for number in range(1, min(MOST, len(points)) + 1):
        labels = fcluster(tree, number, "maxclust")
        wrong = sum(((points[labels == one] - points[labels == one].mean(axis=0)) ** 2).sum()
                    for one in np.unique(labels))  # fmt: skip
        scores[number] = points.size * np.log(wrong / points.size + 1e-9) + (
            PENALTY * number * width * np.log(len(points))
        )
    return min(scores, key=lambda number: scores[number])


def served(embeddings: np.ndarray, times: np.ndarray) -> int:
    """Count by the served code."""
    return int(cluster(embeddings, times, None, 1, MOST).max()) + 1


RULES: dict[str, Rule] = {
    f"average linkage, all windows, cut at {FIRST_TRY}": fixed(FIRST_TRY),
    f"the same, cut at {BEST_FIXED}": fixed(BEST_FIXED),
    "silhouette": of_clear(silhouette),
    "eigengap": of_clear(eigengap),
    "NME-SC": of_clear(nme),
    "Bayesian information": of_clear(bayesian),
    f"clear windows, cut at {BEST_FIXED}": of_clear(fixed(BEST_FIXED)),
    "the same, without groups of one window": of_clear(fixed(BEST_FIXED, MIN_WINDOWS)),
    "served: clear windows, cut by the recording's own breaths": served,
}


def _tree(embeddings: np.ndarray) -> np.ndarray:
    tree: np.ndarray = linkage(embeddings, "average", "cosine")
    return tree


def cells(rule: Rule, recordings: list[SpokenRecording], heard: list[list[Heard]]) -> str:
    """How often a rule is right, and the errors of who speaks when, with its number."""
    right, errors = 0, DiarizationCounts()
    for one, spans in zip(recordings, heard, strict=True):
        full = [span for span in spans if len(span.times)]
        number = min(MOST, rule(np.concatenate([span.embeddings for span in full]),
                                np.concatenate([span.times for span in full])))  # fmt: skip
        errors += diarization_errors(one.turns, told(spans, number, None), one.seconds)
        right += number == len({turn.speaker for turn in one.turns})
    return f"{right} of {len(recordings)}, {errors.rate:.1f}"


def main() -> None:
    """Prints the table."""
    material = SpeakerMaterial(folder())
    others = mixes(material.other_voices(), MIXES, PEOPLE, TURNS)
    people = mixes(material.voices(), MIXES)
    sets = {
        "other voices": others,
        "the same in noise": [*in_noise(others)],
        f"the {MIXES} mixes": people,
        "four people joined": material.joined(),
        "one person": material.alone(),
    }
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
        heard = {name: [voices(network, one.sound) for one in ones] for name, ones in sets.items()}
    print(f"| right number, DER % | {' | '.join(sets)} |\n| --- |" + " ---: |" * len(sets))
    for name, rule in RULES.items():
        found = [cells(rule, ones, heard[key]) for key, ones in sets.items()]
        print(f"| {name} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    packaging.run(main)
