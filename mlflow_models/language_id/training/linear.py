"""A linear classifier on the frozen features of an encoder, saved as a network that equals it.

Transformers' network computes classifier(mean over frames of projector(frame)). With the identity
as projector that is the classifier on the mean of the frames, and nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from language_id.training.conditions import vary
from language_id.training.examples import RATE, SHORTEST, read
from language_id.training.manifest import TaggedClip
from language_id.training.network import labels_of
from language_id.training.scoring import LanguageScores

if TYPE_CHECKING:
    from transformers import Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification

STEPS = 2000  # at most, of the optimizer


@dataclass(frozen=True)
class Classifier:
    """A linear classifier.

    Args:
        weight: float64 (languages, features).
        bias: float64 (languages,).
    """

    weight: np.ndarray
    bias: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Return the logits (n, languages) of features (n, features)."""
        return features @ self.weight.T + self.bias


def pooled(
    model: "Wav2Vec2ForSequenceClassification",
    extractor: "Wav2Vec2FeatureExtractor",
    wave: np.ndarray,
) -> np.ndarray:
    """Return the mean over the frames of an encoder's last layer: float32 (hidden,).

    Args:
        model: Its encoder is used, its head isn't.
        extractor: Normalises the wave.
        wave: (samples,) at 16 kHz; a very short one is padded with zeros.
    """
    import torch

    wave = np.pad(wave, (0, max(0, SHORTEST - len(wave))))
    made = extractor(wave, sampling_rate=RATE, return_tensors="pt")
    with torch.inference_mode():
        hidden = model.wav2vec2(made.input_values.to(model.device)).last_hidden_state
    found: np.ndarray = hidden[0].mean(dim=0).float().cpu().numpy()
    return found


def features(
    model: "Wav2Vec2ForSequenceClassification",
    extractor: "Wav2Vec2FeatureExtractor",
    recordings: Sequence[TaggedClip],
    longest: float,
    copies: int = 0,
    strength: float = 1.0,
    seed: int = 1,
) -> np.ndarray:
    """Return the features of recordings and of their varied copies.

    Args:
        model: The encoder.
        extractor: Normalises the waves.
        recordings: n of them.
        longest: Seconds; what is beyond is cut off.
        copies: Varied ones of each recording.
        strength: Of the variation.
        seed: Of the variation.

    Returns:
        float32 ((1 + copies) * n, hidden): all recordings, then all of them varied, and so on.
    """
    from tqdm import tqdm

    samples, made = round(longest * RATE), []
    jobs = [(turn, row) for turn in range(1 + copies) for row in range(len(recordings))]
    for turn, row in tqdm(jobs, desc="features"):
        wave = read(recordings[row].path)[:samples]
        if turn:
            wave = vary(wave, strength, np.random.default_rng([seed, turn, row]))
        made.append(pooled(model, extractor, wave))
    return np.stack(made)


def weights_of(recordings: Sequence[TaggedClip]) -> np.ndarray:
    """Return weights (n,) of mean 1 with which languages, and the sources in each, count alike."""
    groups: dict[str, dict[str, int]] = {}
    for one in recordings:
        counts = groups.setdefault(one.language, {})
        counts[one.source] = counts.get(one.source, 0) + 1
    share = [1 / len(groups[r.language]) / groups[r.language][r.source] for r in recordings]
    return np.array(share) * len(recordings) / len(groups)


def fit(values: np.ndarray, labels: np.ndarray, weights: np.ndarray, penalty: float) -> Classifier:
    """Fit a multinomial logistic regression on standardized features.

    Args:
        values: (n, features).
        labels: (n,), 0, 1, 2...; all of them occur.
        weights: (n,), of the examples.
        penalty: L2, on the weights of standardized features.

    Returns:
        A classifier of the features as they are: the standardization is in its weights.
    """
    from sklearn.linear_model import LogisticRegression

    values = values.astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    found = LogisticRegression(C=1 / penalty, max_iter=STEPS)
    found.fit((values - mean) / scale, labels, weights)
    weight, bias = found.coef_, found.intercept_
    if len(weight) == 1:  # two languages: one row of differences
        weight, bias = np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2
    weight = weight / scale
    return Classifier(weight, bias - weight @ mean)


def choose(
    train: tuple[np.ndarray, np.ndarray, np.ndarray],
    dev: np.ndarray,
    heard: Sequence[TaggedClip],
    languages: Sequence[str],
    penalties: Sequence[float],
) -> tuple[Classifier, LanguageScores, float]:
    """Fit one classifier for each penalty, and keep the one with the lowest error on the dev set.

    Args:
        train: Features (n, features), labels (n,) and weights (n,).
        dev: Features (m, features).
        heard: The m recordings of the dev set.
        languages: The labels' order.
        penalties: To try.

    Returns:
        The classifier, its scores on the dev set, and its penalty.
    """
    truth = np.array([languages.index(recording.language) for recording in heard])
    groups = [recording.source for recording in heard]
    tried = []
    for penalty in penalties:
        classifier = fit(*train, penalty)
        scores = LanguageScores(languages, truth, classifier(dev).argmax(axis=1), groups)
        print(f"penalty {penalty:g}: error {scores.balanced_error:.2f} %", flush=True)
        tried.append((classifier, scores, penalty))
    return min(tried, key=lambda one: one[1].balanced_error)


def compose(
    model: "Wav2Vec2ForSequenceClassification", classifier: Classifier, languages: Sequence[str]
) -> "Wav2Vec2ForSequenceClassification":
    """Give a network the head that equals a classifier on the mean of its frames.

    Args:
        model: Its encoder is kept; its head is replaced.
        classifier: With as many features as the encoder's hidden size.
        languages: The labels' order.
    """
    import torch
    from torch import nn

    hidden = model.config.hidden_size
    model.projector, model.classifier = nn.Linear(hidden, hidden), nn.Linear(hidden, len(languages))
    with torch.no_grad():
        model.projector.weight.copy_(torch.eye(hidden))
        model.projector.bias.zero_()
        model.classifier.weight.copy_(torch.from_numpy(classifier.weight))
        model.classifier.bias.copy_(torch.from_numpy(classifier.bias))
    settings: dict[str, Any] = labels_of(languages)
    model.config.update({"classifier_proj_size": hidden, "use_weighted_layer_sum": False})
    model.config.id2label, model.config.label2id = settings["id2label"], settings["label2id"]
    return model
