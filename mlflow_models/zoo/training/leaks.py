"""Finds what would be learnt by heart: rows of one part that another part has, too."""

import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Leak:
    """Two rows that are the same, or nearly so, in two parts.

    Args:
        first: The name of one row.
        second: The name of the other.
        kind: What is the same, as in "same sound", "same text" or "near copy (3 bits)".
        parts: The parts that they are in.
    """

    first: str
    second: str
    kind: str
    parts: tuple[str, str]


def same(keys: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Pair each row with the first one that has the same key; a key of None is like no other."""
    first: dict[Hashable, int] = {}
    pairs = []
    for row, key in enumerate(keys):
        if key is not None and (one := first.setdefault(key, row)) != row:
            pairs.append((one, row))
    return pairs


def linked(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Number the groups of rows that pairs link, directly or by others (union-find).

    Args:
        count: How many rows there are.
        pairs: Rows that belong together.

    Returns:
        For each row the lowest row of its group.
    """
    above = list(range(count))

    def root(row: int) -> int:
        while above[row] != row:
            above[row] = above[above[row]]
            row = above[row]
        return row

    for one, other in pairs:
        low, high = sorted((root(one), root(other)))
        above[high] = low
    return [root(row) for row in range(count)]


def across(
    pairs: Iterable[tuple[int, int]], parts: Sequence[str], names: Sequence[str], kind: str
) -> list[Leak]:
    """Return the pairs whose rows are in two parts.

    Args:
        pairs: Rows that are the same.
        parts: The part of each row.
        names: The name of each row.
        kind: What is the same.
    """
    return [
        Leak(names[one], names[other], kind, (parts[one], parts[other]))
        for one, other in pairs
        if parts[one] != parts[other]
    ]


def normalised(text: str) -> str:
    """Bring a text to the form that equal texts share: NFKC, no case, punctuation or spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if unicodedata.category(c)[0] in "LMN")
