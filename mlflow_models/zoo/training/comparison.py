"""Compares two models on the same rows: how far apart they are, and where they differ most."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from zoo.data.tables import write_table

DRAWS = 2000  # resamples
DIFFERENCES = "differences.tsv"
HEADER = ("change", "name", "reference", "first", "other")

Better = Literal["lower", "higher"]


@dataclass(frozen=True)
class Interval:
    """A difference in percent, and where 95 % of the resampled differences lie."""

    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class ScoreChange:
    """How one score of the second model differs from the first's.

    Args:
        metric: The score's name.
        better: Which values are better.
        first: The first model's score, percent.
        other: The second's.
        difference: The second's less the first's.
        low, high: Where 95 % of the resampled differences lie.
        decisive: Whether it decides which model is better; a part's score (of a label, say) is
            shown only, since there are few rows of some.
    """

    metric: str
    better: Better
    first: float
    other: float
    difference: float
    low: float
    high: float
    decisive: bool = True

    @classmethod
    def of(
        cls,
        metric: str,
        better: Better,
        scores: tuple[float, float],
        found: Interval,
        decisive: bool = True,
    ) -> "ScoreChange":
        """Make one of two scores and the interval of their difference."""
        interval = (found.difference, found.low, found.high)
        return cls(metric, better, *scores, *interval, decisive)

    def __str__(self) -> str:
        return (
            f"{self.metric} {self.first:.2f} -> {self.other:.2f}: {self.difference:+.2f}, 95 % "
            f"interval [{self.low:+.2f}, {self.high:+.2f}] (paired bootstrap)"
        )

    @property
    def loss(self) -> float:
        """By how many points the second model may be worse: the far end of the interval."""
        return self.high if self.better == "lower" else -self.low


def paired_bootstrap(
    first: np.ndarray, second: np.ndarray, rate: Callable[[np.ndarray], np.ndarray]
) -> Interval:
    """Compare two models on the same rows: the second's rate less the first's.

    Rows are drawn with replacement, the same ones for both (Bisani and Ney 2004, "Bootstrap
    estimates for confidence intervals in ASR performance evaluation").

    Args:
        first: Counts of each row, (rows, counts).
        second: The same of the other model.
        rate: From sums of counts, (draws, counts), to rates, (draws,).
    """
    chance, count = np.random.default_rng(1), len(first)
    both = np.concatenate([first, second], axis=1)
    sums = np.stack([both[chance.integers(0, count, count)].sum(axis=0) for _ in range(DRAWS)])
    width = first.shape[1]
    drawn = rate(sums[:, width:]) - rate(sums[:, :width])
    whole = both.sum(axis=0)[None]
    difference = float((rate(whole[:, width:]) - rate(whole[:, :width]))[0])
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Interval(difference, float(low), float(high))


def write_differences(rows: Iterable[tuple[float, str, str, str, str]], directory: Path) -> None:
    """Write `differences.tsv`: the rows in which two models differ, the second's losses first.

    Args:
        rows: By how much the second is worse (negative: better), the row's name, the reference,
            and what each has answered. Rows with equal answers are left out.
        directory: Where to.
    """
    changed = [row for row in rows if row[3] != row[4]]
    ranked = sorted(changed, key=lambda row: -row[0])
    write_table(directory / DIFFERENCES, HEADER, ((f"{row[0]:+.1f}", *row[1:]) for row in ranked))
