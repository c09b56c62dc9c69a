"""One engine thread per process, shared by every concurrent request.

MLflow calls `predict` in a thread per request, so several requests are inside one model at once. An
engine that computes in all of them fights itself for the cores; here a single thread runs the
batches, taking turns between the requests, so that a small request isn't starved by a large one.
What waits of other requests joins a batch that has room for it: nobody waits for company, but
under load a model that gains from batches has them (`python -m benchmarks peers_captions`).
"""

import contextlib
import math
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from zoo.errors import Cancelled

Item = TypeVar("Item")
Result = TypeVar("Result")
CONTROL_GROUPS = Path("/sys/fs/cgroup")
PADDING = 1.3  # times the work of batches apart that a joint one may be, for its padding

# Set where nobody waits for the answer any more: what is left of the request isn't computed.
cancellation: ContextVar[threading.Event | None] = ContextVar("cancellation", default=None)


def cores(groups: Path = CONTROL_GROUPS) -> int:
    """The cores that this process may use, by its affinity and its container's quota; at most
    `THERESA_CORES`, which Spark's workers have, since an executor is no container everywhere.

    Args:
        groups: Where the kernel's control groups are mounted, version 1 or 2.
    """
    allowed = len(os.sched_getaffinity(0))
    with contextlib.suppress(KeyError, ValueError):
        allowed = min(allowed, int(os.environ["THERESA_CORES"]))
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):
        with contextlib.suppress(OSError, ValueError):  # "max" means no limit
            quota, period = " ".join((groups / name).read_text() for name in names).split()
            if int(quota) > 0:  # -1 is no limit
                allowed = min(allowed, math.ceil(int(quota) / int(period)))
    return max(1, allowed)


class Observer(Protocol):
    """Is told what an engine does; the server's metrics are one."""

    def queued(self, change: int) -> None:
        """So many batches more, or less, wait for the engine."""

    def computed(self, items: int, seconds: float) -> None:
        """A batch is done."""


observers: list[Observer] = []


def stop_if_cancelled() -> None:
    """For a model that runs its own batches: raises `Cancelled` where nobody waits any more."""
    event = cancellation.get()
    if event is not None and event.is_set():
        raise Cancelled("The request was cancelled.")


def queued(change: int) -> None:
    """Tells the observers that batches wait for the engine, or no longer do."""
    for observer in observers:
        observer.queued(change)


def computed(items: int, seconds: float) -> None:
    """Tells the observers of a batch that is done."""
    for observer in observers:
        observer.computed(items, seconds)


class _Request(Generic[Item, Result]):
    """The batches that are left of one request, and the answers so far."""

    def __init__(self, items: Sequence[Item], batches: deque[list[int]]) -> None:
        self.items = items
        self.batches = batches
        self.results: list[Result | Exception | None] = [None] * len(items)
        self.done = threading.Event()
        self.cancellation = cancellation.get()

    def cancel_if_asked(self) -> None:
        """Gives up the batches that are left, if the request was cancelled."""
        if self.cancellation is not None and self.cancellation.is_set():
            for index in (index for batch in self.batches for index in batch):
                self.results[index] = Cancelled("The request was cancelled.")
            queued(-len(self.batches))
            self.batches.clear()


class Runner(Generic[Item, Result]):
    """Runs items in batches of similar length on one thread.

    Args:
        run: Computes one batch; called on the engine thread only. Returns a result per item.
        length: The length of an item after padding's measure (tokens, frames).
        budget: How many padded units a batch may hold: its longest item times its size.
        kind: What the items of one batch have in common; a request's items are of one kind.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result]],
        length: Callable[[Item], int],
        budget: int,
        kind: Callable[[Item], Hashable] = lambda _: None,
    ) -> None:
        self._kind = kind
        self._run = run
        self._length = length
        self._budget = budget
        self.reset()
        _runners.add(self)

    def reset(self) -> None:
        """Forgets the thread and what was queued: after a fork the child has neither."""
        self._queue: deque[_Request[Item, Result]] = deque()
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def __call__(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Returns one result per item, in order; an item that failed has its exception instead.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        stop_if_cancelled()
        if not items:
            return []
        request: _Request[Item, Result] = _Request(items, self._batches(items))
        queued(len(request.batches))
        with self._wake:
            if self._thread is None or not self._thread.is_alive():
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
                share = self._share()
            if share:
                self._step([(request, index) for request, batch in share for index in batch])
            with self._wake:
                for request, _ in share:
                    self._put_back(request)

    def _share(self) -> list[tuple[_Request[Item, Result], list[int]]]:
        """The batch of the request whose turn it is, and what joins it from the others."""
        share: list[tuple[_Request[Item, Result], list[int]]] = []
        width = count = apart = 0
        for request in list(self._queue):
            request.cancel_if_asked()
            if not request.batches:
                self._queue.remove(request)
                request.done.set()
                continue
            batch = request.batches[0]
            longest = self._length(request.items[batch[-1]])
            wide, many = max(width, longest), count + len(batch)
            work = apart + longest * len(batch)
            if share:
                first, others = share[0]
                same = self._kind(first.items[others[0]]) == self._kind(request.items[batch[0]])
                if not same or wide * many > min(self._budget, PADDING * work):
                    continue
            width, count, apart = wide, many, work
            self._queue.remove(request)
            share.append((request, request.batches.popleft()))
            queued(-1)
        return share

    def _put_back(self, request: _Request[Item, Result]) -> None:
        """Has a request wait for its next turn, or tells it that it is done."""
        if request.batches:
            self._queue.append(request)
        else:
            request.done.set()

    def _step(self, batch: list[tuple[_Request[Item, Result], int]]) -> None:
        """Runs one batch; when it fails, its items one by one, so that only the bad one fails."""
        start = time.perf_counter()
        try:
            results = self._run([request.items[index] for request, index in batch])
            answers = list(zip(batch, results, strict=True))
        except BaseException as error:  # nothing may end the thread that everybody waits for
            if len(batch) == 1:
                failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
                ((request, index),) = batch
                request.results[index] = failure
                return
            for one in batch:
                self._step([one])
        else:
            for (request, index), result in answers:
                request.results[index] = result
            computed(len(batch), time.perf_counter() - start)


_runners: "weakref.WeakSet[Runner[Any, Any]]" = weakref.WeakSet()


def _after_fork() -> None:
    for one in _runners:
        one.reset()


# Threads don't survive a fork: the child starts its own at its first request.
os.register_at_fork(after_in_child=_after_fork)
