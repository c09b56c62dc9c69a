"""The acoustic model: sound in, logits out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from wav2vec2_asr.labels import Labels
from zoo.speech.wav2vec2 import Wav2Vec2


class Acoustic:
    """Wav2Vec2 with its CTC head; one object serves any number of threads.

    Args:
        directory: What `convert` wrote.
        threads: Threads in one run of the network on a CPU.

    Attributes:
        on_gpu: Whether the network runs on a GPU.
        labels: What each logit stands for.
        language: The code of the transcripts' language.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self._network = Wav2Vec2(directory, threads)
        self.hop, self.reach = self._network.hop, self._network.reach
        self.on_gpu = self._network.on_gpu
        self.labels = Labels.read(directory, self._network.about["outputs"])
        self.language = str(self._network.about["language"])

    @property
    def batches(self) -> bool:
        """Whether the network computes several recordings at once."""
        return self._network.batches

    def __call__(self, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute the logits of recordings.

        Args:
            waves: For each recording float32 (samples,) at 16 kHz.

        Returns:
            For each recording float32 (frames, labels), a frame every 20 ms. A recording shorter
            than `reach` has no frame.
        """
        found = [np.zeros((0, len(self.labels)), np.float32) for _ in waves]
        long = [place for place, wave in enumerate(waves) if self._network.frames(len(wave))]
        for place, logits in zip(
            long, self._network([waves[place] for place in long]), strict=True
        ):
            found[place] = logits
        return found
