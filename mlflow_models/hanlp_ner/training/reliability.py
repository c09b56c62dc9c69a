"""Holds confidences against what is right: of entities with 0.8, eight of ten should be.

The expected calibration error (Naeini et al., 2015) is the mean distance between the two, over bins
of confidence, weighted by their entities.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.training.span_scores import Spans
from zoo.data.tables import write_table
from zoo.training import plots

BINS = 10  # of equal width
THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)  # of `min_confidence`
BINS_HEAD = "| confidence | entities | mean confidence | right |\n|---|---:|---:|---:|\n"
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
class Reliability:
    """Entities that were found in annotated sentences.

    Attributes:
        confidence: Of each, float64 (entities,).
        right: Whether the sentence has it, (entities,).
        gold: How many entities all sentences have.
    """

    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]
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

    def __bool__(self) -> bool:
        """Whether there is an entity that has a confidence."""
        return len(self.right) > 0

    @property
    def loss(self) -> float:
        """The mean negative log likelihood of what became of each entity."""
        likely = np.clip(np.where(self.right, self.confidence, 1 - self.confidence), LEAST, 1.0)
        return float(-np.log(likely).mean())

    def bins(self) -> list[tuple[float, int, float, float]]:
        """Return the lower bound, entities, mean confidence and share of right ones of each bin.

        A bin without entities has a mean and a share of 0.
        """
        places = np.minimum((self.confidence * BINS).astype(int), BINS - 1)
        counts = np.bincount(places, minlength=BINS)
        means, shares = (
            np.bincount(places, weights=one, minlength=BINS) / np.maximum(counts, 1)
            for one in (self.confidence, self.right)
        )
        rows = zip(counts.tolist(), means.tolist(), shares.tolist(), strict=True)
        return [(place / BINS, *row) for place, row in enumerate(rows)]

    @property
    def error(self) -> float:
        """The expected calibration error, 0 to 1."""
        distances = (count * abs(mean - share) for _, count, mean, share in self.bins())
        return sum(distances) / max(len(self.right), 1)

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
        bins = "".join(
            f"| {low:.1f} to {low + 1 / BINS:.1f} | {count} | {mean:.3f} | {share:.3f} |\n"
            for low, count, mean, share in self.bins()
            if count
        )
        thresholds = "".join(
            f"| {bound} | {precision:.2f} | {recall:.2f} | {f1:.2f} | {count} |\n"
            for bound, precision, recall, f1, count in self.thresholds()
        )
        return (
            f"expected calibration error {self.error:.4f}, over {len(self.right)} entities\n\n"
            f"{BINS_HEAD}{bins}\n{THRESHOLDS_HEAD}{thresholds}"
        )

    def write(self, directory: Path) -> None:
        """Write the diagram, `reliability.png`, and its numbers, `reliability.csv`."""
        columns = ["from", "entities", "mean_confidence", "right"]
        rows = ([f"{value:g}" for value in row] for row in self.bins())
        write_table(directory / "reliability.csv", columns, rows)
        self.plot(directory / "reliability.png")

    def plot(self, path: Path) -> None:
        """Draw the share of right entities by confidence, and how many there are."""
        bins = self.bins()
        middles = [low + 0.5 / BINS for low, *_ in bins]
        with plots.drawing(path, (4.5, 4.5)) as figure:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            upper.bar(middles, [share for *_, share in bins], 0.9 / BINS, label="right")
            filled = [(mean, share) for _, count, mean, share in bins if count]
            upper.plot(*zip(*filled, strict=True), "o", color="black", label="mean confidence")
            upper.plot([0, 1], [0, 1], "--", color="gray")
            upper.set(ylabel="share of right entities", ylim=(0, 1), xlim=(0, 1))
            upper.set_title(f"expected calibration error {self.error:.4f}")
            upper.legend(loc="upper left")
            lower.bar(middles, [count for _, count, *_ in bins], 0.9 / BINS, color="gray")
            lower.set(xlabel="confidence", ylabel="entities")
