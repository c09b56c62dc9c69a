"""wav2vec2_asr against Transformers' pipeline, on the same weights."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Contender, render_speed
from benchmarks.harness import compare, machine
from benchmarks.inputs import WAV2VEC2, talk
from benchmarks.plots import Panel, times
from benchmarks.wav2vec2_contender import ENGINES
from tests.wav2vec2_asr.checkpoints import write_checkpoint
from zoo.building.packaging import ROOT
from zoo.data.audio import SAMPLE_RATE, decode

FIRST = {"long": False}  # of the request that a start is measured by
TITLE = "wav2vec2_asr against Transformers' pipeline"
MINUTES = 10  # of the file
MODULE = "benchmarks.wav2vec2_contender"
FOLDER = ROOT / "mlflow_models" / "wav2vec2_asr"


def write_sounds(work: Path, minutes: float) -> dict[str, tuple[list[str], float]]:
    """Recordings by name, as files of samples, and their seconds."""
    rng = np.random.default_rng(1)
    sentences = [decode(path) for path in sorted((FOLDER / "samples").glob("*.flac"))]
    sounds = {
        "10 s": [talk(sentences, 10, 0, rng)],
        "60 s": [talk(sentences, 60, 0, rng)],
        "a file with pauses": [talk(sentences, 60 * minutes, 2.0, rng)],
        "the samples": sentences,
    }
    found = {}
    for name, items in sounds.items():
        paths = [str(work / f"{name} {number}.npy") for number in range(len(items))]
        for path, item in zip(paths, items, strict=True):
            np.save(path, item.astype(np.float32))
        found[name] = (paths, sum(map(len, items)) / SAMPLE_RATE)
    return found


def convert_for_all(checkpoint: Path, directory: Path) -> Path:
    """What each contender loads."""
    from wav2vec2_asr.building.convert import convert

    directory.mkdir(exist_ok=True)
    (directory / "checkpoint").symlink_to(checkpoint.resolve())
    for precision in ("fp32", "int8"):
        (directory / precision).mkdir()
        convert(checkpoint, directory / precision, precision)
    return directory


def same_text(expected: list[str], texts: list[str]) -> None:
    """fp32 says the same as the reference, spaces aside: segments are set apart by one."""
    for one, other in zip(expected, texts, strict=True):
        assert one.replace(" ", "") == other.replace(" ", "")


def anything(_: list[str], texts: list[str]) -> None:
    """Chunks hear other surroundings than the speech that is found first."""
    assert all(texts)


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything, about 20 minutes; `quick` takes the demo's samples once."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as work_:
        work = Path(work_)
        sounds = write_sounds(work, 1 if quick else MINUTES)
        models = {"demo": convert_for_all(FOLDER / "demo", work / "demo")}
        for name, shape in {} if quick else WAV2VEC2.items():
            checkpoint = write_checkpoint(work / f"{name} checkpoint", **shape)
            models[name] = convert_for_all(checkpoint, work / name)
        plans: list[tuple[str, str, int, Any]] = [
            (name, *plan)
            for name in models
            for plan in (
                [("the samples", 1 if quick else 5, same_text)]
                if name == "demo"
                else [("10 s", 5, same_text), ("60 s", 2, same_text)]
            )
        ]
        if not quick:
            plans += [(name, "a file with pauses", 1, anything) for name in WAV2VEC2]
        for model, what, turns, check in plans:
            engines = {name: Contender(MODULE, name, models[model]) for name in ENGINES}
            paths, seconds = sounds[what]
            for engine in engines.values():
                engine.request = {"inputs": paths, "options": {"long": "file" in what}}
            found = compare(engines, check, turns, 1, warm=turns > 1, inexact=["ours int8"])
            peaks = {name: engine.peak for name, engine in engines.items()}
            for engine in engines.values():
                engine.stop()
            rows.append({"model": model, "what": what, "audio": seconds, "rows": found,
                         "peaks": peaks})  # fmt: skip
    return {
        "machine": machine(("transformers", "torch", "onnxruntime")),
        "rows": rows,
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """The speed as bars."""
    groups = {f"{row['model']}, {row['what']}": times(row["rows"]) for row in result["rows"]}
    return [Panel("× Transformers' pipeline, in CPU time", groups)]


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "Random weights of two published shapes, and the demo. CPU time on one thread; fp32 gives "
        "the reference's text, int8 nearly. The file has pauses that are cut out; the reference "
        "takes it in chunks of 20 s.",
        "",
        "| model | audio | engine | CPU seconds | real-time factor | against Transformers "
        "| peak memory |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        for name, one in row["rows"].items():
            lines.append(
                f"| {row['model']} | {row['what']} | {name} | {one['seconds']:.2f} "
                f"| {one['seconds'] / row['audio']:.3f} | {render_speed(one)} "
                f"| {row['peaks'][name]:.2f} GB |"
            )
    return "\n".join(lines)
