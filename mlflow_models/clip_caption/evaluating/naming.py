"""Whether a caption names what is to be seen: the object and the place of a scene, say.

Metrics of likeness give "a flood near a temple" half the marks for "a flood near a school"; a
person who sends a crew there gives none. So where a test set has columns with the facts, captions
are counted that name them.
"""

import re
from collections.abc import Mapping, Sequence

from zoo.data.tables import listed

WORD = re.compile(r"[^\W_]+")


def words_of(text: str) -> list[str]:
    """Words in lower case; those of a name may be apart by an underscore or a hyphen."""
    return WORD.findall(text.lower())


def names(caption: str, value: str) -> bool:
    """Whether a caption has the words of a value, one after the other, the last perhaps in plural.

    Args:
        caption: "Two broken lamps near a school."
        value: "broken_lamp"
    """
    said, wanted = words_of(caption), words_of(value)
    if not wanted:
        return False
    *before, last = wanted
    forms = {last, f"{last}s", f"{last}es"}
    starts = range(len(said) - len(wanted) + 1)
    return any(
        said[start : start + len(before)] == before and said[start + len(before)] in forms
        for start in starts
    )


def names_all(caption: str, values: Sequence[str]) -> bool:
    """Whether a caption names all of some values; there has to be one."""
    return bool(values) and all(names(caption, value) for value in values)


def shares(
    captions: Sequence[str], values: Sequence[Mapping[str, str]], columns: Sequence[str]
) -> tuple[dict[str, float], list[bool]]:
    """How many captions name the values, in percent: of each column, and `all` of them at once.

    Args:
        captions: one for each image.
        values: of each image, by column; of several in a cell ("{flood,road}"), all count.
        columns: those that count.

    Returns:
        The shares, and whether each caption names all; both empty where no column counts.
    """
    if not columns:
        return {}, []
    named = [
        {column: names_all(caption, listed(value[column])) for column in columns}
        for caption, value in zip(captions, values, strict=True)
    ]
    right = [all(one.values()) for one in named]
    found = {column: sum(one[column] for one in named) for column in columns} | {"all": sum(right)}
    return {column: 100 * count / len(named) for column, count in found.items()}, right
