"""What fine-tuning Whisper on a person does, for that person's other sentences and elsewhere.

The sets are made from the folder that THERESA_SHARED names; the model card has the commands that
train. Both checkpoints are heard as they are served.

python -m benchmarks.whisper_adaptation base run/best            the table
python -m benchmarks.whisper_adaptation base run/best --curve run    and the curve of that training
"""

import argparse
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.plots import OURS
from benchmarks.whisper_quality_recordings import QualityRecording
from benchmarks.whisper_quality_runs import folder
from benchmarks.whisper_quality_scores import difference, rate
from benchmarks.whisper_quality_sets import Material
from language_id.training.conditions import telephone
from whisper_asr.finetune import checkpoint_directory
from whisper_asr.training.error_rates import character_errors
from whisper_asr.training.normalizer import Normalizer
from whisper_asr.training.transcribe import Decoding, transcribe_served
from zoo.building import packaging
from zoo.data.tables import open_table
from zoo.data.texts import read_json
from zoo.training import augment
from zoo.training.error_rates import ErrorCounts
from zoo.training.plots import drawing
from zoo.training.records import STATE

LAST = 80  # sentences of the person that aren't trained on
WORDS = 100
RATIO_DB = 10
CURVE = "docs/plots/whisper_adaptation.svg"

Sets = dict[str, tuple[str, list[QualityRecording]]]


def sets(material: Material) -> Sets:
    """The recordings of each set, and the language that they are heard in."""
    kept = material.sentences[-LAST:]
    return {
        f"the person's last {LAST} sentences": ("zh", kept),
        f"the same, white noise of {RATIO_DB} dB": ("zh", _changed(kept, _noisy)),
        "the same, by telephone": ("zh", _changed(kept, lambda one, _: telephone(one.sound))),
        f"{WORDS} words of a second, another person": ("zh", material.words[:WORDS]),
        "3 clips of other people": ("zh", material.clips),
        "English, another person": ("en", material.english()),
    }


def _changed(
    recordings: list[QualityRecording], change: Callable[[QualityRecording, int], np.ndarray]
) -> list[QualityRecording]:
    return [replace(one, sound=change(one, place)) for place, one in enumerate(recordings)]


def _noisy(one: QualityRecording, place: int) -> np.ndarray:
    added = augment.noise("white", len(one.sound), np.random.default_rng(place))
    return augment.add_noise(one.sound, added, RATIO_DB)


def errors(checkpoint: str, tested: Sets) -> dict[str, list[ErrorCounts]]:
    """The mistakes of a checkpoint in each recording of each set, as served."""
    directory = checkpoint_directory(checkpoint)
    found: dict[str, list[ErrorCounts]] = {}
    for language in dict.fromkeys(language for language, _ in tested.values()):
        chosen = {name: ones for name, (code, ones) in tested.items() if code == language}
        recordings = [one for ones in chosen.values() for one in ones]
        sounds = [one.sound for one in recordings]
        texts = transcribe_served(directory, sounds.__getitem__, len(sounds), Decoding(language))
        heard = iter(zip(recordings, texts, strict=True))
        for name, ones in chosen.items():
            found[name] = [
                character_errors(one.text, text, Normalizer())
                for one, text in itertools.islice(heard, len(ones))
            ]
    return found


def row(name: str, before: list[ErrorCounts], after: list[ErrorCounts]) -> str:
    """A set as a line of the table: CER in percent, with 95 % intervals (paired bootstrap)."""
    cells = [
        f"{found['cer']:.2f} [{found['low']:.2f}, {found['high']:.2f}]"
        for found in map(rate, (before, after))
    ]
    change, low, high = difference(after, before)
    return f"| {' | '.join([name, *cells, f'{change:+.2f} [{low:+.2f}, {high:+.2f}]'])} |"


def draw_curve(run: Path, path: Path) -> None:
    """Draws each step's loss, and the CER of the dev set at each evaluation."""
    rows = [row for _, row in open_table(run / "steps.csv").strict_rows()]
    last = max(run.glob("checkpoint-*"), key=lambda one: int(one.name.rpartition("-")[2]))
    history = read_json(last / STATE)["log_history"]
    scores = [(logs["step"], logs["eval_cer"]) for logs in history if "eval_cer" in logs]
    with drawing(path, (6, 2.6)) as figure:
        left, right = figure.subplots(1, 2)
        losses = [float(one["loss"]) for one in rows]
        left.plot([int(one["step"]) for one in rows], losses, linewidth=0.8, color=OURS["ours"])
        left.set(xlabel="step", ylabel="loss of the examples in training", ylim=(0, None))
        right.plot(*zip(*scores, strict=True), marker="o", color=OURS["ours"])
        right.set(xlabel="step", ylabel="CER % of the dev set, greedy", ylim=(0, None))


def main() -> None:
    """Reads the command line and prints the table."""
    cli = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_argument("before", help="a checkpoint")
    cli.add_argument("after", help="the same, trained")
    cli.add_argument("--curve", type=Path, metavar="RUN", help=f"draw it to {CURVE}")
    args = cli.parse_args()
    if args.curve:
        draw_curve(args.curve, packaging.ROOT / CURVE)
    tested = sets(Material(folder()))
    before, after = (errors(one, tested) for one in (args.before, args.after))
    print("| CER % | before | after | difference |\n| --- | ---: | ---: | ---: |")
    for name in tested:
        print(row(name, before[name], after[name]))


if __name__ == "__main__":
    packaging.run(main)
