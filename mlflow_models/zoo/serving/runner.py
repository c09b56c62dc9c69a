"""The queue before an engine: batches of all requests, in turn, on the engine's own threads.

MLflow calls `predict` in a thread per request. If an engine computed in all these threads, they
would compete for the cores. So the engine has its own threads, mostly one, which run the batches.
The requests take turns, so that a small request doesn't wait for all of a large one. Long ones may
stay in the background, and leave a thread to the others: `zoo.serving.lanes`.

If a batch has room, items of other requests that wait join it. A batch also waits a few
milliseconds for the clients that were just answered, if they were several: they may ask again, and
larger batches take less time per item (`python -m benchmarks peers_captions`). A lone client never
waits. How long a batch waits, and for whom, is in `zoo.serving.expected`.

In a worker that has one core, the engine computes while nobody prepares a request:
`zoo.serving.turns`.
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
from typing import Any, Generic

from zoo.errors import Cancelled, OutOfMemory
from zoo.serving import failures, observers
from zoo.serving.expected import Expected
from zoo.serving.lanes import Lanes
from zoo.serving.pending import Item, Pending, Result, by_length
from zoo.serving.turns import turns

CONTROL_GROUPS = Path("/sys/fs/cgroup")
PADDING = 1.3  # a joint batch may cost so many times the batches apart, since it has more padding
GPU_WAIT_SECONDS = 0.004  # an answer reaches a near client, and its next request comes back
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


def stop_if_cancelled() -> None:
    """Raise `Cancelled` if nobody waits for this thread's request any more."""
    event = cancellation.get()
    if event is not None and event.is_set():
        raise Cancelled("The request was cancelled.")


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
        wait_seconds: How long a batch waits for those who were just answered, if nobody comes:
            `GPU_WAIT_SECONDS` on a GPU. 0: it never waits.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result | Exception]],
        length: Callable[[Item], int],
        budget: int,
        kind: Callable[[Item], Hashable] = lambda _: None,
        threads: int = 1,
        joins: bool = True,
        wait_seconds: float = 0.0,
    ) -> None:
        self._run, self._length, self._kind = run, length, kind
        self._budget, self.threads, self._joins = budget, threads, joins
        self._wait_seconds = wait_seconds
        self.reset()
        _runners.add(self)

    def reset(self) -> None:
        """Forget the threads and the queue: after a fork the child has neither."""
        self._lanes: Lanes[Item, Result] = Lanes(self.threads)
        self._wake = threading.Condition()
        self._started: list[threading.Thread] = []
        self._expected = Expected(self._wait_seconds)
        self._seconds = 0.0  # that the last batch took

    def __call__(self, items: Sequence[Item]) -> list[Result | Exception]:
        """Compute items; return for each, in order, its result or its exception.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        return self.submit(items).results()

    def submit(self, items: Sequence[Item], background: bool = False) -> Pending[Item, Result]:
        """Queue items, without waiting for them.

        Args:
            items: What to compute.
            background: Whether they are part of something long, for which others needn't wait.

        Raises:
            Cancelled: Nobody waits for the answer any more.
        """
        stop_if_cancelled()
        kind = self._kind(items[0]) if items else None
        lengths = [self._length(item) for item in items]
        pending: Pending[Item, Result] = Pending(
            items, by_length(lengths, self._budget), kind, cancellation.get()
        )
        if not items:
            return pending
        observers.queued(len(pending.batches))
        with self._wake:
            self._lanes.add(pending, background)
            self._expected.come()
            if len(self._started) < self.threads:
                thread = threading.Thread(target=self._work, name="engine", daemon=True)
                self._started.append(thread)
                thread.start()
            self._wake.notify()
        return pending

    def _work(self) -> None:
        while True:
            with self._wake:
                while (lane := self._lanes.turn()) is None:
                    self._wake.wait(self._lanes.pause())
                if lane is self._lanes.short:
                    self._wait_for_more()
            with turns.computing(self._seconds):
                self._compute_next()

    def _compute_next(self) -> None:
        """Compute the next batch, unless another thread has taken all."""
        with self._wake:
            lane = self._lanes.turn()
            if lane is None:
                return
            share = self._share(lane)
            self._lanes.begin(lane)
        if share:
            self._compute(share)
        with self._wake:
            self._lanes.end(lane)

    def _wait_for_more(self) -> None:
        """Wait for those who are expected, if any; then wake a thread for what is left."""
        if self._expected.requests:
            while (seconds := self._expected.seconds) and not self._is_enough():
                self._wake.wait(seconds)
            self._expected.end()
            self._wake.notify()

    def _is_enough(self) -> bool:
        """Tell whether the next batch has nothing to wait for."""
        if not self._lanes.short:  # another thread has taken all
            return True
        first, expected = self._lanes.short[0], self._expected
        full = self._longest(first) * (len(first.batches[0]) + 1) > self._budget
        return full or first.kind != expected.kind or self._count(first.kind) >= expected.requests

    def _expect(self, batch: Share[Item, Result]) -> None:
        """Expect those who are about to be answered, beside those who wait already."""
        if self._wait_seconds:
            with self._wake:
                kind = batch[0][0].kind
                answered = {pending for pending, _ in batch} - {*self._lanes.short}
                self._expected.begin(len(answered) + self._count(kind), kind, self._seconds)

    def _count(self, kind: Hashable) -> int:
        """Count the requests of a kind that wait."""
        return sum(pending.kind == kind for pending in self._lanes.short)

    def _longest(self, pending: Pending[Item, Result]) -> int:
        """Give the length of the longest item of a request's next batch."""
        return self._length(pending.items[pending.batches[0][-1]])

    def _share(self, lane: deque[Pending[Item, Result]]) -> Share[Item, Result]:
        """Take the next batch of the request whose turn it is, and what joins it from others."""
        # On a CPU a joint batch takes longer, and somebody may come who would wait for it.
        joins = self._joins and (lane is self._lanes.short or self._wait_seconds > 0)
        share: list[tuple[Pending[Item, Result], list[int]]] = []
        width = count = apart = 0
        for pending in list(lane):
            pending.cancel_if_asked()
            if not pending.batches:
                lane.remove(pending)
                continue
            if share and not joins:
                break
            batch, longest = pending.batches[0], self._longest(pending)
            wide, many = max(width, longest), count + len(batch)
            work = apart + longest * len(batch)
            if share:
                alike = pending.kind == share[0][0].kind
                if not alike or wide * many > min(self._budget, PADDING * work):
                    continue
            width, count, apart = wide, many, work
            lane.remove(pending)
            share.append((pending, pending.batches.popleft()))
            observers.queued(-1)
        lane.extend(pending for pending, _ in share if pending.batches)
        return [(pending, index) for pending, batch in share for index in batch]

    def _compute(self, batch: Share[Item, Result], half: bool = False) -> None:
        """Run one batch; if it fails, run its halves, so that only the bad item fails.

        Args:
            batch: Items, each with its request.
            half: Whether memory ran out when this was half of a batch. If it does so again, these
                items are refused: it isn't the batch's size, and each try takes time.
        """
        start = time.perf_counter()
        alone = {pending for pending, _ in batch}
        # If only one request waits for this batch, the engine may stop within the batch.
        token = cancellation.set(batch[0][0].cancellation if len(alone) == 1 else None)
        try:
            results = self._run([pending.items[index] for pending, index in batch])
            pairs = list(zip(batch, results, strict=True))
        except BaseException as error:  # nothing may end a thread that all requests wait for
            short = failures.memory_ran_out(error)
            if len(batch) == 1 or isinstance(error, Cancelled) or (half and short):
                self._fail(batch, error)
                return
            reason = type(error).__name__
        else:
            self._seconds = time.perf_counter() - start
            observers.computed(len(batch), self._seconds)
            self._expect(batch)
            for (pending, index), result in pairs:
                pending.answer(index, result)
            return
        finally:
            cancellation.reset(token)
        # Not earlier: while the error exists, it keeps the batch's memory.
        if short:
            observers.halved()
        log.warning("A batch of %d failed (%s); its halves are tried.", len(batch), reason)
        middle = len(batch) // 2
        self._compute(batch[:middle], short)
        self._compute(batch[middle:], short)

    def _fail(self, batch: Share[Item, Result], error: BaseException) -> None:
        """Answer a batch with an error; what the operator can do about it, the log says."""
        if failures.memory_ran_out(error):
            log.error("A batch of %d was refused: %s", len(batch), error)
            error = OutOfMemory()
        failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
        for pending, index in batch:
            pending.answer(index, failure)


_runners: "weakref.WeakSet[Runner[Any, Any]]" = weakref.WeakSet()


def _after_fork() -> None:
    for one in _runners:
        one.reset()


# Threads don't survive a fork: the child starts its own at its first request.
os.register_at_fork(after_in_child=_after_fork)
