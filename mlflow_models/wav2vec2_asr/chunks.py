"""Long recordings without cuts: chunks that overlap, and one row of frames from all of them.

A chunk's ends hear only half of their surroundings, so their frames are left to the chunks beside
it. Chunks begin at whole frames, and each frame is taken from exactly one chunk: what is said at a
seam is neither lost nor doubled, however a path of labels runs over it.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from zoo.data.audio import SAMPLE_RATE

PAUSE_FRAMES = 30  # 0.6 s of silence between two segments
MAX_SEGMENT_FRAMES = 1500  # 30 s


def frames_of(
    blocks: Iterable[np.ndarray],
    run: Callable[[np.ndarray], np.ndarray],
    hop: int,
    reach: int,
    chunk: float,
    stride: float,
) -> Iterator[np.ndarray]:
    """The network's outputs over a recording, in order, each frame once.

    Args:
        blocks: the recording, float32 (samples,) each, 16 kHz.
        run: from samples to (frames, labels).
        hop: samples from one frame to the next.
        reach: samples that a frame hears.
        chunk: seconds that the network hears at once.
        stride: seconds of context at both ends; less than half of `chunk`.
    """
    size, edge = (round(seconds * SAMPLE_RATE / hop) for seconds in (chunk, stride))  # frames
    edge = min(edge, (size - 1) // 2)  # rounded up, two of them may be all of a chunk
    samples = (size - 1) * hop + reach
    sound, first = np.empty(0, np.float32), 0
    for block in blocks:
        sound = np.concatenate([sound, block])
        while len(sound) > samples + edge * hop:  # the last chunk, too, has context on its left
            yield run(sound[:samples])[first : size - edge]
            sound, first = sound[(size - 2 * edge) * hop :], edge
    yield run(sound)[first:]


def pieces(
    outputs: Iterable[np.ndarray], silent: frozenset[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Cuts a row of frames at its pauses, or after `MAX_SEGMENT_FRAMES` at the longest silence.

    Args:
        outputs: float32 (frames, labels) each.
        silent: labels that say nothing: the blank, the space. A cut among their frames parts no
            character.

    Yields:
        The number of a piece's first frame, and its float32 (frames, labels).
    """
    row, start = None, 0
    for found in outputs:
        row = found if row is None else np.concatenate([row, found])
        while len(row) > 2 * MAX_SEGMENT_FRAMES:
            end = _first_cut(row.argmax(axis=1), silent)
            yield start, row[:end]
            row, start = row[end:], start + end
    while row is not None and len(row):
        end = _first_cut(row.argmax(axis=1), silent)
        yield start, row[:end]
        row, start = row[end:], start + end


def _first_cut(path: np.ndarray, silent: frozenset[int]) -> int:
    """The frame after a row's first piece."""
    near = path[:MAX_SEGMENT_FRAMES]
    edges = np.diff(np.r_[False, np.isin(near, list(silent)), False].astype(np.int8))
    runs = np.flatnonzero(edges).reshape(-1, 2)
    runs = runs[runs[:, 0] > 0]  # what the piece begins with doesn't end it
    lengths = runs[:, 1] - runs[:, 0]
    if len(runs) and lengths.max() >= PAUSE_FRAMES:
        return int(runs[lengths >= PAUSE_FRAMES][0].mean())
    if len(path) <= MAX_SEGMENT_FRAMES:
        return len(path)
    if len(runs):
        return int(runs[lengths.argmax()].mean())
    changes = np.flatnonzero(np.diff(near))
    return int(changes[-1]) + 1 if len(changes) else MAX_SEGMENT_FRAMES
