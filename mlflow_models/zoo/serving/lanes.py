"""Who waits for an engine: short requests, and long ones that leave room for them.

A batch can't be interrupted. So a long recording that has all of an engine's threads would make
each short request wait for the end of a batch. Therefore a long one never takes the last thread
while short requests come. When none has come for a while, it has all of them.
"""

import time
from collections import deque
from typing import Generic

from zoo.serving.pending import Item, Pending, Result

LATELY_SECONDS = 30.0  # for so long after a short request, a thread is kept for the next one
# If short requests leave no thread, a long one still gets its turn after so long: of four long
# ones each then has a batch within a minute, the usual limit from one event to the next.
PATIENCE_SECONDS = 5.0


class Lanes(Generic[Item, Result]):
    """The requests that wait. Its user holds a lock.

    Args:
        threads: How many batches the engine computes at once.

    Attributes:
        short: Requests that somebody waits for.
        long: Parts of requests that take long anyway.
    """

    def __init__(self, threads: int) -> None:
        self.short: deque[Pending[Item, Result]] = deque()
        self.long: deque[Pending[Item, Result]] = deque()
        self._threads, self._running = threads, 0  # long ones that are computed
        self._short_at = self._long_at = -LATELY_SECONDS  # when the last one came; had its turn

    def add(self, pending: Pending[Item, Result], background: bool) -> None:
        """Queue a request."""
        now = time.monotonic()
        if not background:
            self.short.append(pending)
            self._short_at = now
            return
        if not self.long and not self._running:
            self._long_at = now
        self.long.append(pending)

    def turn(self) -> deque[Pending[Item, Result]] | None:
        """Tell which lane a free thread takes its next batch from; None: it must wait."""
        now = time.monotonic()
        waited = now - self._long_at >= PATIENCE_SECONDS and not self._running
        if self.short and not (self.long and waited):
            return self.short
        if self.long and self._running < self._most(now):
            return self.long
        return None

    def pause(self) -> float | None:
        """Give for how many seconds `turn` stays as it is, if nothing happens; None: for ever."""
        return max(0.0, self._short_at + LATELY_SECONDS - time.monotonic()) if self.long else None

    def begin(self, lane: deque[Pending[Item, Result]]) -> None:
        """Note that a batch of a lane is computed."""
        self._running += lane is self.long

    def end(self, lane: deque[Pending[Item, Result]]) -> None:
        """Note that this batch is done."""
        now = time.monotonic()
        if lane is self.long:
            self._running, self._long_at = self._running - 1, now
        else:
            self._short_at = now

    def _most(self, now: float) -> int:
        """Give how many threads long requests may have."""
        come = now - self._short_at < LATELY_SECONDS
        return max(1, self._threads - 1) if come else self._threads
