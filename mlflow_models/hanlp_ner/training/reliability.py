"""Holds the confidences of entities against what is right, and says what `min_confidence` does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from hanlp_ner.training.span_scores import Spans
from zoo.training import reliability

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of `min_confidence`
THRESHOLDS_HEAD = (
    "| min_confidence | precision | recall | F1 | entities |\n|---:|---:|---:|---:|---:|\n"
)
LEAST = 1e-4  # confidences are rounded to this; so 0 and 1 stand for numbers so near to them

# The confidence of each span (start, end (exclusive), label); None where the model gives none
Sure = dict[tuple[int, int, str], float | None]


def sure_spans(record: Mapping[str, Any]) -> Sure:
    """Return the spans of a served record's entities, with their confidences."""
    return {
        (one["start"], one["end"], one["type"]): one.get("confidence")
        for one in record.get("entities") or []
    }


@dataclass(frozen=True)
class Reliability(reliability.Reliability):
    """Entities that were found in annotated sentences; `right` is whether the sentence has one.

    Attributes:
        gold: How many entities all sentences have.
    """

    kind: ClassVar[str] = "entities"
    gold: int

    @classmethod
    def of(
        cls,
        gold: Sequence[Spans],
        found: Sequence[Sure],
        labels: Collection[str] | None = None,
    ) -> "Reliability":
        """Compare what was found in each sentence with what is there.

        Args:
            gold: The annotated spans of each sentence.
            found: The confidences of those that were found, in the same order.
            labels: Those that count; None: all.
        """
        pairs = [
            (confidence, span in right)
            for right, spans in zip(gold, found, strict=True)
            for span, confidence in spans.items()
            if confidence is not None and (labels is None or span[2] in labels)
        ]
        return cls(
            np.array([confidence for confidence, _ in pairs], dtype=np.float64),
            np.array([right for _, right in pairs], dtype=bool),
            sum(labels is None or label in labels for spans in gold for _, _, label in spans),
        )

    @property
    def loss(self) -> float:
        """The mean negative log likelihood of what became of each entity."""
        likely = np.clip(np.where(self.right, self.confidence, 1 - self.confidence), LEAST, 1.0)
        return float(-np.log(likely).mean())

    def thresholds(self) -> list[tuple[float, float, float, float, int]]:
        """Return `min_confidence`, precision, recall and F1 (in percent) and how many it keeps."""
        rows = []
        for bound in THRESHOLDS:
            kept = self.confidence >= bound
            count, correct = int(kept.sum()), int(self.right[kept].sum())
            shares = (correct / max(count, 1), correct / max(self.gold, 1))
            f1 = 2 * correct / max(count + self.gold, 1)
            rows.append((bound, 100 * shares[0], 100 * shares[1], 100 * f1, count))
        return rows

    def figures(self) -> dict[str, float]:
        """Return the numbers that are logged."""
        return {"calibration_error": self.error, "entities": len(self.right)}

    def markdown(self) -> str:
        """Say how reliable the confidences are, and what `min_confidence` would do."""
        thresholds = "".join(
            f"| {bound} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {count} |\n"
            for bound, precision, recall, f1, count in self.thresholds()
        )
        return f"{self.table()}\n{THRESHOLDS_HEAD}{thresholds}"
