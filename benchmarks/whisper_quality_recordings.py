"""Recordings whose speech is known: what is said, and when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from zoo.data.audio import SAMPLE_RATE, decode

FAINT = 0.0008  # standard deviation of the noise in pauses; 1 is full scale
SPEECH_RATIO = 0.03  # of the loudest frame's amplitude: 30 dB below it a clip's speech begins
FRAME_SAMPLES = SAMPLE_RATE // 50


@dataclass(frozen=True)
class Stretch:
    """Speech in a recording: what is said, and from when to when, in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class QualityRecording:
    """A recording whose speech is known.

    Attributes:
        name: Within its set.
        sound: float32 (samples,) at 16 kHz.
        stretches: In order; none where nobody speaks.
    """

    name: str
    sound: np.ndarray = field(repr=False)
    stretches: tuple[Stretch, ...]

    @property
    def text(self) -> str:
        """What is said in it."""
        return " ".join(one.text for one in self.stretches)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.sound) / SAMPLE_RATE


def clip(path: Path, text: str) -> QualityRecording:
    """A file as one stretch of speech, from the first loud frame to the last."""
    sound = decode(path)
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    levels = np.sqrt(np.mean(np.square(frames), axis=1))
    loud = np.flatnonzero(levels > SPEECH_RATIO * levels.max()) * FRAME_SAMPLES / SAMPLE_RATE
    stretch = Stretch(text, float(loud[0]), float(loud[-1] + FRAME_SAMPLES / SAMPLE_RATE))
    return QualityRecording(path.name, sound, (stretch,))


def joined(
    name: str,
    clips: Iterable[QualityRecording],
    pauses: tuple[float, float],
    rng: np.random.Generator,
    seconds: float = float("inf"),
) -> QualityRecording:
    """Clips one after the other, with pauses of faint noise between them.

    Args:
        name: Of the recording.
        clips: In order; they may have no end.
        pauses: Seconds, between which the length of each pause is drawn.
        rng: Where chance comes from.
        seconds: After which no clip begins any more.
    """
    parts: list[np.ndarray] = []
    stretches: list[Stretch] = []
    samples = 0
    for one in clips:
        if samples > seconds * SAMPLE_RATE:
            break
        if parts:
            length = round(rng.uniform(*pauses) * SAMPLE_RATE)
            parts.append((FAINT * rng.standard_normal(length)).astype(np.float32))
            samples += length
        moved = samples / SAMPLE_RATE
        stretches += [Stretch(s.text, s.start + moved, s.end + moved) for s in one.stretches]
        parts.append(one.sound)
        samples += len(one.sound)
    return QualityRecording(name, np.concatenate(parts), tuple(stretches))
