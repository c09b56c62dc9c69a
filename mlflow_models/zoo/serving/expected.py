"""The requests that may soon wait for an engine again: those of clients who were just answered."""

import time
from collections.abc import Hashable

from zoo.serving.turns import turns

# In a row, before one batch; each but the first begins with a request that has come. So the first
# of them waits five times as long as for nobody, at most.
MAX_WAITS = 5
SHARE_WAITED = 0.05  # of a long batch: twice the rows in the next one save far more


class Expected:
    """Tells a batch how long to wait for them. Its user holds a lock.

    Args:
        seconds: How long a batch waits if nobody comes, at least; 0: it never waits.

    Attributes:
        requests: How many are to wait again, with those that wait already.
        kind: Their kind.
    """

    def __init__(self, seconds: float) -> None:
        self._least = self._seconds = seconds
        self._until = self._last = 0.0
        self.requests = 0
        self.kind: Hashable = None

    def begin(self, requests: int, kind: Hashable, took: float) -> None:
        """Expect requests, from now on, after a batch that took so many seconds."""
        now = time.monotonic()
        self._seconds = max(self._least, SHARE_WAITED * took) if self._least else 0.0
        self.requests, self.kind = requests, kind
        self._until, self._last = now + self._seconds, now + MAX_WAITS * self._seconds

    def come(self) -> None:
        """Note that a request has come; where they are prepared in turn, the next may be near."""
        if turns.needed():
            self._until = time.monotonic() + self._seconds

    def end(self) -> None:
        """Expect nobody any more."""
        self.requests = 0

    @property
    def seconds(self) -> float:
        """How long to wait from now on; 0 if that is over, or if a lone client is expected."""
        left = min(self._until, self._last) - time.monotonic()
        return max(0.0, left) if self.requests > 1 else 0.0
