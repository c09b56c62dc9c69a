"""The acoustic model: sound in, the logits of labels out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wav2vec2_asr.labels import Labels
from zoo.speech.wav2vec2 import Wav2Vec2


class Acoustic:
    """Wav2Vec2 with its CTC head; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        threads: Inside one run of the network.

    Attributes:
        labels: What the logits are of.
        language: Of the transcripts.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self._network = Wav2Vec2(directory, threads)
        self.hop, self.reach = self._network.hop, self._network.reach
        self.on_gpu = self._network.on_gpu
        self.labels = Labels.read(directory, self._network.about["outputs"])
        self.language = str(self._network.about["language"])

    def __call__(self, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Give the logits of recordings.

        Args:
            waves: float32 (samples,) each, 16 kHz.

        Returns:
            For each float32 (frames, labels); a recording shorter than `reach` has no frame.
        """
        nothing = np.zeros((0, len(self.labels)), np.float32)
        return [
            self._network(wave) if self._network.frames(len(wave)) else nothing for wave in waves
        ]
