"""Divides a data set into train, dev and test: by name, or shuffled and by exact shares."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import Dataset


def parts(
    data: "Dataset", shares: dict[str, float], group: str | None, seed: int, shuffle: bool
) -> dict[str, "Dataset"]:
    """The data sets to write, by their directory's name: none where there are no shares."""
    if shuffle:
        found = shuffled(data, shares, group, seed)
    elif shares:
        found = named(data, shares, group, seed)
    else:
        return {"": data}
    return found if shares else {"": found["train"]}


def named(
    data: "Dataset", shares: dict[str, float], group: str | None, seed: int
) -> dict[str, "Dataset"]:
    """Draws splits by the name of a recording, or of its group, whatever else is in the corpus."""
    chosen: dict[str, list[int]] = {"train": [], **{name: [] for name in shares}}
    for index, key in enumerate(data[group or "name"]):
        place, name = int.from_bytes(_drawn(seed, key)) / 2**64, "train"
        for other, share in shares.items():
            if place < share:
                name = other
                break
            place -= share
        chosen[name].append(index)
    return {name: data.select(rows) for name, rows in chosen.items()}


def shuffled(
    data: "Dataset", shares: dict[str, float], group: str | None, seed: int
) -> dict[str, "Dataset"]:
    """Shuffles, then cuts into splits of the given shares; a group stays in one of them."""
    groups: dict[str, list[int]] = {}
    for index, key in enumerate(data[group] if group else map(str, range(len(data)))):
        groups.setdefault(key, []).append(index)
    rest = sorted(groups, key=lambda key: _drawn(seed, key))
    rest.reverse()  # the last one is the next
    chosen: dict[str, list[int]] = {}
    for name, share in shares.items():
        rows: list[int] = []
        while rest and len(rows) + len(groups[rest[-1]]) / 2 <= share * len(data):
            rows += groups[rest.pop()]
        chosen[name] = rows
    chosen["train"] = [index for key in rest for index in groups[key]]
    return {
        name: data.select(sorted(rows, key=lambda row: _drawn(seed, f"row {row}")))
        for name, rows in chosen.items()
    }


def _drawn(seed: int, key: str) -> bytes:
    """Eight bytes that look random, the same on every machine."""
    return hashlib.sha256(f"{seed}/{key}".encode()).digest()[:8]
