"""Draws the sentences that are held out, so that equal ones, and a document's, stay together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from hanlp_ner.training.corpora import Corpus, Example
from hanlp_ner.training.formats import DataError
from zoo.training.leaks import linked, normalised, same
from zoo.training.splits import shuffled_rows

HELD_OUT = "held out"


@dataclass(frozen=True)
class Repeats:
    """Sentences that a corpus has more than once.

    Attributes:
        equal: Rows, the first one and a later one that equals it but for punctuation and case.
        contradictory: Those of them whose entities differ.
    """

    equal: list[tuple[int, int]]
    contradictory: list[tuple[int, int]]


def key(text: str) -> str:
    """Return what equal sentences share."""
    return normalised(text) or text


def repeats(examples: Sequence[Example]) -> Repeats:
    """Find the sentences that are there more than once."""
    pairs = same([key(text) for text, _ in examples])
    annotated = [
        Counter((normalised(text[start:end]), label) for start, end, label in entities)
        for text, entities in examples
    ]
    return Repeats(
        pairs, [(one, other) for one, other in pairs if annotated[one] != annotated[other]]
    )


def groups_of(corpus: Corpus) -> list[int]:
    """Number the groups of sentences that must stay together."""
    pairs = same([key(text) for text, _ in corpus.examples]) + same(corpus.documents)
    return linked(len(corpus.examples), pairs)


def draw_held_out(groups: Sequence[int], size: int, seed: int) -> set[int]:
    """Draw groups at random until about `size` rows are held out; see `shuffled_rows`.

    Args:
        groups: The group of each row.
        size: How many rows to hold out.
        seed: The same seed draws the same rows.

    Raises:
        DataError: Nothing would be left to train on, or no group is small enough.
    """
    if size >= len(groups):
        raise DataError(
            f"--held-out-size {size} leaves nothing to train on: there are {len(groups)} sentences."
        )
    share = {HELD_OUT: size / len(groups)}
    held = shuffled_rows([str(group) for group in groups], share, seed)[HELD_OUT]
    if not held:
        smallest = min(Counter(groups).values())
        raise DataError(
            f"--held-out-size {size} is too small: sentences that belong together are at least "
            f"{smallest}."
        )
    return set(held)
