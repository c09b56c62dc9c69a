"""What an evaluation compares: checkpoints, with and without noise reduction and language model.

Each checkpoint runs once per kind of noise reduction; greedy search and beam search read the same
log-probabilities.
"""

import argparse
import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wav2vec2_asr import ctc
from wav2vec2_asr.checkpoint import find
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.transcribe import (
    Checkpoint,
    Search,
    Wave,
    log_probabilities,
    open_checkpoint,
    spell,
)
from zoo.denoise import denoised
from zoo.speech.results import Utterance
from zoo.speech.stored import Waves, names, open_data, ratios

if TYPE_CHECKING:
    from datasets import Dataset

Cleaner = Callable[[Wave], Wave]


def from_checkpoints(args: argparse.Namespace) -> dict[str, list[Utterance]]:
    """Transcribes the data in every way that the options ask for, by the way's name."""
    data = open_data(args.data)
    noise = ratios(data, args.snr_column)
    found: dict[str, list[Utterance]] = {}
    for model in [args.model, *([args.compare] if args.compare else [])]:
        checkpoint = open_checkpoint(find(model), args.device)
        labels = checkpoint.labels
        searches: dict[str, Search] = {"": ctc.greedy}
        if args.language_model:
            searches[" + language model"] = beam_search(args, labels)
        for way in dict.fromkeys(["never", *args.denoise]):
            scores = run(checkpoint, data, cleaner(way, args.gate), args.batch_size)
            if args.save_logits and not found:
                scores = saved(scores, data, args.save_logits)
            texts = {suffix: [""] * len(data) for suffix in searches}
            for index, log_probs in scores:
                for suffix, search in searches.items():
                    texts[suffix][index] = spell(search(log_probs), log_probs, labels)
            for suffix, heard in texts.items():
                name = model + (f" + denoise {way}" if way != "never" else "") + suffix
                columns = zip(
                    names(data), data["text"], heard, data["duration"], noise, strict=True
                )
                found[name] = [Utterance(n, r, h, float(s), snr) for n, r, h, s, snr in columns]
    return found


def cleaner(way: str, gate: float) -> Cleaner:
    """The noise reduction of a name: never, always, gated."""
    if way == "never":
        return lambda wave: wave
    return lambda wave: denoised(wave, gate if way == "gated" else None)


def run(
    checkpoint: Checkpoint, data: "Dataset", clean: Cleaner, batch_size: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Runs a checkpoint on cleaned recordings: indices and log-probabilities (frames, labels)."""
    waves, durations = Waves(data), [float(seconds) for seconds in data["duration"]]
    return log_probabilities(checkpoint, lambda index: clean(waves[index]), durations, batch_size)


def saved(
    scores: Iterator[tuple[int, np.ndarray]], data: "Dataset", folder: Path
) -> Iterator[tuple[int, np.ndarray]]:
    """Keeps log-probabilities on their way: logits/00000.npy and, when all are there,
    references.tsv."""
    (folder / "logits").mkdir(parents=True, exist_ok=True)
    for old in [folder / "references.tsv", *(folder / "logits").glob("*.npy")]:
        old.unlink(missing_ok=True)
    for index, log_probs in scores:
        np.save(folder / "logits" / f"{index:05d}.npy", log_probs)
        yield index, log_probs
    with (folder / "references.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t")
        table.writerow(["name", "reference"])
        table.writerows(zip(names(data), data["text"], strict=True))


def beam_search(args: argparse.Namespace, labels: Labels) -> Search:
    """The beam search with the language model of the options.

    Raises:
        CheckpointError: there is no such model, or it isn't one of these labels.
    """
    from wav2vec2_asr.language_model import BeamSearch, Settings

    found = Settings.read(args.language_model)
    options = {name: vars(args)[name] for name in ("weight", "bonus", "beam_size")}
    chosen = replace(found, **{name: v for name, v in options.items() if v is not None})
    return BeamSearch(
        labels.texts,
        labels.blank,
        chosen.model,
        chosen.weight,
        chosen.bonus,
        chosen.beam_size,
        labels.special,
    )
