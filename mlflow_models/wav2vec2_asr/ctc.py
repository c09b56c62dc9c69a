"""Turns a path of labels, one per frame, into characters and words with their times.

Connectionist temporal classification (Graves et al. 2006): a label that repeats in successive
frames counts once, and the blank doesn't count. Greedy and beam search both find such a path.
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
Search = Callable[[np.ndarray], np.ndarray]
"""From log-probabilities, float32 (frames, labels), to a path, int64 (frames,)."""


@dataclass(frozen=True)
class Character:
    """A character that was heard.

    Args:
        text: The character; " " between words.
        start: Its first frame.
        end: The frame after its last frame.
        probability: The mean probability of its label over its frames.
    """

    text: str
    start: int
    end: int
    probability: float


def greedy(scores: np.ndarray) -> np.ndarray:
    """Find the likeliest label of every frame: float32 (frames, labels) to int64 (frames,)."""
    return scores.argmax(axis=-1)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Turn logits, float32 (frames, labels), into log-probabilities, float32 (frames, labels)."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    normalised: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normalised.astype(np.float32)


def characters(path: np.ndarray, log_probs: np.ndarray, labels: Labels) -> list[Character]:
    """Collapse a path to characters.

    Args:
        path: The label of each frame, int64 (frames,).
        log_probs: Natural logarithms of probabilities, float32 (frames, labels).
        labels: What the labels stand for; special labels are left out.
    """
    if not len(path):
        return []
    probabilities = np.exp(log_probs[np.arange(len(path)), path])  # (frames,)
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [
        Character(labels.spoken(label), start, end, float(probabilities[start:end].mean()))
        for start, end in itertools.pairwise(edges)
        if (label := int(path[start])) not in labels.special
    ]


def text_of(heard: Sequence[Character]) -> str:
    """Join characters to a text without space at its ends."""
    return "".join(one.text for one in heard).strip()


def transcript(search: Search, log_probs: np.ndarray, labels: Labels) -> str:
    """Find the text with a search in log-probabilities, float32 (frames, labels)."""
    return text_of(characters(search(log_probs), log_probs, labels))


def words(heard: Sequence[Character], split: Split) -> list[list[Character]]:
    """Group characters by word.

    Args:
        heard: Characters in order.
        split: Cuts a text into words and the spaces between them, and leaves nothing out.
    """
    ends = list(itertools.accumulate(len(one.text) for one in heard))  # of labels, in characters
    found, first, place = [], 0, 0
    for piece in split("".join(one.text for one in heard)):
        place += len(piece)
        last = bisect.bisect_left(ends, place) + 1  # also the label it ends in
        if piece.strip() and last > first:
            found.append(list(heard[first:last]))
        first = max(first, last)
    return found


def split(text: str) -> list[str]:
    """Cut a text into words and the spaces between them; joined, they are the text again.

    Words end at spaces. Thai has no spaces between words, so PyThaiNLP finds Thai words.
    """
    pieces = re.split(r"(\s+)", text)
    return [word for piece in pieces if piece for word in _words(piece)]


def _words(piece: str) -> list[str]:
    if not THAI.search(piece):
        return [piece]
    from pythainlp.tokenize import word_tokenize

    words: list[str] = word_tokenize(piece, engine="newmm", keep_whitespace=True)
    return words if "".join(words) == piece else [piece]
