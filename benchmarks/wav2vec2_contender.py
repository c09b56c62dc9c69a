"""What transcribes with Wav2Vec2, each in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Answer, serve, texts_of
from zoo.data.audio import SAMPLE_RATE


def transformers(directory: Path) -> Answer:
    """Transformers' pipeline, as model cards have it."""
    import torch
    from transformers import pipeline

    torch.set_num_threads(1)
    run_pipeline = pipeline("automatic-speech-recognition", str(directory / "checkpoint"))

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        chunked = {"chunk_length_s": 20, "stride_length_s": 3} if options["long"] else {}
        return [
            str(run_pipeline({"raw": sound, "sampling_rate": SAMPLE_RATE}, **chunked)["text"])
            for sound in sounds
        ]

    return run


def ours(directory: Path, precision: str) -> Answer:
    """The recognizer that is served: short recordings whole, long ones by their speech."""
    from wav2vec2_asr.engine import Engine
    from wav2vec2_asr.options import Options

    engine = Engine(directory / precision, threads=1)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        asked = Options() if options["long"] else Options(vad=False, chunk_length_s=60)
        return texts_of(engine(sounds, asked))

    return run


ENGINES: dict[str, Callable[[Path], Answer]] = {
    "transformers": transformers,
    "ours fp32": lambda directory: ours(directory, "fp32"),
    "ours int8": lambda directory: ours(directory, "int8"),
}

if __name__ == "__main__":
    serve(ENGINES)
