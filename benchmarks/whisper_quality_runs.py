"""Runs what hears with Whisper over the sets, and keeps each answer on disk.

A run that was ended goes on where it was. A system's answers are kept until its code or its weights
change: those of the others until another release of them is installed, ours until our engine is
another.

python -m benchmarks.whisper_quality_runs               what is missing
python -m benchmarks.whisper_quality_runs --systems ours
"""

import argparse
import ast
import hashlib
import inspect
import itertools
import json
import os
import re
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import harness
from benchmarks.contender import Contender
from benchmarks.whisper_asr import FOLDER, convert_for_all
from benchmarks.whisper_quality_contender import (
    BATCHED,
    OPENAI,
    OURS,
    SYSTEMS,
    batched,
    faster,
    openai,
    ours,
)
from benchmarks.whisper_quality_recordings import QualityRecording
from benchmarks.whisper_quality_sets import Material, QualitySet, quality_sets
from whisper_asr.building.published import fetch
from whisper_asr.options import Options
from zoo.building import checkpoints, published
from zoo.building.packaging import ROOT
from zoo.data.outputs import whole_directory, write_json
from zoo.errors import CheckpointError

CHECKPOINT = "base"
MODULE = "benchmarks.whisper_quality_contender"
MANY, EVERY = 20, 5  # of a set with more recordings, some systems hear every fifth
PACKAGES = {OURS: ("ctranslate2", "faster-whisper"), OPENAI: ("openai-whisper", "torch")}
MAKERS = {OURS: ours, OPENAI: openai, BATCHED: batched}
ENGINE = ("whisper_asr/*.py", "zoo/speech/*.py", "zoo/data/audio.py")  # what ours computes with
COMMANDS = {"build", "evaluate", "export", "finetune", "model", "prepare"}


def home() -> Path:
    """Where answers are kept: `theresa/whisper_quality` in the user's cache."""
    return published.cache() / "whisper_quality"


def folder() -> Path:
    """The folder of real recordings.

    Raises:
        NotHere: It isn't here.
    """
    named = os.environ.get("THERESA_SHARED")
    if not named or not (Path(named) / "data" / "speech").is_dir():
        raise harness.NotHere("THERESA_SHARED names no folder with recordings, `data/speech`")
    return Path(named)


def weights(checkpoint: str, directory: Path) -> Path:
    """A checkpoint as each of the systems loads it; it is converted once.

    Args:
        checkpoint: `base`, or the path of another.
        directory: Where it is kept, by its name.

    Raises:
        NotHere: It can't be had.
    """
    path = Path(checkpoint).resolve()
    own = f"-{hashlib.sha1(str(path).encode()).hexdigest()[:8]}" if path.exists() else ""
    kept = directory / "weights" / f"{path.name}{own}"
    if not kept.is_dir():
        try:
            found = checkpoints.resolve(checkpoint, FOLDER / "demo", fetch, (".pt",))
        except CheckpointError as error:
            raise harness.NotHere(str(error).rstrip(".")) from error
        with whole_directory(kept) as new:
            convert_for_all(found, new)
    return kept


def takes_part(system: str, tested: QualitySet) -> bool:
    """Whether a system knows what a set asks for.

    Noise is heard by the others without prompt and hotwords, which make it worse.
    """
    if system == OURS:
        return tested.options.keys() <= Options.model_fields.keys()
    if tested.kind == "silence":
        return not tested.options.keys() - {"vad", "beam_size"} and tested.options["vad"]
    return system != OPENAI or not (tested.kind == "names" or "multilingual" in tested.options)


def taken(
    system: str, tested: QualitySet, recordings: Sequence[QualityRecording]
) -> Sequence[QualityRecording]:
    """The recordings of a set that a system hears: openai-whisper is slow, and of clips that are
    one window the batched pipeline hears what faster-whisper's VAD finds."""
    sampled = system == OPENAI or (system == BATCHED and tested.kind == "speech")
    return recordings[::EVERY] if sampled and len(recordings) > MANY else recordings


