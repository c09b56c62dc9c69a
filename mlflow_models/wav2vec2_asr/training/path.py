"""Makes a CTC path visible: which label the model says in which frame, and how sure it is."""

import itertools
from pathlib import Path

import numpy as np

from wav2vec2_asr.labels import Labels
from zoo.training import plots

FRAME_SECONDS = 0.02  # seconds


def written(path: np.ndarray, labels: Labels) -> str:
    """A path as text: runs of one label as `label×frames`, the blank as `_`."""
    runs = [(int(label), len(list(run))) for label, run in itertools.groupby(path.tolist())]
    names = ("_" if label == labels.blank else labels.texts[label] for label, _ in runs)
    return " ".join(
        f"{name}×{count}" if count > 1 else name
        for name, (_, count) in zip(names, runs, strict=True)
    )


def plot(log_probs: np.ndarray, labels: Labels, reference: str, target: Path) -> None:
    """Draws the probability of the blank and of the likeliest other label over time.

    Args:
        log_probs: (frames, labels).
        labels: what they stand for.
        reference: what was said, for the title.
        target: an SVG file, whose viewer has fonts for any script.
    """
    others = log_probs.copy()
    others[:, labels.blank] = -np.inf
    said, likely = others.argmax(axis=1), np.exp(others.max(axis=1))
    seconds = np.arange(len(log_probs)) * FRAME_SECONDS
    with plots.drawing(target, (max(8.0, len(log_probs) / 20), 3)) as figure:
        axes = figure.subplots()
        axes.plot(seconds, np.exp(log_probs[:, labels.blank]), color="0.7", label="blank")
        axes.plot(seconds, likely, label="likeliest character")
        for label, frames in itertools.groupby(
            range(len(said)), key=lambda frame: int(said[frame])
        ):
            best = max(frames, key=lambda frame: float(likely[frame]))
            if likely[best] > 0.3:
                axes.annotate(labels.texts[label], (seconds[best], likely[best]), ha="center",
                              xytext=(0, 4), textcoords="offset points")  # fmt: skip
        axes.set(xlabel="seconds", ylabel="probability", ylim=(0, 1.25), title=reference)
        axes.legend(loc="upper right", ncols=2)
