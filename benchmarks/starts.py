"""From the start of a process to its first answer, of the speech models' demo checkpoints."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import wav2vec2_asr, wav2vec2_contender, whisper_asr, whisper_contender
from benchmarks.contender import first_answers
from benchmarks.harness import machine
from zoo.data.audio import decode

TITLE = "Speech: from the start of a process to its first answer"
TURNS = 3


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Starts each engine in turn; a quick run starts ours only, once."""
    found: dict[str, dict[str, list[float]]] = {}
    for module, contender in ((whisper_asr, whisper_contender), (wav2vec2_asr, wav2vec2_contender)):
        names = [one for one in contender.ENGINES if "batched" not in one]
        with tempfile.TemporaryDirectory() as work_:
            demo = module.convert_for_all(module.FOLDER / "demo", Path(work_) / "demo")
            sample = sorted((module.FOLDER / "samples").glob("*.flac"))[0]
            sound = Path(work_) / "sound.npy"
            np.save(sound, decode(sample))
            request = {"inputs": [str(sound)], "options": module.FIRST}
            found[module.FOLDER.name] = first_answers(
                module.MODULE,
                names[-1:] if quick else names,
                demo,
                request,
                1 if quick else TURNS,
            )
    versions = ("openai-whisper", "faster-whisper", "transformers", "torch", "onnxruntime")
    return {"machine": machine(versions), "models": found}


def render(result: dict[str, Any]) -> str:
    """The seconds, as Markdown."""
    lines = [
        "The demo checkpoints, medians; imports are compiled already, as an image has them.",
        "",
        "| model | engine | CPU seconds | wall seconds |",
        "| --- | --- | ---: | ---: |",
    ]
    for model, engines in result["models"].items():
        lines += [
            f"| {model} | {name} | {cpu:.2f} | {wall:.2f} |"
            for name, (cpu, wall) in engines.items()
        ]
    return "\n".join(lines)
