"""One client's session of the realtime protocol: its settings, its sound, its items; no network.

The text comes from `zoo.speech.live`. A change of the settings in mid-stream ends the item in hand:
what comes later is heard by a new `LiveSession`, whose events come after the old one's.
"""

import base64
import binascii
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from zoo.data.audio import SAMPLE_RATE
from zoo.data.pcm import RawSound
from zoo.errors import BadInput
from zoo.serving.declaration import Options
from zoo.speech.realtime_events import (
    TRANSCRIPTION,
    BadEvent,
    SoundInput,
    committed,
    described,
    from_beta,
    id_of,
    made,
    parse,
    refusal,
)
from zoo.speech.realtime_items import LiveItem, LivePart, LiveSound
from zoo.speech.realtime_options import Hears, live_options

TEXT_ENDS = ("stable_end", "tail_end")  # up to where the sound's words are told, in seconds
LEAST_SECONDS = 0.1  # of an item that a client commits, as the protocol says
Listen = Callable[[SoundInput, Options], LiveSound]
"""Makes the `LiveSession` of the settings, and of the model's parameters that they give."""


class Conversation:
    """What one client says and is told.

    Args:
        engine: The model; its options and languages.
        listen: Makes a `LiveSession`.
        model: The model's name.
        beta: Whether the client speaks the protocol's older form.
        lasts_seconds: How long the session may last.

    Its methods may take a while, so a thread calls them; what they have to tell comes from `news`.

    Attributes:
        due: Whether something can be transcribed.
        closed: Whether no more sound is taken.
        complete: Whether it is closed, and all is transcribed.
        waiting_seconds: How much sound waits for the model.
    """

    def __init__(
        self, engine: Hears, listen: Listen, model: str, beta: bool, lasts_seconds: float
    ) -> None:
        self._engine, self._listen, self._model, self._beta = engine, listen, model, beta
        self._id, self._settings = f"sess_{uuid.uuid4().hex[:24]}", SoundInput()
        self._expires_at = int(time.time() + lasts_seconds)
        self._samples = 0  # fed in all
        self._previous: str | None = None  # the last committed item's id
        self._sound = self._reader()
        self._parts: deque[LivePart] = deque([self._part()])
        self._lock = threading.Lock()
        self._events: deque[dict[str, Any]] = deque([self._session("created")])
        self.due = self.complete = self.closed = False
        self.waiting_seconds = 0.0

    def news(self) -> Iterator[dict[str, Any]]:
        """Yield the events to send, in order; one thread may do so at a time."""
        while self._events:
            yield self._events.popleft()

    def take(self, text: str | None) -> bool:
        """Do what a message of the client asks for; None: it was no text in UTF-8.

        Returns:
            Whether it made sense; else an event says what is wrong.
        """
        event: dict[str, Any] = {}
        with self._changing():
            if self.closed:
                return True
            try:
                event = parse(text)
                self._events += self._take(event)
            except BadEvent as error:
                self._events.append(refusal(error, id_of(event)))
                return False
            return True

    def step(self) -> None:
        """Transcribe what is due; the client may go on meanwhile."""
        with self._lock:
            part = self._current()
        found = part.live.step()
        with self._changing():
            self._events += [told for one in found for told in self._told(part, one)]

    def fail(self) -> None:
        """Give up the items on which the model fails."""
        said = "The model failed on this item."
        error = {"type": "server_error", "code": "transcription_failed", "message": said}
        self._events += [
            made(f"{TRANSCRIPTION}.failed", item_id=item.id, content_index=0, error=error)
            for item in self._current().items.values()
        ]

    def close(self) -> None:
        """Take no more sound: what is left is due; the client may say so, too."""
        with self._changing():
            self._end()

    @property
    def seconds(self) -> float:
        """How much sound came in all."""
        return self._samples / SAMPLE_RATE

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Let one thread change something at a time, and note what that means."""
        with self._lock:
            yield
            current = self._current().live
            self.waiting_seconds = sum(part.live.waiting_seconds for part in self._parts)
            self.due, self.complete = current.due, len(self._parts) == 1 and current.complete

    def _end(self) -> list[dict[str, Any]]:
        if not self.closed:
            self.closed = True
            self._end_part()
        return []

    def _end_part(self) -> None:
        self._feed(self._sound.rest())
        self._parts[-1].live.close()

    def _take(self, event: dict[str, Any]) -> list[dict[str, Any]]:
        kind = event["type"]
        if kind == "input_audio_buffer.append":
            return self._append(event.get("audio"))
        if kind == "input_audio_buffer.commit":
            return self._commit()
        if kind == "input_audio_buffer.clear":
            return self._clear()
        if kind == "session.close":  # as the protocol's sessions that translate have it
            return self._end()
        if kind == "session.update":
            return self._update(event.get("session"))
        if kind == "transcription_session.update":
            self._beta = True
            self._change(from_beta(event.get("session")), "session")
            return [self._session("updated")]
        shown = kind[:60].encode(errors="replace").decode()
        raise BadEvent(f"Event '{shown}' is not known here.", "unknown_event", "type")

    def _append(self, audio: Any) -> list[dict[str, Any]]:
        """Take sound in base64."""
        if not isinstance(audio, str):
            raise BadEvent("'audio' is not a text.", "invalid_type", "audio")
        try:
            self._feed(self._sound(base64.b64decode(audio, validate=True)))
        except (binascii.Error, ValueError):
            raise BadEvent("'audio' is not valid base64.", "invalid_base64", "audio") from None
        except BadInput as error:
            raise BadEvent(f"'audio': {error}", "invalid_audio", "audio") from None
        return []

    def _feed(self, sound: np.ndarray) -> None:
        if len(sound):
            self._samples += len(sound)
            self._parts[-1].live.feed(sound)

    def _commit(self) -> list[dict[str, Any]]:
        """End an item because the client says so."""
        part = self._parts[-1]
        self._feed(self._sound.rest())
        if self._samples - part.committed < LEAST_SECONDS * SAMPLE_RATE:
            raise BadEvent(
                f"The buffer has less than {LEAST_SECONDS * 1000:g} ms of sound to commit.",
                "input_audio_buffer_commit_empty",
            )
        number = part.live.commit()
        start, part.committed = part.committed, self._samples
        if number is None or (item := part.item(number)) is None:
            raise BadEvent("Nobody speaks in the buffer.", "input_audio_buffer_commit_empty")
        if part.detects:  # its events are still to come
            return []
        item.start, item.end = start / SAMPLE_RATE, self._samples / SAMPLE_RATE
        return self._committed(item)

    def _clear(self) -> list[dict[str, Any]]:
        """Forget the sound that isn't committed."""
        part = self._parts[-1]
        self._sound = self._reader()
        part.live.clear()
        part.committed = self._samples
        part.drop_open()
        return [made("input_audio_buffer.cleared")]

    def _update(self, session: Any) -> list[dict[str, Any]]:
        if not isinstance(session, dict):
            raise BadEvent("'session' is not an object.", "invalid_type", "session")
        if session.get("type", "transcription") != "transcription":
            raise BadEvent(
                "This server only transcribes: 'session.type' is 'transcription'.",
                parameter="session.type",
            )
        sound = session.get("audio", {})
        if not isinstance(sound, dict):
            raise BadEvent("'session.audio' is not an object.", "invalid_type", "session.audio")
        self._change(sound.get("input", {}), "session.audio.input")
        return [self._session("updated")]

    def _change(self, given: Any, place: str) -> None:
        """Change the settings; a value that isn't allowed changes nothing."""
        before, self._settings = self._settings, self._settings.updated(given, place)
        if self._settings == before:
            return
        try:
            part = self._part(f"{place}.transcription")
        except BadEvent:
            self._settings = before
            raise
        self._end_part()
        self._sound = self._reader()
        if self._parts[-1].begins == self._samples:  # nothing was heard
            self._parts.pop()
        part.begins = part.committed = self._samples
        self._parts.append(part)

    def _reader(self) -> RawSound:
        return RawSound(self._settings.format.type, self._settings.format.hertz)

    def _part(self, place: str = "") -> LivePart:
        detects = self._settings.turn_detection is not None
        asked = live_options(self._engine, self._model, self._settings.transcription, place)
        return LivePart(self._listen(self._settings, asked), self._samples, detects)

    def _current(self) -> LivePart:
        """Give the part that is heard now: the first one that isn't complete."""
        while len(self._parts) > 1 and self._parts[0].live.complete:
            self._parts.popleft()
        return self._parts[0]

    def _session(self, what: str) -> dict[str, Any]:
        about = described(self._settings, self._id, self._expires_at, self._beta)
        return made(f"{'transcription_' * self._beta}session.{what}", session=about)

    def _committed(self, item: LiveItem) -> list[dict[str, Any]]:
        """Tell that an item is whole."""
        item.is_committed = True
        previous, self._previous = self._previous, item.id
        return committed(item.id, previous, self._beta)

    def _told(self, part: LivePart, event: Any) -> list[dict[str, Any]]:
        """Turn an event of `live` into the protocol's."""
        item, at = part.item(event.item), part.begins / SAMPLE_RATE + event.seconds
        if item is None:
            return []
        if event.kind == "started":
            item.start = at
            kind = "input_audio_buffer.speech_started"
            return [made(kind, item_id=item.id, audio_start_ms=round(1000 * at))]
        if event.kind == "stopped":
            item.end = at
            kind = "input_audio_buffer.speech_stopped"
            stopped = made(kind, item_id=item.id, audio_end_ms=round(1000 * at))
            return [stopped, *self._committed(item)]
        about: dict[str, Any] = {"item_id": item.id, "content_index": 0}
        if event.kind == "text":
            about |= {"delta": event.stable, "tail": event.tail}
            for name in TEXT_ENDS:
                about[name] = round(part.begins / SAMPLE_RATE + getattr(event, name), 3)
            return [made(f"{TRANSCRIPTION}.delta", **about)]
        before = [] if item.is_committed else self._committed(item)  # the client ended it
        item.end = item.end or at
        del part.items[event.item]
        usage = {"type": "duration", "seconds": round(max(0.0, item.end - item.start), 3)}
        about |= {"transcript": event.text, "usage": usage}
        return [*before, made(f"{TRANSCRIPTION}.completed", **about)]
