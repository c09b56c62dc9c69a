"""Tells who speaks when: windows over speech are embedded, clustered, and become turns.

A window is embedded when its speech is decoded, so that a long recording's sound needn't be kept.
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.speech.clustering import cluster
from zoo.speech.embedding import SpeakerNetwork, unit
from zoo.speech.vad import BREATH_FRAMES, FRAME_SAMPLES, Span
from zoo.speech.windows import Window

OVERLAP = 0.5  # of a window, with the one before
MIN_SAMPLES = SAMPLE_RATE // 5  # of a window: less has no voice in it
FRAME_SECONDS = FRAME_SAMPLES / SAMPLE_RATE
QUIET_DB = 22.0  # under a span's loud frames: nobody speaks
LOUD_SHARE, QUIET_SHARE = 0.1, 0.1  # of a span's frames that count as loud, as quiet
MAX_EDGE_FRAMES = 25  # half a second: a pause before or after speech isn't longer
NOISE_SHARE = 0.4  # of the range from quiet to loud frames: what is above isn't the noise alone
SAME_TURN_SECONDS = 0.8  # a shorter pause doesn't end a turn


@dataclass(frozen=True)
class Heard:
    """The voices in one span of speech.

    Attributes:
        start: Of the span, in seconds.
        end: Of the span, in seconds.
        loudness: Of its frames of 20 ms, in decibels: float32 (frames,).
        times: From and to of each window, in seconds: float32 (windows, 2).
        embeddings: float32 (windows, width), each of unit length.
    """

    start: float
    end: float
    loudness: np.ndarray
    times: np.ndarray
    embeddings: np.ndarray


@dataclass(frozen=True)
class Turn:
    """A stretch in which one person speaks. Times in seconds; speakers count from 0."""

    start: float
    end: float
    speaker: int


def cut(span: Span, length: int) -> list[Span]:
    """Cut a span into windows that overlap by half or more; a short span is one window.

    Args:
        span: From and to, in samples.
        length: Of a window, in samples.
    """
    start, end = span
    count = max(1, math.ceil((end - start - length) / (length * (1 - OVERLAP))) + 1)
    last = max(0, end - start - length)
    firsts = np.linspace(start, start + last, count).round().astype(int)
    return [(int(first), min(int(first) + length, end)) for first in firsts]


def hear(network: SpeakerNetwork, windows: Sequence[Window]) -> list[list[Heard]]:
    """Embed the voices in windows of speech, all of them together.

    Returns:
        For each window, its spans.
    """
    sounds: list[np.ndarray] = []
    spans: list[list[tuple[Span, np.ndarray, list[Span]]]] = []
    for window in windows:
        spans.append([])
        place = 0
        for start, end in window.spans:
            sound = window.sound[place : place + end - start]
            place += end - start
            loudness = _loudness(sound)
            first, last = (edge * FRAME_SAMPLES for edge in _edges(loudness, 0, len(loudness)))
            inside = (first, max(last, first + MIN_SAMPLES))
            cuts = cut(inside, network.window) if len(sound) >= MIN_SAMPLES else []
            sounds += [sound[first:last] for first, last in cuts]
            spans[-1].append(((start, end), loudness, cuts))
    embeddings = iter(network(sounds))
    return [
        [
            Heard(
                start / SAMPLE_RATE,
                end / SAMPLE_RATE,
                loudness,
                (np.array(cuts, np.float32).reshape(-1, 2) + start) / np.float32(SAMPLE_RATE),
                np.array(list(itertools.islice(embeddings, len(cuts))), np.float32).reshape(
                    -1, network.width
                ),
            )
            for (start, end), loudness, cuts in one
        ]
        for one in spans
    ]


def turns(
    heard: Sequence[Heard], speakers: int | None, least: int, most: int, apart: float | None
) -> tuple[list[Turn], list[np.ndarray]]:
    """Tell who speaks when.

    Args:
        heard: The spans of a recording, in order.
        speakers: How many people speak, if it is known.
        least: The fewest people, if it isn't.
        most: The most people, if it isn't.
        apart: As the network has it.

    Returns:
        Turns, in order, whose speakers are numbered as they begin; and each speaker's voice,
        float32 (width,), of unit length.
    """
    heard = [one for one in heard if len(one.times)]
    if not heard:
        return [], []
    embeddings = np.concatenate([one.embeddings for one in heard])
    times = np.concatenate([one.times for one in heard])
    labels = cluster(embeddings, times, speakers, least, most, apart)
    sums = [embeddings[labels == one].sum(axis=0) for one in range(labels.max() + 1)]
    parts = iter(labels.tolist())
    found = [
        turn
        for one in heard
        for turn in _of_span(one, list(itertools.islice(parts, len(one.times))))
    ]
    return _joined(found), [unit(one) for one in sums]


def _of_span(one: Heard, labels: list[int]) -> Iterator[Turn]:
    """Yield a span's turns; between two, the quietest moment is where the one ends."""
    middles = one.times.mean(axis=1)
    begin = 0
    for place, (before, after) in enumerate(itertools.pairwise(labels)):
        if before != after:
            change = _quietest(one, middles[place], middles[place + 1])
            yield _turn(one, begin, change, before)
            begin = change
    yield _turn(one, begin, len(one.loudness), labels[-1])


