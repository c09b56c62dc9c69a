"""What transcribes with Whisper, each in a process of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Answer, serve, texts_of
from zoo.data.audio import SAMPLE_RATE


def openai(directory: Path) -> Answer:
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


def faster(directory: Path, precision: str) -> Answer:
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


def batched(directory: Path) -> Answer:
    """faster-whisper's batched pipeline, with segments that have times, as the others'.

    It takes one recording at a time. Several windows go to it as one recording with a clip for each
    of them, which also spares it the search for speech.
    """
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    model = WhisperModel(
        str(directory / "ctranslate2"), device="cpu", compute_type="int8", cpu_threads=1
    )
    pipeline = BatchedInferencePipeline(model)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        ends = np.cumsum([len(sound) for sound in sounds]) / SAMPLE_RATE
        starts = np.append(0.0, ends[:-1])
        clips = [{"start": start, "end": end} for start, end in zip(starts, ends, strict=True)]
        segments, _ = pipeline.transcribe(
            np.concatenate(sounds),
            language="zh",
            beam_size=options["beam_size"],
            temperature=0.0,
            without_timestamps=False,
            clip_timestamps=clips if len(sounds) > 1 else None,
        )
        texts = [""] * len(sounds)
        for segment in segments:
            texts[int(np.searchsorted(starts, segment.start, "right")) - 1] += segment.text
        return [text.strip() for text in texts]

    return run


def ours(directory: Path) -> Answer:
    """The engine that is served, one batch at a time, with the others' windows of 30 s."""
    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    engine = Engine(directory / "ctranslate2", threads=1)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[str]:
        asked = Options(temperature=(0.0,), script="as_is", window="full", **options)
        return texts_of(engine(sounds, asked))

    return run


ENGINES: dict[str, Callable[[Path], Answer]] = {
    "openai-whisper": openai,
    "faster-whisper fp32": lambda directory: faster(directory, "float32"),
    "faster-whisper int8": lambda directory: faster(directory, "int8"),
    "faster-whisper int8, batched": batched,
    "ours int8": ours,
}

if __name__ == "__main__":
    serve(ENGINES)
