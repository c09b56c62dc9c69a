"""From a path of labels, one per frame, to characters, words and their times.

Connectionist temporal classification (Graves et al. 2006): labels that repeat in successive frames
are one, and the blank is none. Greedy search and beam search both end in such a path.
"""

import bisect
import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from wav2vec2_asr.labels import Labels

Split = Callable[[str], list[str]]
THAI = re.compile("[\u0e00-\u0e7f]+")
# log-probabilities (frames, labels) to a path (frames,)
Search = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Character:
    """A character that was heard.

    Args:
        text: the character; " " between words.
        start: the first of its frames.
        end: the frame after its last.
        probability: of its label, the mean over its frames.
    """

    text: str
    start: int
    end: int
    probability: float


def greedy(scores: np.ndarray) -> np.ndarray:
    """The likeliest label of every frame: float32 (frames, labels) to int64 (frames,)."""
    return scores.argmax(axis=-1)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log-probabilities of logits (frames, labels), float32."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalised: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised.astype(np.float32)


def characters(path: np.ndarray, log_probs: np.ndarray, labels: Labels) -> list[Character]:
    """Collapses a path.

    Args:
        path: labels, int64 (frames,).
        log_probs: float32 (frames, labels), natural logarithm.
        labels: what they stand for; the special ones are left out.
    """
    if not len(path):
        return []
    probabilities = np.exp(log_probs[np.arange(len(path)), path])
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [
        Character(labels.spoken(label), start, end, float(probabilities[start:end].mean()))
        for start, end in itertools.pairwise(edges)
        if (label := int(path[start])) not in labels.special
    ]


def text_of(heard: Sequence[Character]) -> str:
    """The text, without space at its ends."""
    return "".join(one.text for one in heard).strip()


def transcript(search: Search, log_probs: np.ndarray, labels: Labels) -> str:
    """The text that a search finds in log-probabilities, float32 (frames, labels)."""
    return text_of(characters(search(log_probs), log_probs, labels))


def words(heard: Sequence[Character], split: Split) -> list[list[Character]]:
    """Characters by word.

    Args:
        heard: in order.
        split: from text to its words and the spaces between them, nothing left out; Thai has no
            spaces between words.
    """
    ends = list(itertools.accumulate(len(one.text) for one in heard))  # a label may be long
    found, first, place = [], 0, 0
    for piece in split("".join(one.text for one in heard)):
        place += len(piece)
        last = bisect.bisect_left(ends, place) + 1  # a label that a piece ends in belongs to it
        if piece.strip() and last > first:
            found.append(list(heard[first:last]))
        first = max(first, last)
    return found


def split(text: str) -> list[str]:
    """Cut a text into words and the spaces between them; joined they are the text again.

    Words end at spaces; within Thai, which has none, PyThaiNLP finds them.
    """
    pieces = re.split(r"(\s+)", text)
    return [word for piece in pieces if piece for word in _words(piece)]


def _words(piece: str) -> list[str]:
    if not THAI.search(piece):
        return [piece]
    from pythainlp.tokenize import word_tokenize

    words: list[str] = word_tokenize(piece, engine="newmm", keep_whitespace=True)
    return words if "".join(words) == piece else [piece]
