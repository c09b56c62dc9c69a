"""N-gram models of characters, by interpolated modified Kneser-Ney smoothing.

Chen and Goodman 1998, "An empirical study of smoothing techniques for language modeling", with the
choices of KenLM's lmplz, whose figures these are: n-grams that begin with <s> keep their counts,
all others below the highest order count how many characters they follow; unigrams are interpolated
with the uniform distribution over all characters, <unk> and </s>; <s> is never predicted.

An n-gram is one 64-bit integer, 63 // order bits a character, the last character lowest: a table of
n-grams is a sorted array, and the whole estimation is a dozen operations on arrays.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zoo.errors import ZooError

MARKERS = ["<unk>", "<s>", "</s>"]
UNK, BOS, EOS = range(3)
BEGIN, END = "\x02", "\x03"  # stand for <s> and </s> in text; no sentence has control characters
BATCH = 1 << 20  # characters that are counted at a time
FALLBACK = (0.0, 0.5, 1.0, 1.5)  # of text too small or too regular for the formula; as lmplz has it
ROWS = 1 << 16  # n-grams that are written at a time


@dataclass(frozen=True)
class NGramTable:
    """The n-grams of one order.

    Args:
        keys: int64 (n-grams,) sorted.
        probability: float64 (n-grams,) of the last character after those before it.
        backoff: float64 (n-grams,) the weight of the lower order after the whole n-gram.
    """

    keys: np.ndarray
    probability: np.ndarray
    backoff: np.ndarray


@dataclass(frozen=True)
class NGramModel:
    """An estimated model.

    Args:
        vocabulary: by index, `MARKERS` first.
        bits: of a character within a key.
        tables: by order, from 1 on.
        discounts: by order: what is taken from a count of 1, 2 and 3 or more.
        fallback: the orders whose discounts are `FALLBACK`.
    """

    vocabulary: list[str]
    bits: int
    tables: list[NGramTable]
    discounts: list[tuple[float, ...]]
    fallback: list[int]

    def write(self, path: Path) -> None:
        """Writes the model as an ARPA file."""
        from tqdm import tqdm

        size = sum(len(table.keys) for table in self.tables)
        with path.open("w", encoding="utf-8") as file, tqdm(
            total=size, desc="writing", unit=" n-grams", unit_scale=True, disable=size < 1_000_000
        ) as bar:  # fmt: skip
            file.write("\\data\\\n")
            for order, table in enumerate(self.tables, 1):
                file.write(f"ngram {order}={len(table.keys)}\n")
            for order, table in enumerate(self.tables, 1):
                file.write(f"\n\\{order}-grams:\n")
                for rows in self._rows(order, table):
                    file.writelines(rows)
                    bar.update(len(rows))
            file.write("\n\\end\\\n")

    def _rows(self, order: int, table: NGramTable) -> Iterator[list[str]]:
        characters = np.array(self.vocabulary)
        mask = (1 << self.bits) - 1
        highest = order == len(self.tables)  # whose n-grams nothing follows
        for start in range(0, len(table.keys), ROWS):
            part = slice(start, start + ROWS)
            keys = table.keys[part]
            columns = [
                characters[keys >> self.bits * place & mask].tolist()
                for place in reversed(range(order))
            ]
            names = map(" ".join, zip(*columns, strict=True))
            logs = np.log10(table.probability[part]).tolist()
            if highest:
                yield [f"{log:.7g}\t{name}\n" for log, name in zip(logs, names, strict=True)]
            else:
                backoffs = np.log10(table.backoff[part]).tolist()
                rows = zip(logs, names, backoffs, strict=True)
                yield [f"{log:.7g}\t{name}\t{backoff:.7g}\n" for log, name, backoff in rows]


class Counter:
    """Counts the n-grams of sentences. Its memory grows with the different n-grams only.

    Args:
        order: the longest n-gram, in characters.
    """

    def __init__(self, order: int) -> None:
        self.order, self.bits = order, 63 // order
        self.vocabulary = [*MARKERS]
        self._index = np.full(0x110000, -1, dtype=np.int64)  # by code point
        self._index[[ord(BEGIN), ord(END)]] = BOS, EOS
        self._full = _Tally()
        self._begin = {length: _Tally() for length in range(2, order)}  # that begin with <s>

    def count(self, sentences: Iterable[str]) -> None:
        """Counts sentences, one character for each symbol."""
        batch, length = [], 0
        for sentence in sentences:
            batch.append(f"{BEGIN}{sentence}{END}")
            if (length := length + len(sentence) + 2) >= BATCH:
                self._count("".join(batch))
                batch, length = [], 0
        if batch:
            self._count("".join(batch))

    def _count(self, text: str) -> None:
        points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        self._learn(points)
        indices = self._index[points]
        places = np.arange(len(indices))
        since = places - np.maximum.accumulate(np.where(indices == BOS, places, 0))  # <s>
        for length, tally in [*self._begin.items(), (self.order, self._full)]:
            ends = np.flatnonzero(since >= length - 1 if tally is self._full
                                  else since == length - 1)  # fmt: skip
            keys = np.zeros(len(ends), dtype=np.int64)
            for back in reversed(range(length)):
                keys = keys << self.bits | indices[ends - back]
            # <s> alone is no n-gram to predict.
            tally.add(keys[keys != BOS] if length == 1 else keys)

    def _learn(self, points: np.ndarray) -> None:
        different = np.unique(points)
        fresh = different[self._index[different] < 0]
        self._index[fresh] = np.arange(len(fresh)) + len(self.vocabulary)
        self.vocabulary += map(chr, fresh.tolist())
        if len(self.vocabulary) > 1 << self.bits:
            raise ZooError(
                f"The text has more than {(1 << self.bits) - len(MARKERS):,} different characters, "
                f"too many for order {self.order}; choose a lower one."
            )

    def adjusted(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """N-grams and their adjusted counts, int64 (n-grams,) each, by order from 1 on; without
        <unk> and <s>."""
        tables = [self._full.total()]
        for length in range(self.order - 1, 0, -1):
            followers = tables[0][0] & (1 << self.bits * length) - 1
            keys, counts = np.unique(followers, return_counts=True)
            if length > 1:
                begin_keys, begin_counts = self._begin[length].total()
                # No n-gram is in both: nothing comes before <s>.
                keys = np.concatenate([keys, begin_keys])
                counts = np.concatenate([counts, begin_counts])
                order = np.argsort(keys)
                keys, counts = keys[order], counts[order]
            tables.insert(0, (keys, counts))
        return tables


class _Tally:
    """Counts of keys, merged when there are as many new ones as old ones."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray]] = []
        self._merged = self._size = 0

    def add(self, keys: np.ndarray) -> None:
        self._parts.append(np.unique(keys, return_counts=True))
        self._size += len(self._parts[-1][0])
        if self._size > 2 * self._merged + 8 * BATCH:
            self.total()

    def total(self) -> tuple[np.ndarray, np.ndarray]:
        """The different keys, sorted, and their counts."""
        if len(self._parts) > 1:
            keys = np.concatenate([keys for keys, _ in self._parts])
            counts = np.concatenate([counts for _, counts in self._parts])
            self._parts = []
            order = np.argsort(keys, kind="stable")
            keys, counts = keys[order], counts[order]
            first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
            self._parts = [(keys[first], np.add.reduceat(counts, first))]
        if not self._parts:
            return np.empty(0, np.int64), np.empty(0, np.int64)
        self._merged = self._size = len(self._parts[0][0])
        return self._parts[0]


