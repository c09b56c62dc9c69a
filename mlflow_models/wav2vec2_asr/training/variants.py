"""What an evaluation compares: checkpoints, noise reduction, language model, how it is served.

Each checkpoint runs once per kind of noise reduction; greedy search and beam search read the same
log-probabilities.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from wav2vec2_asr import ctc
from wav2vec2_asr.building.checkpoint import find
from wav2vec2_asr.ctc import Search
from wav2vec2_asr.labels import Labels
from wav2vec2_asr.training.transcribe import Checkpoint, Wave, log_probabilities, open_checkpoint
from wav2vec2_asr.training.unsayable import unsayable
from wav2vec2_asr.training.words import Convention
from zoo.building.saved import is_saved
from zoo.data.tables import write_table
from zoo.speech.denoise import denoised
from zoo.training import asked
from zoo.training.results import Utterance
from zoo.training.stored import Waves, names, open_data, ratios

if TYPE_CHECKING:
    from datasets import Dataset

Cleaner = Callable[[Wave], Wave]
Scores = Iterator[tuple[int, np.ndarray]]  # indices and log-probabilities (frames, labels)


def from_checkpoints(
    args: argparse.Namespace, convention: Convention
) -> tuple[dict[str, list[Utterance]], list[str]]:
    """Transcribes the data in every way that the options ask for.

    Args:
        args: of evaluate.py; a saved model is heard as it is served, with its defaults.
        convention: what counts as a mistake.

    Returns:
        What was said and heard, by the way's name; and what checkpoints can't say of it.
    """
    data = open_data(args.data)
    noise = ratios(data, args.snr_column)
    found: dict[str, list[Utterance]] = {}
    notes = []
    for model in [args.model, *([args.compare] if args.compare else [])]:
        if is_saved(model):
            sounds = asked.recordings(data)
            heard = [record.get("text") or "" for record in asked.answers(
                model, args.tracking_uri, "audio", sounds, names(data))]  # fmt: skip
            found[model] = utterances(data, heard, noise)
            continue
        checkpoint = open_checkpoint(find(model), args.device)
        lacking = unsayable(data["text"], names(data), checkpoint.labels, convention)
        notes += [f"{model}: {lacking}."] if lacking.characters else []
        searches: dict[str, Search] = {"": ctc.greedy}
        if args.language_model:
            searches[" + language model"] = beam_search(args, checkpoint.labels)
        for name, scores in runs(model, checkpoint, data, args):
            kept = (
                saved(scores, data, args.save_logits) if args.save_logits and not found else scores
            )
            for suffix, heard in spelled(kept, len(data), searches, checkpoint.labels).items():
                found[name + suffix] = utterances(data, heard, noise)
    return found, notes


def utterances(
    data: "Dataset", heard: Sequence[str], noise: Sequence[float | None]
) -> list[Utterance]:
    """What was said and heard in each recording, with its noise in dB."""
    columns = zip(names(data), data["text"], heard, data["duration"], noise, strict=True)
    return [Utterance(n, r, h, float(s), snr) for n, r, h, s, snr in columns]


def runs(
    model: str, checkpoint: Checkpoint, data: "Dataset", args: argparse.Namespace
) -> Iterator[tuple[str, Scores]]:
    """The ways to run a checkpoint: by PyTorch with every noise reduction, and as it is served."""
    for way in dict.fromkeys(["never", *args.denoise]):
        suffix = f" + denoise {way}" if way != "never" else ""
        yield model + suffix, run(checkpoint, data, cleaner(way, args.gate), args.batch_size)
    for precision in args.served:
        yield f"{model} + served {precision}", served(find(model), precision, data)


def served(directory: Path, precision: str, data: "Dataset") -> Scores:
    """Runs a checkpoint as build.py packs it, on ONNX Runtime."""
    from tqdm import tqdm

    from wav2vec2_asr.acoustic import Acoustic
    from wav2vec2_asr.building.convert import convert

    with tempfile.TemporaryDirectory() as work:
        convert(directory, Path(work), precision)
        acoustic = Acoustic(Path(work))
        waves = Waves(data)
        for index in tqdm(range(len(data)), desc=precision):
            logits = acoustic([waves[index]])[0]
            yield index, logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def spelled(
    scores: Scores, count: int, searches: dict[str, Search], labels: Labels
) -> dict[str, list[str]]:
    """What each search makes of the log-probabilities of `count` recordings, by its suffix."""
    texts = {suffix: [""] * count for suffix in searches}
    for index, log_probs in scores:
        for suffix, search in searches.items():
            texts[suffix][index] = ctc.transcript(search, log_probs, labels)
    return texts


def cleaner(way: str, gate: float) -> Cleaner:
    """The noise reduction of a name: never, always, gated."""
    if way == "never":
        return lambda wave: wave
    return lambda wave: denoised(wave, gate if way == "gated" else None)


def run(checkpoint: Checkpoint, data: "Dataset", clean: Cleaner, batch_size: int) -> Scores:
    """Runs a checkpoint on cleaned recordings: indices and log-probabilities (frames, labels)."""
    waves, durations = Waves(data), [float(seconds) for seconds in data["duration"]]
    return log_probabilities(checkpoint, lambda index: clean(waves[index]), durations, batch_size)


def saved(scores: Scores, data: "Dataset", folder: Path) -> Scores:
    """Keeps log-probabilities on their way: logits/00000.npy and, when all are there,
    references.tsv."""
    (folder / "logits").mkdir(parents=True, exist_ok=True)
    for old in [folder / "references.tsv", *(folder / "logits").glob("*.npy")]:
        old.unlink(missing_ok=True)
    for index, log_probs in scores:
        np.save(folder / "logits" / f"{index:05d}.npy", log_probs)
        yield index, log_probs
    rows = zip(names(data), data["text"], strict=True)
    write_table(folder / "references.tsv", ["name", "reference"], rows)


def beam_search(args: argparse.Namespace, labels: Labels) -> Search:
    """The beam search with the language model of the options.

    Raises:
        CheckpointError: there is no such model, or it isn't one of these labels.
    """
    from wav2vec2_asr.language_model import BeamSearch, LanguageModelSettings

    found = LanguageModelSettings.read(args.language_model)
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
