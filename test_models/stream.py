"""Near-real-time transcription of a growing recording through a speech model's `/invocations`.

  with Stream("http://localhost:8080/invocations", params={"beam_size": 1}) as stream:
      for samples in microphone:            # int16 or float, 16 kHz mono, of any length
          stream.feed(samples)
          if partial := stream.poll():      # the newest, if there is one
              show(partial.stable, partial.tail)
      text = stream.finish()

The server keeps nothing between requests, so that any worker answers any of them; `agreement` says
how the answers become one text. One request is under way at a time: a slow server is asked less
often, with more new sound each time.
"""

import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import numpy as np

from test_models.agreement import Agreement, Partial, Timing
from test_models.calls import Busy, ServiceError, Unavailable, encoded
from test_models.client import Client
from test_models.sound import SAMPLE_RATE, as_int16, wav

FIRST_WAIT, LONGEST_WAIT = 0.25, 5.0  # seconds from one failed attempt to the next
NO_TRANSCRIPT = "The server's answer isn't a transcript; is it a speech model?"


class Stream:
    """A recording that grows, and its text so far; for one thread that feeds and looks, or several.

    Args:
        url: what takes the requests: `http://HOST:8080/invocations`, or a gateway's route to it.
        params: the model's parameters.
        timing: when to ask and when to cut.
        buffer_seconds: sound that is kept while the server doesn't answer.
        options: of `client.Client`, such as the gateway's `key`.
    """

    def __init__(
        self,
        url: str,
        params: Mapping[str, Any] | None = None,
        timing: Timing | None = None,
        buffer_seconds: float = 3600.0,
        **options: Any,
    ) -> None:
        self._client = Client(url, **{**options, "attempts": 1})  # it waits by itself
        self._params = {**(params or {}), "word_timestamps": True}
        self._buffer_seconds = buffer_seconds
        self._changed = threading.Condition()  # guards all of the following
        self._agreement = Agreement(timing)
        self._seen = Partial()
        self._error: ServiceError | None = None
        self._trouble = ""  # what the last attempt ended in, if it failed
        self._answered = time.monotonic()  # when the last one succeeded
        self._stopped = False
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
            if self._agreement.closed or self._stopped:
                raise ServiceError("The stream is at its end; it takes no more sound.")
            if self._agreement.waiting + len(sound) / SAMPLE_RATE > self._buffer_seconds:
                limit = f"{self._buffer_seconds:g} s"
                raise Unavailable(f"More than {limit} of sound wait for the server{self._trouble}.")
            self._agreement.feed(sound)
            self._changed.notify_all()

    @property
    def partial(self) -> Partial:
        """What is known so far."""
        with self._changed:
            return self._agreement.partial

    def poll(self, seconds: float = 0.0) -> Partial | None:
        """What is known so far, if that is more than the last call gave.

        Args:
            seconds: how long to wait for it.

        Raises:
            ServiceError: the server refused the sound.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._error or self._news, seconds)
            self._check()
            if not self._news:
                return None
            self._seen = self._agreement.partial
            return self._seen

    def finish(self, patience: float = 60.0) -> str:
        """Ends the stream, and waits for the rest of its text.

        Args:
            patience: seconds to wait for a server that doesn't answer.

        Returns:
            The whole text.

        Raises:
            Unavailable: it didn't answer in time. Another call goes on waiting: nothing is lost.
            ServiceError: the server refused the sound.
        """
        began = time.monotonic()
        with self._changed:
            self._agreement.close()
            self._changed.notify_all()
            while not self._agreement.complete:
                self._check()
                if self._stopped:
                    raise ServiceError("The stream was given up before its end.")
                left = max(began, self._answered) + patience - time.monotonic()
                if left <= 0:
                    waited = f"{patience:g} s"
                    raise Unavailable(f"The server hasn't answered for {waited}{self._trouble}.")
                self._changed.wait(left)
            return self._agreement.partial.stable

    def close(self) -> None:
        """Gives up what isn't transcribed yet."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def __enter__(self) -> "Stream":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _news(self) -> bool:
        return self._agreement.partial != self._seen

    @property
    def _over(self) -> bool:
        return self._stopped or self._agreement.complete

    def _check(self) -> None:
        if self._error:
            raise self._error

    def _work(self) -> None:
        """Sends piece after piece, in a thread of its own, until the stream is over."""
        failures = 0
        try:
            while self._transcribe_next(failures):
                failures = failures + 1 if self._trouble else 0
        except ServiceError as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()
        finally:
            self._client.close()

    def _transcribe_next(self, failures: int) -> bool:
        """Sends the next piece once it is due; whether the stream goes on."""
        with self._changed:
            self._changed.wait_for(lambda: self._over or self._agreement.due)
            if self._over:
                return False
            piece = self._agreement.piece()
        try:
            answers = self._client.records("audio", [encoded(wav(piece.sound))], self._params)
        except Unavailable as trouble:  # what has been fed by then goes along the next time
            asked = trouble.wait if isinstance(trouble, Busy) else None
            wait = asked or min(LONGEST_WAIT, FIRST_WAIT * 2**failures)
            with self._changed:
                self._trouble = f" ({str(trouble).rstrip('.')})"
                self._changed.wait_for(lambda: self._stopped, wait)
            return True
        with self._changed:
            self._trouble, self._answered = "", time.monotonic()
            try:
                (record,) = answers
                self._agreement.answer(piece, record)
            except (ValueError, LookupError, TypeError, AttributeError):
                raise ServiceError(NO_TRANSCRIPT) from None
            self._changed.notify_all()
        return True
