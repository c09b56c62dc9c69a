"""Finds the speech of a recording of any length, and cuts it into windows that a model takes.

Voice activity is Silero's model, which comes with faster-whisper. Pauses are cut out, since a model
pays for them and may invent text where nobody speaks; and speech is cut at them. Whisper pays for
30 s whatever a window holds, so that for it the windows are packed.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.transcript import Segment

WINDOW_SAMPLES = 30 * SAMPLE_RATE
AROUND_SAMPLES = round(0.4 * SAMPLE_RATE)  # silence that a span has before and after its speech
UNSURE_SAMPLES = SAMPLE_RATE  # speech this near to a block's end may go on in the next block
FRAME_SAMPLES = SAMPLE_RATE // 50  # 20 ms, which loudness is measured over
BREATH_FRAMES = 5  # 0.1 s: speech is cut only where it is quiet for so long
QUIET_RATIO = 0.1  # of the amplitude of speech: 20 dB below it
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

    def place(self, segment: Segment) -> Segment:
        """A segment of the window, at its times in the recording."""
        if not segment.words:
            start, end = self.start_of(segment.start), self.end_of(segment.end)
            return replace(segment, start=start, end=max(start, end))
        words = []
        for word in segment.words:
            span = self._span((word.start + word.end) / 2)  # a word is said without a pause in it
            start, end = self._time(word.start, span), self._time(word.end, span)
            words.append(replace(word, start=start, end=end))
        return replace(segment, start=words[0].start, end=words[-1].end, words=words)

    def start_of(self, seconds: float) -> float:
        """When something began, in the recording's seconds.

        Whisper is some tenths of a second off: what begins in the silence at a span's end begins
        with the next one.
        """
        span = self._span(seconds)
        last = span + 1 == len(self.spans)
        if not last and self._ends()[span] - round(seconds * SAMPLE_RATE) < AROUND_SAMPLES:
            return self.spans[span + 1][0] / SAMPLE_RATE
        return self._time(seconds, span)

    def end_of(self, seconds: float) -> float:
        """When something ended: what ends in the silence at a span's start ended with the last."""
        span = self._span(seconds)
        if span and round(seconds * SAMPLE_RATE) - self._ends()[span - 1] < AROUND_SAMPLES:
            return self.spans[span - 1][1] / SAMPLE_RATE
        return self._time(seconds, span)

    def _ends(self) -> list[int]:
        """Where the spans end in the window, samples."""
        return list(itertools.accumulate(end - start for start, end in self.spans))

    def _span(self, seconds: float) -> int:
        """The number of the span that a time of the window lies in, or of the last."""
        return min(
            bisect.bisect_right(self._ends(), round(seconds * SAMPLE_RATE)), len(self.spans) - 1
        )

    def _time(self, seconds: float, span: int) -> float:
        """The recording's time of a time of the window, within a span."""
        start, end = self.spans[span]
        before = self._ends()[span] - (end - start)
        return min(max(start + round(seconds * SAMPLE_RATE) - before, start), end) / SAMPLE_RATE


def find_speech(sound: np.ndarray, longest: int = WINDOW_SAMPLES) -> list[Span]:
    """Where somebody speaks, with a little room around it.

    Args:
        sound: float32 (samples,), 16 kHz.
        longest: Samples that a span may last.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not sound.any():
        return []
    options = VadOptions(
        max_speech_duration_s=longest / SAMPLE_RATE,
        min_silence_duration_ms=160,
        speech_pad_ms=1000 * AROUND_SAMPLES // SAMPLE_RATE,
        min_speech_duration_ms=100,  # no syllable is shorter, but many a crackle
    )
    return [(span["start"], span["end"]) for span in get_speech_timestamps(sound, options)]


def speech_windows(blocks: Iterable[np.ndarray], longest: int) -> Iterator[Window]:
    """The speech of a recording, a window for each of its spans; holds one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,), 16 kHz.
        longest: Samples that a window may last.
    """
    for span, sound in _speech(blocks, longest):
        yield Window(sound, [span])


def packed_windows(blocks: Iterable[np.ndarray]) -> Iterator[Window]:
    """Packs the speech of a recording into windows; holds one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,), 16 kHz.
    """
    spans: list[Span] = []
    sounds: list[np.ndarray] = []
    for (start, end), sound in _speech(blocks, WINDOW_SAMPLES):
        room = WINDOW_SAMPLES - sum(map(len, sounds))
        if len(sound) > room:
            if cut := quiet_place(sound[:room]):
                spans.append((start, start + cut))
                sounds.append(sound[:cut])
                start, sound = start + cut, sound[cut:]
            yield Window(np.concatenate(sounds), spans)
            spans, sounds = [], []
        spans.append((start, end))
        sounds.append(sound)
    if spans:
        yield Window(np.concatenate(sounds), spans)


def quiet_place(sound: np.ndarray) -> int:
    """Where speech can be cut to fill a window: the last pause for breath.

    Args:
        sound: float32 (samples,), as much of a span as there is room for.

    Returns:
        The sample, or 0 where there is no pause.
    """
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    if len(frames) < BREATH_FRAMES:
        return 0
    power = np.convolve(
        np.square(frames).mean(axis=1), np.full(BREATH_FRAMES, 1 / BREATH_FRAMES), "valid"
    )
    quiet = np.flatnonzero(power <= QUIET_RATIO**2 * np.percentile(power, 90))
    return int(quiet[-1] * FRAME_SAMPLES + BREATH_FRAMES * FRAME_SAMPLES // 2) if len(quiet) else 0


def _speech(blocks: Iterable[np.ndarray], longest: int) -> Iterator[tuple[Span, np.ndarray]]:
    """The spans of speech and their sound; what may go on in the next block waits for it."""
    left, offset = np.empty(0, np.float32), 0  # what is looked at again, and where it begins
    following = iter(blocks)
    block = next(following, None)
    while block is not None:
        sound = np.concatenate([left, block])
        block = next(following, None)
        spans = find_speech(sound, longest)
        keep = len(sound)
        if block is not None:
            keep = max(0, len(sound) - UNSURE_SAMPLES)
            while spans and spans[-1][1] > keep:
                keep = min(keep, spans.pop()[0])
        for start, end in spans:
            yield (start + offset, end + offset), sound[start:end].copy()
        left, offset = sound[keep:], offset + keep
