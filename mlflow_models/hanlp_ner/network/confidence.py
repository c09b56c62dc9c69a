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

import numpy as np
from numpy.typing import NDArray

from hanlp_ner.network.decode import Crf, Span, TagSet

PACKED = "calibration.json"  # beside config.json, in a checkpoint and in what it is converted to
DECIMALS = 4  # of a confidence; the next ones depend on the batch
# Sums are scaled every few places, for that takes longer than to add. The least factors of these
# places, of scores and transitions, don't come to less than float64 holds, e**-708.
SCALED_PLACES = 4
LEAST_LOG = -80.0


def read_temperature(directory: Path) -> float:
    """Read the temperature that was fitted for a network; 1 where there is none."""
    path = directory / PACKED
    if not path.is_file():
        return 1.0
    return float(json.loads(path.read_text(encoding="utf-8"))["temperature"])


class Confidence:
    """Tells how sure a network is of entities.

    Args:
        tags: The network's.
        crf: Its conditional random field. None: it has a softmax.
        temperature: Divides all scores.
    """

    def __init__(self, tags: TagSet, crf: Crf | None, temperature: float = 1.0) -> None:
        count = len(tags.tags)
        self._crf = crf
        self._field = crf or Crf(*(np.zeros(n, np.float32) for n in (count, (count, count), count)))
        self._starts, self._ends = (np.array(one)[:-1, :-1] for one in (tags.starts, tags.ends))
        self.set_temperature(temperature)

    def set_temperature(self, temperature: float) -> None:
        """Divide scores by another temperature from now on."""
        self._temperature = temperature
        field = self._field
        self._start, self._end = np.exp(self._logs(field.start)), np.exp(self._logs(field.end))
        self._log_moves = self._logs(field.transitions)
        self._moves = np.exp(self._log_moves)  # (from, to)
        # The moves that begin an entity, (to, from), and those that end one, (from, to)
        self._entering = (self._moves * self._starts).T
        self._leaving = self._moves * self._ends

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
        sizes = [len(paths[row]) for row in rows]
        lengths, longest = np.array(sizes), max(sizes)
        # (length, batch, tags), (length, batch)
        logs = self._logs(scores[rows, :longest].swapaxes(0, 1), axis=-1)
        path = np.zeros((longest, len(rows)), dtype=np.int64)
        for column, row in enumerate(rows):
            path[: sizes[column], column] = paths[row]
        counts = [len(spans[row]) for row in rows]
        places = np.array([span[:2] for row in rows for span in spans[row]])  # (spans, 2)
        owner = np.repeat(np.arange(len(rows)), counts)
        marginals = self._marginals(logs, lengths, path, places, owner)
        sure = iter(marginals.round(DECIMALS).tolist())
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
        factors = np.exp(logs)
        first, stop = places.T
        last, mirrored = stop - 1, lengths[owner] - 1 - stop
        tag, end_tag = path[first, owner], path[last, owner]  # (spans,)
        through, reverse, scale = self._sums(factors, lengths)
        # Sequences up to the entity's first tag, in which it begins there
        before = (through[first - 1, owner] * self._entering[tag]).sum(axis=1)
        begins = np.where(first > 0, before, self._start[tag])
        begins *= factors[first, owner, tag] / scale[first, owner]
        # The steps between its tags
        own = logs[np.arange(len(path))[:, None], np.arange(len(lengths)), path] - np.log(scale)
        own[1:] += self._log_moves[path[:-1], path[1:]]
        steps = np.cumsum(own, axis=0)  # (length, batch)
        between = np.exp(steps[last, owner] - steps[first, owner])
        # Sequences after its last tag, in which it ends there, and all
        edge = stop == lengths[owner]
        after = reverse[mirrored, owner]  # (spans, tags)
        ends = np.where(edge, self._end[end_tag], (after * self._leaving[end_tag]).sum(axis=1))
        every = np.where(edge[:, None], self._end, after @ self._moves.T)  # (spans, tags)
        # Each side is divided by what it comes to, for their product may be too small
        left, right = through[last, owner], every.sum(axis=1)
        size = left.sum(axis=1)
        both = (left / size[:, None] * (every / right[:, None])).sum(axis=1)
        return np.minimum(begins * between / size * (ends / right) / both, 1.0)

    def _sums(
        self,
        factors: NDArray[np.float64],
        lengths: NDArray[np.int64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Add up the sequences of tags up to each place, and those of the reversed texts.

        Args:
            factors: Exponentials of the scaled scores, (length, batch, tags).
            lengths: Of the sequences, (batch,).

        Returns:
            The sums by the place's tag, (length, batch, tags), those of the reversed texts, and
            what the former were divided by in each place, (length, batch).
        """
        longest, batch, tags = factors.shape
        mirror = np.maximum(lengths - 1 - np.arange(longest)[:, None], 0)  # (length, batch)
        reverse = factors[mirror, np.arange(batch)]
        if self._crf is None:  # without transitions each place stands for itself
            scale = factors.sum(axis=2)
            return factors / scale[:, :, None], reverse, scale
        both = np.concatenate([factors, reverse], axis=1).reshape(longest, 2, batch, tags)
        turned = np.stack([self._moves, self._moves.T])
        sums, divisors = np.empty_like(both), np.ones((longest, 2, batch, 1))
        arriving = np.empty((2, batch, tags))
        arriving[:] = np.stack([self._start, self._end])[:, None]
        for place, (own, here) in enumerate(zip(both, sums, strict=True)):
            np.multiply(arriving, own, out=here)
            if place % SCALED_PLACES == 0:
                here.sum(axis=-1, keepdims=True, out=divisors[place])
                here /= divisors[place]
            np.matmul(here, turned, out=arriving)
        return sums[:, 0], sums[:, 1], divisors[:, 0, :, 0]