def _turn(one: Heard, begin: int, end: int, speaker: int) -> Turn:
    """Make a turn of some frames of a span, without the silence at its ends."""
    first, last = _edges(one.loudness, begin, end)
    start, stop = (one.start + frame * FRAME_SECONDS for frame in (first, last))
    return Turn(start, min(stop, one.end), speaker)  # the last frame may be padded


def _quietest(one: Heard, start: float, end: float) -> int:
    """Find the quietest frame of a span between two times, in seconds."""
    first = round((start - one.start) / FRAME_SECONDS)
    last = max(first + 1, round((end - one.start) / FRAME_SECONDS))
    around = np.pad(one.loudness, BREATH_FRAMES // 2, "edge")
    smooth = np.convolve(around, np.full(BREATH_FRAMES, 1 / BREATH_FRAMES), "valid")
    return first + int(smooth[first:last].argmin())


def _joined(found: Iterable[Turn]) -> list[Turn]:
    """Join turns of one person that follow each other without a long pause."""
    whole: list[Turn] = []
    for turn in found:
        last = whole[-1] if whole else None
        if last and last.speaker == turn.speaker and turn.start - last.end < SAME_TURN_SECONDS:
            whole[-1] = Turn(last.start, turn.end, last.speaker)
        else:
            whole.append(turn)
    return whole


def _loudness(sound: np.ndarray) -> np.ndarray:
    """Compute the loudness of frames of 20 ms in decibels: float32 (frames,)."""
    frames = np.pad(sound, (0, -len(sound) % FRAME_SAMPLES)).reshape(-1, FRAME_SAMPLES)
    power = np.square(frames - frames.mean(axis=1, keepdims=True)).mean(axis=1)
    found: np.ndarray = (10 * np.log10(power + 1e-12)).astype(np.float32)
    return found


def _edges(loudness: np.ndarray, begin: int, end: int) -> tuple[int, int]:
    """Find from which frame to which somebody speaks, in some frames of a span.

    A span has 0.4 s of silence before and after its speech; two spans share a shorter pause.
    """
    part = loudness[begin:end]
    loud, quiet = np.quantile(loudness, (1 - LOUD_SHARE, QUIET_SHARE))
    least = max(loud - QUIET_DB, quiet + min(QUIET_DB, loud - quiet) * NOISE_SHARE)
    spoken = np.flatnonzero(part >= least)
    if not len(spoken):
        return begin, end
    most = min(MAX_EDGE_FRAMES, len(part) // 3)
    return begin + min(int(spoken[0]), most), end - min(len(part) - 1 - int(spoken[-1]), most)
