"""Utterances as examples to learn from: alone or joined, with pauses, noise and silence."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zoo.errors import ZooError
from zoo.training import augment

if TYPE_CHECKING:
    from datasets import Dataset

RATE = augment.SAMPLE_RATE
Part = tuple[int, float, float]  # an utterance's index, and its start and end in seconds


@dataclass(frozen=True)
class Mixture:
    """How utterances become examples. Shares are of the examples, 0 to 1; 0 is off.

    Args:
        window: seconds that an example may last.
        join: share made of several utterances with pauses between them.
        silence: share with noise or nothing in it.
        noise: share with noise added, at 0 to 30 dB.
        margin: seconds of silence before and after, at most.
        speed: how much faster or slower an utterance is played, at most: 0.1 is 90 to 110 %.
        seed: of every choice.
    """

    window: float = 30.0
    join: float = 0.0
    silence: float = 0.0
    noise: float = 0.0
    margin: float = 0.0
    speed: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.speed < 1:
            raise ZooError(f"--speed {self.speed:g} is not at least 0 and below 1.")


class Mixed:
    """The sound of examples.

    Which utterances make an example, and the pauses, depend on the seed alone, so that its length
    is known beforehand; noise and speed depend on the epoch, too. A run that resumes therefore
    hears what it would have heard.

    Args:
        data: columns `audio` (int16 at 16 kHz), `text` and `duration` (seconds).
        mixture: what to make of them; utterances longer than its window are left out.
    """

    def __init__(self, data: "Dataset", mixture: Mixture) -> None:
        self.data = data.with_format("numpy", columns=["audio"], dtype=np.int16)
        self.mixture, self.epoch = mixture, 0
        self.durations = np.asarray(data.with_format("numpy")["duration"][:], dtype=np.float64)
        self.texts: list[str] = list(data["text"])
        self.plan = self._plan()
        self.lengths = [max(1.0, end) for _, end in self.plan]

    def __len__(self) -> int:
        return len(self.plan)

    @property
    def references(self) -> list[str]:
        """The whole text of each example."""
        return [" ".join(self.texts[row] for row, _ in parts) for parts, _ in self.plan]

    def check_some(self, option: str) -> None:
        """See that there is something to learn from.

        Raises:
            ZooError: All utterances are too long.
        """
        if not self.plan:
            raise ZooError(f"All training utterances are longer than {option}.")

    def set_epoch(self, epoch: int) -> None:
        """Says which epoch the next examples are of."""
        self.epoch = epoch

    def _plan(self) -> list[tuple[list[tuple[int, float]], float]]:
        """Each example's utterances with their starts, and its length (both in seconds)."""
        mix, rng = self.mixture, np.random.default_rng(self.mixture.seed)
        rooms = self.durations / (1 - mix.speed)  # of the slowest
        fits = np.flatnonzero(rooms <= mix.window)
        rng.shuffle(fits)
        waiting, plan = fits.tolist(), []
        while waiting:
            most = 1
            if rng.random() < mix.join:
                most = int(rng.integers(2, 2 + math.ceil(mix.window / 4)))
            parts: list[tuple[int, float]] = []
            end = time = float(rng.uniform(0, mix.margin))
            while waiting and len(parts) < most:
                length = float(rooms[waiting[-1]])
                if parts and time + length > mix.window:
                    break
                time = min(time, mix.window - length)
                parts.append((waiting.pop(), time))
                end = time + length
                time = end + float(rng.uniform(0.2, 1.5))
            plan.append((parts, min(end + float(rng.uniform(0, mix.margin)), mix.window)))
        for _ in range(round(len(plan) * mix.silence)):
            plan.append(([], float(rng.uniform(1, mix.window))))
        return plan

    def sound(self, index: int) -> tuple[np.ndarray, list[Part], np.random.Generator]:
        """An example's wave, float32 (samples,), the utterances in it, and its further chance."""
        parts, seconds = self.plan[index]
        rng = np.random.default_rng([self.mixture.seed, self.epoch, index])
        wave = np.zeros(max(1, round(seconds * RATE)), dtype=np.float32)
        said: list[Part] = []
        for utterance, start in parts:
            sound = self.data[utterance]["audio"].astype(np.float32) / 32768
            if speed := self.mixture.speed:
                sound = augment.change_speed(sound, float(rng.uniform(1 - speed, 1 + speed)))
            first = round(start * RATE)
            sound = sound[: len(wave) - first]
            wave[first : first + len(sound)] = sound
            said.append((utterance, start, start + len(sound) / RATE))
        if not parts or rng.random() < self.mixture.noise:
            wave = self._noisy(wave, rng)
        return wave, said, rng

    def _noisy(self, wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        added = augment.noise(str(rng.choice(augment.NOISES)), len(wave), rng)
        if wave.any():
            noisy = augment.add_noise(wave, added, float(rng.uniform(0, 30)))
            return noisy / max(1.0, float(np.abs(noisy).max()))
        level = rng.choice([0.0, 10 ** rng.uniform(-4, -1)], p=[0.2, 0.8])
        return added * np.float32(level)
