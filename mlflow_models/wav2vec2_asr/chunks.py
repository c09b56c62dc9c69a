"""Runs the network over long recordings: in chunks that overlap, which give one row of frames.

At the ends of a chunk the network lacks context, so these frames come from the neighbouring chunks.
Chunks begin at whole frames, and each frame comes from exactly one chunk. So speech at a seam is
neither lost nor doubled.
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
    """Yield the network's outputs over a recording, in order, each frame once.

    Args:
        blocks: The recording, block by block, each float32 (samples,) at 16 kHz.
        run: The network, from float32 (samples,) to float32 (frames, labels).
        hop: Samples from one frame to the next.
        reach: Samples that a frame hears (its receptive field).
        chunk: Seconds that the network hears at once.
        stride: Seconds of context at both ends; less than half of `chunk`.

    Yields:
        float32 (frames, labels).
    """
    size, edge = (round(seconds * SAMPLE_RATE / hop) for seconds in (chunk, stride))  # frames
    edge = min(edge, (size - 1) // 2)  # rounded up, two edges may fill a chunk
    samples = (size - 1) * hop + reach
    sound, first = np.empty(0, np.float32), 0
    for block in blocks:
        sound = np.concatenate([sound, block])
        while len(sound) > samples + edge * hop:  # the last chunk has context on its left, too
            yield run(sound[:samples])[first : size - edge]
            sound, first = sound[(size - 2 * edge) * hop :], edge
    yield run(sound)[first:]


def pieces(
    outputs: Iterable[np.ndarray], silent: frozenset[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut a row of frames at its pauses; at the latest, within `MAX_SEGMENT_FRAMES`.

    Args:
        outputs: The row in parts, each float32 (frames, labels).
        silent: Labels without sound: the blank and the space. A cut among their frames splits no
            character.

    Yields:
        For each piece the number of its first frame, and float32 (frames, labels).
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
    """Find the frame after a row's first piece.

    Args:
        path: The likeliest label of each frame, int64 (frames,).
        silent: Labels without sound.
    """
    near = path[:MAX_SEGMENT_FRAMES]
    edges = np.diff(np.r_[False, np.isin(near, list(silent)), False].astype(np.int8))
    runs = np.flatnonzero(edges).reshape(-1, 2)  # (runs, 2): from and to, of each silence
    runs = runs[runs[:, 0] > 0]  # silence at the start doesn't end the piece
    lengths = runs[:, 1] - runs[:, 0]
    if len(runs) and lengths.max() >= PAUSE_FRAMES:
        return int(runs[lengths >= PAUSE_FRAMES][0].mean())
    if len(path) <= MAX_SEGMENT_FRAMES:
        return len(path)
    if len(runs):
        return int(runs[lengths.argmax()].mean())
    changes = np.flatnonzero(np.diff(near))
    return int(changes[-1]) + 1 if len(changes) else MAX_SEGMENT_FRAMES
