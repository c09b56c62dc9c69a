"""What both engines of Whisper share, beyond what every recognizer of speech does."""

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np

from whisper_asr.options import Options
from whisper_asr.text import polished
from zoo.errors import BadInput
from zoo.speech import transcriber
from zoo.speech.transcriber import Recording
from zoo.speech.transcript import Segment, Word
from zoo.speech.windows import Window, packed_windows

LONGEST_UNCUT = 1200.0  # seconds that are taken whole where the speech isn't found first: a GB


class Transcriber(transcriber.Transcriber[Options]):
    """Transcribes the windows that Whisper takes, or the whole by openai-whisper's algorithm."""

    max_prompt = 223  # tokens: half the decoder's context, less the token that opens a prompt
    takes_hotwords = True
    languages: tuple[str, ...]

    @abstractmethod
    def count_tokens(self, text: str) -> int:
        """How many tokens a prompt has; at most `max_prompt` are taken."""

    @abstractmethod
    def decode_sound(self, sound: np.ndarray, language: str, options: Options) -> Iterator[Segment]:
        """openai-whisper's algorithm: each window is prompted by the text before it."""

    def windows(self, blocks: Iterator[np.ndarray], options: Options) -> Iterator[Window]:  # noqa: ARG002
        return packed_windows(blocks)

    def decode_whole(self, recording: Recording, options: Options) -> Iterator[Segment]:
        pieces = []
        for block in recording.blocks(options.denoise):
            pieces.append(block)
            if recording.seconds > LONGEST_UNCUT:
                raise BadInput(
                    f"lasts longer than {LONGEST_UNCUT / 60:g} minutes; so long a one takes 'vad'"
                )
        sound = np.concatenate(pieces)
        if recording.language is None:
            recording.language = self.hear_language(sound)
        yield from self.decode_sound(sound, recording.language, options)

    def polished(self, segments: list[Segment], language: str, options: Options) -> list[Segment]:
        return polished(segments, language, options)


def segment(start: float, end: float, text: str, scored: Any, words: Any) -> Segment:
    """A segment with Whisper's scores.

    Args:
        start: Seconds.
        end: Seconds.
        text: What is said.
        scored: Anything that has the scores as attributes.
        words: In faster-whisper's form, dictionaries; or None.
    """
    if words is not None:
        words = [Word(w["word"], w["start"], w["end"], float(w["probability"])) for w in words]
    scores = {
        "avg_logprob": float(scored.avg_logprob),
        "no_speech_prob": float(scored.no_speech_prob),
        "compression_ratio": float(scored.compression_ratio),
    }
    return Segment(start, end, text, words, scores)
