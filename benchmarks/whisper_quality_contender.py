"""What hears with Whisper for the quality page, each in a process of its own, on one thread.

Each is called as its README has it, with a beam of 5. For each recording an answer lists segments:
[start, end, text], times in seconds.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Answer, serve
from zoo.speech.transcript import Transcript

SEED = 1  # of the temperatures above 0
BEAMS = 5
BATCH = 16  # of the README's example
ROWS = 8  # recordings of a request
Heard = list[tuple[float, float, str]]


def openai(directory: Path) -> Answer:
    """openai-whisper in fp32, with what its command line has as defaults."""
    import torch
    import whisper

    torch.set_num_threads(1)
    model = whisper.load_model(str(directory / "openai" / "model.pt"), "cpu")

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for sound in sounds:
            torch.manual_seed(SEED)
            beams = options.get("beam_size", BEAMS)
            answer = model.transcribe(
                sound,
                language=options["language"],
                beam_size=beams if beams > 1 else None,
                best_of=5,
                fp16=False,
            )
            found.append([(one["start"], one["end"], one["text"]) for one in answer["segments"]])
        return found

    return run


def faster(directory: Path, vad: bool) -> Answer:
    """faster-whisper in int8: one window after the other."""
    model = _faster_whisper(directory)
    return _each(
        lambda sound, options: model.transcribe(
            sound, vad_filter=vad, **{"beam_size": BEAMS, **options}
        )[0]
    )


def batched(directory: Path) -> Answer:
    """faster-whisper's batched pipeline in int8, which looks for speech first."""
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(_faster_whisper(directory))
    return _each(
        lambda sound, options: pipeline.transcribe(
            sound, **{"beam_size": BEAMS, "batch_size": BATCH, **options}
        )[0]
    )


def ours(directory: Path) -> Answer:
    """The engine that is served, with its defaults."""
    ask = _engine(directory)
    return _each(lambda sound, options: ask([sound], options)[0].segments)


def ours_together(directory: Path) -> Answer:
    """The same, several recordings to a request, as clients may send them."""
    ask = _engine(directory)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        rows = [sounds[start : start + ROWS] for start in range(0, len(sounds), ROWS)]
        return [_heard(found.segments) for some in rows for found in ask(some, options)]

    return run


def _engine(directory: Path) -> Callable[[list[np.ndarray], dict[str, Any]], list[Transcript]]:
    """Load the engine; what is returned raises what is wrong with a recording."""
    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    engine = Engine(directory / "ctranslate2", threads=1)

    def ask(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Transcript]:
        found = []
        for answer in engine(sounds, Options(**options)):
            if isinstance(answer, Exception):
                raise answer
            found.append(answer)
        return found

    return ask


def _each(hear: Callable[[np.ndarray, dict[str, Any]], Iterable[Any]]) -> Answer:
    """Hear recordings one by one, each with the same draws at temperatures above 0."""
    from ctranslate2 import set_random_seed

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for sound in sounds:
            set_random_seed(SEED)
            found.append(_heard(hear(sound, options)))
        return found

    return run


def _faster_whisper(directory: Path) -> Any:
    from faster_whisper import WhisperModel

    return WhisperModel(
        str(directory / "ctranslate2"), device="cpu", compute_type="int8", cpu_threads=1
    )


def _heard(segments: Iterable[Any]) -> Heard:
    return [(round(one.start, 3), round(one.end, 3), one.text) for one in segments]


OURS = "ours"
OPENAI = "openai-whisper"
TOGETHER = f"ours, {ROWS} recordings to a request"  # for the speed alone: the answers are ours
BATCHED = "faster-whisper, batched"
SYSTEMS: dict[str, Callable[[Path], Answer]] = {
    OURS: ours,
    "faster-whisper": lambda directory: faster(directory, vad=False),
    "faster-whisper, VAD": lambda directory: faster(directory, vad=True),
    BATCHED: batched,
    OPENAI: openai,
}

if __name__ == "__main__":
    serve({**SYSTEMS, TOGETHER: ours_together})
