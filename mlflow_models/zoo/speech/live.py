"""The text of a live stream: what is stable, what may change, and where one utterance ends.

The stream's sound is divided into items: by the voice activity detector, which hears every frame
once, or by the client. Each item has an `Agreement` of its own. Sound in which nobody speaks isn't
transcribed.
"""

import itertools
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from zoo.data.audio import SAMPLE_RATE, SCALE
from zoo.speech import silero
from zoo.speech.agreement import Agreement, Partial, Timing
from zoo.speech.silero import BELOW, FRAME_SAMPLES, LEAST_BELOW

EMPTY = np.empty(0, np.int16)
SURE_SAMPLES = 2 * SAMPLE_RATE  # the language that so much sound was heard in is kept for its item
BREATH_SAMPLES = 6 * FRAME_SAMPLES  # 0.19 s of silence: what was said is transcribed at once


class Hearer(Protocol):
    """What live text needs of a `SpeechEngine`."""

    def hear(self, sound: np.ndarray, options: Any, language: str | None) -> Any:
        """Transcribe one window of sound, float32 (samples,) at 16 kHz."""


@dataclass(frozen=True)
class LiveEvent:
    """What has become known of a stream.

    Args:
        kind: `started`, `stopped`: somebody begins to speak, or has ended; `text`; `completed`.
        item: The number of the item, from 0.
        seconds: The time in the stream that the event is about.
        stable: What is added to the item's text, and stays.
        tail: What follows it at the moment, and may change.
        text: The whole text of a completed item: all its `stable` joined.
        stable_end: The time in the stream up to where the words are stable, in seconds.
        tail_end: The time in the stream up to where the words are shown, in seconds.
    """

    kind: Literal["started", "stopped", "text", "completed"]
    item: int
    seconds: float
    stable: str = ""
    tail: str = ""
    text: str = ""
    stable_end: float = 0.0
    tail_end: float = 0.0


class _Item:
    """One utterance, and what was told of it."""

    def __init__(self, number: int, first: int, timing: Timing) -> None:
        self.number, self.first = number, first  # the sample of the stream that it begins with
        self.agreement, self.told = Agreement(timing), Partial()
        self.language: str | None = None  # detected

    def news(self) -> LiveEvent | None:
        """Tell what is new in its text."""
        found, told = self.agreement.partial, self.told
        if (found.stable, found.tail) == (told.stable, told.tail):
            return None
        self.told = found
        added, begin = found.stable[len(told.stable) :], self.first / SAMPLE_RATE
        return LiveEvent(
            "text",
            self.number,
            begin + found.heard,
            stable=added,
            tail=found.tail,
            stable_end=begin + found.start,
            tail_end=begin + found.end,
        )


