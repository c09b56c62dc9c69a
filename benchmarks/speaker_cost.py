"""What `speakers` adds to a transcription's time on the processor: real base, or the Thai demo.

The sentences of AISHELL are in the folder that THERESA_SHARED names. Both ways are asked in turns.

python -m benchmarks.speaker_cost whisper_asr       real base
python -m benchmarks.speaker_cost wav2vec2_asr      the demo, which is smaller than the embedder
"""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.whisper_quality_runs import folder
from zoo.building import packaging, speakers
from zoo.building.speaker_packing import Packed
from zoo.data.audio import SAMPLE_RATE, decode
from zoo.speech.engine import SpeechEngine

SENTENCES, RUNS = 100, 3


def whisper_asr(work: Path) -> SpeechEngine[Any]:
    """Real base."""
    from whisper_asr.building.convert import convert
    from whisper_asr.building.published import fetch
    from whisper_asr.engine import Engine

    convert(fetch("base"), "base", work, "auto")
    return Engine(work)


def wav2vec2_asr(work: Path) -> SpeechEngine[Any]:
    """The Thai demo."""
    from wav2vec2_asr.building.checkpoint import DEMO
    from wav2vec2_asr.building.convert import convert
    from wav2vec2_asr.engine import Engine

    convert(DEMO, work)
    return Engine(work)


MODELS = {"whisper_asr": whisper_asr, "wav2vec2_asr": wav2vec2_asr}


def main() -> None:
    """Prints a line for each run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("model", choices=MODELS)
    model = MODELS[parser.parse_args().model]
    files = sorted((folder() / "data" / "speech" / "aishell").glob("*.flac"))[:SENTENCES]
    sound = np.concatenate([decode(file) for file in files])
    print(f"{len(sound) / SAMPLE_RATE:.0f} s of speech, default settings")
    with tempfile.TemporaryDirectory() as work:
        Packed(speakers.find("resemblyzer"), None).write(Path(work))
        engine = model(Path(work))
        engine([sound[: 30 * SAMPLE_RATE]], engine.options(speakers="auto"))
        for _ in range(RUNS):
            off, auto = (_spent(engine, sound, asked) for asked in ("off", "auto"))
            print(f"off {off:.1f} s, auto {auto:.1f} s: {100 * (auto / off - 1):+.1f} %")


def _spent(engine: SpeechEngine[Any], sound: np.ndarray, asked: str) -> float:
    begun = time.process_time()
    engine([sound], engine.options(speakers=asked))
    return time.process_time() - begun


if __name__ == "__main__":
    packaging.run(main)
