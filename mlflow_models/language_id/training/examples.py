"""Recordings as the examples that a network learns from: drawn, cropped and varied."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from language_id.training.conditions import vary
from language_id.training.manifest import TaggedClip
from zoo.data import audio
from zoo.errors import BadInput, ZooError

if TYPE_CHECKING:
    import torch
    from transformers import Wav2Vec2FeatureExtractor

RATE = audio.SAMPLE_RATE
SHORTEST = RATE // 2  # samples of an example: as long as what SpecAugment masks, and more
FULL_SCALE = np.float32(32768)


@cache
def _samples(path: Path) -> np.ndarray:
    """int16, so that some hours of speech stay in memory."""
    try:
        return np.round(audio.decode(path) * FULL_SCALE).astype(np.int16)
    except FileNotFoundError:
        raise ZooError(f"'{path}' not found.") from None
    except BadInput as error:
        raise ZooError(f"'{path}' {error}.") from None


def read(path: Path) -> np.ndarray:
    """Read a recording: float32 (samples,) at 16 kHz; it is decoded once.

    Raises:
        ZooError: The file is missing, or no recording.
    """
    return _samples(path).astype(np.float32) / FULL_SCALE


def cropped(wave: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Cut out a place of a wave by chance; a shorter one is set into silence: (samples,)."""
    spare = len(wave) - samples
    if spare >= 0:
        start = int(rng.integers(spare + 1))
        return wave[start : start + samples]
    made = np.zeros(samples, np.float32)
    start = int(rng.integers(-spare + 1))
    made[start : start + len(wave)] = wave
    return made


class Draws:
    """Examples drawn by chance: each language as often, and in it each source as often.

    What is drawn depends on seed, epoch and number alone, so that a run that resumes hears what
    it would have heard. The examples of one batch are of one length.

    Args:
        recordings: To draw from.
        languages: The labels' order.
        count: Examples in an epoch.
        batch_size: Examples in a batch.
        seconds: The shortest and longest example.
        strength: Of the conditions, 0 to 1.
        seed: Of every choice.
    """

    def __init__(
        self,
        recordings: Sequence[TaggedClip],
        languages: Sequence[str],
        count: int,
        batch_size: int,
        seconds: tuple[float, float],
        strength: float,
        seed: int,
    ) -> None:
        found: dict[str, dict[str, list[TaggedClip]]] = {language: {} for language in languages}
        for recording in recordings:
            found[recording.language].setdefault(recording.source, []).append(recording)
        self.groups = [list(by_source.values()) for by_source in found.values()]
        self.count, self.batch_size, self.seconds = count, batch_size, seconds
        self.strength, self.seed, self.epoch = strength, seed, 0

    def __len__(self) -> int:
        return self.count

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch the next examples are of."""
        self.epoch = epoch

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return `wave`, float32 (samples,) at 16 kHz, and `label`."""
        place = [self.seed, self.epoch, index // self.batch_size]
        seconds = np.random.default_rng(place).uniform(*self.seconds)
        rng = np.random.default_rng([self.seed, self.epoch, index, 1])
        label = int(rng.integers(len(self.groups)))
        sources = self.groups[label]
        source = sources[int(rng.integers(len(sources)))]
        wave = read(source[int(rng.integers(len(source)))].path)
        samples = max(SHORTEST, round(seconds * RATE))
        wave = cropped(wave, round(1.25 * samples), rng)  # a faster one is long enough, too
        wave = cropped(vary(wave, self.strength, rng), samples, rng)
        return {"wave": wave, "label": label}


class Whole:
    """Recordings as they are, up to a length, as PyTorch's loaders index them.

    Args:
        recordings: All of them.
        languages: The labels' order.
        longest: Seconds; what is beyond is cut off.
    """

    def __init__(
        self, recordings: Sequence[TaggedClip], languages: Sequence[str], longest: float
    ) -> None:
        self.recordings, self.languages = recordings, list(languages)
        self.samples = round(longest * RATE)

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Return `wave`, float32 (samples,) at 16 kHz, and `label`."""
        recording = self.recordings[index]
        wave = read(recording.path)[: self.samples]
        wave = np.pad(wave, (0, max(0, SHORTEST - len(wave))))  # as evaluate.py hears it
        return {"wave": wave, "label": self.languages.index(recording.language)}


class Collator:
    """Makes a batch of examples.

    Args:
        extractor: The checkpoint's; it normalises the waves and pads them with zeros.
    """

    def __init__(self, extractor: "Wav2Vec2FeatureExtractor") -> None:
        self.extractor = extractor

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, "torch.Tensor"]:
        """Return `input_values` (batch, samples), `attention_mask` (batch, samples) where the
        checkpoint takes one, and `labels` (batch,)."""
        import torch

        waves = [example["wave"] for example in examples]
        made = self.extractor(
            waves,
            sampling_rate=RATE,
            padding="max_length",
            max_length=max(SHORTEST, *map(len, waves)),
            return_tensors="pt",
        )
        labels = torch.tensor([example["label"] for example in examples])
        return {**made, "labels": labels}
