"""One engine thread per process, shared by every concurrent request.

MLflow calls `predict` in a thread per request, so several requests are inside one model at once. An
engine that computes in all of them fights itself for the cores; here a single thread runs the
batches, taking turns between the requests, so that a small request isn't starved by a large one.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Request(Generic[Item, Result]):
    """The batches that are left of one request, and the answers so far."""

    def __init__(self, items: Sequence[Item], batches: deque[list[int]]) -> None:
        self.items = items
        self.batches = batches
        self.results: list[Result | Exception | None] = [None] * len(items)
        self.done = threading.Event()


class Runner(Generic[Item, Result]):
    """Runs items in batches of similar length on one thread.

    Args:
        run: Computes one batch; called on the engine thread only. Returns a result per item.
        length: The length of an item after padding's measure (tokens, frames).
        budget: How many padded units a batch may hold: its longest item times its size.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result]],
        length: Callable[[Item], int],
        budget: int,
    ) -> None:
        self._run = run
        self._length = length
        self._budget = budget
        self._reset()
        # Threads don't survive a fork: the child starts its own at its first request.
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        self._queue: deque[_Request[Item, Result]] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Returns one result per item, in order; an item that failed has its exception instead."""
        if not items:
            return []
        request: _Request[Item, Result] = _Request(items, self._batches(items))
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
                self._thread.start()
            self._queue.append(request)
            self._wake.notify()
        request.done.wait()
        return request.results  # type: ignore[return-value]  # all set once done

    def _batches(self, items: Sequence[Item]) -> deque[list[int]]:
        """Groups the items' indices by length, so that little of a batch is padding."""
        lengths = [self._length(item) for item in items]
        batches: deque[list[int]] = deque()
        for index in sorted(range(len(items)), key=lengths.__getitem__):
            # Sorted upwards: the newest item is the longest, and sets the width of its batch.
            if batches and lengths[index] * (len(batches[-1]) + 1) <= self._budget:
                batches[-1].append(index)
            else:
                batches.append([index])
        return batches

    def _work(self) -> None:
        while True:
            with self._wake:
                while not self._queue:
                    self._wake.wait()
                request = self._queue.popleft()
            self._step(request, request.batches.popleft())
            if request.batches:
                with self._wake:
                    self._queue.append(request)
            else:
                request.done.set()

    def _step(self, request: _Request[Item, Result], batch: list[int]) -> None:
        """Runs one batch; when it fails, its items one by one, so that only the bad one fails."""
        try:
            results = self._run([request.items[index] for index in batch])
        except Exception as error:
            if len(batch) == 1:
                request.results[batch[0]] = error
                return
            for index in batch:
                self._step(request, [index])
        else:
            for index, result in zip(batch, results, strict=True):
                request.results[index] = result
