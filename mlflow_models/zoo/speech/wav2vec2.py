"""Wav2Vec2 on ONNX Runtime: sound in, logits out. No MLflow, no torch."""

import contextlib
import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.serving.onnx import CRASHES_IN_FLOAT16, on_gpu, open_session

ABOUT, GRAPH = "engine.json", "model.onnx"
EPSILON = 1e-7  # Wav2Vec2FeatureExtractor adds it to the variance
# A batch is filled up to whole seconds: for each length, kernels and memory are chosen anew.
STEP_SAMPLES = SAMPLE_RATE
BATCH_SAMPLES = 240 * SAMPLE_RATE  # filled up; XLSR-53 takes about 5 GB for them in float16


class Wav2Vec2:
    """The network with its head; one object serves any number of threads.

    Args:
        directory: What `zoo.building.wav2vec2.convert` wrote.
        threads: Inside one run of the network on a CPU.

    Attributes:
        about: What the builder wrote about the checkpoint.
        hop: Samples from one frame to the next: 320, which is 20 ms.
        reach: Samples that one frame hears (its receptive field): 400.
        on_gpu: Whether it runs on a GPU.
        batches: Whether several recordings are computed at once: on a CPU that gains nothing.
    """

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.about: dict[str, Any] = json.loads((directory / ABOUT).read_text(encoding="utf-8"))
        self.hop, self.reach = int(self.about["hop"]), int(self.about["reach"])
        self._session = open_session(directory / GRAPH, threads, [CRASHES_IN_FLOAT16])
        self._takes_lengths = len(self._session.get_inputs()) > 1
        self.on_gpu = on_gpu(self._session)
        self.batches = self.on_gpu and self._takes_lengths
        # One batch has the GPU's memory; others are decoded meanwhile.
        self._turn = threading.Lock() if self.on_gpu else contextlib.nullcontext()

    def frames(self, samples: int) -> int:
        """Count the frames that the network makes of so many samples."""
        return max(0, (samples - self.reach) // self.hop + 1)

    def __call__(self, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the network on recordings; each gets the answer that it gets alone.

        Args:
            waves: For each recording float32 (samples,) at 16 kHz; at least `reach` samples.

        Returns:
            For each recording its logits, float32: (frames, labels) of a CTC head, (labels,) of a
            classifier.
        """
        found: list[np.ndarray] = [np.empty(0)] * len(waves)
        for places in self._batches([len(wave) for wave in waves]):
            for place, logits in zip(
                places, self._run([waves[place] for place in places]), strict=True
            ):
                found[place] = logits
        return found

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Group the places of recordings by length, so that a batch has little to fill up."""
        batch: list[int] = []
        for place in sorted(range(len(lengths)), key=lengths.__getitem__):
            width = _filled(lengths[place])  # lengths rise: so long becomes the whole batch
            if batch and not (self.batches and width * (len(batch) + 1) <= BATCH_SAMPLES):
                yield batch
                batch = []
            batch.append(place)
        if batch:
            yield batch

    def _run(self, waves: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Compute a batch."""
        lengths = np.array([len(wave) for wave in waves], np.int64)
        width = _filled(int(lengths.max())) if self.batches else int(lengths.max())
        batch = np.zeros((len(waves), width), np.float32)
        for row, wave in zip(batch, waves, strict=True):
            row[: len(wave)] = self._normalized(wave)
        feeds: dict[str, np.ndarray] = {"waves": batch}
        if self._takes_lengths:
            feeds["lengths"] = lengths
        with self._turn:
            (logits,) = self._session.run(["logits"], feeds)
        if logits.ndim == 2:  # (batch, labels), of recordings as a whole
            return list(logits)
        return [
            row[: self.frames(length)] for row, length in zip(logits, lengths.tolist(), strict=True)
        ]

    def _normalized(self, wave: np.ndarray) -> np.ndarray:
        """Give a recording as the checkpoint hears it: float32 (samples,)."""
        if self.about["normalize"]:
            wave = (wave - wave.mean()) / np.sqrt(wave.var() + EPSILON)
        return wave


def _filled(samples: int) -> int:
    """Round a length up to whole steps."""
    return -(-samples // STEP_SAMPLES) * STEP_SAMPLES
