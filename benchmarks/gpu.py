"""whisper_asr on a CUDA device: windows one by one and in batches, and the same on the CPU."""

import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.contender import Contender
from benchmarks.harness import NotHere, machine, quartiles
from benchmarks.plots import Panel
from benchmarks.whisper_asr import (
    MINUTES,
    MODULE,
    WHISPER_SMALL,
    convert_for_all,
    same_text,
    write_model,
    write_sounds,
)

TITLE = "whisper_asr on a GPU"
WHAT = "a file with pauses"
BATCHES = (1, 8, 16)


def device() -> str:
    """The name of the device that the engine would take.

    Raises:
        NotHere: There is none, or CTranslate2 can't use it.
    """
    from ctranslate2 import get_cuda_device_count

    from whisper_asr.engine import has_cublas

    if not get_cuda_device_count():
        raise NotHere("no CUDA device is here")
    if not has_cublas():
        raise NotHere("CTranslate2 needs cuBLAS 12: install whisper_asr/requirements-gpu.txt")
    ask = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    done = subprocess.run(ask, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[0].strip()


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything; `quick` a minute of sound, once."""
    name = device()
    minutes, turns = (1, 1) if quick else (MINUTES, 3)
    with tempfile.TemporaryDirectory() as work_:
        work = Path(work_)
        inputs = write_sounds(work, minutes)[WHAT]
        write_model(work / "small.pt", **WHISPER_SMALL)
        small = convert_for_all(work / "small.pt", work / "small")
        engines = {"CPU int8": Contender(MODULE, "ours int8", small)}
        for size in BATCHES:  # there the same engine and weights compute in float16
            engine = Contender(
                MODULE, "ours int8", small, os.environ.get("CUDA_VISIBLE_DEVICES", "0")
            )
            engine.request = {"inputs": inputs, "options": {"beam_size": 1, "batch_size": size}}
            engines[f"GPU float16, batches of {size}"] = engine
        engines["CPU int8"].request = {"inputs": inputs, "options": {"beam_size": 1}}
        wall: dict[str, list[float]] = {one: [] for one in engines}
        for _turn in range(turns + 1):  # the first warms up
            texts = {}
            for one, engine in engines.items():
                texts[one], _cpu, seconds = engine.timed()
                wall[one].append(seconds)
                same_text(texts["CPU int8"], texts[one])
        for engine in engines.values():
            engine.stop()
    reference = wall["CPU int8"][1:]
    return {
        "machine": f"{name}; {machine(('faster-whisper', 'ctranslate2'))}",
        "device": name,
        "audio": 60.0 * minutes,
        "rows": {
            one: {
                "seconds": statistics.median(times[1:]),
                "speedup": quartiles([a / b for a, b in zip(reference, times[1:], strict=True)]),
            }
            for one, times in wall.items()
        },
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """The speed as bars."""
    group = {one: tuple(row["speedup"]) for one, row in result["rows"].items()}
    return [Panel("× one core, in wall time", {result["device"]: group})]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        f"{result['device']}. Random weights of whisper-small's size, greedy, "
        f"{result['audio'] / 60:.0f} minutes of speech with pauses; the same text.",
        "",
        "| engine | seconds | hours of audio per hour | times the CPU |",
        "| --- | ---: | ---: | ---: |",
    ]
    for name, row in result["rows"].items():
        low, middle, high = row["speedup"]
        lines.append(
            f"| {name} | {row['seconds']:.1f} | {result['audio'] / row['seconds']:.0f} "
            f"| {middle:.1f}× ({low:.1f} to {high:.1f}) |"
        )
    return "\n".join(lines)
