"""The text of a growing recording, from a recognizer that only takes whole ones.

No clock, no network: sound goes in, pieces of it come out to be transcribed, and the answers go in.
`live` runs it (Macháček et al. 2023, "Turning Whisper into Real-Time Transcription System", after
LocalAgreement of Liu et al. 2020):

 1. Keep the sound since the last cut. Once `step` seconds of it are new and no request is under
    way, have all of it transcribed, with times of words; at most twice `max_seconds` at a time.
 2. Lay the answer beside the text that is stable already, and take what follows that: the rest.
 3. What the rest and the one before it begin with, character by character, becomes stable, in whole
    words, up to `margin` seconds before the sound's end. The rest of the rest is the tail.
 4. After `pause` seconds without words, when all before them is stable, cut the sound in the pause.
 5. Once `max_seconds` are kept, cut them between two stable words, `context` seconds before the
    last one: the next answer begins with words that are known, and step 2 finds where they end.
 6. No word waits for ever: it is stable without a second answer `settle` seconds before the end.
 7. Where no words are heard, keep `listen` seconds: a word may begin in them.
 8. At the end of the stream, transcribe what is left; then the tail is stable, too.
"""

import unicodedata
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from transcripts.words import Word, aligned, ended, space, split, text_of, words_of
from zoo.data.audio import SAMPLE_RATE


@dataclass(frozen=True)
class Timing:
    """When to ask and when to cut, all in seconds; see the module's lines."""

    step: float = 0.5
    max_seconds: float = 15.0
    pause: float = 0.8
    margin: float = 0.3
    context: float = 2.0
    settle: float = 1.5
    listen: float = 1.0

    def __post_init__(self) -> None:
        if min(vars(self).values()) <= 0 or self.max_seconds < 2 * (self.context + self.settle):
            raise ValueError(
                "Timing: each is above 0, and 'max_seconds' twice 'context' and 'settle' at least."
            )


@dataclass(frozen=True)
class Partial:
    """What is known so far. Times in seconds from the beginning of the stream.

    Args:
        stable: the text from the beginning on that stays as it is; it only grows.
        tail: the newest guess at what follows it.
        start: up to where the sound's words are stable.
        end: up to where its words are shown: where the tail's last one ends.
        heard: up to where it was transcribed.
    """

    stable: str = ""
    tail: str = ""
    start: float = 0.0
    end: float = 0.0
    heard: float = 0.0


@dataclass(frozen=True)
class Piece:
    """Sound to transcribe: int16 (samples,), 16 kHz mono, from sample `first` of the stream on.

    Args:
        full: there is no room for more in a request.
    """

    sound: np.ndarray = field(repr=False)
    first: int
    full: bool

    @property
    def start(self) -> float:
        """Where it begins, in seconds."""
        return self.first / SAMPLE_RATE

    @property
    def end(self) -> float:
        """Where it ends, in seconds."""
        return (self.first + len(self.sound)) / SAMPLE_RATE


