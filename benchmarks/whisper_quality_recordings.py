"""Recordings whose speech is known: what is said, and when."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from zoo.data.audio import SAMPLE_RATE, decode

FAINT = 0.0008  # standard deviation of the noise in pauses; 1 is full scale
MIN_SILENCE_MS = 100  # which ends speech


@dataclass(frozen=True)
class Stretch:
    """A clip in a recording.

    Attributes:
        text: What is said.
        start: From, in seconds.
        end: To, in seconds.
        lead: The silence before its first word, in seconds.
        tail: The silence after its last word, in seconds.
    """

    text: str
    start: float
    end: float
    lead: float = 0.0
    tail: float = 0.0


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
    """A file as one stretch of speech."""
    sound = decode(path)
    return QualityRecording(path.name, sound, (Stretch(text, 0.0, len(sound) / SAMPLE_RATE),))


def timed(one: QualityRecording) -> QualityRecording:
    """The same clip, with the silence before and after its speech by Silero's detector."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(min_silence_duration_ms=MIN_SILENCE_MS, speech_pad_ms=0)
    found = get_speech_timestamps(one.sound, options)
    (said,) = one.stretches
    lead, last = found[0]["start"] / SAMPLE_RATE, found[-1]["end"] / SAMPLE_RATE
    return replace(one, stretches=(replace(said, lead=lead, tail=said.end - last),))


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
        stretches += [replace(s, start=s.start + moved, end=s.end + moved) for s in one.stretches]
        parts.append(one.sound)
        samples += len(one.sound)
    return QualityRecording(name, np.concatenate(parts), tuple(stretches))
