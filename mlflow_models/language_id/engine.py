"""Which language is spoken: Wav2Vec2 with a classifier, on stretches of speech. No MLflow.

A recording's probabilities are the mean of those of its stretches, weighted by their length.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from language_id.options import Options
from zoo.data.audio import SAMPLE_RATE
from zoo.serving import runner
from zoo.serving.declaration import tailored
from zoo.speech.options import NO_SPEECH
from zoo.speech.recording import Recording
from zoo.speech.sound_engine import SoundEngine, threads_per_batch
from zoo.speech.wav2vec2 import Wav2Vec2
from zoo.speech.windows import Window, speech_windows

MAX_STRETCH_SAMPLES = 10 * SAMPLE_RATE
GPU_STRETCHES = 32


@dataclass(frozen=True)
class Stretch:
    """Speech from `start` to `end` (seconds), and each language's probability, (languages,)."""

    start: float
    end: float
    probabilities: np.ndarray


@dataclass(frozen=True)
class Identified:
    """The languages of a recording.

    Attributes:
        languages: Codes, in the order of the probabilities.
        stretches: Of speech, in order; none where nobody speaks.
        options: The request's.
        warnings: Codes of what a user should know of the recording.
    """

    languages: tuple[str, ...]
    stretches: list[Stretch]
    options: Options
    warnings: list[str]

    @property
    def probabilities(self) -> np.ndarray:
        """The mean of the stretches, weighted by their length: (languages,); 0 without speech."""
        if not self.stretches:
            return np.zeros(len(self.languages))
        seconds = [one.end - one.start for one in self.stretches]
        mean: np.ndarray = np.average(
            [one.probabilities for one in self.stretches], axis=0, weights=seconds
        )
        return mean

    def record(self) -> dict[str, Any]:
        """The answer to one row, in JSON's types."""
        mean = self.probabilities
        likeliest = np.argsort(-mean)[: self.options.top if self.stretches else 0]
        found = [self._named(mean, int(place)) for place in likeliest]
        first = found[0] if found else {"language": None, "probability": 0.0}
        record = {**first, "languages": found, "warnings": self.warnings}
        if self.options.segments:
            record["segments"] = [
                {
                    "start": round(one.start, 3),
                    "end": round(one.end, 3),
                    **self._named(one.probabilities, int(one.probabilities.argmax())),
                }
                for one in self.stretches
            ]
        return record

    def _named(self, probabilities: np.ndarray, place: int) -> dict[str, Any]:
        probability = round(float(probabilities[place]), 4)
        return {"language": self.languages[place], "probability": probability}


class Engine(SoundEngine[Options, Stretch, Identified]):
    """Tells languages; one object serves any number of threads.

    Args:
        directory: What the builder wrote.
        threads: Stretches that are heard at once (default: one per core, over `OMP_NUM_THREADS`,
            which is how many threads each of them has; on a GPU one batch).
    """

    def __init__(self, directory: Path, threads: int | None = None) -> None:
        each = threads_per_batch()
        self._network = Wav2Vec2(directory, each)
        gpu = self._network.on_gpu
        usual = 1 if gpu else max(1, runner.cores() // each)
        wait = runner.GPU_WAIT_SECONDS if gpu else 0.0
        super().__init__(threads or usual, self._network.batches, wait)
        self.languages = tuple(self._network.about["labels"])
        count = len(self.languages)
        self.options = tailored(Options, top={"default": min(3, count), "le": count})

    def language_of(self, options: Options) -> str:  # noqa: ARG002
        return ""  # stretches of any language are heard together

    def batch_size(self, options: Options) -> int:  # noqa: ARG002
        return GPU_STRETCHES if self._network.batches else 1

    def windows(self, blocks: Iterator[np.ndarray], options: Options) -> Iterator[Window]:
        return speech_windows(blocks, MAX_STRETCH_SAMPLES, options.vad_threshold)

    def decode(self, windows: list[Window], language: str, options: Options) -> list[Stretch]:  # noqa: ARG002
        least = self._network.reach
        sounds = [
            np.pad(window.sound, (0, max(0, least - len(window.sound)))) for window in windows
        ]
        return [
            _stretch(window, logits)
            for window, logits in zip(windows, self._network(sounds), strict=True)
        ]

    def result(self, recording: Recording[Stretch], options: Options) -> Identified:
        stretches, warnings = recording.found, recording.warnings
        warnings = warnings if stretches else [*warnings, NO_SPEECH]
        return Identified(self.languages, stretches, options, warnings)


def _stretch(window: Window, logits: np.ndarray) -> Stretch:
    """Turn the logits of a stretch, (languages,), into probabilities."""
    weights = np.exp(logits - logits.max())
    (start, end), *_ = window.spans
    return Stretch(start / SAMPLE_RATE, end / SAMPLE_RATE, weights / weights.sum())
