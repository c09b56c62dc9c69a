"""Real Whisper base on people: what is heard by us, by faster-whisper and by openai-whisper.

All have the same weights. Answers are kept on disk (whisper_quality_runs.py), so that the others
need not run again when only our engine is another.
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import whisper_quality_runs as runs
from benchmarks import whisper_quality_scores as scores
from benchmarks import whisper_quality_speed as speed
from benchmarks.harness import machine
from benchmarks.whisper_quality_contender import OURS, SYSTEMS
from benchmarks.whisper_quality_recordings import QualityRecording
from benchmarks.whisper_quality_sets import Material, QualitySet, quality_sets
from benchmarks.whisper_quality_tables import TITLE, chart, render

__all__ = ["CHECKPOINT", "STORED", "TITLE", "chart", "measure", "render"]

CHECKPOINT = runs.CHECKPOINT  # or a path; `python -m benchmarks --checkpoint` says another
STORED = False  # whether to score what was heard so far, and hear nothing
QUICK = ["faster-whisper", OURS]
PACKAGES = ("openai-whisper", "faster-whisper", "ctranslate2", "torch")

Heard = dict[str, tuple[list[QualityRecording], list[dict[str, Any]]]]


def measure(_: Path | None, quick: bool) -> dict[str, Any]:
    """Runs what is missing, hours at first; `quick` takes two recordings of a set of each kind,
    two systems and the demo checkpoint."""
    folder = runs.folder()
    sets = quality_sets(material := Material(folder, few=quick))
    if not quick:
        return _measured(sets, material, list(SYSTEMS), CHECKPOINT, runs.home())
    kinds = {one.kind: one for one in reversed(sets)}
    with tempfile.TemporaryDirectory() as work:
        return _measured(list(kinds.values()), material, QUICK, "demo", Path(work))


def _measured(
    sets: list[QualitySet],
    material: Material,
    systems: list[str],
    checkpoint: str,
    directory: Path,
) -> dict[str, Any]:
    weights = runs.weights(checkpoint, directory)
    if not STORED:
        runs.run(systems, sets, weights, directory)
    return {
        "machine": machine(PACKAGES),
        "checkpoint": Path(checkpoint).name,
        "sets": [row for one in sets if (row := _scored(one, directory))["systems"]],
        "speed": speed.measure(material, systems, weights, directory, STORED),
    }


def _scored(tested: QualitySet, directory: Path) -> dict[str, Any]:
    """What is counted of a set, by system: on what a system has heard of it so far."""
    recordings = tested.make()
    heard: Heard = {}
    for system in SYSTEMS:
        if not runs.takes_part(system, tested):
            continue
        kept = runs.Answers(directory, system, tested.stored or tested.name)
        some = list(runs.taken(system, tested, recordings))
        pairs = [(one, answer) for one in some if (answer := kept.get(one, tested)) is not None]
        if pairs:
            heard[system] = [one for one, _ in pairs], [answer for _, answer in pairs]
    return {
        "name": tested.name,
        "kind": tested.kind,
        "options": tested.options,
        "recordings": len(recordings),
        "systems": {system: _counted(system, tested, heard) for system in heard},
    }


def _counted(system: str, tested: QualitySet, heard: Heard) -> dict[str, Any]:
    recordings, answers = heard[system]
    found: dict[str, Any] = {
        "recordings": len(recordings),
        "seconds": sum(one.seconds for one in recordings),
        "cpu": sum(answer["cpu"] for answer in answers),
    }
    if tested.kind == "silence":
        return {**found, "invented": scores.invented(recordings, answers)}
    found |= scores.rate(scores.errors_of(recordings, answers))
    if tested.kind == "joined":
        found |= scores.joined_counts(recordings, answers)
    if tested.kind == "names":
        found |= scores.name_counts(recordings, answers)
    if system != OURS and OURS in heard:
        own = {one.name: answer for one, answer in zip(*heard[OURS], strict=True)}
        pairs = [pair for pair in zip(recordings, answers, strict=True) if pair[0].name in own]
        if pairs:
            both = [one for one, _ in pairs]
            ours = scores.errors_of(both, [own[one.name] for one in both])
            theirs = scores.errors_of(both, [answer for _, answer in pairs])
            found["ours_less"] = scores.difference(ours, theirs)
    return found
