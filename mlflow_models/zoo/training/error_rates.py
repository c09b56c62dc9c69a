"""Error rates of transcripts: edits against the length of the reference, summed over a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

DRAWS = 2000  # resamples of a comparison


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """Mistakes (substitutions, deletions, insertions) against the length of the reference."""

    mistakes: int
    length: int

    @property
    def rate(self) -> float:
        """Percent; where there was nothing to hear, any mistake is 100."""
        if self.length == 0:
            return 100.0 if self.mistakes else 0.0
        return 100 * self.mistakes / self.length


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> ErrorCounts:
    """Aligns two sequences of characters or words and counts what differs.

    An empty reference is scored too: all that was heard is insertions. What differs is the edit
    distance, by the library that jiwer calls for it; jiwer's own preparations of a pair take a
    hundred times as long, which shows in a table of a million.
    """
    from rapidfuzz.distance import Levenshtein

    return ErrorCounts(Levenshtein.distance(reference, hypothesis), len(reference))


def total(errors: Sequence[ErrorCounts]) -> ErrorCounts:
    """Sums over utterances; the rate of the sum weighs each by its length."""
    return ErrorCounts(sum(e.mistakes for e in errors), sum(e.length for e in errors))


@dataclass(frozen=True)
class Interval:
    """A difference in percent, and where 95 % of the resampled differences lie."""

    difference: float
    low: float
    high: float


def bootstrap(first: Sequence[ErrorCounts], second: Sequence[ErrorCounts]) -> Interval:
    """Compares two systems on the same utterances: second's rate less first's.

    Utterances are drawn with replacement, the same ones for both (Bisani and Ney 2004, "Bootstrap
    estimates for confidence intervals in ASR performance evaluation").
    """
    import numpy as np

    counts = np.array(
        [[a.mistakes, b.mistakes, a.length] for a, b in zip(first, second, strict=True)]
    )
    chance = np.random.default_rng(1)
    sums = np.stack(
        [counts[chance.integers(0, len(counts), len(counts))].sum(axis=0) for _ in range(DRAWS)]
    )
    differences = 100 * (sums[:, 1] - sums[:, 0]) / np.maximum(sums[:, 2], 1)
    low, high = np.percentile(differences, [2.5, 97.5])
    return Interval(total(second).rate - total(first).rate, float(low), float(high))
