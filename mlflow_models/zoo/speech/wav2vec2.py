"""Wav2Vec2 on ONNX Runtime: sound in, logits out. No MLflow, no torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from zoo.serving.onnx import on_gpu, open_session

ABOUT, GRAPH = "engine.json", "model.onnx"
EPSILON = 1e-7  # Wav2Vec2FeatureExtractor adds it to the variance


class Wav2Vec2:
    """The network with its head; one object serves any number of threads.

    Args:
        directory: What `zoo.building.wav2vec2.convert` wrote.
        threads: Inside one run of the network.

    Attributes:
        about: What the builder wrote about the checkpoint.
        hop: Samples from one frame to the next: 320, which is 20 ms.
        reach: Samples that one frame hears (its receptive field): 400.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.about: dict[str, Any] = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        self.hop, self.reach = int(self.about["hop"]), int(self.about["reach"])
        self._session = open_session(directory / GRAPH, threads)
        self.on_gpu = on_gpu(self._session)

    def frames(self, samples: int) -> int:
        """Count the frames that the network makes of so many samples."""
        return max(0, (samples - self.reach) // self.hop + 1)

    def __call__(self, wave: np.ndarray) -> np.ndarray:
        """Run the network on one recording: on a CPU a padded batch gains nothing.

        Args:
            wave: float32 (samples,) at 16 kHz; at least `reach` samples.

        Returns:
            Logits, float32: (frames, labels) of a CTC head, (labels,) of a classifier.
        """
        if self.about["normalize"]:
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + EPSILON)
        (logits,) = self._session.run(["logits"], {"waves": wave[None].astype(np.float32)})
        found: np.ndarray = logits[0]
        return found
