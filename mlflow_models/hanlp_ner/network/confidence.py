"""How sure a network is of an entity: the probability that its tags are right.

A conditional random field gives a probability to each sequence of tags. Forward-backward (Rabiner,
1989) adds up, without listing them, those sequences that have an entity's tags in its places, and
in which the entity begins and ends there. A softmax gives a probability to each tag; its sequences
are those of a field without transitions.

A temperature (Guo et al., 2017) divides all scores. It is fitted to data, so that of the entities
with a confidence of 0.8 eight of ten are right.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.network.decode import Crf, Span, TagSet

PACKED = "calibration.json"  # beside config.json, in a checkpoint and in what it is converted to
LEAST_LOG = -300.0  # of a factor; float64 holds two of e**-300, and such a path plays no part


def read_temperature(directory: Path) -> float:
    """Read the temperature that was fitted for a network; 1 where there is none."""
    path = directory / PACKED
    if not path.is_file():
        return 1.0
    return float(json.loads(path.read_text(encoding="utf-8"))["temperature"])


class _Chain(NamedTuple):
    """The sums over all sequences of tags of a batch, each place's scaled by a factor of its own.

    Attributes:
        forward: Of the sequences up to a place, by its tag; they add up to 1, float64 (length,
            batch, tags).
        scale: What they added up to before, given those of the place before, (length, batch).
        backward: Of the sequences after a place, by its tag, (length, batch, tags).
    """

    forward: NDArray[np.float64]
    scale: NDArray[np.float64]
    backward: NDArray[np.float64]


class Confidence:
    """Tells how sure a network is of entities.

    Args:
        tags: The network's.
        crf: Its conditional random field. None: it has a softmax.
        temperature: Divides all scores.
    """

    def __init__(self, tags: TagSet, crf: Crf | None, temperature: float = 1.0) -> None:
        self._tags, self._crf, self._temperature = tags, crf, temperature
        # (from, to): whether an entity begins with `to`, and whether that of `from` ends before it
        self._starts = np.array(tags.starts, dtype=np.float64)[:-1, :-1]
        self._ends = np.array(tags.ends, dtype=np.float64)[:-1, :-1]
        count = len(tags.tags)
        zeros = np.zeros(count)
        start, moves, end = (
            (crf.start, crf.transitions, crf.end)
            if crf
            else (zeros, np.zeros((count, count)), zeros)
        )
        self._start, self._moves, self._end = (self._logs(one) for one in (start, moves, end))

    def at(self, temperature: float) -> "Confidence":
        """Give the same with another temperature."""
        return Confidence(self._tags, self._crf, temperature)

    def __call__(
        self,
        scores: NDArray[np.float32],
        paths: Sequence[NDArray[np.int64]],
        spans: Sequence[Sequence[Span]],
    ) -> list[list[Span]]:
        """Give each entity of a batch its confidence.

        Args:
            scores: The network's, float32 (batch, items, tags). What comes after the longest
                sequence is padding.
            paths: For each sequence its best tags, int64 (items,).
            spans: For each sequence its entities, with offsets in items.
        """
        rows = [row for row, some in enumerate(spans) if some]
        if not rows:
            return [[] for _ in spans]
        lengths = np.array([len(paths[row]) for row in rows])
        longest = max(lengths)
        # (length, batch, tags), (length, batch)
        logs = self._logs(scores[rows, :longest].swapaxes(0, 1), axis=-1)
        path = np.zeros((longest, len(rows)), dtype=np.int64)
        for column, row in enumerate(rows):
            path[: lengths[column], column] = paths[row]
        counts = [len(spans[row]) for row in rows]
        places = np.array([span[:2] for row in rows for span in spans[row]])  # (spans, 2)
        owner = np.repeat(np.arange(len(rows)), counts)
        sure = iter(self._marginals(logs, lengths, path, places, owner).tolist())
        return [[span._replace(confidence=next(sure)) for span in some] for some in spans]

    def _logs(self, scores: NDArray[np.floating], axis: int | None = None) -> NDArray[np.float64]:
        """Scale scores by the temperature, the greatest to 0, and none so far below that it's lost.

        Adding a number to all scores of a place changes no probability.
        """
        scaled = scores.astype(np.float64, order="C") / self._temperature
        scaled -= scaled.max(axis=axis, keepdims=axis is not None)
        return np.maximum(scaled, LEAST_LOG, out=scaled)

    def _marginals(
        self,
        logs: NDArray[np.float64],
        lengths: NDArray[np.int64],
        path: NDArray[np.int64],
        places: NDArray[np.int64],
        owner: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Give the probability of each entity.

        Args:
            logs: Scaled scores, (length, batch, tags).
            lengths: Of the sequences, (batch,).
            path: Their best tags, (length, batch).
            places: Of each entity its start and end (exclusive), (spans, 2).
            owner: Its sequence, (spans,).

        Returns:
            Probabilities, (spans,).
        """
        factors, moves = np.exp(logs), np.exp(self._moves)
        chain = self._chain(factors, moves, lengths)
        first, stop = places.T
        last = stop - 1
        tag, end_tag = path[first, owner], path[last, owner]  # (spans,)
        # Sequences up to the entity's first tag, in which it begins there
        before = chain.forward[first - 1, owner] * (moves * self._starts).T[tag]  # (spans, tags)
        begins = np.where(first > 0, before.sum(axis=1), np.exp(self._start)[tag])
        begins *= factors[first, owner, tag] / chain.scale[first, owner]
        # The steps between its tags; each is the path's, relative to all sequences
        own = np.take_along_axis(logs, path[:, :, None], axis=2)[:, :, 0] - np.log(chain.scale)
        own[1:] += self._moves[path[:-1], path[1:]]
        sums = np.cumsum(own, axis=0)  # (length, batch)
        between = np.exp(sums[last, owner] - sums[first, owner])
        # Sequences after its last tag, in which it ends there
        edge = stop == lengths[owner]
        next_ = np.where(edge, last, stop)
        after = factors[next_, owner] * chain.backward[next_, owner]  # (spans, tags)
        own_end = np.exp(self._end)[end_tag]
        ends = np.where(edge, own_end, (after * (moves * self._ends)[end_tag]).sum(axis=1))
        # All sequences through the last place, on the same scale
        every = np.where(edge[:, None], np.exp(self._end), after @ moves.T)  # (spans, tags)
        total = (chain.forward[last, owner] * every).sum(axis=1)
        return np.clip(begins * between * ends / total, 0.0, 1.0)

    def _chain(
        self,
        factors: NDArray[np.float64],
        moves: NDArray[np.float64],
        lengths: NDArray[np.int64],
    ) -> _Chain:
        """Sum over the sequences of tags up to each place, and after it.

        Args:
            factors: Exponentials of the scaled scores, (length, batch, tags).
            moves: Those of the transitions, (tags, tags).
            lengths: Of the sequences, (batch,).
        """
        if self._crf is None:
            scale = factors.sum(axis=2)
            return _Chain(factors / scale[:, :, None], scale, np.ones_like(factors))
        longest, shortest = len(factors), lengths.min()
        forward, backward = np.empty_like(factors), np.empty_like(factors)
        scale = np.empty(factors.shape[:2])
        np.multiply(np.exp(self._start), factors[0], out=forward[0])
        for place in range(longest):
            if place:
                np.matmul(forward[place - 1], moves, out=forward[place])
                forward[place] *= factors[place]
            forward[place].sum(axis=1, out=scale[place])
            forward[place] /= scale[place][:, None]
        back, last = np.ascontiguousarray(moves.T), lengths - 1
        end = np.exp(self._end)
        backward[-1] = end
        for place in range(longest - 2, -1, -1):
            np.matmul(factors[place + 1] * backward[place + 1], back, out=backward[place])
            backward[place] /= backward[place].sum(axis=1)[:, None]
            if place >= shortest - 1:  # after its end a sequence has none
                backward[place] = np.where(place < last[:, None], backward[place], end)
        return _Chain(forward, scale, backward)
