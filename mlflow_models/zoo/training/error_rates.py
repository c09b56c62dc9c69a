"""Error rates of transcripts: edits against the length of the reference, summed over a corpus."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.training.comparison import Interval, paired_bootstrap


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


def bootstrap(first: Sequence[ErrorCounts], second: Sequence[ErrorCounts]) -> Interval:
    """Compare two systems on the same utterances: second's rate less first's, percent."""
    one, other = (np.array([[e.mistakes, e.length] for e in errors]) for errors in (first, second))
    return paired_bootstrap(one, other, lambda sums: 100 * sums[:, 0] / np.maximum(sums[:, 1], 1))
