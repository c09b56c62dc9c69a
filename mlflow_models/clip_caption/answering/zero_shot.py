"""Labels without training: how likely words fit a photo, by CLIP's features of both.

A photo's probabilities are the softmax of its cosines with the labels, times the scale that CLIP
learnt (Radford et al. 2021, arXiv 2103.00020, section 3.1.2), divided by a temperature (Guo et al.
2017, arXiv 1706.04599). A label of a packed set may have several phrasings: its features are the
mean of theirs, each of length 1 ("prompt ensembling", section 3.1.4).

"None of these" is one more label. Its cosine is the same for every photo: the threshold, which
`calibrate.py` chooses by photos without labels. `build.py --labels` packs:

    labels.json    labels with their phrasings; temperature and threshold: see `LabelCalibration`
    labels.npy     float32 (labels, d), their features, L2-normalised
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clip_caption.answering.describing import EmbedText, Record
from clip_caption.captioner import Captioner
from clip_caption.options import MAX_LABELS, Options
from clip_caption.searching.index import normalised
from zoo.errors import BadParameter, CheckpointError

SETTINGS, FEATURES = "labels.json", "labels.npy"
KEPT_LABELS = 10 * MAX_LABELS  # features of requests' labels: 2 MB of 512 numbers each
DIGITS = 4  # of a probability


@dataclass(frozen=True)
class LabelCalibration:
    """From cosines to probabilities.

    Attributes:
        temperature: Divides the logits.
        threshold: The cosine below which no label fits. None: one of them always does.
    """

    temperature: float = 1.0
    threshold: float | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "LabelCalibration":
        """Take it from the values of a JSON object; what is missing has its default."""
        threshold = values.get("threshold")
        return cls(
            float(values.get("temperature", 1.0)), None if threshold is None else float(threshold)
        )

    def probabilities(self, photos: np.ndarray, labels: np.ndarray, scale: float) -> np.ndarray:
        """Tell how likely each label is for each photo.

        Args:
            photos: Features, L2-normalised, float32 (photos, d).
            labels: The same of labels, float32 (labels, d).
            scale: CLIP's, of its logits.

        Returns:
            float64 (photos, labels + 1), which add up to 1; the last is of "none of these".
        """
        none = -np.inf if self.threshold is None else self.threshold
        cosines = (photos @ labels.T).astype(np.float64)  # (photos, labels)
        logits = np.pad(cosines, ((0, 0), (0, 1)), constant_values=none) * scale / self.temperature
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares: np.ndarray = powers / powers.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True)
class LabelSet:
    """The packed labels.

    Attributes:
        features: L2-normalised, float32 (d,), by the label's name.
        calibration: Fitted to them.
    """

    features: Mapping[str, np.ndarray] = field(default_factory=dict)
    calibration: LabelCalibration = LabelCalibration()

    @classmethod
    def read(cls, directory: Path) -> "LabelSet":
        """Read what `build.py --labels` packed; an empty set if there is nothing.

        Raises:
            CheckpointError: A file is damaged.
        """
        if not (directory / SETTINGS).is_file():
            return cls()
        try:
            settings = json.loads((directory / SETTINGS).read_text(encoding="utf-8"))
            features = np.load(directory / FEATURES, allow_pickle=False)
            return cls(
                dict(zip(settings["labels"], features, strict=True)), LabelCalibration.of(settings)
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError, EOFError) as error:
            raise CheckpointError(
                f"The labels in '{directory}' are damaged; pack again."
            ) from error


class ZeroShot:
    """Labels of photos; a part of the answer.

    Args:
        captioner: Knows how long a text may be, and CLIP's scale.
        text: Gives the features of a label that isn't packed.
        packed: Labels whose features are known, and how to judge all of them.
        untranslated: Tells whether CLIP reads a label as it is.
    """

    def __init__(
        self,
        captioner: Captioner,
        text: EmbedText,
        packed: LabelSet,
        untranslated: Callable[[str], bool],
    ) -> None:
        self._captioner, self._text, self._packed = captioner, text, packed
        self._untranslated = untranslated
        self._known: dict[str, np.ndarray] = {}

    def check(self, options: Options) -> None:
        """Refuse a label that CLIP can't read to its end."""
        for label in self.unread(options):
            if self._untranslated(label) and not self._captioner.reads_all_of(label):
                raise BadParameter(
                    "labels",
                    f"has at place {options.labels.index(label) + 1} a text of more than the "
                    f"{self._captioner.text_length} tokens that the checkpoint reads, two at the "
                    "ends included",
                )

    def unread(self, options: Options) -> list[str]:
        """Return the labels whose features must be computed first."""
        return [
            label
            for label in options.labels
            if label not in self._packed.features and label not in self._known
        ]

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `label` and `labels`, as `AnswerPart` says."""
        if not options.labels:
            return
        labels = np.stack([self._feature(label) for label in options.labels])
        found = self._packed.calibration.probabilities(
            normalised(features), labels, self._captioner.logit_scale
        )
        for record, shares in zip(records, found, strict=True):
            order = np.argsort(-shares[:-1], kind="stable").tolist()
            best = options.labels[order[0]]
            record["label"] = best if shares[order[0]] >= shares[-1] else None
            record["labels"] = [
                {"label": options.labels[place], "probability": round(float(shares[place]), DIGITS)}
                for place in order
            ]

    def _feature(self, label: str) -> np.ndarray:
        """Give a label's features, float32 (d,); those of a request's are kept for the next."""
        if label in self._packed.features:
            return self._packed.features[label]
        if label not in self._known:
            while len(self._known) >= KEPT_LABELS:
                del self._known[next(iter(self._known))]
            self._known[label] = self._text(label)
        return self._known[label]
