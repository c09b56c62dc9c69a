"""Runs a checkpoint on recordings: the probability of each language."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from language_id.training.examples import RATE, SHORTEST, read
from language_id.training.manifest import TaggedClip

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
    from tqdm import tqdm

    made = []
    for recording in tqdm(recordings, desc="identify"):
        wave = read(recording.path)[: round(longest * RATE)]
        made.append(probabilities(model, extractor, change(wave) if change else wave))
    return np.stack(made)
