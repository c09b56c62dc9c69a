"""What transcribes with Whisper, each in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.contender import Transcribe, serve


def openai(directory: Path) -> Transcribe:
    """openai-whisper, as its README has it."""
    import torch
    import whisper

    torch.set_num_threads(1)
    model = whisper.load_model(str(directory / "openai" / "model.pt"), "cpu")

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        beams = options["beam_size"] if options["beam_size"] > 1 else None
        return [
            model.transcribe(
                sound,
                language="zh",
                beam_size=beams,
                condition_on_previous_text=False,
                temperature=0.0,
                fp16=False,
            )["text"].strip()
            for sound in sounds
        ]

    return run


def faster(directory: Path, precision: str) -> Transcribe:
    """faster-whisper, as its README has it."""
    from faster_whisper import WhisperModel

    model = WhisperModel(
        str(directory / "ctranslate2"), device="cpu", compute_type=precision, cpu_threads=1
    )

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        texts = []
        for sound in sounds:
            segments, _ = model.transcribe(
                sound,
                language="zh",
                beam_size=options["beam_size"],
                condition_on_previous_text=False,
                temperature=0.0,
            )
            texts.append("".join(segment.text for segment in segments).strip())
        return texts

    return run


def ours(directory: Path) -> Transcribe:
    """The engine that is served, one batch at a time."""
    from whisper_asr.engine import Recognizer
    from whisper_asr.options import Options

    engine = Recognizer(directory / "ctranslate2", threads=1)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        asked = Options(temperatures=(0.0,), script="as_is", **options)
        texts = []
        for heard in engine(sounds, asked):
            assert not isinstance(heard, Exception), heard
            texts.append(heard.text)
        return texts

    return run


ENGINES: dict[str, Callable[[Path], Transcribe]] = {
    "openai-whisper": openai,
    "faster-whisper fp32": lambda directory: faster(directory, "float32"),
    "faster-whisper int8": lambda directory: faster(directory, "int8"),
    "ours int8": ours,
}

if __name__ == "__main__":
    serve(ENGINES)
