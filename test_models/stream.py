"""Text while somebody speaks, from a speech model's `WS /v1/realtime`.

  with Stream("http://localhost:8080") as stream:
      for samples in microphone:            # int16 or float, 16 kHz mono, of any length
          stream.feed(samples)
          if partial := stream.poll():      # the newest, if there is one
              show(partial.stable, partial.tail)
      text = stream.finish()

The protocol is OpenAI's. A lost connection is opened again: the sound after the last stable word is
kept, and sent again; the text that is stable stays.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from test_models.calls import ServiceError, Unavailable, address
from test_models.hearing import Hearing, LiveText, append, put, said, session
from test_models.sound import SAMPLE_RATE, as_int16
from transcripts.words import space

FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0  # seconds from one failed attempt to the next
PORTION = SAMPLE_RATE  # samples that are sent at a time, at most
BUSY = (429, 500, 502, 503, 504)  # HTTP's statuses after which it may get better


class Stream:
    """A recording that grows, and its text so far; for one thread that feeds and looks, or several.

    Args:
        url: the server, `http://HOST:8080`, or a gateway's address of the model.
        language: a code such as `zh`; None: the model's own choice.
        prompt: words to expect, where the model takes them.
        buffer_seconds: sound that is kept while the server doesn't answer.
        key: the gateway's key.
        options: of `websockets.asyncio.client.connect`.
    """

    def __init__(
        self,
        url: str,
        language: str | None = None,
        prompt: str = "",
        buffer_seconds: float = 3600.0,
        key: str | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        base = address(url).removesuffix("/invocations")
        query = urlencode({"intent": "transcription"})
        self._url = f"ws{base.removeprefix('http')}/v1/realtime?{query}"
        self._options = {
            "additional_headers": {"apikey": key} if key else {},
            "max_size": None,
            **(options or {}),
        }
        asked = {"language": language, "prompt": prompt}
        self._asked = {name: value for name, value in asked.items() if value}
        self._buffer = round(buffer_seconds * SAMPLE_RATE)
        self._changed = threading.Condition()  # guards all of the following
        self._sound: list[np.ndarray] = []  # that isn't stable yet, or wasn't sent
        self._first = self._size = 0  # samples before that sound; fed in all
        self._sent = 0  # samples of the stream that this connection has
        self._before = self._text = ""  # stable: of completed items; of the one that goes on
        self._partial = self._seen = LiveText()
        self._error: ServiceError | None = None
        self._trouble = ""  # what the last connection ended in
        self._answered = time.monotonic()  # when the server said something
        self._closed = self._complete = self._stopped = False
        self._loop = asyncio.new_event_loop()
        self._news = asyncio.Event()  # there is more to send, or nothing any more
        threading.Thread(target=self._work, name="stream", daemon=True).start()

    def feed(self, samples: np.ndarray) -> None:
        """Takes what has been recorded since.

        Args:
            samples: (samples,), 16 kHz mono: int16, or floats in [-1, 1].

        Raises:
            Unavailable: more than `buffer_seconds` would wait for the server; these weren't taken.
            ServiceError: the server refused the sound, or the stream is at its end.
            ValueError: the samples have another shape or type.
        """
        sound = as_int16(samples)
        with self._changed:
            self._check()
            if self._closed or self._stopped:
                raise ServiceError("The stream is at its end; it takes no more sound.")
            if self._size - self._first + len(sound) > self._buffer:
                limit = f"{self._buffer / SAMPLE_RATE:g} s"
                raise Unavailable(f"More than {limit} of sound wait for the server{self._trouble}.")
            self._sound.append(sound)
            self._size += len(sound)
        self._wake()

    @property
    def partial(self) -> LiveText:
        """What is known so far."""
        with self._changed:
            return self._partial

    def poll(self, seconds: float = 0.0) -> LiveText | None:
        """What is known so far, if that is more than the last call gave.

        Args:
            seconds: how long to wait for it.

        Raises:
            ServiceError: the server refused the sound.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._partial != self._seen, seconds)
            self._check()
            if self._partial == self._seen:
                return None
            self._seen = self._partial
            return self._seen

    def finish(self, patience: float = 60.0) -> str:
        """Ends the stream, and waits for the rest of its text.

        Args:
            patience: seconds to wait for a server that says nothing.

        Returns:
            The whole text.

        Raises:
            Unavailable: it said nothing in time. Another call goes on waiting: nothing is lost.
            ServiceError: the server refused the sound.
        """
        began = time.monotonic()
        with self._changed:
            self._closed = True
            self._wake()
            while not self._complete:
                self._check()
                if self._stopped:
                    raise ServiceError("The stream was given up before its end.")
                left = max(began, self._answered) + patience - time.monotonic()
                if left <= 0:
                    waited = f"{patience:g} s"
                    raise Unavailable(f"The server hasn't answered for {waited}{self._trouble}.")
                self._changed.wait(left)
            return self._partial.stable

    def close(self) -> None:
        """Gives up what isn't transcribed yet."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._wake()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _wake(self) -> None:
        """Tells the stream's own thread that there is news."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._news.set)

    def _work(self) -> None:
        """Opens connection after connection, in a thread of its own, until the stream is over."""
        try:
            self._loop.run_until_complete(self._go_on())
        except ServiceError as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            self._loop.close()

    async def _go_on(self) -> None:
        failures = 0
        while not (self._complete or self._stopped):
            answered = self._answered
            try:
                await self._converse()
            except (ConnectionClosed, InvalidHandshake, OSError, TimeoutError) as error:
                failures = 0 if self._answered > answered else failures + 1
                with self._changed:
                    self._trouble = f" ({said(error)})"
                await asyncio.sleep(min(LONGEST_WAIT, FIRST_WAIT * 2**failures))

    async def _converse(self) -> None:
        """Sends and hears on one connection, until all is told.

        Raises:
            ServiceError: the server refuses the stream.
            ConnectionClosed, InvalidHandshake, OSError: the connection is lost, or there is none.
        """
        try:
            socket = await connect(self._url, **self._options)
        except InvalidURI:
            raise ServiceError(f"'{self._url}' is not an address.") from None
        except InvalidStatus as error:
            if (status := error.response.status_code) in BUSY:
                raise
            raise ServiceError(f"The server refused the stream, with status {status}.") from None
        with self._changed:
            self._sent, begin = self._first, self._partial.start
            self._partial = LiveText(self._partial.stable, "", begin, begin)
            self._before, self._text = self._partial.stable, ""
        async with socket:
            sending = asyncio.create_task(self._send(socket))
            try:
                await Hearing(self, self._sent / SAMPLE_RATE).run(socket)
            finally:
                sending.cancel()
        if not (self._complete or self._stopped):
            raise ConnectionResetError("the server ended the stream")

    async def _send(self, socket: ClientConnection) -> None:
        """Sends the sound as it is fed, and at its end what asks for the rest of the text."""
        ended = False
        with suppress(ConnectionClosed):  # who hears is told of it, too
            await put(socket, "session.update", session=session(self._asked))
            while not self._stopped:
                self._news.clear()
                with self._changed:
                    portion, closed = self._portion(), self._closed
                    self._sent += len(portion)
                if len(portion):
                    await append(socket, portion)
                elif closed and not ended:
                    ended = True
                    await put(socket, "session.close")
                else:
                    await self._news.wait()
            await socket.close()

    def _portion(self) -> np.ndarray:
        """What is to be sent next, int16 (samples,)."""
        if self._sent == self._size:
            return np.empty(0, np.int16)
        self._sound = [np.concatenate(self._sound)]
        place = self._sent - self._first
        return self._sound[0][place : place + PORTION]

    def show(self, stable: str, tail: str, start: float, end: float) -> None:
        """Renews what is known; forgets the sound of what is stable."""
        with self._changed:
            self._answered, self._trouble = time.monotonic(), ""
            self._text += stable
            text = self._text.lstrip()
            joined = space(self._before, text) if self._before and text else ""
            begin = max(self._partial.start, start)
            whole = self._before + joined + text
            if not text and tail and self._before:
                tail = space(self._before, tail.lstrip()) + tail.lstrip()
            self._partial = LiveText(whole, tail, begin, max(begin, end))
            self._forget(round(begin * SAMPLE_RATE))
            self._changed.notify_all()

    def end_item(self, until: float) -> None:
        """An item is complete: what follows is another."""
        with self._changed:
            self._answered, self._before, self._text = time.monotonic(), self._partial.stable, ""
            begin = max(self._partial.start, until)
            self._partial = LiveText(self._before, "", begin, begin)
            self._forget(round(begin * SAMPLE_RATE))
            self._changed.notify_all()

    def end(self) -> None:
        """All is told."""
        with self._changed:
            self._complete = True
            self._changed.notify_all()

    def _forget(self, place: int) -> None:
        """Drops sound before a sample of the stream."""
        place = min(place, self._sent)
        if place > self._first:
            self._sound = [np.concatenate(self._sound)[place - self._first :]]
            self._first = place
