"""Where silence begins at a turn's ends, by several thresholds: the table of tried.md.

The recordings are made from the folder that THERESA_SHARED names.

python -m benchmarks.speaker_edges
"""

import itertools
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speakers import packed, scores, voices
from benchmarks.speakers_sets import MIXES, SpeakerMaterial, in_noise, mixes
from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging
from zoo.speech import turns

QUIET_SHARES, NOISE_SHARES = (0.05, 0.1, 0.2, 0.3), (0.2, 0.3, 0.4, 0.5, 0.6)
NOISES_DB = (10, 15, 20, 25, 30)


def main() -> None:
    """Prints the table."""
    material = SpeakerMaterial(folder())
    others = mixes(material.other_voices(), MIXES)
    sets: dict[str, list[Any]] = {
        "other voices": others,
        **{f"{level} dB": [*in_noise(others, level)] for level in NOISES_DB},
        f"the {MIXES} mixes": mixes(material.voices(), MIXES),
        "four people joined": material.joined(),
        "one person": material.alone(),
        "meetings": material.meetings(),
    }
    print(f"| QUIET_SHARE, NOISE_SHARE | {' | '.join(sets)} |\n| --- |" + " ---: |" * len(sets))
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
        for turns.QUIET_SHARE, turns.NOISE_SHARE in itertools.product(QUIET_SHARES, NOISE_SHARES):
            found = []
            for ones in sets.values():
                score = scores(ones, [voices(network, one.sound) for one in ones], network.apart)
                found.append(f"{score['given']['der']:.1f}, {score['found']['der']:.1f}")
            pair = f"{turns.QUIET_SHARE:g}, {turns.NOISE_SHARE:g}"
            print(f"| {pair} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    packaging.run(main)
