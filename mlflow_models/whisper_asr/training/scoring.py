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
