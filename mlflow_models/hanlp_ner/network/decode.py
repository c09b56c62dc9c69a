"""Turns scores into entities: Viterbi, spans from tags.

This is what HanLP does after its network, written again without torch. Tests compare the two.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Span(NamedTuple):
    """An entity of `type` over characters `start` to `end` (exclusive).

    Attributes:
        confidence: How sure the network is, 0 to 1; 1 of a dictionary's word.
    """

    start: int
    end: int
    type: str
    confidence: float = 1.0


@dataclass(frozen=True)
class Crf:
    """Scores of a linear-chain conditional random field (Lafferty et al., 2001).

    Attributes:
        start: Score of each tag in the first place, float32 (tags,).
        transitions: Score of going from a tag (row) to the next (column), float32 (tags, tags).
        end: Score of each tag in the last place, float32 (tags,).
    """

    start: NDArray[np.float32]
    transitions: NDArray[np.float32]
    end: NDArray[np.float32]

    @classmethod
    def load(cls, tables: Mapping[str, NDArray[np.float32]]) -> "Crf":
        """Take the scores out of a file's arrays.

        Args:
            tables: `crf_start` and `crf_end`, float32 (tags,); `crf_transitions`, (tags, tags).
        """
        return cls(tables["crf_start"], tables["crf_transitions"], tables["crf_end"])

    def decode(
        self, scores: NDArray[np.float32], lengths: Sequence[int]
    ) -> list[NDArray[np.int64]]:
        """Find the best tag sequence of each text in a batch (Viterbi).

        Args:
            scores: Emission scores, float32 (batch, length, tags).
            lengths: The true length of each sequence; at least 1.

        Returns:
            For each sequence its tag indices, int64 (length,).
        """
        batch, longest, tags = scores.shape
        last, shortest = np.asarray(lengths), min(lengths)
        emissions = np.ascontiguousarray(scores.swapaxes(0, 1))  # (length, batch, tags)
        # The maximum over the first axis is the fastest to find.
        moves = np.repeat(self.transitions[:, None, :], batch, axis=1)  # (from, batch, to)
        paths = np.empty_like(moves)  # (from, batch, to)
        best = np.empty((longest, batch, tags), dtype=np.float32)  # score of the best path to a tag
        best[0] = self.start + emissions[0]  # (batch, tags)
        for step in range(1, longest):
            np.add(best[step - 1].T[:, :, None], moves, out=paths)
            paths.max(axis=0, out=best[step])  # (batch, to)
            best[step] += emissions[step]
            if step >= shortest:
                best[step] = np.where(step < last[:, None], best[step], best[step - 1])
        path = np.empty((longest, batch), dtype=np.int64)
        path[-1] = (best[-1] + self.end).argmax(axis=1)  # (batch,)
        arriving = np.ascontiguousarray(self.transitions.T)  # (to, from)
        for step in range(longest - 1, 0, -1):
            path[step - 1] = (best[step - 1] + arriving[path[step]]).argmax(axis=1)
            if step >= shortest:  # after its end a sequence keeps its last tag
                path[step - 1] = np.where(step < last, path[step - 1], path[step])
        return [path[:length, row] for row, length in enumerate(lengths)]


class TagSet:
    """Turns tag indices into spans, by the rules of `conlleval` as HanLP has them.

    The rules matter if a sequence isn't well formed: an I after an O starts an entity, and a change
    of type ends one.

    Args:
        tags: The vocabulary, such as `["O", "B-PERSON", ...]`, in BIO, BIOES (IOBES) or BMES.

    Attributes:
        tags: The vocabulary.
        starts: For each tag (row) and the next (column) whether an entity begins with the next. The
            last row is for what comes before the text.
        ends: The same: whether the entity of a tag ends with it. The last column is for what comes
            after the text.
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = list(tags)
        self._types = ["" if tag == "O" else tag[2:] for tag in tags]
        self._inside = np.array([tag != "O" for tag in tags])
        parts = [*zip((tag[:1] for tag in tags), self._types, strict=True), ("O", "")]
        self.starts = [[_starts(*before, *tag) for tag in parts] for before in parts]
        self.ends = [[_ends(*before, *tag) for tag in parts] for before in parts]

    def spans(self, indices: NDArray[np.int64]) -> list[tuple[int, int, str]]:
        """Find the entities in a sequence of tags.

        Args:
            indices: Tag indices, int64 (length,).

        Returns:
            For each entity, in order, its start, its end (exclusive) and its type.
        """
        spans: list[tuple[int, int, str]] = []
        outside = -1
        before, start, stop = outside, 0, -1
        for place in np.flatnonzero(self._inside[indices]).tolist():
            tag = int(indices[place])
            if before != outside and (place != stop or self.ends[before][tag]):
                spans.append((start, stop, self._types[before]))
            if place != stop:  # there is an O between them
                before = outside
            if self.starts[before][tag]:
                start = place
            before, stop = tag, place + 1
        if before != outside:
            spans.append((start, stop, self._types[before]))
        return spans


def _starts(before: str, type_before: str, prefix: str, type_: str) -> bool:
    """Tell whether an entity begins with a tag, from its prefix and type and those before it."""
    if prefix == "O":
        return False
    return type_ != type_before or prefix in "BS" or (before in "ESO" and prefix in "EI")


def _ends(before: str, type_before: str, prefix: str, type_: str) -> bool:
    """Tell whether an entity ends between two tags, from their prefixes and types."""
    if before == "O":
        return False
    changed = prefix == "O" or type_ != type_before
    return changed or before in "ES" or (before in "BI" and prefix in "BS")
