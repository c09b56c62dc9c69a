"""Decides which recordings a model can learn from, and brings them to one form."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo import audio
from zoo.errors import BadInput
from zoo.speech.corpora import Recording

REASONS = (
    "unreadable",  # no such file, not audio, nothing to decode
    "too short",
    "too long",
    "silent",
    "no text",
    "too many tokens",
    "too fast",
)


@dataclass(frozen=True)
class Limits:
    """What is kept.

    Args:
        shortest: seconds.
        longest: seconds.
        most_tokens: of the transcript, as the model counts them.
        quietest: dB of the loudest 20 ms against full scale; below it is silence.
        fastest: characters a second; more means that the transcript is another recording's.
    """

    shortest: float = 0.3
    longest: float = 30.0
    most_tokens: int = 1_000_000
    quietest: float = -50.0
    fastest: float = 25.0


@dataclass(frozen=True)
class Text:
    """How a model sees a transcript.

    Args:
        normalize: from the corpus's spelling to the one that is learnt.
        count_tokens: how long it is to the model.
    """

    normalize: Callable[[str], str]
    count_tokens: Callable[[str], int]


def clean(recording: Recording, text: Text, limits: Limits) -> tuple[dict[str, Any], str]:
    """Decodes a recording, normalises its transcript, and says what is wrong with them.

    Returns:
        A row and an empty string, or an empty row and one of `REASONS`. The row has `audio` (int16
        at 16 kHz), `text`, `duration` in seconds, `name`, and the recording's further columns.
    """
    spoken = text.normalize(recording.text)
    if not any(character.isalnum() for character in spoken):
        return {}, "no text"
    try:
        wave = audio.decode(recording.audio)
    except (BadInput, OSError):
        return {}, "unreadable"
    seconds = len(wave) / audio.SAMPLE_RATE
    if reason := _misfit(wave, seconds, spoken, limits):
        return {}, reason
    if text.count_tokens(spoken) > limits.most_tokens:
        return {}, "too many tokens"
    samples = np.clip(np.round(wave * 32768), -32768, 32767).astype(np.int16)
    row = {"audio": samples, "text": spoken, "duration": seconds, "name": recording.name}
    return {**row, **recording.extra}, ""


def _misfit(wave: np.ndarray, seconds: float, spoken: str, limits: Limits) -> str:
    if seconds < limits.shortest:
        return "too short"
    if seconds > limits.longest:
        return "too long"
    frame = audio.SAMPLE_RATE // 50
    power = np.square(wave[: len(wave) // frame * frame]).reshape(-1, frame).mean(axis=1)
    if 10 * np.log10(power.max() + 1e-12) < limits.quietest:
        return "silent"
    return "too fast" if len(spoken) / seconds > limits.fastest else ""