def fingerprint(system: str, weights: Path) -> str:
    """What a system's answers depend on besides the recording; comments are left out."""
    made = hashlib.sha256(checkpoints.sha256(weights / "ctranslate2" / "model.bin").encode())
    for package in PACKAGES.get(system, PACKAGES[OURS]):
        made.update(f"{package} {version(package)}".encode())
    code = [inspect.getsource(MAKERS.get(system, faster))]
    if system == OURS:
        paths = [path for pattern in ENGINE for path in (ROOT / "mlflow_models").glob(pattern)]
        code += [path.read_text(encoding="utf-8") for path in sorted(paths)
                 if path.stem not in COMMANDS]  # fmt: skip
    for text in code:
        made.update(ast.dump(ast.parse(text)).encode())
    return made.hexdigest()


class Answers:
    """What a system heard in a set, as a file.

    Args:
        directory: Of all answers.
        system: Its name.
        tested: The set's name.
    """

    def __init__(self, directory: Path, system: str, tested: str) -> None:
        system, tested = (re.sub(r"[^\w.]+", "_", name).strip("_") for name in (system, tested))
        self._path = directory / system / f"{tested}.json"
        self._known: dict[str, Any] = {"fingerprint": "", "answers": {}}
        if self._path.is_file():
            self._known = json.loads(self._path.read_text(encoding="utf-8"))

    def outdated(self, fingerprint: str) -> None:
        """Forget the answers of another fingerprint."""
        if self._known["fingerprint"] != fingerprint:
            self._known = {"fingerprint": fingerprint, "answers": {}}

    def get(self, recording: QualityRecording, tested: QualitySet) -> dict[str, Any] | None:
        """Give a recording's `segments` and the `cpu` seconds that they took, or None."""
        found: dict[str, Any] | None = self._known["answers"].get(_key(recording, tested))
        return found

    def put(self, recording: QualityRecording, tested: QualitySet, answer: dict[str, Any]) -> None:
        """Keep an answer."""
        self._known["answers"][_key(recording, tested)] = {"name": recording.name, **answer}
        write_json(self._path, self._known)


def run(systems: Sequence[str], sets: Sequence[QualitySet], weights: Path, directory: Path) -> None:
    """Have the systems hear what they haven't yet: every fifth recording of each set, then the
    others, so that a run that was ended tells something of all sets.

    Args:
        systems: Names.
        sets: In this order.
        weights: As the systems load them.
        directory: Of all answers.
    """
    prints = {system: fingerprint(system, weights) for system in systems}
    processes: dict[str, Contender] = {}
    try:
        for every, tested in itertools.product((EVERY, 1), sets):
            taking_part = [system for system in systems if takes_part(system, tested)]
            recordings = tested.make() if taking_part else []
            for system in taking_part:
                answers = Answers(directory, system, tested.stored or tested.name)
                answers.outdated(prints[system])
                some = taken(system, tested, recordings)
                some = some[::every] if len(some) > MANY else some
                missing = [one for one in some if answers.get(one, tested) is None]
                if missing and system not in processes:
                    processes[system] = Contender(MODULE, system, weights)
                for one in tqdm(missing, desc=f"{system}: {tested.name}", disable=not missing):
                    answers.put(one, tested, _answer(processes[system], one, tested.options))
    finally:
        for process in processes.values():
            process.stop()


def _answer(
    process: Contender, recording: QualityRecording, options: dict[str, Any]
) -> dict[str, Any]:
    """What a system hears in a recording, and the CPU seconds that it takes."""
    options = {"language": "zh", **options}
    if process.name != OURS:
        options.pop("vad", None)
        options["language"] = None if options["language"] == "auto" else options["language"]
    with tempfile.TemporaryDirectory() as work:
        path = Path(work) / "sound.npy"
        np.save(path, recording.sound)
        process.request = {"inputs": [str(path)], "options": options}
        (segments,), cpu, _ = process.timed()
    return {"segments": segments, "cpu": round(cpu, 3)}


def _key(recording: QualityRecording, tested: QualitySet) -> str:
    """A recording's samples and how they are heard; its name and its set may change."""
    asked = json.dumps(tested.options, sort_keys=True, ensure_ascii=False)
    return hashlib.sha1(recording.sound.tobytes() + asked.encode()).hexdigest()


def main() -> None:
    """Reads the command line and runs."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    cli.add_argument("--checkpoint", default=CHECKPOINT, help="(default: %(default)s)")
    args = cli.parse_args()
    sets = quality_sets(Material(folder()))
    run(args.systems, sets, weights(args.checkpoint, home()), home())


if __name__ == "__main__":
    main()
