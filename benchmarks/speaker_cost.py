"""What `speakers` adds to a transcription's time on the processor, by real base.

The sentences of AISHELL are in the folder that THERESA_SHARED names. Both ways are asked in turns.

python -m benchmarks.speaker_cost
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.whisper_quality_runs import folder
from whisper_asr.building.convert import convert
from whisper_asr.building.published import fetch
from whisper_asr.engine import Engine
from zoo.building import packaging, speakers
from zoo.building.speaker_packing import Packed
from zoo.data.audio import SAMPLE_RATE, decode

SENTENCES, RUNS = 100, 3


def main() -> None:
    """Prints a line for each run."""
    files = sorted((folder() / "data" / "speech" / "aishell").glob("*.flac"))[:SENTENCES]
    sound = np.concatenate([decode(file) for file in files])
    print(f"{len(sound) / SAMPLE_RATE:.0f} s of speech, default settings")
    with tempfile.TemporaryDirectory() as work:
        convert(fetch("base"), "base", Path(work), "auto")
        Packed(speakers.find("resemblyzer"), None).write(Path(work))
        engine = Engine(Path(work))
        engine([sound[: 30 * SAMPLE_RATE]], engine.options(speakers="auto"))
        for _ in range(RUNS):
            off, auto = (_spent(engine, sound, asked) for asked in ("off", "auto"))
            print(f"off {off:.1f} s, auto {auto:.1f} s: {100 * (auto / off - 1):+.1f} %")


def _spent(engine: Engine, sound: np.ndarray, asked: str) -> float:
    begun = time.process_time()
    engine([sound], engine.options(speakers=asked))
    return time.process_time() - begun


if __name__ == "__main__":
    packaging.run(main)
