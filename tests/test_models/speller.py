"""A recognizer whose right answer is known: its recordings are written, letter by letter.

A letter is a stretch of samples of its own value. What a recording breaks into, at either end, is
misheard as any recognizer mishears it, and another time differently.
"""

import io
import itertools
import json
import wave
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

import numpy as np

RATE = 16_000
LETTER = 1440  # samples
BETWEEN = 640  # samples of silence from word to word
UNSURE = RATE // 4  # samples: what is so near to an end that cuts speech is misheard
BREAK = 0.6  # seconds of silence from one segment to the next
WIDE = "银行四点关门请早来我的肚子有疼想去医院妈在厦办公室等们"
THAI = "กขคงจฉชซญดตถทธนบปผพฟภมยรลวศษสหอฮะาำัิีึืุูเแโใไ็่้๊๋์"
LATIN = "abcdefghijklmnopqrstuvwxyz"
LETTERS = THAI + LATIN + WIDE


def spoken(words: Sequence[str], pauses: Sequence[float]) -> np.ndarray:
    """A recording, int16 (samples,): each word, and so many seconds of silence after it."""
    parts = [np.zeros(RATE // 2, np.int16)]
    for word, pause in zip(words, pauses, strict=True):
        for letter in word:
            value = 100 + LETTERS.index(letter)
            parts.append(np.array([-value] + [value] * (LETTER - 1), np.int16))
        parts.append(np.zeros(BETWEEN + round(pause * RATE), np.int16))
    return np.concatenate(parts)


def spell(sound: np.ndarray) -> dict[str, Any]:
    """The transcript of int16 (samples,), in the shape of the zoo's models."""
    segments: list[list[dict[str, Any]]] = []
    letters = _letters(sound)
    for count, (letter, start, end) in enumerate(letters):
        gap = (start - letters[count - 1][2]) / RATE if count else np.inf
        if gap >= BREAK:
            segments.append([])
        if gap > 0:
            segments[-1].append({"text": "", "start": start / RATE})
        segments[-1][-1]["text"] += letter
        segments[-1][-1]["end"] = end / RATE
    texts = [_joined(one["text"] for one in words) for words in segments]
    return {
        "text": texts[0] + "".join(_space(one) + one for one in texts[1:]) if texts else "",
        "language": "",
        "duration": len(sound) / RATE,
        "segments": [
            {"id": n, "start": one[0]["start"], "end": one[-1]["end"], "text": text, "words": one}
            for n, (one, text) in enumerate(zip(segments, texts, strict=True))
        ],
    }


def answer(body: bytes) -> bytes:
    """The answer to a request of `/invocations`."""
    ((row,),) = json.loads(body)["dataframe_split"]["data"]
    with wave.open(io.BytesIO(b64decode(row))) as reader:
        assert (reader.getframerate(), reader.getnchannels()) == (RATE, 1)
        sound = np.frombuffer(reader.readframes(reader.getnframes()), "<i2")
    return json.dumps({"predictions": [spell(sound)]}).encode()


def _letters(sound: np.ndarray) -> list[tuple[str, int, int]]:
    """What is heard, and from which sample to which."""
    values = np.abs(sound.astype(np.int32))
    edges = np.flatnonzero((sound < 0) | (np.diff(values, prepend=0) != 0))
    found = []
    for start, end in itertools.pairwise([*edges, len(sound)]):
        value, length = int(values[start]) - 100, int(end - start)
        if value < 0 or length < LETTER // 3:
            continue
        if (sound[0] and start < UNSURE) or (sound[-1] and end > len(sound) - UNSURE):
            value += 1 + len(sound) % 7
        found.append((LETTERS[value % len(LETTERS)], int(start), int(end)))
    return found


def _joined(words: Any) -> str:
    text = ""
    for word in words:
        text += (" " if text and word[0] in LATIN else "") + word
    return text


def _space(text: str) -> str:
    return "" if text[0] in WIDE else " "
