"""Enrolled voices: their embeddings by name, from which speakers get their names.

A gallery keeps embeddings, not recordings. It belongs to the network that made them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.embedding import SpeakerNetwork, unit
from zoo.speech.turns import hear
from zoo.speech.vad import find_speech
from zoo.speech.windows import Window

DIGITS = 5  # of an embedding's values
MAX_NAME_CHARACTERS = 100
MAX_LENGTH = 2.0  # of an embedding, which has unit length but for rounding
MIN_SECONDS = 2.0  # of speech, in all clips of a voice: less is no sure ground for a name
MAX_SPAN_SAMPLES = 30 * SAMPLE_RATE
SHAPE = 'has the form {"network": ..., "voices": {NAME: [numbers]}}, as enroll.py writes it'


@dataclass(frozen=True)
class Gallery:
    """Voices by name.

    Attributes:
        network: The identity of the network that embedded them; empty where there are no voices.
        voices: By name float32 (width,), of unit length.
    """

    network: str = ""
    voices: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str, network: SpeakerNetwork) -> "Gallery":
        """Read a gallery.

        Args:
            text: JSON, as `text` gives it.
            network: The one that is to hear these voices.

        Raises:
            ValueError: It isn't a gallery, or is another network's; the message goes on after a
                name of what is wrong ("isn't JSON").
        """
        try:
            given: Any = json.loads(text, object_pairs_hook=_once_each)
        except _Twice:
            raise
        except (ValueError, RecursionError):
            raise ValueError("isn't JSON") from None
        if not isinstance(given, dict) or not isinstance(given.get("voices"), dict):
            raise ValueError(f"isn't a gallery, which {SHAPE}")
        if given.get("network") != network.identity:
            raise ValueError(
                f"has voices of another network than {network.about['kind']} {network.identity}, "
                "which is to hear them; enroll them with that"
            )
        voices = _once_each(
            [
                (_known_as(name), _voice(name, values, network.width))
                for name, values in given["voices"].items()
            ]
        )
        return cls(network.identity, voices)

    def text(self) -> str:
        """Give the gallery as JSON, a voice a line."""
        lines = [
            f"  {json.dumps(name, ensure_ascii=False)}: "
            f"{json.dumps([round(float(value), DIGITS) for value in voice])}"
            for name, voice in self.voices.items()
        ]
        voices = ",\n".join(lines)
        return f'{{"network": {json.dumps(self.network)}, "voices": {{\n{voices}\n}}}}'

    def joined(self, others: "Gallery") -> "Gallery":
        """Add other voices of the same network; of two with one name, theirs is taken."""
        if not others.voices:
            return self
        return Gallery(others.network, {**self.voices, **others.voices})

    def names(self, voices: Sequence[np.ndarray], least: float) -> dict[int, tuple[str, float]]:
        """Name voices; each name is given once, to the voice that is nearest.

        Args:
            voices: Each float32 (width,), of unit length.
            least: How similar a voice must be to an enrolled one, as a cosine.

        Returns:
            By the voice's number its name and how similar it is. One near none is left out.
        """
        similar = [
            (float(voice @ known), number, name)
            for number, voice in enumerate(voices)
            for name, known in self.voices.items()
        ]
        found: dict[int, tuple[str, float]] = {}
        for likeness, number, name in sorted(similar, reverse=True):
            taken = any(name == other for other, _ in found.values())
            if likeness >= least and number not in found and not taken:
                found[number] = name, likeness
        return found


def enrolled(
    network: SpeakerNetwork, clips: Sequence[np.ndarray], least: float = MIN_SECONDS
) -> tuple[np.ndarray, float]:
    """Embed the voice of one person.

    Args:
        network: The network.
        clips: Recordings in which only this person speaks, each float32 (samples,) at 16 kHz.
        least: How many seconds of speech are needed.

    Returns:
        The voice, float32 (width,), of unit length; and how many seconds of speech it was made of.

    Raises:
        ValueError: There is less speech, or none.
    """
    windows = [
        Window(clip[start:end], [(start, end)])
        for clip in clips
        for start, end in find_speech(clip, MAX_SPAN_SAMPLES)
    ]
    found = [span for one in hear(network, windows) for span in one if len(span.times)]
    seconds = sum(float(one.times[-1, 1] - one.times[0, 0]) for one in found)
    if not found or seconds < least:
        raise ValueError(f"{seconds:.1f} s of speech; a voice needs {least:g} s")
    # A long window says more of a voice than a short one.
    lengths = np.concatenate([one.times[:, 1] - one.times[:, 0] for one in found])
    summed = lengths @ np.concatenate([one.embeddings for one in found])
    return unit(summed), seconds


def check_name(name: str) -> str:
    """Give a name on one line, without spaces around it.

    Raises:
        ValueError: It is empty or too long, or has a character that can't be seen.
    """
    name = " ".join(name.split())
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise ValueError(f"is empty, or has over {MAX_NAME_CHARACTERS} characters")
    if not name.isprintable():
        raise ValueError("has a character that can't be seen")
    return name


class _Twice(ValueError):
    """A name is there twice."""


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of names and their values.

    Raises:
        _Twice: Two have the same name.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Twice(f"has '{twice[:MAX_NAME_CHARACTERS]}' twice")
    return found


def _known_as(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise ValueError(f"has a name that {error}") from None


def _voice(name: str, values: Any, width: int) -> np.ndarray:
    """Check an embedding, and scale it to unit length."""
    good = isinstance(values, list) and all(
        isinstance(one, int | float) and not isinstance(one, bool) and abs(one) < MAX_LENGTH
        for one in values
    )
    voice = np.array(values if good else [], np.float32)
    length = float(np.linalg.norm(voice))
    if len(voice) != width or not 1 / MAX_LENGTH < length < MAX_LENGTH:
        raise ValueError(f"has for '{name[:MAX_NAME_CHARACTERS]}' no embedding of {width} numbers")
    return voice / np.float32(length)
