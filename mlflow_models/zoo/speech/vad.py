"""Finds where somebody speaks, in a recording of any length.

Silero's model detects the voice activity. Speech that is longer than a model takes is cut where it
is quietest.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech import silero
from zoo.speech.level import audible, raised

Span = tuple[int, int]  # from and to, samples of the recording
SURE = 0.5  # probability from which on a moment counts as speech, as Silero recommends
AROUND_SAMPLES = round(0.4 * SAMPLE_RATE)  # silence that a span has before and after its speech
UNSURE_SAMPLES = SAMPLE_RATE  # speech this near to a block's end may go on in the next block
FRAME_SAMPLES = SAMPLE_RATE // 50  # 20 ms, which loudness is measured over
BREATH_FRAMES = 8  # 0.16 s: a pause for breath


def find_speech(
    sound: np.ndarray, longest: float = math.inf, threshold: float = SURE
) -> list[Span]:
    """Find where somebody speaks, with a little silence around it.

    Args:
        sound: float32 (samples,) at 16 kHz.
        longest: How many samples a span may have, at most.
        threshold: How probable speech must be, 0 to 1.
    """
    if not sound.any():
        return []
    sure = silero.probabilities(audible(sound))
    spans = []
    for start, end in _widened(silero.spans(sure, len(sound), threshold), len(sound)):
        while end - start > longest:
            cut = start + quietest_place(sound[start : start + int(longest)])
            spans.append((start, cut))
            start = cut
        spans.append((start, end))
    return spans


def _widened(found: Sequence[Span], samples: int) -> list[Span]:
    """Give each span of a sound the silence around it; two share what is between them."""
    pauses = [start - end for (_, end), (start, _) in itertools.pairwise(found)]
    shares = [
        AROUND_SAMPLES,
        *(min(pause // 2, AROUND_SAMPLES) for pause in pauses),
        AROUND_SAMPLES,
    ]
    return [
        (max(0, start - before), min(samples, end + after))
        for (start, end), before, after in zip(found, shares, shares[1:], strict=False)
    ]


def quietest_place(sound: np.ndarray) -> int:
    """Find the quietest moment of the second half, where a stretch of speech is best cut.

    Args:
        sound: float32 (samples,) at 16 kHz; as long as a span may be.

    Returns:
        The number of the sample, at least half of them all.
    """
    half = len(sound) // 2
    frames = sound[half : half + (len(sound) - half) // FRAME_SAMPLES * FRAME_SAMPLES]
    power = np.square(frames.reshape(-1, FRAME_SAMPLES)).mean(axis=1)
    if len(power) < BREATH_FRAMES:
        return len(sound)
    smooth = np.convolve(power, np.full(BREATH_FRAMES, 1 / BREATH_FRAMES), "valid")
    return half + (int(smooth.argmin()) + BREATH_FRAMES // 2) * FRAME_SAMPLES


def speech(
    blocks: Iterable[np.ndarray], longest: int, threshold: float = SURE
) -> Iterator[tuple[Span, np.ndarray]]:
    """Yield the spans of speech, each with its sound, float32 (samples,) at 16 kHz.

    Faint speech is raised. One block is held at a time; a span that may go on in the next block
    waits for that block.

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
            yield (start + offset, end + offset), raised(sound[start:end].copy())
        left, offset = sound[keep:].copy(), offset + keep  # a view would keep the block
