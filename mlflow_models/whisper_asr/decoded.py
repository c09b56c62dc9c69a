"""What Whisper wrote for a window, how sure it was, and the segments that are made of it."""

from dataclasses import dataclass
from typing import Any

from whisper_asr.text import REPETITIVE, compression_ratio, plausible_length
from zoo.speech.transcript import Segment, Word

UNLIKELY, SILENT = -1.0, 0.6  # openai-whisper's thresholds


@dataclass
class Decoded:
    """A window's tokens, and the model's scores of them."""

    tokens: list[int]
    text: str
    avg_logprob: float
    no_speech_prob: float
    seconds: float  # that its speech lasts

    @property
    def compression_ratio(self) -> float:
        """How repetitive the text is."""
        return compression_ratio(self.text.strip())

    @property
    def repeats(self) -> bool:
        """Whether it is a loop, or more than can be said in the time."""
        return self.compression_ratio > REPETITIVE or not plausible_length(self.text, self.seconds)

    @property
    def failed(self) -> bool:
        """Whether to try another temperature."""
        return not self.silent and (self.repeats or self.avg_logprob < UNLIKELY)

    @property
    def silent(self) -> bool:
        """Whether nobody speaks."""
        return self.no_speech_prob > SILENT and self.avg_logprob < UNLIKELY


def segment(start: float, end: float, text: str, scored: Any, words: Any) -> Segment:
    """Make a segment with Whisper's scores.

    Args:
        start: When it begins, in seconds.
        end: When it ends, in seconds.
        text: What is said.
        scored: An object that has the scores as attributes.
        words: Dictionaries in faster-whisper's form; or None.
    """
    if words is not None:
        words = [Word(w["word"], w["start"], w["end"], float(w["probability"])) for w in words]
    scores = {
        "avg_logprob": float(scored.avg_logprob),
        "no_speech_prob": float(scored.no_speech_prob),
        "compression_ratio": float(scored.compression_ratio),
    }
    return Segment(start, end, text, words, scores)
