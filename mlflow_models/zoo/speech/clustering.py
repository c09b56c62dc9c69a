"""Groups embeddings of voices: one group for each speaker."""

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage


def cluster(
    embeddings: np.ndarray, times: np.ndarray, speakers: int | None, least: int, most: int
) -> np.ndarray:
    """Group embeddings.

    Args:
        embeddings: float32 (windows, width), each of unit length.
        times: From and to of each window, in seconds: float32 (windows, 2), in order.
        speakers: How many groups there are, if it is known.
        least: The fewest groups, if it isn't.
        most: The most groups, if it isn't.

    Returns:
        The number of each window's group, int (windows,), in order of appearance.
    """
    assert len(embeddings) == len(times)
    if len(embeddings) == 1:
        return np.zeros(1, int)
    tree = linkage(embeddings, "average", "cosine")
    if speakers is None:
        found = int(fcluster(tree, 0.3, "distance").max())
        speakers = min(max(found, least), most)
    labels = fcluster(tree, speakers, "maxclust")
    order = {label: place for place, label in enumerate(dict.fromkeys(labels.tolist()))}
    return np.array([order[label] for label in labels.tolist()])
