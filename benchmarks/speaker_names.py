"""How alike two clips' voices are, of one person and of two people: the cards' figures on names.

The clips are in the folder that THERESA_SHARED names. Each clip is compared with its own person's
voice, enrolled by that person's other clips, and with the voices of the other people.

python -m benchmarks.speaker_names
"""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.speakers import packed
from benchmarks.speakers_sets import SpeakerMaterial
from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging
from zoo.speech.embedding import unit
from zoo.speech.voices import enrolled


def main() -> None:
    """Prints how many clips would get the right name, and how many another person's."""
    with tempfile.TemporaryDirectory() as work:
        network = packed(Path(work))
    people = {
        name: np.stack([enrolled(network, [clip], 0.0)[0] for clip in clips])
        for name, clips in SpeakerMaterial(folder()).voices().items()
    }
    own, others = [], []
    for name, clips in people.items():
        if len(clips) > 1:
            own += [float(clip @ unit(clips.sum(axis=0) - clip)) for clip in clips]
        for other, known in people.items():
            if other != name:
                others += (clips @ unit(known.sum(axis=0))).tolist()
    for whose, found in (("the same person", own), ("another person", others)):
        named = sum(one >= network.accepts for one in found)
        print(f"{whose}: {named} of {len(found)} named, cosines {min(found):.2f}-{max(found):.2f}")


if __name__ == "__main__":
    packaging.run(main)
