"""Windows of speech that a model hears, and the way back to the recording's times.

The pauses of a recording are left out: they cost time, and a model may invent text in silence.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.transcript import Segment
from zoo.speech.vad import AROUND_SAMPLES, SURE, Span, speech

# A window of so much speech ends at the next pause. Whisper hears a sentence better beside others;
# but the more there are in a window, the more often it leaves one out. benchmarks/tried.md has the
# figures.
ENOUGH_SAMPLES = 20 * SAMPLE_RATE
BESIDE_CUT_SAMPLES = round(1.2 * SAMPLE_RATE)  # so wrong are Whisper's times, at times
UNSURE_SECONDS = 0.5  # a segment's times may be wrong by so much in either direction
MIN_LOST_SECONDS = 0.8  # shorter speech without a segment is a matter of imprecise times


@dataclass
class Window:
    """Up to 30 s of speech: `sound`, float32 (samples,) at 16 kHz, joins that of the spans.

    `language` is that of this window, where it isn't the recording's.
    """

    sound: np.ndarray
    spans: list[Span]
    language: str | None = None
    language_probability: float | None = None

    def part(self, span: Span) -> "Window":
        """Cut out what lies within a span of the recording."""
        spans, sounds, place = [], [], 0
        for start, end in self.spans:
            first, last = max(start, span[0]), min(end, span[1])
            if first < last:
                spans.append((first, last))
                sounds.append(self.sound[place + first - start : place + last - start])
            place += end - start
        return replace(self, sound=np.concatenate(sounds), spans=spans)

    def place(self, segment: Segment) -> Segment:
        """Give a segment of the window the recording's times, and the window's language."""
        segment = replace(
            segment, language=self.language, language_probability=self.language_probability
        )
        if not segment.words:
            start, end = self.start_of(segment.start), self.end_of(segment.end)
            if end <= start:  # both lie beside one cut
                span = self._span((segment.start + segment.end) / 2)
                start, end = self._time(segment.start, span), self._time(segment.end, span)
            return replace(segment, start=start, end=max(start, end))
        words = []
        for word in segment.words:
            span = self._span((word.start + word.end) / 2)  # a word is said without a pause in it
            start, end = self._time(word.start, span), self._time(word.end, span)
            words.append(replace(word, start=start, end=end))
        return replace(segment, start=words[0].start, end=words[-1].end, words=words)

    def start_of(self, seconds: float) -> float:
        """Turn the time at which something begins into the recording's time, in seconds.

        Whisper's times are wrong by some tenths of a second, at times by a whole one. So what
        begins shortly before a cut is moved to the start of the next span.
        """
        span = self._span(seconds)
        following = self._ends()[span] - round(seconds * SAMPLE_RATE)
        if self._is_cut_after(span) and following < self._beside(span):
            return self.spans[span + 1][0] / SAMPLE_RATE
        return self._time(seconds, span)

    def end_of(self, seconds: float) -> float:
        """Turn the time at which something ends into the recording's time, in seconds.

        What ends shortly after a cut is moved to the end of the span before.
        """
        span = self._span(seconds)
        if span and self._is_cut_after(span - 1):
            passed = round(seconds * SAMPLE_RATE) - self._ends()[span - 1]
            if passed < self._beside(span):
                return self.spans[span - 1][1] / SAMPLE_RATE
        return self._time(seconds, span)

    def _is_cut_after(self, span: int) -> bool:
        """Tell whether a part of the recording is left out after a span."""
        return span + 1 < len(self.spans) and self.spans[span][1] < self.spans[span + 1][0]

    def _beside(self, span: int) -> int:
        """Give how near to a span's end counts as beside it, in samples."""
        start, end = self.spans[span]
        return max(AROUND_SAMPLES, min(BESIDE_CUT_SAMPLES, (end - start) // 3))

    def _ends(self) -> list[int]:
        """List where the spans end in the window, in samples."""
        return list(itertools.accumulate(end - start for start, end in self.spans))

    def _span(self, seconds: float) -> int:
        """Find the number of the span at a time of the window; after the end, the last span's."""
        return min(
            bisect.bisect_right(self._ends(), round(seconds * SAMPLE_RATE)), len(self.spans) - 1
        )

    def _time(self, seconds: float, span: int) -> float:
        """Turn a time of the window into the recording's time, in seconds, within a span."""
        start, end = self.spans[span]
        before = self._ends()[span] - (end - start)
        return min(max(start + round(seconds * SAMPLE_RATE) - before, start), end) / SAMPLE_RATE


def speech_windows(
    blocks: Iterable[np.ndarray], longest: int, threshold: float = SURE
) -> Iterator[Window]:
    """Yield the speech of a recording, one span in each window; hold one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        longest: How many samples a window may have.
        threshold: How probable speech must be, 0 to 1.
    """
    for span, sound in speech(blocks, longest, threshold):
        yield Window(sound, [span])


def packed_windows(
    blocks: Iterable[np.ndarray],
    longest: int,
    enough: int = ENOUGH_SAMPLES,
    threshold: float = SURE,
) -> Iterator[Window]:
    """Join the speech of a recording to windows; hold one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        longest: How many samples a window may have.
        enough: A window of so many samples ends at the next pause.
        threshold: How probable speech must be, 0 to 1.
    """
    spans: list[Span] = []
    sounds: list[np.ndarray] = []
    for span, sound in speech(blocks, longest, threshold):
        length = sum(map(len, sounds))
        pause = bool(spans) and span[0] > spans[-1][1]
        if spans and (length + len(sound) > longest or (pause and length >= enough)):
            yield Window(np.concatenate(sounds), spans)
            spans, sounds = [], []
        spans.append(span)
        sounds.append(sound)
    if spans:
        yield Window(np.concatenate(sounds), spans)


def without_text(spans: Sequence[Span], segments: Sequence[Segment]) -> list[Span]:
    """Find speech that no segment covers.

    Args:
        spans: Where speech was found, in order, with `AROUND_SAMPLES` of silence around it.
        segments: With text, in the recording's times.

    Returns:
        Parts of the spans, in order; parts that touch each other are one.
    """
    lost: list[Span] = []
    for start, end in _joined(spans):
        middle = (start + end) // 2
        inner = min(start + AROUND_SAMPLES, middle), max(end - AROUND_SAMPLES, middle + 1)
        holes = [inner]
        for one in segments:
            first = round((one.start - UNSURE_SECONDS) * SAMPLE_RATE)
            last = round((one.end + UNSURE_SECONDS) * SAMPLE_RATE)
            holes = [
                part
                for low, high in holes
                for part in ((low, min(high, first)), (max(low, last), high))
                if part[0] < part[1]
            ]
        for low, high in holes:
            if (low, high) == inner or high - low >= MIN_LOST_SECONDS * SAMPLE_RATE:
                lost.append((max(start, low - AROUND_SAMPLES), min(end, high + AROUND_SAMPLES)))
    return lost


def _joined(spans: Sequence[Span]) -> list[Span]:
    """Join spans that follow each other without a pause."""
    joined: list[Span] = []
    for start, end in spans:
        if joined and joined[-1][1] >= start:
            start = joined.pop()[0]
        joined.append((start, end))
    return joined
