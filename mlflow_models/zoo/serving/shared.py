"""Numbers that the workers of a server share, in memory that a fork doesn't copy."""

import mmap

MAX_WORKERS = 256
SLOTS = 2 * MAX_WORKERS  # while all workers are replaced, old and new ones run at once
COUNT = SLOTS + 1
AWAY = -1  # the number of connections of a worker that takes no more


class Shared:
    """Whether the server stops, how many workers it has, and each worker's numbers.

    These are its requests and its connections. A worker writes only its own numbers, so no lock is
    needed. If a worker is killed, gunicorn's master clears its numbers (`release`).

    Attributes:
        slot: The place of this process's numbers; the master's come last.
        leaving: Whether this worker will end soon. Then each answer ends its connection, so that
            the client's next request goes to another worker.
        lost: Whether this worker ends because it can't compute any more.
    """

    def __init__(self) -> None:
        numbers = memoryview(mmap.mmap(-1, 4 * (2 + 2 * COUNT))).cast("i")
        self._server = numbers[:2]  # whether the server stops; how many workers it has
        self._requests, self._connections = numbers[2 : 2 + COUNT], numbers[2 + COUNT :]
        self._taken: set[int] = set()
        self._held = self._connecting = 0
        self.slot, self.workers, self.leaving, self.lost = SLOTS, 1, False, False
        for slot in range(COUNT):
            self._connections[slot] = AWAY

    @property
    def stopping(self) -> bool:
        """Whether the whole server is about to stop."""
        return bool(self._server[0])

    @stopping.setter
    def stopping(self, value: bool) -> None:
        self._server[0] = value

    @property
    def workers(self) -> int:
        """How many workers the server has."""
        return self._server[1]

    @workers.setter
    def workers(self, value: int) -> None:
        self._server[1] = value

    def take(self) -> int:
        """Find a slot for a worker, before the fork; only the master calls this."""
        slot = min(set(range(SLOTS)) - self._taken)
        self._taken.add(slot)
        return slot

    def release(self, slot: int) -> None:
        """Clear the numbers of a worker that has gone; only the master calls this."""
        self._requests[slot], self._connections[slot] = 0, AWAY
        self._taken.discard(slot)

    def count(self, change: int) -> None:
        """Add to the number of this worker's requests."""
        self._requests[self.slot] += change

    @property
    def in_flight(self) -> int:
        """The number of all workers' requests."""
        return sum(self._requests)

    @property
    def is_busy(self) -> bool:
        """Whether this worker has a request."""
        return self._requests[self.slot] > 0

    @property
    def all_are_busy(self) -> bool:
        """Whether each worker has a request."""
        slots = self._requests[: 2 * self.workers]  # the lowest are taken first
        return sum(map(bool, slots)) >= self.workers

    def hold(self, connections: int) -> None:
        """Set the number of this worker's connections."""
        self._held = connections
        self._tell()

    def connect(self, change: int) -> None:
        """Add to the number of connections that this worker has accepted, and doesn't hold yet."""
        self._connecting += change
        self._tell()

    def _tell(self) -> None:
        if not self.leaving:
            self._connections[self.slot] = self._held + self._connecting

    def leave(self) -> None:
        """Mark that this worker will end soon, and accepts no more connections."""
        self.leaving, self._connections[self.slot] = True, AWAY

    @property
    def is_ahead(self) -> bool:
        """Whether another worker accepts connections and has fewer of them."""
        own = self._connections[self.slot]
        return any(one > AWAY and (one < own or own == AWAY) for one in self._connections)


shared = Shared()
