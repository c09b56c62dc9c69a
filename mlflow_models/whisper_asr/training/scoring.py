"""Error rates of transcripts in Chinese, by jiwer, under a stated normaliser."""

from collections.abc import Sequence
from dataclasses import dataclass

from whisper_asr.training.normalizer import Normalizer, tokens


@dataclass(frozen=True)
class Errors:
    """Mistakes (substitutions, deletions, insertions) against the length of the reference."""

    mistakes: int
    length: int

    @property
    def rate(self) -> float:
        """Percent; where there was nothing to hear, any mistake is 100."""
        if self.length == 0:
            return 100.0 if self.mistakes else 0.0
        return 100 * self.mistakes / self.length


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> Errors:
    """Aligns two sequences of characters or words and counts what differs.

    An empty reference is scored too: all that was heard is insertions.
    """
    import jiwer

    if not reference:
        return Errors(len(hypothesis), 0)
    done = jiwer.process_words(" ".join(reference), " ".join(hypothesis))
    return Errors(done.substitutions + done.deletions + done.insertions, len(reference))


def character_errors(reference: str, hypothesis: str, normalizer: Normalizer) -> Errors:
    """Counts wrong characters (CER), white space left out."""
    pair = ("".join(normalizer(text).split()) for text in (reference, hypothesis))
    return count_errors(*pair)


def mixed_errors(reference: str, hypothesis: str, normalizer: Normalizer) -> Errors:
    """Counts wrong Chinese characters and wrong words of other scripts (MER, the mixed error rate
    of WenetSpeech and of code-switching benchmarks)."""
    pair = (tokens(normalizer(text)) for text in (reference, hypothesis))
    return count_errors(*pair)


def total(errors: Sequence[Errors]) -> Errors:
    """Sums over utterances; the rate of the sum weighs each by its length."""
    return Errors(sum(e.mistakes for e in errors), sum(e.length for e in errors))


@dataclass(frozen=True)
class Interval:
    """A difference in percent, and where 95 % of the resampled differences lie."""

    difference: float
    low: float
    high: float


def bootstrap(
    first: Sequence[Errors], second: Sequence[Errors], draws: int = 2000, seed: int = 1
) -> Interval:
    """Compares two systems on the same utterances: second's rate less first's.

    Utterances are drawn with replacement, the same ones for both (Bisani and Ney 2004, "Bootstrap
    estimates for confidence intervals in ASR performance evaluation").
    """
    import numpy as np

    counts = np.array(
        [[a.mistakes, b.mistakes, a.length] for a, b in zip(first, second, strict=True)]
    )
    picks = np.random.default_rng(seed).integers(0, len(counts), size=(draws, len(counts)))
    sums = np.stack([counts[pick].sum(axis=0) for pick in picks])
    differences = 100 * (sums[:, 1] - sums[:, 0]) / np.maximum(sums[:, 2], 1)
    low, high = np.percentile(differences, [2.5, 97.5])
    return Interval(total(second).rate - total(first).rate, float(low), float(high))
