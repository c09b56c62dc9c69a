"""CPU seconds of short recordings: ours against faster-whisper in int8, in turns."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contender import Contender
from benchmarks.harness import compare
from benchmarks.whisper_quality_contender import BATCHED, OURS, TOGETHER
from benchmarks.whisper_quality_recordings import QualityRecording
from benchmarks.whisper_quality_runs import MODULE, fingerprint
from benchmarks.whisper_quality_sets import FEW, Material
from zoo.data.outputs import write_json

SECONDS = (3.0, 8.0)  # of a clip
EACH, TURNS = 24, 2  # recordings, and how often they are heard
RIVALS = ("faster-whisper", "faster-whisper, VAD", BATCHED, OURS)  # the first is the reference


def sounds(material: Material) -> dict[str, list[QualityRecording]]:
    """Recordings by what they are, spread over their sets."""
    low, high = SECONDS
    clips = [one for one in material.sentences if low <= one.seconds <= high]
    kinds = {f"clips of {low:g} to {high:g} s": clips, "words of a second": material.words}
    count = FEW if material.few else EACH
    return {name: some[:: max(1, len(some) // count)][:count] for name, some in kinds.items()}


def measure(
    material: Material,
    systems: Sequence[str],
    weights: Path,
    directory: Path,
    stored: bool = False,
) -> list[dict[str, Any]]:
    """Measure all, one recording to a call, ours several, too; what the same code did is kept.

    Args:
        material: Where the recordings come from.
        systems: Those of them that are `RIVALS` take turns.
        weights: As the systems load them.
        directory: Where the figures are kept.
        stored: Measure nothing, give what is kept.
    """
    path = directory / "speed.json"
    rivals = [one for one in RIVALS if one in systems]
    prints = [fingerprint(system, weights) for system in rivals]
    if path.is_file():
        known = json.loads(path.read_text(encoding="utf-8"))
        if known["fingerprints"] == prints:
            kept: list[dict[str, Any]] = known["rows"]
            return kept
    if stored:
        return []
    running = {name: Contender(MODULE, name, weights) for name in [*rivals, TOGETHER]}
    try:
        rows = [_row(what, some, running, material.few) for what, some in sounds(material).items()]
    finally:
        for rival in running.values():
            rival.stop()
    write_json(path, {"fingerprints": prints, "rows": rows})
    return rows


def _row(
    what: str, recordings: Sequence[QualityRecording], rivals: dict[str, Contender], few: bool
) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as work:
        paths = []
        for number, one in enumerate(recordings):
            path = Path(work) / f"{number}.npy"
            np.save(path, one.sound)
            paths.append(str(path))
        for rival in rivals.values():
            rival.request = {"inputs": paths, "options": {"language": "zh"}}
        turns = 1 if few else TURNS
        found = compare(rivals, lambda *_: None, turns, len(recordings), warm=not few)
    seconds = sum(one.seconds for one in recordings) / len(recordings)
    return {"what": what, "count": len(recordings), "seconds": seconds, "rows": found}
