"""The parts of an answer that a collection gives: a category, and neighbours."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clip_caption.options import Options
from clip_caption.searching.filters import Filter
from clip_caption.searching.index import Index
from zoo.errors import BadInput, BadParameter

Record = dict[str, Any]
EmbedText = Callable[[str], np.ndarray]
"""Gives a text's features by CLIP: of length 1, float32 (width,)."""


class Search:
    """The collection's photos that fit a row's search words.

    Args:
        index: The collection; None if there is none.
        text: Embeds the words of `with_text`.
    """

    def __init__(self, index: Index | None, text: EmbedText) -> None:
        self._index, self._text = index, text

    def check(self, options: Options) -> None:
        """Refuse search words where there is no collection, and filters that it doesn't have."""
        if not self._index and options.embedding == "none":
            raise BadInput("Column 'search_text': no collection is packed in this model to search.")
        self._check(options)

    def _check(self, options: Options) -> None:
        asked = Filter.of(options)
        if self._index:
            asked.rows(self._index)
            return
        given = [name for name in ("neighbours", "with_text") if getattr(options, name)]
        for name in (*given, *asked.given):
            raise BadParameter(name, "needs a collection, but none is packed in this model")

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `neighbours` and `total`, as `AnswerPart` says."""
        if not self._index:
            return
        # 0 is the default where a collection is mounted later; only an embedding is wanted with it
        if count := options.neighbours or (self._index.k if options.embedding == "none" else 0):
            self._find(features, options, records, count)

    def _find(
        self, features: np.ndarray, options: Options, records: Sequence[Record], count: int
    ) -> None:
        assert self._index
        words = self._text(options.with_text) if options.with_text else None
        rows = Filter.of(options).rows(self._index)
        found = self._index.find(features, count, options.skip, rows, words)
        for record, neighbours in zip(records, found, strict=True):
            record["neighbours"] = neighbours
            record["total"] = len(self._index) if rows is None else len(rows)


class Neighbours(Search):
    """The collection's photos that are most like a photo, and their vote for its category."""

    def check(self, options: Options) -> None:
        """Refuse neighbours where there is no collection, and filters that it doesn't have."""
        self._check(options)

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `category`, `neighbours`, `total` and, if photos have several, `categories`."""
        if not (self._index and options.neighbours):
            return
        # Words and filters decide which photos are shown; which ones vote, they don't.
        narrowed = bool(options.with_text or Filter.of(options).given)
        shown, skip = (1, 0) if narrowed else (options.neighbours, options.skip)
        for record, answer in zip(
            records, self._index.classify(features, shown, skip), strict=True
        ):
            record |= {"category": answer.category, "neighbours": answer.neighbours}
            record["total"] = len(self._index)
            if answer.categories is not None:
                record["categories"] = answer.categories
        if narrowed:
            self._find(features, options, records, options.neighbours)
