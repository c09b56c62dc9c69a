"""Where silence begins at a turn's ends, by several thresholds: the table of tried.md.

The recordings are made from the folder that THERESA_SHARED names.

python -m benchmarks.speaker_edges
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks.speakers import LONGEST_SAMPLES, packed, scores
from benchmarks.speakers_sets import MIXES, SpeakerMaterial, in_noise, mixes
from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging
from zoo.speech import turns
from zoo.speech.windows import packed_windows

PAIRS = ((0.1, 0.2), (0.1, 0.3), (0.1, 0.4), (0.1, 0.5), (0.05, 0.4), (0.2, 0.4))
NOISES_DB = (10, 20)


def main() -> None:
    """Prints the table."""
    material = SpeakerMaterial(folder())
    others = mixes(material.other_voices(), MIXES)
    sets: dict[str, list[Any]] = {
        "other voices": others,
        **{f"{level} dB": [*in_noise(others, level)] for level in NOISES_DB},
        f"the {MIXES} mixes": mixes(material.voices(), MIXES),
        "one person": material.alone(),
        "meetings": material.meetings(),
    }
    speech = {
        name: [list(packed_windows([one.sound], LONGEST_SAMPLES)) for one in ones]
        for name, ones in sets.items()
    }
    print(f"| QUIET_SHARE, NOISE_SHARE | {' | '.join(sets)} |\n| --- |" + " ---: |" * len(sets))
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
        for turns.QUIET_SHARE, turns.NOISE_SHARE in PAIRS:
            found = []
            for name, ones in sets.items():
                heard = [
                    [span for spans in turns.hear(network, windows) for span in spans]
                    for windows in speech[name]
                ]
                score = scores(ones, heard, network.apart)
                found.append(f"{score['given']['der']:.1f}, {score['found']['der']:.1f}")
            pair = f"{turns.QUIET_SHARE:g}, {turns.NOISE_SHARE:g}"
            print(f"| {pair} | {' | '.join(found)} |", flush=True)


if __name__ == "__main__":
    packaging.run(main)
