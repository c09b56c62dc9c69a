"""One engine in a process of its own, so that its time and its memory are its alone.

Reads requests from standard input and answers on standard output, a line of JSON each:
{"sounds": [PATH.npy, ...], "options": {...}} gives {"texts", "cpu", "wall", "peak"}.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Transcribe = Callable[[list[np.ndarray], dict[str, Any]], list[str]]


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


def peak_memory() -> float:
    """GB that the process has had at most; getrusage would count its parent's."""
    (line,) = [one for one in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in one]
    return int(line.split()[1]) / 1e6


def main() -> None:
    """Serves requests until standard input ends."""
    run = ENGINES[sys.argv[1]](Path(sys.argv[2]))
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed isn't an answer
    for line in sys.stdin:
        request = json.loads(line)
        sounds = [np.load(path) for path in request["sounds"]]
        cpu, wall = time.process_time(), time.perf_counter()
        texts = run(sounds, request["options"])
        answer = {
            "texts": texts,
            "cpu": time.process_time() - cpu,
            "wall": time.perf_counter() - wall,
            "peak": peak_memory(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
