"""Holds confidences against what is right: of answers with 0.8, eight of ten should be.

The expected calibration error (Naeini et al., 2015) is the mean distance between the two, over bins
of confidence, weighted by their answers. A temperature that divides all scores of a network brings
them together (Guo et al., 2017).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from zoo.data.tables import write_table
from zoo.training import plots

BINS = 10  # of equal width
PRECISION = 0.01  # of a temperature's logarithm


@dataclass(frozen=True)
class Reliability:
    """Answers with their confidences.

    Attributes:
        confidence: Of each, float64 (answers,).
        right: Whether it is right, (answers,).
        kind: What the answers are called.
    """

    kind: ClassVar[str] = "answers"
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_]

    def __bool__(self) -> bool:
        """Whether there is an answer."""
        return len(self.right) > 0

    def bins(self) -> list[tuple[float, int, float, float]]:
        """Return the lower bound, answers, mean confidence and share of right ones of each bin.

        A bin without answers has a mean and a share of 0.
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

    def table(self) -> str:
        """Write the bins that have answers as a Markdown table, with a line before it."""
        rows = "".join(
            f"| {low:.1f} to {low + 1 / BINS:.1f} | {count} | {mean:.3f} | {share:.3f} |\n"
            for low, count, mean, share in self.bins()
            if count
        )
        return (
            f"expected calibration error {self.error:.4f}, over {len(self.right)} {self.kind}\n\n"
            f"| confidence | {self.kind} | mean confidence | right |\n|---|---:|---:|---:|\n{rows}"
        )

    def write(self, directory: Path) -> None:
        """Write the diagram, `reliability.png`, and its numbers, `reliability.csv`."""
        columns = ["from", self.kind, "mean_confidence", "right"]
        rows = ([f"{value:g}" for value in row] for row in self.bins())
        write_table(directory / "reliability.csv", columns, rows)
        self.plot(directory / "reliability.png")

    def plot(self, path: Path) -> None:
        """Draw the share of right answers by confidence, and how many there are."""
        bins = self.bins()
        middles = [low + 0.5 / BINS for low, *_ in bins]
        with plots.drawing(path, (4.5, 4.5)) as figure:
            upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
            upper.bar(middles, [share for *_, share in bins], 0.9 / BINS, label="right")
            filled = [(mean, share) for _, count, mean, share in bins if count]
            upper.plot(*zip(*filled, strict=True), "o", color="black", label="mean confidence")
            upper.plot([0, 1], [0, 1], "--", color="gray")
            upper.set(ylabel=f"share of right {self.kind}", ylim=(0, 1), xlim=(0, 1))
            upper.set_title(f"expected calibration error {self.error:.4f}")
            upper.legend(loc="upper left")
            lower.bar(middles, [count for _, count, *_ in bins], 0.9 / BINS, color="gray")
            lower.set(xlabel="confidence", ylabel=self.kind)


def fit_temperature(loss: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """Find the temperature of the greatest likelihood.

    Args:
        loss: From a temperature to the mean negative log likelihood.
        bounds: The lowest and the highest temperature.
    """
    from scipy.optimize import minimize_scalar

    found = minimize_scalar(
        lambda log: loss(math.exp(log)),
        bounds=[math.log(bound) for bound in bounds],
        method="bounded",
        options={"xatol": PRECISION},
    )
    return round(math.exp(found.x), 3)
