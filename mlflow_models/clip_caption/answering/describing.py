"""The parts of an answer: each adds to the records of a batch what the request asks for.

A part sees CLIP's features, of photos or of search words, and knows nothing of files or queues.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from clip_caption.captioner import Captioner
from clip_caption.options import Options
from clip_caption.searching.index import normalised
from clip_caption.translating.languages import ENGLISH
from clip_caption.translating.translators import Languages

Record = dict[str, Any]
EmbedText = Callable[[str], np.ndarray]
"""Gives a text's features by CLIP: of length 1, float32 (width,)."""


class AnswerPart(Protocol):
    """Adds to the answers of photos, or of search words, whose options are equal."""

    def check(self, options: Options) -> None:
        """Refuse what can't be done, before anything is computed.

        Raises:
            BadParameter: The checkpoint can't do what the options ask for.
        """

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add to the records.

        Args:
            features: CLIP's, not normalised, float32 (rows, width).
            options: Of the request.
            records: One for each row, in their order.
        """


class Captions:
    """Captions of photos, in English or translated."""

    def __init__(self, captioner: Captioner, languages: Languages) -> None:
        self._captioner, self._languages = captioner, languages

    def check(self, options: Options) -> None:
        """Refuse nothing: the options have the checkpoint's bounds."""

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `captions`, as `AnswerPart` says."""
        if not options.num_captions:
            return
        found = self._captioner.caption(features, options)
        for record, captions in zip(records, found, strict=True):
            record["captions"] = [
                {"text": one.text, "score": round(one.score, 4)} for one in captions
            ]
        if options.language != ENGLISH:
            written = [one for record in records for one in record["captions"]]
            english = [one["text"] for one in written]
            texts = self._languages.to_write(english, options.language)
            for one, text in zip(written, texts, strict=True):
                one |= {"text": text, "english": one["text"]}


class FeatureVectors:
    """CLIP's features, or what GPT-2 gets for them."""

    def __init__(self, captioner: Captioner) -> None:
        self._captioner = captioner

    def check(self, options: Options) -> None:
        """Refuse nothing."""

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `embedding`, as `AnswerPart` says."""
        if options.embedding == "none":
            return
        clip = options.embedding == "clip"
        found = features if clip else self._captioner.prefixes(features)
        for record, numbers in zip(records, found, strict=True):
            record["embedding"] = numbers.ravel().tolist()


class Match:
    """How well a text fits a photo."""

    def __init__(self, text: EmbedText) -> None:
        self._text = text

    def check(self, options: Options) -> None:
        """Refuse nothing."""

    def __call__(self, features: np.ndarray, options: Options, records: Sequence[Record]) -> None:
        """Add `match`, as `AnswerPart` says."""
        if not options.match_text:
            return
        cosines = normalised(features) @ self._text(options.match_text)  # (rows,)
        for record, cosine in zip(records, cosines, strict=True):
            record["match"] = round(float(cosine), 4)