class LiveSession:
    """One client's stream; for a thread that feeds and one that steps.

    Args:
        engine: Transcribes.
        options: The engine's, for every window.
        detects: Whether the voice activity detector makes the items; else `commit` does.
        silence_seconds: A silence so long ends an item.
        threshold: How probable speech must be, 0 to 1.
        prefix_seconds: Sound before the speech that belongs to an item.
        timing: When to transcribe and when to cut.
    """

    def __init__(
        self,
        engine: Hearer,
        options: Any,
        detects: bool = True,
        silence_seconds: float = 0.5,
        threshold: float = 0.5,
        prefix_seconds: float = 0.3,
        timing: Timing | None = None,
    ) -> None:
        self._engine, self._options, self._detects = engine, options, detects
        self._timing = timing or Timing()
        self._silence = max(FRAME_SAMPLES, round(silence_seconds * SAMPLE_RATE))
        self._high, self._low = threshold, max(threshold - BELOW, LEAST_BELOW)
        self._prefix = round(prefix_seconds * SAMPLE_RATE)
        self._lock = threading.Lock()  # guards all of the following
        self._listener = silero.Listener()
        self._fed: deque[np.ndarray] = deque()  # what the detector hasn't heard
        self._fed_samples = self._place = 0  # how much that is; how much was heard before it
        self._recent = EMPTY  # the last of what was heard, in which nobody spoke
        self._quiet = 0  # samples of silence at the end of an item
        self._held: list[np.ndarray] = []  # the last of them, which nobody needs to transcribe
        self._numbers = itertools.count()
        self._items: deque[_Item] = deque()  # the last one may be open
        self._events: list[LiveEvent] = []
        self._closed = False

    def feed(self, sound: np.ndarray) -> None:
        """Take what follows, int16 (samples,), mono, at 16 kHz."""
        with self._lock:
            if self._detects:
                self._fed.append(sound)
                self._fed_samples += len(sound)
            else:
                self._add(sound)
                self._place += len(sound)

    def commit(self) -> int | None:
        """End the item; what is fed from now on is another.

        Returns:
            The item's number; None where nobody speaks.
        """
        with self._lock:
            self._listen()
            return self._end()

    def clear(self) -> None:
        """Forget the sound of the item that goes on, and what the detector hasn't heard yet."""
        with self._lock:
            self._listen()
            if self._open is not None:
                gone = self._items.pop().number
                self._events = [one for one in self._events if one.item != gone]
            self._recent, self._held, self._quiet = EMPTY, [], 0

    def close(self) -> None:
        """End the stream; the next steps transcribe the rest."""
        with self._lock:
            self._listen(rest=True)
            self._end()
            self._closed = True

    @property
    def due(self) -> bool:
        """Whether there is something to do for `step`."""
        with self._lock:
            return (
                bool(self._events) or self._fed_samples >= FRAME_SAMPLES or self._next() is not None
            )

    @property
    def complete(self) -> bool:
        """Whether the stream is closed, and all is told."""
        with self._lock:
            return self._closed and not self._items and not self._events

    @property
    def waiting_seconds(self) -> float:
        """Seconds of sound that are kept."""
        with self._lock:
            kept = sum(one.agreement.waiting for one in self._items)
            return kept + self._fed_samples / SAMPLE_RATE

    def step(self) -> list[LiveEvent]:
        """Transcribe what is due; wait for the engine.

        Returns:
            What is new, in order.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        with self._lock:
            self._listen()
            item = self._next()
            if item is None:
                return self._told()
            piece = item.agreement.piece() if item.agreement.due else None
        if piece is not None:
            heard = self._engine.hear(piece.sound * SCALE, self._options, item.language)
            record = heard.record()
            if len(piece.sound) >= SURE_SAMPLES:
                item.language = record["language"]
        with self._lock:
            if piece is not None:
                item.agreement.answer(piece, record)
            is_told = item in self._items  # else it is cleared
            if is_told and (news := item.news()) is not None:
                self._events.append(news)
            if is_told and item.agreement.complete:
                self._items.remove(item)
                seconds = item.first / SAMPLE_RATE + item.agreement.partial.heard
                text = item.agreement.partial.stable
                self._events.append(LiveEvent("completed", item.number, seconds, text=text))
            return self._told()

    def _told(self) -> list[LiveEvent]:
        found, self._events = self._events, []
        return found

    def _next(self) -> _Item | None:
        """Give the first item that can be transcribed, or told to be complete."""
        return next(
            (one for one in self._items if one.agreement.due or one.agreement.complete), None
        )

    @property
    def _open(self) -> _Item | None:
        """The item that goes on."""
        return self._items[-1] if self._items and not self._items[-1].agreement.closed else None

    def _add(self, sound: np.ndarray) -> None:
        """Add sound to the item that goes on; where none does, begin one."""
        if self._open is None:
            self._items.append(_Item(next(self._numbers), self._place, self._timing))
        self._items[-1].agreement.feed(sound)

    def _end(self) -> int | None:
        """End the item that goes on, and give its number."""
        if (item := self._open) is not None:
            item.agreement.close()
            self._recent = np.concatenate([EMPTY, *self._held])
            self._held = []
        return item.number if item else None

    def _listen(self, rest: bool = False) -> None:
        """Find where somebody speaks in what was fed, frame by frame; keep what isn't a frame."""
        sound = np.concatenate([EMPTY, *self._fed])
        whole = len(sound) // FRAME_SAMPLES * FRAME_SAMPLES
        left = sound[whole:]
        if rest and len(left):
            sound = np.pad(sound, (0, FRAME_SAMPLES - len(left)))
            whole, left = len(sound), EMPTY
        self._fed, self._fed_samples = deque([left] if len(left) else []), len(left)
        frames = sound[:whole].reshape(-1, FRAME_SAMPLES)
        for frame, sure in zip(frames, self._listener(sound[:whole] * SCALE), strict=True):
            self._hear(frame, float(sure))

    def _hear(self, frame: np.ndarray, sure: float) -> None:
        """Take one frame, of which the detector is so sure that somebody speaks in it."""
        if self._open is None:
            self._recent = np.concatenate([self._recent, frame])[-max(self._prefix, len(frame)) :]
            self._place += len(frame)
            if sure >= self._high:
                sound, self._recent, self._quiet = self._recent, EMPTY, 0
                self._place -= len(sound)
                self._add(sound)
                self._place += len(sound)
                self._tell("started", self._place - len(frame))
            return
        self._place += len(frame)
        if sure >= self._low:
            self._add(np.concatenate([*self._held, frame]))
            self._held, self._quiet = [], 0
            return
        self._quiet += len(frame)
        if self._quiet <= BREATH_SAMPLES:
            self._items[-1].agreement.feed(frame, now=self._quiet == BREATH_SAMPLES)
        else:
            self._held.append(frame)
        if self._quiet >= self._silence:
            self._tell("stopped", self._place - self._quiet)
            self._end()

    def _tell(self, kind: Literal["started", "stopped"], place: int) -> None:
        self._events.append(LiveEvent(kind, self._items[-1].number, place / SAMPLE_RATE))
