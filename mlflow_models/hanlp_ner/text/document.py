"""Cuts a long document into pieces that the model can take.

A text within the model's limit is one piece, so its answer is HanLP's own. A longer text is cut at
sentence ends. A sentence that is still too long is cut between its clauses. A text without any
punctuation is cut into windows that overlap, so that no entity of up to `MARGIN_CHARACTERS` is cut.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

SENTENCE = re.compile(r"[^。！？!?…\n]*(?:[。！？!?…\n]+[”’」』）)\"']*|$)")
CLAUSE = re.compile(r"[^；;，,、：:\s]*(?:[；;，,、：:\s]+|$)")
MARGIN_CHARACTERS = 32  # context on each side of a window


@dataclass(frozen=True, slots=True)
class TextWindow:
    """What the model reads at once: `text[start:stop]`. Entities that start in `keep` count."""

    start: int
    stop: int
    keep: tuple[int, int]


def cut(text: str, limit: int) -> list[list[TextWindow]]:
    """Cut a document into segments, each of one window or of several that overlap.

    Args:
        text: The document.
        limit: How many characters the model takes at once.

    Returns:
        Segments in order; together the `keep` ranges cover the text exactly once. No entity
        crosses the end of a segment.
    """
    if len(text) <= limit:
        return [[TextWindow(0, len(text), (0, len(text)))]]
    segments = []
    for start, stop in _sentences(text, limit):
        segments.append(list(_windows(start, stop, limit)))
    return segments


def _sentences(text: str, limit: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of sentences; of a sentence longer than `limit`, spans of its clauses."""
    for sentence in SENTENCE.finditer(text):
        if sentence.end() - sentence.start() <= limit:
            if sentence.group():
                yield sentence.span()
            continue
        start = stop = sentence.start()
        for clause in CLAUSE.finditer(text, *sentence.span()):
            if clause.end() - start > limit and stop > start:
                yield start, stop
                start = stop
            stop = clause.end()
        if stop > start:
            yield start, stop


def _windows(start: int, stop: int, limit: int) -> Iterator[TextWindow]:
    """Yield one window if the text fits; else windows of `limit` characters that overlap."""
    if stop - start <= limit:
        yield TextWindow(start, stop, (start, stop))
        return
    margin = min(MARGIN_CHARACTERS, limit // 4)
    kept = start
    while kept < stop:
        left = max(start, kept - margin)
        right = min(stop, left + limit)
        keep_to = stop if right == stop else right - margin
        yield TextWindow(left, right, (kept, keep_to))
        kept = keep_to
