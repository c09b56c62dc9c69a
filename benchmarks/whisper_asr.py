"""whisper_asr against openai-whisper and plain faster-whisper, on the same weights."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Contender, render_speed
from benchmarks.harness import compare, machine
from benchmarks.inputs import WHISPER_SMALL, WHISPER_TOKENS, talk, write_whisper
from benchmarks.plots import Panel, times
from benchmarks.whisper_contender import ENGINES
from zoo.building.packaging import ROOT
from zoo.data.audio import decode

MODULE = "benchmarks.whisper_contender"
FIRST = {"beam_size": 1}  # of the request that a start is measured by
TITLE = "whisper_asr against openai-whisper and faster-whisper"
FOLDER = ROOT / "mlflow_models" / "whisper_asr"
MINUTES = 10  # of a file


def write_sounds(work: Path, minutes: float) -> dict[str, list[str]]:
    """Recordings by name, as files of samples: speech of the samples, and pauses."""
    rng = np.random.default_rng(1)
    sentences = [decode(path) for path in sorted((FOLDER / "samples").glob("*.flac"))]
    sounds = {
        "one window": [talk(sentences, 24, 0, rng)],
        "four windows": [talk(sentences, 24, 0, rng) for _ in range(4)],
        "a file without pauses": [talk(sentences, 60 * minutes, 0, rng)],
        "a file with pauses": [talk(sentences, 60 * minutes, 2.0, rng)],
        "the demo's samples": sentences,
    }
    paths: dict[str, list[str]] = {}
    for name, items in sounds.items():
        paths[name] = []
        for number, item in enumerate(items):
            path = work / f"{name} {number}.npy"
            np.save(path, item.astype(np.float32))
            paths[name].append(str(path))
    return paths


def same_text(expected: list[str], texts: list[str]) -> None:
    """Every engine says the same in every window, of which it may find more or fewer."""
    for one, other in zip(expected, texts, strict=True):
        unit = one[:WHISPER_TOKENS]
        assert set(one.split(unit)) == {""}, one
        assert set(other.split(unit)) == {""}, other
        # Speech of the file with pauses fills half of the windows that the reference hears.
        assert other.count(unit) >= 0.4 * one.count(unit)


def equal(expected: list[str], texts: list[str]) -> None:
    """Every engine says exactly the same."""
    assert texts == expected


def anything(_: list[str], texts: list[str]) -> None:
    """int8 may differ from fp32 here; the tests compare the two engines in fp32."""
    assert all(texts)


def convert_for_all(checkpoint: Path, directory: Path) -> Path:
    """What each contender loads."""
    from tests.whisper_asr.reference import for_openai
    from whisper_asr.building.convert import convert

    (directory / "ctranslate2").mkdir(parents=True)
    convert(checkpoint, str(checkpoint), directory / "ctranslate2", "auto")
    for_openai(checkpoint, directory / "openai")
    return directory


def takes_part(engine: str, what: str) -> bool:
    """Whether an engine is measured on something.

    Single precision would take long over a file, and a batch is of more windows than one.
    """
    if engine == "faster-whisper fp32":
        return not what.startswith("a file")
    if engine == "faster-whisper int8, batched":
        return what == "four windows" or what.startswith("a file")
    return True


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs everything, about half an hour; `quick` takes the demo's samples once."""
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as work_:
        work = Path(work_)
        sounds = write_sounds(work, 1 if quick else MINUTES)
        small, demo = work / "small", convert_for_all(FOLDER / "demo", work / "demo")
        if not quick:
            write_whisper(work / "small.pt", **WHISPER_SMALL)
            convert_for_all(work / "small.pt", small)
        plans: list[tuple[str, Path, int, int, Any]] = [
            ("one window", small, 1, 3, equal),
            ("one window", small, 5, 3, equal),
            ("four windows", small, 1, 2, equal),
            ("four windows", small, 5, 1, equal),
            ("a file without pauses", small, 1, 1, same_text),
            ("a file with pauses", small, 1, 1, same_text),
            ("the demo's samples", demo, 1, 5, anything),
            ("the demo's samples", demo, 5, 5, anything),
        ]
        if quick:
            plans = [("the demo's samples", demo, 1, 1, equal)]
        for directory in (demo,) if quick else (small, demo):
            whats = [what for what, where, *_ in plans if where == directory]
            engines = {
                name: Contender(MODULE, name, directory)
                for name in ENGINES
                if any(takes_part(name, what) for what in whats)
            }
            for what, where, beams, turns, check in plans:
                if where != directory:
                    continue
                for engine in engines.values():
                    engine.request = {"inputs": sounds[what], "options": {"beam_size": beams}}
                taking_part = {
                    name: engine for name, engine in engines.items() if takes_part(name, what)
                }
                found = compare(taking_part, check, turns, len(sounds[what]), warm=turns > 1)
                peaks = {name: engine.peak for name, engine in taking_part.items()}
                rows.append({"what": what, "beams": beams, "rows": found, "peaks": peaks})
            for engine in engines.values():
                engine.stop()
    return {
        "machine": machine(("openai-whisper", "faster-whisper", "ctranslate2", "torch")),
        "rows": rows,
    }


def chart(result: dict[str, Any]) -> list[Panel]:
    """The speed as bars."""
    groups = {f"{row['what']}, {search(row)}": times(row["rows"]) for row in result["rows"]}
    return [Panel("× openai-whisper, in CPU time", groups)]


def search(row: dict[str, Any]) -> str:
    """How a row's text was searched for."""
    return "greedy" if row["beams"] == 1 else f"beam {row['beams']}"


def render(result: dict[str, Any]) -> str:
    """The results as Markdown."""
    lines = [
        "Random weights of whisper-small's size that give 100 tokens per window, and the demo. "
        "Seconds of CPU time on one thread; no text before a window, no second temperature.",
        "",
        "| what | engine | CPU seconds | against openai-whisper | peak memory |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for row in result["rows"]:
        for name, one in row["rows"].items():
            lines.append(
                f"| {row['what']}, {search(row)} | {name} | {one['seconds']:.2f} "
                f"| {render_speed(one)} | {row['peaks'][name]:.2f} GB |"
            )
    return "\n".join(lines)
