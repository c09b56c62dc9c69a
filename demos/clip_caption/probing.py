"""What the features of a CLIP tell of images whose labels are known."""

from typing import TYPE_CHECKING, Any

import numpy as np

from demos.clip_caption.augment import normalise

if TYPE_CHECKING:
    from datasets import Dataset


def features(model: Any, stored: np.ndarray) -> np.ndarray:
    """An image tower's features of length 1, (images, width)."""
    import torch

    rows = []
    with torch.inference_mode():
        for i in range(0, len(stored), 200):
            x = torch.from_numpy(stored[i : i + 200]).permute(0, 3, 1, 2).float() / 255
            rows.append(model.encode_image(normalise(x), normalize=True).numpy())
    return np.concatenate(rows)


def probe(
    model: Any, tokenizer: Any, stored: np.ndarray, data: "Dataset", columns: list[str]
) -> dict[str, float]:
    """What the features tell of the columns' values, as shares that are right.

    `zero_X`: the nearest of the values as text; `knn_X`: the commonest value among the 10 nearest
    other images.
    """
    import torch

    found = features(model, stored)
    alike = found @ found.T
    np.fill_diagonal(alike, -1)
    nearest = np.argsort(-alike, axis=1)[:, :10]
    scores = {}
    for column in columns:
        names, labels = np.unique(np.asarray(data[column]), return_inverse=True)
        with torch.inference_mode():
            words = model.encode_text(tokenizer(list(names)), normalize=True).numpy()
        scores[f"zero_{column}"] = float((np.argmax(found @ words.T, 1) == labels).mean())
        votes = np.stack([(labels[nearest] == k).sum(1) for k in range(len(names))], 1)
        scores[f"knn_{column}"] = float((votes.argmax(1) == labels).mean())
    return scores
