"""Gives segments and words their speakers: segments are cut where the speaker changes."""

import bisect
import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import replace

from zoo.speech.transcript import Segment, Word
from zoo.speech.turns import Turn

UNSURE_SECONDS = 0.5  # so wrong the time of a change may be, or that of a word
SPACE_SECONDS = 0.3  # by so much a space must be nearer to a change than a mark
NEAR_SHARE = 0.25  # of a segment's text, around the place where a change is expected


def attributed(segments: Sequence[Segment], turns: Sequence[Turn]) -> list[tuple[Segment, int]]:
    """Cut segments where the speaker changes.

    A segment with words is cut between two of them, at the longest pause near the change. One
    without is cut after a mark or a space near the change's place in the text; where there is none,
    it belongs whole to the one who speaks most of it.

    Args:
        segments: In order.
        turns: Who speaks when, in order; at least one.

    Returns:
        Segments, each with the number of its speaker.
    """
    starts, ends = [turn.start for turn in turns], [turn.end for turn in turns]
    found: list[tuple[Segment, int]] = []
    for one in segments:  # there may be thousands of both
        first = max(0, bisect.bisect_right(ends, one.start) - 1)
        near = turns[first : bisect.bisect_left(starts, one.end) + 1]
        parts = _by_words(one, near) if one.words else _by_marks(one, near)
        found += [(part, _speaker(part.start, part.end, near)) for part in parts]
    return found


def _speaker(start: float, end: float, turns: Sequence[Turn]) -> int:
    """Find who speaks most of a time; where nobody does, who speaks next to it."""

    def nearness(turn: Turn) -> tuple[float, float]:
        shared = min(end, turn.end) - max(start, turn.start)
        return max(shared, 0.0), shared

    near = [one for one in turns if one.end > start and one.start < end]
    if not near:
        return max(turns, key=nearness).speaker
    seconds: dict[int, float] = {}
    for turn in near:
        seconds[turn.speaker] = seconds.get(turn.speaker, 0) + nearness(turn)[0]
    return max(seconds, key=seconds.__getitem__)


def _changes(one: Segment, turns: Sequence[Turn]) -> list[float]:
    """List the times within a segment at which the speaker changes, in seconds."""
    return [
        (before.end + after.start) / 2
        for before, after in itertools.pairwise(turns)
        if before.speaker != after.speaker and one.start < (before.end + after.start) / 2 < one.end
    ]


def _around(change: float, turns: Sequence[Turn]) -> tuple[float, float]:
    """Find when the turn before a change ends, and the one after it begins, in seconds."""
    before = max(turn.end for turn in turns if turn.end <= change)
    return before, min(turn.start for turn in turns if turn.start >= change)


def _by_words(one: Segment, turns: Sequence[Turn]) -> Iterator[Segment]:
    """Cut a segment between words."""
    words = one.words or []
    cuts = set()
    for change in _changes(one, turns):
        places = [
            place
            for place in range(1, len(words))
            if abs(_between(words, place) - change) <= UNSURE_SECONDS
        ]
        if places:
            cuts.add(
                max(places, key=lambda n: (_pause(words, n), -abs(_between(words, n) - change)))
            )
    texts = _texts(one.text, words)
    for first, last in itertools.pairwise([0, *sorted(cuts), len(words)]):
        part = words[first:last]
        start = part[0].start if first else one.start
        end = part[-1].end if last < len(words) else one.end
        text = "".join(texts[first:last])
        yield replace(one, start=start, end=max(start, end), text=text, words=part)


def _between(words: Sequence[Word], place: int) -> float:
    """Give the time between a word and the one before, in seconds."""
    return (words[place - 1].end + words[place].start) / 2


def _pause(words: Sequence[Word], place: int) -> float:
    """Give how long the pause before a word is, in tenths of a second."""
    return round(words[place].start - words[place - 1].end, 1)


def _texts(text: str, words: Sequence[Word]) -> list[str]:
    """Give each word its part of a segment's text, with what stands before it; none is lost."""
    begins, place = [0], 0
    for number, word in enumerate(words):
        found = text.find(word.text.strip(), place)
        found = place if found < 0 else found
        if number:
            while found > place and text[found - 1].isspace():
                found -= 1
            begins.append(max(found, begins[-1]))
            while found < len(text) and text[found].isspace():
                found += 1
        place = found + len(word.text.strip())
    return [text[first:last] for first, last in itertools.pairwise([*begins, len(text)])]


def _said(start: float, end: float, turns: Sequence[Turn]) -> float:
    """Sum up the seconds in which somebody speaks: text grows in these alone."""
    return sum(max(0.0, min(end, turn.end) - max(start, turn.start)) for turn in turns)


def _by_marks(one: Segment, turns: Sequence[Turn]) -> Iterator[Segment]:
    """Cut a segment without words after marks, or at spaces, where its speech and text agree."""
    said = _said(one.start, one.end, turns)
    begin, start = 0, one.start
    for change in _changes(one, turns):
        if not said or not one.start + UNSURE_SECONDS < change < one.end - UNSURE_SECONDS:
            continue
        expected = len(one.text) * _said(one.start, change, turns) / said
        places = [
            place
            for place in range(begin + 1, len(one.text))
            if _is_seam(one.text, place)
            and abs(place - expected) <= NEAR_SHARE * len(one.text)
            and one.text[begin:place].strip()
            and one.text[place:].strip()
        ]
        if places:
            spaces = SPACE_SECONDS * len(one.text) / said  # in characters
            place = min(places, key=lambda n: abs(n - expected) + spaces * _is_space(one.text, n))
            before, after = _around(change, turns)
            yield replace(one, start=start, end=before, text=one.text[begin:place])
            begin, start = place, after
    yield replace(one, start=start, text=one.text[begin:])


def _is_seam(text: str, place: int) -> bool:
    """Tell whether a phrase ends before a place of a text: after a mark, or at a space."""
    last, following = text[place - 1], text[place]
    if following.isspace():
        return True
    inside = last.isascii() and following.isalnum()  # 3.14, don't
    return unicodedata.category(last).startswith("P") and not inside and not _is_mark(following)


def _is_space(text: str, place: int) -> bool:
    """Tell whether no mark is at a seam, but only a space."""
    return not _is_mark(text[:place].rstrip()[-1:] or " ")


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("P")
