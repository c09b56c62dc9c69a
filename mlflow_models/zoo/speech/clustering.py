"""Groups embeddings of voices, and finds how many people speak.

Agglomerative clustering with average linkage, as most diarization systems do it. Windows that are
too short to show a voice take no part; they are given to the nearest voice afterwards. Where the
tree is cut depends on the recording itself: on how far windows of one breath, which one person
speaks, are from each other. benchmarks/tried.md compares this with other rules.
"""

import numpy as np

from zoo.speech.embedding import unit

APART = 0.35  # the cosine distance from which on Resemblyzer's network hears two people
BREATH_RATIO = 1.35  # two people are so many times as far from each other as windows of one breath
NEAR_QUANTILE = 0.25  # of those windows' distances: in some of the pairs somebody else begins
MIN_PAIRS = 4  # of windows of one breath; from fewer nothing is concluded
MIN_LENGTH = 0.4  # of the longest window: a shorter one doesn't show a voice
NEAR_SECONDS = 0.5  # between such a window and another one, with which it is heard
MIN_WINDOWS = 2  # a voice with fewer is a noise, or two voices at once
MAX_COMPARED = 3000  # windows that are compared with each other: 36 MB of distances
MAX_PARTS = (4, 30)  # of a tree that are looked at: this many a voice, and this many more
ROUNDS = 5  # in which windows move to the nearest voice


def cluster(
    embeddings: np.ndarray,
    times: np.ndarray,
    speakers: int | None,
    least: int,
    most: int,
    apart: float | None = APART,
) -> np.ndarray:
    """Group embeddings: one group for each speaker.

    Of a recording with more than `MAX_COMPARED` windows, so many are compared with each other, at
    equal distances; each of the others is given to the nearest voice.

    Args:
        embeddings: float32 (windows, width), each of unit length.
        times: From and to of each window, in seconds: float32 (windows, 2), in order.
        speakers: How many groups there are, if it is known; with fewer windows there are fewer.
        least: The fewest groups, if it isn't.
        most: The most groups, if it isn't.
        apart: The cosine distance from which on the network hears two people; None where it isn't
            known, and the recording alone decides.

    Returns:
        The number of each window's group, int (windows,), in order of appearance.
    """
    # A model that tells no speakers has no SciPy.
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(embeddings) < 2:
        return np.zeros(len(embeddings), int)
    seconds = np.maximum(times[:, 1] - times[:, 0], 1e-3)
    clear = np.flatnonzero(seconds >= MIN_LENGTH * seconds.max())
    clear = clear if len(clear) > 1 else np.arange(len(embeddings))
    chosen = clear[:: -(-len(clear) // MAX_COMPARED)]
    compared, weights = embeddings[chosen], seconds[chosen]
    tree = linkage(_distances(compared), "average")
    if speakers is None:
        cut = _cut(embeddings[clear], times[clear], apart)
        labels = fcluster(tree, cut, "distance")
        kept = np.flatnonzero(np.bincount(labels) >= MIN_WINDOWS)
        kept = kept if len(kept) else np.array([np.bincount(labels).argmax()])
        speakers = min(max(len(kept), least), most)
        voices = _voices(compared, labels, kept, weights)
        if speakers != len(kept):
            voices = _best(tree, compared, weights, speakers)
    else:
        voices = _best(tree, compared, weights, speakers)
    voices = _settled(embeddings[clear], seconds[clear], voices)
    return _in_order((_steadied(embeddings, times) @ voices.T).argmax(axis=1))


def _in_order(labels: np.ndarray) -> np.ndarray:
    """Number groups in order of appearance: int (windows,)."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    numbers: np.ndarray = first.argsort().argsort()[inverse]
    return numbers


def _distances(embeddings: np.ndarray) -> np.ndarray:
    """Compute the cosine distance of each pair, in SciPy's condensed order: (pairs,)."""
    similar = embeddings @ embeddings.T
    found: np.ndarray = np.maximum(0, 1 - similar[np.triu_indices(len(similar), 1)])
    return found


def _cut(embeddings: np.ndarray, times: np.ndarray, apart: float | None) -> float:
    """Find the distance from which on two groups of windows are two people.

    The distance of windows of one breath shows how far one person's windows are from each other in
    this recording: in noise and by telephone farther than in a studio. Windows that overlap by half
    are half as far from each other.
    """
    longest = (times[:, 1] - times[:, 0]).max()
    overlap = (times[:-1, 1] - times[1:, 0]) / longest
    breath = np.flatnonzero((overlap > 0) & (overlap < 0.9))
    if len(breath) < MIN_PAIRS:
        return APART if apart is None else apart
    near = 1 - np.einsum("ij,ij->i", embeddings[breath], embeddings[breath + 1])
    own = BREATH_RATIO * float(np.quantile(near / (1 - overlap[breath]), NEAR_QUANTILE))
    return own if apart is None else float(np.sqrt(own * apart))


def _best(
    tree: np.ndarray, embeddings: np.ndarray, weights: np.ndarray, speakers: int
) -> np.ndarray:
    """Find as many voices as asked for: (speakers, width), or fewer with fewer windows.

    A cut into so many parts would make a cough a speaker, and two people one. So the tree is cut
    into more and more parts; the largest ones are the voices, and the cut is taken whose voices all
    windows together are nearest to.
    """
    from scipy.cluster.hierarchy import fcluster

    found: tuple[float, np.ndarray] | None = None
    speakers = min(speakers, len(embeddings))
    times, more = MAX_PARTS
    for parts in range(speakers, min(len(embeddings), times * speakers + more) + 1):
        labels = fcluster(tree, parts, "maxclust")
        largest = np.argsort(-np.bincount(labels), kind="stable")[:speakers]
        voices = _voices(embeddings, labels, largest, weights)
        near = float(weights @ (embeddings @ voices.T).max(axis=1))
        if found is None or near > found[0]:
            found = near, voices
    assert found is not None
    return found[1]


def _voices(
    embeddings: np.ndarray, labels: np.ndarray, kept: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Give the direction of each group that is kept: float32 (groups, width), of unit length."""
    members = (labels == kept[:, None]) * weights
    return unit(members.astype(embeddings.dtype) @ embeddings)


def _steadied(embeddings: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Hear each window that is too short to show a voice together with the nearest one.

    Returns:
        float32 (windows, width), not of unit length.
    """
    seconds = np.maximum(times[:, 1] - times[:, 0], 1e-3)
    short = np.flatnonzero(seconds < MIN_LENGTH * seconds.max())
    gaps = np.pad(times[1:, 0] - times[:-1, 1], 1, constant_values=np.inf)  # before each, and after
    near = np.where(gaps[short] < gaps[short + 1], short - 1, short + 1)
    close = np.minimum(gaps[short], gaps[short + 1]) < NEAR_SECONDS
    short, near = short[close], near[close]
    found = embeddings.copy()
    found[short] = seconds[short, None] * embeddings[short] + seconds[near, None] * embeddings[near]
    return found


def _settled(embeddings: np.ndarray, weights: np.ndarray, voices: np.ndarray) -> np.ndarray:
    """Move windows to the nearest voice, and voices to their windows, until none moves.

    No voice is left without a window.
    """
    labels = (embeddings @ voices.T).argmax(axis=1)
    for _ in range(ROUNDS):
        if len(np.unique(labels)) < len(voices):
            break
        voices = _voices(embeddings, labels, np.arange(len(voices)), weights)
        moved = (embeddings @ voices.T).argmax(axis=1)
        if (moved == labels).all():
            break
        labels = moved
    return voices
