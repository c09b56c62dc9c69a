"""The words of transcripts, and where one transcript's words are in another one."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Word:
    """A word, with the space before it. Times in seconds from the beginning of the stream."""

    text: str
    start: float
    end: float


def words_of(record: dict[str, Any], offset: float = 0.0) -> Iterator[Word]:
    """The words of a transcript; joined, they are its text. A segment without words is one.

    Args:
        record: `{"text", "segments": [{"start", "end", "text", "words"?}]}`.
        offset: seconds to add to its times.
    """
    text, place, pending = record["text"], 0, None
    for segment in record["segments"]:
        for one in segment.get("words") or [segment]:
            found = text.find(one["text"], place)
            if found < 0 or not one["text"]:
                continue
            if pending:
                yield pending
            end = found + len(one["text"])
            pending = Word(text[place:end], offset + one["start"], offset + one["end"])
            place = end
    if pending:
        yield replace(pending, text=pending.text + text[place:])


def text_of(words: Sequence[Word]) -> str:
    return "".join(word.text for word in words)


def ended(words: list[Word], time: float) -> int:
    """How many of the first words end by a time."""
    return next((count for count, word in enumerate(words) if word.end > time), len(words))


def split(words: list[Word], length: int) -> tuple[list[Word], list[Word]]:
    """The words that the first `length` characters are in, and those of what follows."""
    for count, word in enumerate(words):
        if length < len(word.text):
            before = [replace(word, text=word.text[:length])] if length else []
            after = replace(word, text=word.text[length:])
            return [*words[:count], *before], [after, *words[count + 1 :]]
        length -= len(word.text)
    return words, []


def aligned(known: str, heard: list[Word], end: float) -> int:
    """How many characters of `heard` say what `known` says: those at the least edit distance.

    Of several such numbers, the one whose time is nearest to `end`, where `known` ends.
    """
    text = text_of(heard)
    row = list(range(len(text) + 1))  # distance of `known` so far to each prefix of `text`
    for number, character in enumerate(known, 1):
        corner, row[0] = row[0], number
        for column, other in enumerate(text, 1):
            best = min(row[column] + 1, row[column - 1] + 1, corner + (character != other))
            corner, row[column] = row[column], best
    times = [heard[0].start if heard else end]
    for word in heard:
        length = word.end - word.start
        times += [word.start + length * (n + 1) / len(word.text) for n in range(len(word.text))]
    least = min(row)
    ties = [column for column, distance in enumerate(row) if distance == least]
    return min(ties, key=lambda column: abs(times[column] - end))


def space(before: str, after: str) -> str:
    """What stands between two stretches of text: nothing where the script has no spaces."""
    wide = any(unicodedata.east_asian_width(one) in "WF" for one in (before[-1], after[0]))
    return "" if wide else " "