def discounts_of(counts: np.ndarray) -> tuple[float, ...] | None:
    """What to take from counts of 0, 1, 2 and 3 or more (Chen and Goodman's equation 26).

    None where a count of counts is zero or a discount isn't between 0 and the count.

    Args:
        counts: of the n-grams of one order, int64 (n-grams,).
    """
    n = [int((counts == count).sum()) for count in range(5)]
    if 0 in n[1:4]:
        return None
    y = n[1] / (n[1] + 2 * n[2])
    found = tuple(k - (k + 1) * y * n[k + 1] / n[k] for k in (1, 2, 3))
    fits = all(0 <= discount <= k for k, discount in enumerate(found, 1))
    return (0.0, *found) if fits else None


def estimate(counter: Counter) -> NGramModel:
    """Estimates a model from counts.

    Raises:
        ZooError: nothing was counted.
    """
    counted = [table for table in counter.adjusted() if len(table[0])]  # of short sentences only
    if not counted:
        raise ZooError("The text has no sentence to learn from.")
    tables: list[NGramTable] = []
    discounts, fallback, bits = [], [], counter.bits
    for order, (keys, counts) in enumerate(counted, 1):
        if (discount := discounts_of(counts)) is None:
            discount = FALLBACK
            fallback.append(order)
        discounts.append(discount[1:])
        classes = np.minimum(counts, 3)
        taken = np.array(discount)[classes]
        contexts, place = np.unique(keys >> bits, return_inverse=True)
        total = np.bincount(place, counts)
        backoff = np.bincount(place, taken) / total
        own = (counts - taken) / total[place]
        if order == 1:
            tables.append(_unigrams(keys, own, float(backoff[0]), len(counter.vocabulary) - 1))
            continue
        lower = tables[-1]
        lower.backoff[np.searchsorted(lower.keys, contexts)] = backoff
        suffixes = np.searchsorted(lower.keys, keys & (1 << bits * (order - 1)) - 1)
        probability = own + backoff[place] * lower.probability[suffixes]
        tables.append(NGramTable(keys, probability, np.ones(len(keys))))
    return NGramModel(counter.vocabulary, bits, tables, discounts, fallback)


def _unigrams(keys: np.ndarray, own: np.ndarray, backoff: float, size: int) -> NGramTable:
    """Unigrams with <unk>, which has the uniform distribution's share, and <s>, always there."""
    uniform = backoff / size
    all_keys = np.arange(size + 1)
    probability = np.full(size + 1, uniform)
    probability[keys] += own
    probability[BOS] = 1.0
    return NGramTable(all_keys, probability, np.ones(size + 1))
