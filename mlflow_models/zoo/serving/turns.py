"""Whose turn it is in a worker that has one core: one thread computes at a time.

The threads of such a worker read requests, decode files, run the engine and write answers. At once
they are no faster, since they share the core, and Python's lock, which the engine takes again after
each step of a network: waiting for it can double the time of a batch. So they take turns. Those who
prepare a request or write an answer come first, in the order in which they ask. Then the engine
computes what they have prepared, and its batches have more rows.

A turn is a courtesy, not a lock that guards data. Who has waited long enough goes on without it:
neither a long batch nor a slow disk keeps others from being read, refused or cancelled.

Where a process has more cores, or computes on a GPU, nobody waits; nor while another worker has no
request, since its core is free.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 0.1  # who has waited so long goes on beside the one whose turn it is
YIELDING_SECONDS = 0.05  # the engine lets others go first for so long: some twenty photos are read


class Turns:
    """Gives turns to the threads of a process.

    Attributes:
        needed: Tells whether threads wait for each other now.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self, needed: Callable[[], bool] = lambda: False) -> None:
        """Begin anew, with nobody's turn: after a fork the child has none of the threads."""
        self.needed = needed
        self._mutex, self._taken = threading.Lock(), False
        self._first: deque[threading.Lock] = deque()
        self._engines: deque[threading.Lock] = deque()
        self._own = threading.local()

    @contextlib.contextmanager
    def preparing(self) -> Iterator[None]:
        """Take a turn, to prepare a request and to write its answer."""
        self._own.has = self.needed() and self._wait(self._first, PATIENCE_SECONDS)
        try:
            yield
        finally:
            if self._own.has:
                self._own.has = False
                self._give()

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Give up this thread's turn, if it has one, while it waits for something."""
        had = getattr(self._own, "has", False)
        if had:
            self._own.has = False
            self._give()
        try:
            yield
        finally:
            if had:
                self._own.has = self._wait(self._first, PATIENCE_SECONDS)

    @contextlib.contextmanager
    def computing(self, seconds: float) -> Iterator[None]:
        """Take a turn for the engine: when nobody prepares, or when it has waited long enough.

        Args:
            seconds: What the engine's last batch took. If that was longer than anybody waits, it
                needs no turn: its steps are long, and the others disturb them little.
        """
        has = (seconds < PATIENCE_SECONDS and self.needed()) and (
            self._wait(self._engines, YIELDING_SECONDS)
            or self._wait(self._first, PATIENCE_SECONDS, ahead=True)
        )
        try:
            yield
        finally:
            if has:
                self._give()

    def _wait(self, queue: "deque[threading.Lock]", seconds: float, ahead: bool = False) -> bool:
        """Wait in a queue; tell whether this thread now has its turn."""
        with self._mutex:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            (queue.appendleft if ahead else queue.append)(mine)
        if mine.acquire(timeout=seconds):
            return True
        with self._mutex:
            if mine not in queue:  # it was given meanwhile
                return True
            queue.remove(mine)
            return False

    def _give(self) -> None:
        """End a turn; the next one begins."""
        with self._mutex:
            waiting = self._first or self._engines
            if waiting:
                waiting.popleft().release()
            else:
                self._taken = False


turns = Turns()
os.register_at_fork(after_in_child=turns.reset)
