"""What hears with Whisper for the quality page, each in a process of its own, on one thread.

Each is called as its README has it, with a beam of 5. For each recording an answer lists segments:
[start, end, text], times in seconds.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Answer, serve

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
    from ctranslate2 import set_random_seed

    model = _faster_whisper(directory)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for sound in sounds:
            set_random_seed(SEED)
            segments, _ = model.transcribe(sound, vad_filter=vad, **{"beam_size": BEAMS, **options})
            found.append(_heard(segments))
        return found

    return run


def batched(directory: Path) -> Answer:
    """faster-whisper's batched pipeline in int8, which looks for speech first."""
    from ctranslate2 import set_random_seed
    from faster_whisper import BatchedInferencePipeline

    pipeline = BatchedInferencePipeline(_faster_whisper(directory))

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for sound in sounds:
            set_random_seed(SEED)
            asked = {"beam_size": BEAMS, "batch_size": BATCH, **options}
            segments, _ = pipeline.transcribe(sound, **asked)
            found.append(_heard(segments))
        return found

    return run


def ours(directory: Path) -> Answer:
    """The engine that is served, with its defaults."""
    from ctranslate2 import set_random_seed

    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    engine = Engine(directory / "ctranslate2", threads=1)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for sound in sounds:
            set_random_seed(SEED)
            (answer,) = engine([sound], Options(**options))
            if isinstance(answer, Exception):
                raise answer
            found.append(_heard(answer.segments))
        return found

    return run


def ours_together(directory: Path) -> Answer:
    """The same, several recordings to a request, as clients may send them."""
    from whisper_asr.engine import Engine
    from whisper_asr.options import Options

    engine = Engine(directory / "ctranslate2", threads=1)

    def run(sounds: list[np.ndarray], options: dict[str, Any]) -> list[Heard]:
        found = []
        for start in range(0, len(sounds), ROWS):
            for answer in engine(sounds[start : start + ROWS], Options(**options)):
                if isinstance(answer, Exception):
                    raise answer
                found.append(_heard(answer.segments))
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
