"""What the workers of a server know of each other: memory that they share across the fork."""

import mmap

SLOTS = 256  # workers at a time
STOPPING, WORKERS, FIRST = range(3)


class Shared:
    """Whether the server stops, how many workers it has, and the requests that each has in hand.

    Each worker writes its own number only, so none needs a lock. A worker that is killed leaves its
    number behind; gunicorn's master clears it (`release`).

    Attributes:
        slot: Which number is this process's own.
    """

    def __init__(self) -> None:
        self._numbers = memoryview(mmap.mmap(-1, 4 * (FIRST + SLOTS))).cast("i")
        self._taken: set[int] = set()
        self._numbers[WORKERS] = 1
        self.slot = 0

    @property
    def stopping(self) -> bool:
        """Whether the whole server is about to stop."""
        return bool(self._numbers[STOPPING])

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._numbers[STOPPING] = value

    @property
    def workers(self) -> int:
        """How many workers the server has."""
        return self._numbers[WORKERS]

    @workers.setter
    def workers(self, value: int) -> None:
        self._numbers[WORKERS] = value

    def take(self) -> int:
        """Find a slot for a worker that is about to be forked; for the master."""
        slot = min(set(range(SLOTS)) - self._taken)
        self._taken.add(slot)
        self.release(slot, free=False)
        return slot

    def release(self, slot: int, free: bool = True) -> None:
        """Clear the number of a worker that has gone; for the master."""
        self._numbers[FIRST + slot] = 0
        if free:
            self._taken.discard(slot)

    def count(self, change: int) -> None:
        """Add to the requests that this worker has in hand."""
        self._numbers[FIRST + self.slot] += change

    @property
    def in_flight(self) -> int:
        """The requests that all workers together have in hand."""
        return sum(self._numbers[FIRST:])


shared = Shared()
