"""The queue before an engine: batches of all requests, in turn, on the engine's own threads.

MLflow calls `predict` in a thread per request. If an engine computed in all these threads, they
would compete for the cores. So the engine has its own threads, mostly one, which run the batches.
The requests take turns, so that a small request doesn't wait for all of a large one.

If a batch has room, items of other requests that wait join it. Nobody waits for such items: only
under load there are any, and then larger batches help (`python -m benchmarks peers_captions`).
"""

import contextlib
import logging
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
PADDING = 1.3  # a joint batch may cost so many times the batches apart, since it has more padding
log = logging.getLogger(__name__)

# The event is set when nobody waits for the answer any more: the rest isn't computed.
cancellation: ContextVar[threading.Event | None] = ContextVar("cancellation", default=None)


def cores(groups: Path = CONTROL_GROUPS) -> int:
    """Count the cores that this process may use, by its affinity and its container's quota.

    `THERESA_CORES` can lower the number. Spark's workers set it, since an executor isn't always a
    container.

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
    """Counts what an engine does, such as the server's metrics."""

    def queued(self, change: int) -> None:
        """Count batches that wait for the engine; a negative change: they don't wait any more."""

    def computed(self, items: int, seconds: float) -> None:
        """Count a batch that is done."""


observers: list[Observer] = []


def stop_if_cancelled() -> None:
    """Raise `Cancelled` if nobody waits for this thread's request any more."""
    event = cancellation.get()
    if event is not None and event.is_set():
        raise Cancelled("The request was cancelled.")


def queued(change: int) -> None:
    """Tell the observers how many more batches wait for the engine; negative: fewer."""
    for observer in observers:
        observer.queued(change)


def computed(items: int, seconds: float) -> None:
    """Tell the observers about a batch that is done."""
    for observer in observers:
        observer.computed(items, seconds)


class Pending(Generic[Item, Result]):
    """A request in the queue: its items, the batches that are left, and its answers so far."""

    def __init__(self, items: Sequence[Item], batches: deque[list[int]]) -> None:
        self.items, self.batches = items, batches
        self.cancellation = cancellation.get()
        self._answers: list[Result | Exception | None] = [None] * len(items)
        self._left, self._done = len(items), threading.Event()
        self._lock = threading.Lock()
        if not items:
            self._done.set()

    def results(self) -> list[Result | Exception]:
        """Wait for one result per item, in order; a failed item has its exception."""
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
            queued(-len(self.batches))
            for index in (index for batch in self.batches for index in batch):
                self.answer(index, Cancelled("The request was cancelled."))
            self.batches.clear()


Share = list[tuple[Pending[Item, Result], int]]


class Runner(Generic[Item, Result]):
    """Runs items in batches of similar length, on its own threads.

    Args:
        run: Computes one batch, on these threads only; returns a result per item.
        length: The length of an item, in the units that padding fills up (tokens, frames).
        budget: How many units a batch may have: the length of its longest item times its size.
        kind: The kind of an item; a batch has items of one kind, and so has a request.
        threads: How many batches are computed at once.
        joins: Whether a batch may have items of several requests.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result | Exception]],
        length: Callable[[Item], int],
        budget: int,
        kind: Callable[[Item], Hashable] = lambda _: None,
        threads: int = 1,
        joins: bool = True,
    ) -> None:
        self._run, self._length, self._kind = run, length, kind
        self._budget, self.threads, self._joins = budget, threads, joins
        self.reset()
        _runners.add(self)

    def reset(self) -> None:
        """Forget the threads and the queue: after a fork the child has neither."""
        self._queue: deque[Pending[Item, Result]] = deque()
        self._wake = threading.Condition()
        self._started: list[threading.Thread] = []

    def __call__(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Compute items; return for each, in order, its result or its exception.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        return self.submit(items).results()

    def submit(self, items: Sequence[Item]) -> Pending[Item, Result]:
        """Queue items, without waiting for them.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        stop_if_cancelled()
        pending: Pending[Item, Result] = Pending(items, self._batches(items))
        if not items:
            return pending
        queued(len(pending.batches))
        with self._wake:
            self._queue.append(pending)
            if len(self._started) < self.threads:
                thread = threading.Thread(target=self._work, name="engine", daemon=True)
                self._started.append(thread)
                thread.start()
            self._wake.notify()
        return pending

    def _batches(self, items: Sequence[Item]) -> deque[list[int]]:
        """Group the items' indices by length, so that a batch has little padding."""
        lengths = [self._length(item) for item in items]
        batches: deque[list[int]] = deque()
        for index in sorted(range(len(items)), key=lengths.__getitem__):
            # Lengths rise, so each new item is the longest, and all are padded to its length.
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
                self._compute(share)

    def _share(self) -> Share[Item, Result]:
        """Take the next batch of the request whose turn it is, and what joins it from others."""
        share: list[tuple[Pending[Item, Result], list[int]]] = []
        width = count = apart = 0
        for pending in list(self._queue):
            pending.cancel_if_asked()
            if not pending.batches:
                self._queue.remove(pending)
                continue
            if share and not self._joins:
                break
            batch = pending.batches[0]
            longest = self._length(pending.items[batch[-1]])
            wide, many = max(width, longest), count + len(batch)
            work = apart + longest * len(batch)
            if share:
                first, others = share[0]
                same = self._kind(first.items[others[0]]) == self._kind(pending.items[batch[0]])
                if not same or wide * many > min(self._budget, PADDING * work):
                    continue
            width, count, apart = wide, many, work
            self._queue.remove(pending)
            share.append((pending, pending.batches.popleft()))
            queued(-1)
        self._queue.extend(pending for pending, _ in share if pending.batches)
        return [(pending, index) for pending, batch in share for index in batch]

    def _compute(self, batch: Share[Item, Result]) -> None:
        """Run one batch; if it fails, run its halves.

        So only the bad item fails, and a batch that needs too much memory is run in smaller ones.
        """
        start = time.perf_counter()
        alone = {pending for pending, _ in batch}
        # If only one request waits for this batch, the engine may stop within the batch.
        token = cancellation.set(batch[0][0].cancellation if len(alone) == 1 else None)
        try:
            results = self._run([pending.items[index] for pending, index in batch])
            pairs = list(zip(batch, results, strict=True))
        except BaseException as error:  # nothing may end a thread that all requests wait for
            if len(batch) == 1 or isinstance(error, Cancelled):
                failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
                for pending, index in batch:
                    pending.answer(index, failure)
                return
            reason = type(error).__name__
        else:
            computed(len(batch), time.perf_counter() - start)
            for (pending, index), result in pairs:
                pending.answer(index, result)
            return
        finally:
            cancellation.reset(token)
        # Not earlier: while the error exists, it keeps the batch's memory.
        log.warning("A batch of %d failed (%s); its halves are tried.", len(batch), reason)
        half = len(batch) // 2
        self._compute(batch[:half])
        self._compute(batch[half:])


_runners: "weakref.WeakSet[Runner[Any, Any]]" = weakref.WeakSet()


def _after_fork() -> None:
    for one in _runners:
        one.reset()


# Threads don't survive a fork: the child starts its own at its first request.
os.register_at_fork(after_in_child=_after_fork)
