"""Cuts what the model reads into pieces that it can take.

A text within the model's limit isn't cut: each of its paragraphs is one piece, so that its answer
is HanLP's own. A longer text is cut at sentence ends. A sentence that is still too long is cut
between its clauses. What is too long without any punctuation is cut into windows that overlap, so
that no entity of up to `RIGHT_CHARACTERS` is cut. These windows are shorter than they could be: a
network's time per character grows with their length, and recognizers have learnt from sentences.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hanlp_ner.text.layout import BLANKS

PARAGRAPH = re.compile(r"[^\n]+")
SENTENCE = re.compile(r"[^。！？!?…]*(?:[。！？!?…]+[”’」』）)\"']*|$)")
CLAUSE = re.compile(r"[^；;，,、：:\s]*(?:[；;，,、：:\s]+|$)")
WINDOW_CHARACTERS = 128
LEFT_CHARACTERS = 4  # context before what a window decides
RIGHT_CHARACTERS = 8  # after it; the longest entity that is never cut


@dataclass(frozen=True, slots=True)
class TextWindow:
    """What the model reads at once: `text[start:stop]`. Entities that start in `keep` count."""

    start: int
    stop: int
    keep: tuple[int, int]


def cut(text: str, limit: int) -> list[TextWindow]:
    """Cut what the model reads into windows.

    Args:
        text: Paragraphs, one a line, as `layout.read` gives them.
        limit: How many characters the model takes at once.

    Returns:
        Windows in order; their `keep` ranges don't overlap, and together they cover the text,
        newlines and the blanks beside its cuts excepted.
    """
    whole = len(text) <= limit
    windows: list[TextWindow] = []
    for paragraph in PARAGRAPH.finditer(text):
        start, stop = paragraph.span()
        if whole:
            windows.append(TextWindow(start, stop, (start, stop)))
            continue
        for first, last in _sentences(text, start, stop, limit):
            piece = text[first:last]
            first += len(piece) - len(piece.lstrip(BLANKS))
            last -= len(piece) - len(piece.rstrip(BLANKS))
            if last > first:
                windows.extend(_windows(first, last, limit))
    return windows


def _sentences(text: str, start: int, stop: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of sentences; of a sentence longer than `limit`, spans of its clauses."""
    size = min(WINDOW_CHARACTERS, limit)
    for sentence in SENTENCE.finditer(text, start, stop):
        if sentence.end() - sentence.start() <= limit:
            if sentence.group():
                yield sentence.span()
            continue
        first = last = sentence.start()
        for clause in CLAUSE.finditer(text, *sentence.span()):
            if clause.end() - first > size and last > first:
                yield first, last
                first = last
            last = clause.end()
        if last > first:
            yield first, last


def _windows(start: int, stop: int, limit: int) -> Iterator[TextWindow]:
    """Yield one window if the text fits into the model; else windows that overlap."""
    if stop - start <= limit:
        yield TextWindow(start, stop, (start, stop))
        return
    size = min(WINDOW_CHARACTERS, limit)
    before, after = min(LEFT_CHARACTERS, size // 8), min(RIGHT_CHARACTERS, size // 4)
    kept = start
    while kept < stop:
        left = max(start, kept - before)
        right = min(stop, left + size)
        keep_to = stop if right == stop else right - after
        yield TextWindow(left, right, (kept, keep_to))
        kept = keep_to
