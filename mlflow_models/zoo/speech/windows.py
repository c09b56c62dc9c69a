"""Finds the speech of a recording of any length, and cuts it into windows that a model takes.

Silero's model, which comes with faster-whisper, detects the voice activity. Speech is cut at its
pauses, and the pauses are left out: they cost time, and a model may invent text in silence.
For Whisper each window costs 30 s, so its windows are packed.
"""

import bisect
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.level import audible
from zoo.speech.transcript import Segment

WINDOW_SAMPLES = 30 * SAMPLE_RATE
AROUND_SAMPLES = round(0.4 * SAMPLE_RATE)  # silence that a span has before and after its speech
UNSURE_SAMPLES = SAMPLE_RATE  # speech this near to a block's end may go on in the next block
FRAME_SAMPLES = SAMPLE_RATE // 50  # 20 ms, which loudness is measured over
BREATH_FRAMES = 5  # 0.1 s: speech is cut only where it is quiet for so long
QUIET_RATIO = 0.1  # of the amplitude of speech: 20 dB below it
SURE = 0.5  # probability from which on a moment counts as speech, as Silero recommends
Span = tuple[int, int]  # from and to, samples of the recording


@dataclass
class Window:
    """Up to 30 s of speech: `sound`, float32 (samples,) at 16 kHz, joins that of the spans."""

    sound: np.ndarray
    spans: list[Span]

    @property
    def seconds(self) -> float:
        """How long its sound is."""
        return len(self.sound) / SAMPLE_RATE

    def place(self, segment: Segment) -> Segment:
        """Give a segment of the window the recording's times."""
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
        """Turn the time at which something begins into the recording's time, in seconds.

        Whisper's times are wrong by some tenths of a second, so what begins in the silence at the
        end of a span is moved to the start of the next span.
        """
        span = self._span(seconds)
        last = span + 1 == len(self.spans)
        if not last and self._ends()[span] - round(seconds * SAMPLE_RATE) < AROUND_SAMPLES:
            return self.spans[span + 1][0] / SAMPLE_RATE
        return self._time(seconds, span)

    def end_of(self, seconds: float) -> float:
        """Turn the time at which something ends into the recording's time, in seconds.

        What ends in the silence at the start of a span is moved to the end of the span before.
        """
        span = self._span(seconds)
        if span and round(seconds * SAMPLE_RATE) - self._ends()[span - 1] < AROUND_SAMPLES:
            return self.spans[span - 1][1] / SAMPLE_RATE
        return self._time(seconds, span)

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


def find_speech(
    sound: np.ndarray, longest: int = WINDOW_SAMPLES, threshold: float = SURE
) -> list[Span]:
    """Find where somebody speaks, with a little silence around it.

    Args:
        sound: float32 (samples,) at 16 kHz.
        longest: How many samples a span may have.
        threshold: How probable speech must be, 0 to 1.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    if not sound.any():
        return []
    options = VadOptions(
        threshold=threshold,
        max_speech_duration_s=longest / SAMPLE_RATE,
        min_silence_duration_ms=160,
        speech_pad_ms=1000 * AROUND_SAMPLES // SAMPLE_RATE,
        min_speech_duration_ms=100,  # no syllable is shorter, but many a crackle
    )
    return [(span["start"], span["end"]) for span in get_speech_timestamps(audible(sound), options)]


def speech_windows(
    blocks: Iterable[np.ndarray], longest: int, threshold: float = SURE
) -> Iterator[Window]:
    """Yield the speech of a recording, one span in each window; hold one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        longest: How many samples a window may have.
        threshold: How probable speech must be, 0 to 1.
    """
    for span, sound in _speech(blocks, longest, threshold):
        yield Window(sound, [span])


def packed_windows(blocks: Iterable[np.ndarray], threshold: float = SURE) -> Iterator[Window]:
    """Pack the speech of a recording into windows of 30 s; hold one block at a time.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        threshold: How probable speech must be, 0 to 1.
    """
    spans: list[Span] = []
    sounds: list[np.ndarray] = []
    for (start, end), sound in _speech(blocks, WINDOW_SAMPLES, threshold):
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
    """Find the last pause for breath, where speech can be cut to fill a window.

    Args:
        sound: float32 (samples,) at 16 kHz: as much of a span as there is room for.

    Returns:
        The number of the sample; 0 if there is no pause.
    """
    frames = sound[: len(sound) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES)
    if len(frames) < BREATH_FRAMES:
        return 0
    power = np.convolve(
        np.square(frames).mean(axis=1), np.full(BREATH_FRAMES, 1 / BREATH_FRAMES), "valid"
    )
    quiet = np.flatnonzero(power <= QUIET_RATIO**2 * np.percentile(power, 90))
    return int(quiet[-1] * FRAME_SAMPLES + BREATH_FRAMES * FRAME_SAMPLES // 2) if len(quiet) else 0


def _speech(
    blocks: Iterable[np.ndarray], longest: int, threshold: float = SURE
) -> Iterator[tuple[Span, np.ndarray]]:
    """Yield the spans of speech, each with its sound, float32 (samples,) at 16 kHz.

    A span that may go on in the next block waits for that block.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        longest: How many samples a span may have.
        threshold: How probable speech must be, 0 to 1.
    """
    left, offset = np.empty(0, np.float32), 0  # samples to look at again, and where they begin
    following = iter(blocks)
    block = next(following, None)
    while block is not None:
        sound = np.concatenate([left, block])
        block = next(following, None)
        spans = find_speech(sound, longest, threshold)
        keep = len(sound)
        if block is not None:
            keep = max(0, len(sound) - UNSURE_SAMPLES)
            while spans and spans[-1][1] > keep:
                keep = min(keep, spans.pop()[0])
        for start, end in spans:
            yield (start + offset, end + offset), sound[start:end].copy()
        left, offset = sound[keep:], offset + keep
