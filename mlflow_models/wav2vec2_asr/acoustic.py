"""The acoustic model on ONNX Runtime: sound in, logits out. No MLflow, no torch."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wav2vec2_asr.labels import Labels
from zoo.serving.onnx import CPU, CUDA, open_session

TINIEST = 1e-7  # added to the variance, as Wav2Vec2FeatureExtractor does


class Acoustic:
    """Wav2Vec2 with its CTC head; one object serves any number of threads.

    Args:
        directory: what `convert` wrote.
        threads: inside one run of the network.

    Attributes:
        labels: what the logits are of.
        hop: samples from one frame to the next, 320 (20 ms).
        reach: samples that a frame hears, 400.
        language: of the transcripts.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        about = json.loads((directory / "engine.json").read_text(encoding="utf-8"))
        self.labels = Labels.read(directory, about["outputs"])
        self.hop, self.reach = int(about["hop"]), int(about["reach"])
        self.language = str(about["language"])
        self._normalize = bool(about["normalize"])
        self._session = open_session(directory / "model.onnx", threads, (CUDA, CPU))
        self.on_gpu = self._session.get_providers()[0] != CPU

    def frames(self, samples: int) -> int:
        """How many frames so many samples give."""
        return max(0, (samples - self.reach) // self.hop + 1)

    def __call__(self, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The logits of recordings, one after the other: on a CPU a padded batch gains nothing.

        Args:
            waves: float32 (samples,) each, 16 kHz.

        Returns:
            For each (frames, labels), float32; a recording shorter than `reach` has no frame.
        """
        return [self._run(wave) for wave in waves]

    def _run(self, wave: np.ndarray) -> np.ndarray:
        if not self.frames(len(wave)):
            return np.zeros((0, len(self.labels)), np.float32)
        if self._normalize:
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + TINIEST)
        (logits,) = self._session.run(["logits"], {"waves": wave[None].astype(np.float32)})
        found: np.ndarray = logits[0]
        return found
