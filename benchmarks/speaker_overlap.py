"""Whether a window's embedding tells that two people speak at once: figures of tried.md.

On the meetings in the folder that THERESA_SHARED names. A window counts as an overlap if two people
speak in half of it or more. Windows are ranked by how alike the two nearest voices are to them, and
by how unlike the nearest one is.

python -m benchmarks.speaker_overlap
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.speakers import MOST, packed, voices
from benchmarks.speakers_sets import SpeakerMaterial, SpokenRecording
from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging
from zoo.speech.embedding import SpeakerNetwork
from zoo.speech.turns import turns

STEP_SECONDS = 0.02


def main() -> None:
    """Prints how often each ranking is right, at the recall where its F1 is highest."""
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
        ranked = [_windows(network, one) for one in SpeakerMaterial(folder()).meetings()]
    windows = np.concatenate([one for one in ranked if len(one)])
    overlaps = windows[:, 0] > 0
    print(f"{overlaps.sum()} of {len(windows)} windows are overlaps")
    for name, score in (("two alike", windows[:, 2] - windows[:, 1]), ("unlike", -windows[:, 1])):
        right = np.cumsum(overlaps[np.argsort(-score)])
        precision, recall = right / np.arange(1, len(right) + 1), right / right[-1]
        best = (precision * recall / np.maximum(precision + recall, 1e-9)).argmax()
        print(f"{name}: precision {100 * precision[best]:.0f} %, recall {100 * recall[best]:.0f} %")


def _windows(network: SpeakerNetwork, one: SpokenRecording) -> np.ndarray:
    """For each window whether it is an overlap, and its cosines to the two nearest voices."""
    heard = voices(network, one.sound)
    people = len({turn.speaker for turn in one.turns})
    _, known = turns(heard, people, 1, MOST, network.apart)
    if len(known) < 2:
        return np.empty((0, 3))
    rows = []
    for span in heard:
        for (begin, end), embedding in zip(span.times, span.embeddings, strict=True):
            places = np.arange(begin, end, STEP_SECONDS)
            active = sum(
                np.any([(turn.start <= places) & (places < turn.end)
                        for turn in one.turns if turn.speaker == person], axis=0).astype(int)
                for person in {turn.speaker for turn in one.turns}
            )  # fmt: skip
            second, first = np.sort(np.stack(known) @ embedding)[-2:]
            rows.append((float(np.mean(active > 1) >= 0.5), first, second))
    return np.array(rows)


if __name__ == "__main__":
    packaging.run(main)
