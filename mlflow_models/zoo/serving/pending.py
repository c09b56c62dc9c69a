"""A request that waits for an engine, in batches."""

import threading
from collections import deque
from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

from zoo.errors import Cancelled
from zoo.serving import observers
from zoo.serving.turns import turns

Item = TypeVar("Item")
Result = TypeVar("Result")


class Pending(Generic[Item, Result]):
    """A request in the queue, and its answers so far.

    Args:
        items: What is computed.
        batches: The indices of the items of each batch that is left.
        kind: The items' kind.
        cancellation: It is set when nobody waits for the answers any more.
    """

    def __init__(
        self,
        items: Sequence[Item],
        batches: deque[list[int]],
        kind: Hashable,
        cancellation: threading.Event | None,
    ) -> None:
        self.items, self.batches, self.kind = items, batches, kind
        self.cancellation = cancellation
        self._answers: list[Result | Exception | None] = [None] * len(items)
        self._left, self._done = len(items), threading.Event()
        self._lock = threading.Lock()
        if not items:
            self._done.set()

    @property
    def done(self) -> bool:
        """Whether every item has its result."""
        return self._done.is_set()

    def results(self) -> list[Result | Exception]:
        """Wait for one result per item, in order; a failed item has its exception."""
        with turns.aside():
            self._done.wait()
        return self._answers  # type: ignore[return-value]  # all set once done

    def answer(self, index: int, result: Result | Exception) -> None:
        """Set an item's result."""
        self._answers[index] = result
        with self._lock:  # several threads may answer one request
            self._left -= 1
            if not self._left:
                self._done.set()

    def cancel_if_asked(self) -> None:
        """Drop the batches that are left if the request was cancelled."""
        if self.cancellation is not None and self.cancellation.is_set():
            observers.queued(-len(self.batches))
            for index in (index for batch in self.batches for index in batch):
                self.answer(index, Cancelled("The request was cancelled."))
            self.batches.clear()


def by_length(lengths: Sequence[int], budget: int) -> deque[list[int]]:
    """Group the indices of items by length, so that a batch has little padding.

    Args:
        lengths: Of the items, in the units that padding fills up.
        budget: How many units a batch may have: the length of its longest item times its size.
    """
    batches: deque[list[int]] = deque()
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        # Lengths rise, so each new item is the longest, and all are padded to its length.
        if batches and lengths[index] * (len(batches[-1]) + 1) <= budget:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
