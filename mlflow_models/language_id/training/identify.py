"""Runs a checkpoint on recordings: the probability of each language."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from language_id.training.examples import RATE, SHORTEST, read
from language_id.training.manifest import TaggedClip
from zoo.training.asked import answers, wav

if TYPE_CHECKING:
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

Wave = np.ndarray


def probabilities(
    model: "Wav2Vec2ForSequenceClassification", extractor: "Wav2Vec2FeatureExtractor", wave: Wave
) -> np.ndarray:
    """Return the probability of each language: float32 (languages,).

    Args:
        model: A language identifier.
        extractor: Normalises the wave.
        wave: (samples,) at 16 kHz; a very short one is padded with zeros.
    """
    import torch

    wave = np.pad(wave, (0, max(0, SHORTEST - len(wave))))
    made = extractor(wave, sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        logits = model(made.input_values.to(model.device)).logits[0]
    found: np.ndarray = logits.float().softmax(dim=-1).cpu().numpy()
    return found


def identify_served(
    directory: Path, recordings: Sequence[TaggedClip], change: Callable[[Wave], Wave] | None = None
) -> np.ndarray:
    """Return what the served engine says: it finds the speech first, and hears all of it.

    Args:
        directory: A checkpoint.
        recordings: n of them.
        change: What to do to each wave before it is heard.

    Returns:
        float32 (n, languages + 1); the last column is 1 where no speech is found.
    """
    from language_id.build import convert
    from language_id.engine import Engine, Options

    with tempfile.TemporaryDirectory() as work:
        convert(directory, Path(work))
        engine = Engine(Path(work), threads=1)
        waves = (read(one.path) for one in tqdm(recordings, desc="identify"))
        found = [engine([change(wave) if change else wave], Options())[0] for wave in waves]
    rows = []
    for one in found:
        if isinstance(one, Exception):
            raise one
        rows.append([*one.probabilities, float(not one.stretches)])
    return np.array(rows, np.float32)


def identify(
    model: "Wav2Vec2ForSequenceClassification",
    extractor: "Wav2Vec2FeatureExtractor",
    recordings: Sequence[TaggedClip],
    longest: float,
    change: Callable[[Wave], Wave] | None = None,
) -> np.ndarray:
    """Return the probabilities of each recording: float32 (n, languages).

    Args:
        model: A language identifier.
        extractor: Normalises the waves.
        recordings: n of them.
        longest: Seconds; what is beyond is cut off.
        change: What to do to each wave before it is heard.
    """
    made = []
    for recording in tqdm(recordings, desc="identify"):
        wave = read(recording.path)[: round(longest * RATE)]
        made.append(probabilities(model, extractor, change(wave) if change else wave))
    return np.stack(made)


def identify_saved(
    name: str,
    tracking_uri: str,
    languages: Sequence[str],
    recordings: Sequence[TaggedClip],
    change: Callable[[Wave], Wave] | None = None,
) -> np.ndarray:
    """Return what a saved model says, with the code that it was saved with.

    Args:
        name: Its directory, or an MLflow URI.
        tracking_uri: The registry.
        languages: The order of the languages that may be right.
        recordings: n of them.
        change: What to do to each wave before it is heard.

    Returns:
        float32 (n, languages + 2): then the likeliest other language, and 1 where nobody speaks. A
        language that the record doesn't name, since others are likelier, has 0.
    """
    files = (
        wav(np.round(change(read(one.path)) * 32767)) if change else one.path.read_bytes()
        for one in recordings
    )
    names = [one.path.name for one in recordings]
    rows = []
    for record in answers(name, tracking_uri, "audio", files, names):
        heard = {one["language"]: one["probability"] for one in record.get("languages") or []}
        own = [heard.pop(language, 0.0) for language in languages]
        rows.append([*own, max(heard.values(), default=0.0), float(not record.get("language"))])
    return np.array(rows, np.float32)
