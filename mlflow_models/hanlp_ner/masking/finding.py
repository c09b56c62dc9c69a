"""Finds what tells who somebody is: by the recognizer's entities and by rules."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from hanlp_ner.masking import addresses, names, numbers
from hanlp_ner.masking.folding import GAPS, FoldedText, dense, joined, plain, spoken
from hanlp_ner.masking.kinds import LABELS, PLACES, PersonalSpan
from hanlp_ner.network.decode import Span
from hanlp_ner.text.dictionary import MAX_WORD_CHARACTERS, Dictionary


def find(text: str, entities: Iterable[Span]) -> list[PersonalSpan]:
    """Find what is to be taken out of a text.

    Args:
        text: The text as it was sent.
        entities: What the recognizer found in it, in order.

    Returns:
        Hits in order, which don't overlap: of two that do, the longer has what both claim (of two
        as long, the one of the stricter rule), and the rest of the other stays a hit of its own.
    """
    spans = list(entities)
    lines = plain(text)
    whole = joined(lines)
    said = spoken(whole)
    people = [
        PersonalSpan(kind, span.start, span.end)
        for span in spans
        if (kind := LABELS.get(span.type.upper()))
        and (kind != "ADDRESS" or addresses.is_home(text[span.start : span.end]))
    ]
    found = [
        *people,
        *_bounded(text, addresses.find(whole), spans),
        *_told((hit for one in _distinct(lines, whole) for hit in names.find(one)), people),
        *_numbers(text, _distinct(lines, whole, said)),
    ]
    apart = _apart(text, found)
    return _apart(text, [*apart, *_again(text, apart)])


def _distinct(*readings: FoldedText) -> list[FoldedText]:
    """Leave out a reading that is the one before it."""
    return [one for one, last in zip(readings, (None, *readings), strict=False) if one is not last]


def _numbers(text: str, read: Sequence[FoldedText]) -> list[PersonalSpan]:
    """Find numbers in each folding; one that a line's end breaks may not swallow another."""
    found: list[PersonalSpan] = []
    taken = bytearray(len(text))
    for folded in read:
        for hit in numbers.find(folded):
            ends = text.count("\n", hit.start, hit.end)
            if not ends or (ends == 1 and not any(taken[hit.start : hit.end])):
                found.append(hit)
        for hit in found:
            taken[hit.start : hit.end] = b"\1" * (hit.end - hit.start)
    return found


def _told(told: Iterable[PersonalSpan], people: Sequence[PersonalSpan]) -> list[PersonalSpan]:
    """Leave out names by rule where the recognizer found one of two characters or more."""
    starts = [hit.start for hit in people]
    kept = []
    for hit in told:
        near = people[max(0, bisect_left(starts, hit.start) - 1) : bisect_left(starts, hit.end)]
        if not any(one.end > hit.start and one.end - one.start > 1 for one in near):
            kept.append(hit)
    return kept


def _bounded(text: str, homes: Sequence[PersonalSpan], spans: Sequence[Span]) -> list[PersonalSpan]:
    """Let no address begin inside a place that the recognizer found, nor before a name's end."""
    begins = [span.start for span in spans]
    bounded = []
    for kind, start, end in homes:
        for span in spans[max(0, bisect_left(begins, start) - 1) : bisect_left(begins, end)]:
            if span.type.upper() in PLACES and span.end >= start:
                start = min(start, span.start)
                continue
            person = LABELS.get(span.type.upper()) == "PERSON" and span.end > start
            if person and addresses.is_before(text[start : span.end]):
                start = span.end
        bounded.append(PersonalSpan(kind, start, end))
    return bounded


def _again(text: str, hits: Iterable[PersonalSpan]) -> list[PersonalSpan]:
    """Find the same values where no rule and no recognizer saw them, however they are spaced."""
    kinds = {GAPS.sub("", text[hit.start : hit.end]): hit.kind for hit in hits}
    kinds = {value: kind for value, kind in kinds.items() if 1 < len(value) <= MAX_WORD_CHARACTERS}
    if not kinds:
        return []
    read = dense(text)
    found = [
        PersonalSpan(match.type, *read.back(match.start, match.end))
        for match in Dictionary(kinds).matches(read.text)
    ]
    return [hit for hit in found if not (_goes_on(text, hit.start) or _goes_on(text, hit.end))]


def _goes_on(text: str, place: int) -> bool:
    """Tell whether a number or a Latin word is on both sides of a place."""
    around = text[max(0, place - 1) : place + 1]
    return place > 0 and len(around) == 2 and around.isascii() and around.isalnum()


def _apart(text: str, hits: Iterable[PersonalSpan]) -> list[PersonalSpan]:
    """Give each character to the longest of the hits that claim it."""
    taken = bytearray(len(text))
    kept = []
    for kind, start, end in sorted(hits, key=lambda hit: hit.start - hit.end):
        while (start := taken.find(0, start, end)) >= 0:
            stop = taken.find(1, start, end)
            stop = end if stop < 0 else stop
            taken[start:stop] = b"\1" * (stop - start)
            piece = text[start:stop]
            left, right = len(piece) - len(piece.lstrip()), len(piece.rstrip())
            if right > left:
                kept.append(PersonalSpan(kind, start + left, start + right))
            start = stop
    return sorted(kept, key=lambda hit: hit.start)