class Agreement:
    """One stream's sound and text.

    Args:
        timing: see `Timing`.

    Attributes:
        partial: what is known so far.
        closed: whether the stream is at its end.
    """

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._sound, self._first = np.empty(0, np.int16), 0  # since the last cut, and where that is
        self._fresh: list[np.ndarray] = []  # fed since the last piece
        self._size = 0  # samples fed in all
        self._asked = 0  # samples of the stream up to the end of the last answered piece
        self._hurries = False  # whether all that was fed is due
        self._done = ""  # the text of the sound before the cut
        self._kept: list[Word] = []  # the stable words after it
        self._tail: list[Word] = []
        self.closed = False
        self.partial = Partial()

    @property
    def waiting(self) -> float:
        """Seconds of sound that are kept."""
        return (self._size - self._first) / SAMPLE_RATE

    @property
    def complete(self) -> bool:
        """Whether the stream is at its end, and all of it transcribed."""
        return self.closed and self._asked == self._size

    def feed(self, sound: np.ndarray, now: bool = False) -> None:
        """Take more of the stream.

        Args:
            sound: int16 (samples,).
            now: Whether to transcribe it at once: somebody pauses.
        """
        self._fresh.append(sound)
        self._size += len(sound)
        self._hurries = self._hurries or now

    def close(self) -> None:
        """Nothing will be fed any more; what is left is to be transcribed, then all is stable."""
        self.closed = True
        self._settle()

    @property
    def due(self) -> bool:
        """Whether enough is new to be transcribed."""
        step = 1 if self.closed or self._hurries else round(self._timing.step * SAMPLE_RATE)
        return self._size - self._asked >= max(1, step)

    def piece(self) -> Piece:
        """What to transcribe next; where that fails, another call gives what is new, too."""
        self._sound = np.concatenate([self._sound, *self._fresh])
        self._fresh, self._hurries = [], False
        room = round(2 * self._timing.max_seconds * SAMPLE_RATE)
        return Piece(self._sound[:room], self._first, len(self._sound) >= room)

    def answer(self, piece: Piece, record: dict[str, Any]) -> None:
        """Takes the transcript of `piece`, the last that was given: a row of the model's answer."""
        rest = self._rest(list(words_of(record, piece.start)))
        count = self._agreed(rest, piece.end - self._timing.margin)
        count = max(count, ended(rest, piece.end - self._timing.settle))
        self._kept, self._tail = self._kept + rest[:count], rest[count:]
        self._asked = piece.first + len(piece.sound)
        self._show(piece.end)
        self._cut(piece)
        self._settle()

    def _settle(self) -> None:
        """At the end of the stream, the tail is stable."""
        if self.complete:
            self._kept, self._tail = self._kept + self._tail, []
            self._show(self.partial.heard)

    def _rest(self, heard: list[Word]) -> list[Word]:
        """What follows the stable words among those of a new answer."""
        if not self._kept:
            if heard and self._done:
                first = heard[0]
                heard[0] = replace(first, text=space(self._done, first.text) + first.text)
            return heard
        known, last = text_of(self._kept).lstrip(), self._kept[-1]
        said = text_of(heard).startswith(known)
        length = len(known) if said else aligned(known, heard, last.end)
        again, rest = split(heard, length)
        if again:  # more sound may have shown that the last word went on
            self._kept[-1] = replace(last, end=max(last.start, again[-1].end))
        # What ends well before the stable words do is said by them, in other words.
        return rest[0 if said else ended(rest, last.end - self._timing.margin) :]

    def _agreed(self, rest: list[Word], until: float) -> int:
        """How many words of the rest this answer and the last one agree on."""
        before, length = _letters(text_of(self._tail)), 0
        for count, word in enumerate(rest):
            letters = _letters(word.text)
            same = before.startswith(letters, length)
            length += len(letters)
            if not same or word.end > until:
                return count
        return len(rest)

    def _show(self, heard: float) -> None:
        """Renews `partial`."""
        start = max([self.partial.start, *(word.end for word in self._kept)])
        end = max([start, *(word.end for word in self._tail)])
        stable = self._done + text_of(self._kept)
        self.partial = Partial(stable, text_of(self._tail), start, end, heard)

    def _cut(self, piece: Piece) -> None:
        """Drops sound that isn't needed any more."""
        timing = self._timing
        if not self._kept and not self._tail:
            self._drop(0, piece.end - timing.listen)
            return
        self._cut_in_pause(piece.end)
        if piece.end - self._first / SAMPLE_RATE < timing.max_seconds:
            return
        if self._kept:
            count = ended(self._kept, self._kept[-1].end - timing.context)
            if count:
                self._drop(count, self._kept[count - 1].end)
        if piece.full and self._first - piece.first < len(piece.sound) // 4:
            # The words' times don't help: half of it, at any price.
            middle = (piece.start + piece.end) / 2
            count = ended(self._kept, middle)
            if count == len(self._kept):
                given = ended(self._tail, middle)
                self._kept, self._tail = self._kept + self._tail[:given], self._tail[given:]
                count += given
                self._show(piece.end)
            self._drop(count, middle)

    def _cut_in_pause(self, end: float) -> None:
        """Cuts in the last pause that has nothing before it but stable words."""
        following = [*[word.start for word in (*self._kept, *self._tail)][1:], end]
        for count in range(len(self._kept), 0, -1):
            if following[count - 1] - self._kept[count - 1].end >= self._timing.pause:
                self._drop(count, following[count - 1] - self._timing.pause / 2)
                return

    def _drop(self, words: int, until: float) -> None:
        """Forgets the sound up to a time, and that the first stable words were in it."""
        self._done += text_of(self._kept[:words])
        self._kept = self._kept[words:]
        place = max(self._first, round(until * SAMPLE_RATE))
        self._sound = self._sound[place - self._first :]
        self._first = place


def _letters(text: str) -> str:
    """Leave out spaces and punctuation, of which a recognizer is sure last of all."""
    return "".join(one for one in text if unicodedata.category(one)[0] not in "PZ")
