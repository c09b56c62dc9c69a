"""Divides a data set into train, dev and test: by name, or shuffled and by exact shares.

Recordings with the same sound stay in one part, and so do those of one group: a speaker, a site.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.errors import ZooError
from zoo.training.leaks import Leak, across, linked, normalised, same
from zoo.training.stored import names, sounds

if TYPE_CHECKING:
    from datasets import Dataset

TRAIN, TEXT = "train", "text"
SOUND_KIND, TEXT_KIND = "same sound", "same text"


@dataclass(frozen=True)
class Division:
    """Which rows are in which part, and what they have in common.

    Args:
        parts: The rows of each part; "" is the whole where there are no shares.
        copies: Recordings with the same sound, the first one and the copy; both in one part.
        retold: The names of those of `copies` that have two texts.
        leaks: Rows of two parts with the same text.
        known: How many recordings of each further part have a text that `train` has, too.
        ungrouped: How many recordings have no value, by the column of a group.
        groups: How many values each column of a group has.
    """

    parts: dict[str, list[int]]
    copies: list[Leak]
    retold: list[tuple[str, str]]
    leaks: list[Leak]
    known: dict[str, int]
    ungrouped: dict[str, int]
    groups: dict[str, int]


def check_shares(shares: Mapping[str, float]) -> None:
    """Check the shares of the parts beside `train`.

    Raises:
        ZooError: One is below 0, or they leave nothing for training.
    """
    if not (all(share >= 0 for share in shares.values()) and sum(shares.values()) < 1):
        raise ZooError("--dev-share and --test-share must leave a share for training.")


def divide(
    data: "Dataset", shares: dict[str, float], groups: Sequence[str], seed: int, shuffle: bool
) -> Division:
    """Divide a data set.

    Args:
        data: Columns `audio` (int16), `text`, `name` and those of `groups`.
        shares: Of each part beside `train`; empty: one part, "".
        groups: Columns; rows with the same value in one of them stay together. `text` is the
            transcript, without regard to case, punctuation and spaces.
        seed: Of every choice.
        shuffle: Whether rows change places, and the shares are exact; else the name of a recording
            (of the first of its group) draws its part, whatever else is in the corpus.
    """
    called, texts = names(data), [normalised(text) for text in data["text"]]
    values = {column: texts if column == TEXT else list(data[column]) for column in groups}
    copies = same(sounds(data))
    pairs = [*copies, *(pair for column in values.values() for pair in same(_filled(column)))]
    first = linked(len(data), pairs)
    named = next(iter(values.values()), [""] * len(data) if shuffle else called)
    keys = [named[row] or (f"{row}" if shuffle else called[row]) for row in first]
    parts = shuffled_rows(keys, shares, seed) if shuffle else named_rows(keys, shares, seed)
    if not shares:
        parts = {"": parts[TRAIN]}
    part_of = {row: part for part, rows in parts.items() for row in rows}
    places = [part_of[row] for row in range(len(data))]
    trained = {texts[row] for row in parts.get(TRAIN, ())}
    return Division(
        parts,
        [
            Leak(called[one], called[other], SOUND_KIND, (places[one], places[other]))
            for one, other in copies
        ],
        [(called[one], called[other]) for one, other in copies if texts[one] != texts[other]],
        across(same(_filled(texts)), places, called, TEXT_KIND),
        {part: sum(texts[row] in trained for row in parts[part]) for part in shares},
        {column: sum(not value for value in found) for column, found in values.items()},
        {column: len(set(filter(None, found))) for column, found in values.items()},
    )


def _filled(values: Sequence[str]) -> list[str | None]:
    """Values, of which an empty one is like no other."""
    return [value or None for value in values]


def named_rows(keys: Sequence[str], shares: dict[str, float], seed: int) -> dict[str, list[int]]:
    """Draw the part of each row by its key, whatever other keys there are."""
    chosen: dict[str, list[int]] = {TRAIN: [], **{name: [] for name in shares}}
    for row, key in enumerate(keys):
        place, name = int.from_bytes(_drawn(seed, key)) / 2**64, TRAIN
        for other, share in shares.items():
            if place < share:
                name = other
                break
            place -= share
        chosen[name].append(row)
    return chosen


def shuffled_rows(keys: Sequence[str], shares: dict[str, float], seed: int) -> dict[str, list[int]]:
    """Shuffle rows, and cut them into parts of the given shares; rows of one key stay together.

    A key with more rows than a part has room for is passed over; so a part is empty only if none
    fits.
    """
    groups: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    rest = sorted(groups, key=lambda key: _drawn(seed, key), reverse=True)
    chosen: dict[str, list[int]] = {}
    for name, share in shares.items():
        rows: list[int] = []
        passed: list[str] = []
        while rest and len(rows) + 0.5 <= share * len(keys):
            key = rest.pop()  # the last one is the next
            if len(rows) + len(groups[key]) / 2 <= share * len(keys):
                rows += groups[key]
            else:
                passed.append(key)
        rest += reversed(passed)
        chosen[name] = rows
    chosen[TRAIN] = [row for key in rest for row in groups[key]]
    return {
        name: sorted(rows, key=lambda row: _drawn(seed, f"row {row}"))
        for name, rows in chosen.items()
    }


def shuffled(
    data: "Dataset", shares: dict[str, float], group: str | None, seed: int
) -> dict[str, "Dataset"]:
    """Shuffle a data set of any kind, and cut it into parts; a group stays in one of them."""
    keys = list(map(str, data[group] if group else range(len(data))))
    return {name: data.select(rows) for name, rows in shuffled_rows(keys, shares, seed).items()}


def _drawn(seed: int, key: str) -> bytes:
    """Eight bytes that look random, the same on every machine."""
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()[:8]
