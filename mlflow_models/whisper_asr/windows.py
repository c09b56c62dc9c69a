"""Finds the speech of a recording of any length, and packs it into the windows that Whisper takes.

Voice activity is Silero's model, which comes with faster-whisper. Whisper pays for 30 s whatever a
window holds, and invents text where nobody speaks: so pauses are cut out, and speech at them.
"""

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from zoo.audio import SAMPLE_RATE
from zoo.transcript import Segment

WINDOW = 30 * SAMPLE_RATE  # samples
UNSURE = SAMPLE_RATE  # samples: speech that ends so near to a block's end may go on in the next
Span = tuple[int, int]  # from and to, samples of the recording


@dataclass
class Window:
    """Up to 30 s of speech: `sound`, float32 (samples,), is that of the spans, in a row."""

    sound: np.ndarray
    spans: list[Span]

    @property
    def seconds(self) -> float:
        """How long its sound is."""
        return len(self.sound) / SAMPLE_RATE

    def original(self, seconds: float, is_end: bool = False) -> float:
        """The recording's time of a time in the window, both in seconds.

        Where one span ends and the next begins, a time is the next one's start, or with `is_end`
        this one's end. What Whisper puts after the window's end is put at its end.
        """
        ends = list(np.cumsum([end - start for start, end in self.spans]))
        sample = min(round(seconds * SAMPLE_RATE), ends[-1])
        find = bisect.bisect_left if is_end else bisect.bisect_right
        number = min(find(ends, sample), len(ends) - 1)
        into = sample - (ends[number - 1] if number else 0)
        return float(self.spans[number][0] + into) / SAMPLE_RATE

    def place(self, segment: Segment) -> Segment:
        """A segment of the window, at its times in the recording."""
        words = segment.words
        if words is not None:
            words = [
                replace(word, start=self.original(word.start), end=self.original(word.end, True))
                for word in words
            ]
        start, end = self.original(segment.start), self.original(segment.end, True)
        return replace(segment, start=start, end=end, words=words)


def find_speech(sound: np.ndarray) -> list[Span]:
    """Where somebody speaks, with a little room around it; a span is at most 30 s long.

    Args:
        sound: float32 (samples,), 16 kHz.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not sound.any():
        return []
    options = VadOptions(
        max_speech_duration_s=WINDOW / SAMPLE_RATE,
        min_silence_duration_ms=160,
        min_speech_duration_ms=100,  # no syllable is shorter, but many a crackle
    )
    return [(span["start"], span["end"]) for span in get_speech_timestamps(sound, options)]


def speech_windows(blocks: Iterable[np.ndarray]) -> Iterator[Window]:
    """Packs the speech of a recording into windows; holds one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,), 16 kHz.
    """
    spans: list[Span] = []
    sounds: list[np.ndarray] = []
    for (start, end), sound in _speech(blocks):
        if spans and end - start + sum(map(len, sounds)) > WINDOW:
            yield Window(np.concatenate(sounds), spans)
            spans, sounds = [], []
        spans.append((start, end))
        sounds.append(sound)
    if spans:
        yield Window(np.concatenate(sounds), spans)


def _speech(blocks: Iterable[np.ndarray]) -> Iterator[tuple[Span, np.ndarray]]:
    """The spans of speech and their sound; what may go on in the next block waits for it."""
    left, offset = np.empty(0, np.float32), 0  # what is looked at again, and where it begins
    following = iter(blocks)
    block = next(following, None)
    while block is not None:
        sound = np.concatenate([left, block])
        block = next(following, None)
        spans = find_speech(sound)
        keep = len(sound)
        if block is not None:
            keep = max(0, len(sound) - UNSURE)
            while spans and spans[-1][1] > keep:
                keep = min(keep, spans.pop()[0])
        for start, end in spans:
            yield (start + offset, end + offset), sound[start:end].copy()
        left, offset = sound[keep:], offset + keep
