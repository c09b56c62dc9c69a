"""Turns of a worker's threads: their order, and that nobody waits for long."""

import functools
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

import pytest

from zoo.serving import expected, turns
from zoo.serving.expected import Expected
from zoo.serving.shared import Shared
from zoo.serving.turns import Turns

FOREVER = 600.0  # a test that waits so long has failed


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """Turns that are needed, of threads that have all the time."""
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", FOREVER)
    monkeypatch.setattr(turns, "YIELDING_SECONDS", FOREVER)
    made = Turns()
    made.reset(lambda: True)
    return made


class Threads:
    """Threads that take turns, and the order in which they had them."""

    def __init__(self, own: Turns, pool: ThreadPoolExecutor) -> None:
        self.order: list[str] = []
        self._own, self._pool = own, pool

    def prepare(self, name: str) -> None:
        """Begin a thread that prepares, and wait until it is in the queue."""
        self._begin(name, self._own.preparing)

    def compute(self) -> None:
        """Begin the engine's thread, and wait until it is in a queue."""
        self._begin("engine", functools.partial(self._own.computing, 0.0))

    def _begin(self, name: str, turn: Callable[[], AbstractContextManager[None]]) -> None:
        def run() -> None:
            with turn():
                self.order.append(name)

        waiting = self._waiting()
        self._pool.submit(run)
        while self._waiting() == waiting:
            os.sched_yield()

    def _waiting(self) -> int:
        return len(self._own._first) + len(self._own._engines)


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def test_who_prepares_goes_first_and_in_order(own: Turns, pool: ThreadPoolExecutor) -> None:
    threads = Threads(own, pool)
    with own.preparing():
        threads.compute()
        threads.prepare("first")
        threads.prepare("second")
    pool.shutdown()
    assert threads.order == ["first", "second", "engine"]


def test_an_engine_that_has_waited_goes_first(
    own: Turns, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "YIELDING_SECONDS", 0.0)
    threads = Threads(own, pool)
    with own.preparing():
        threads.prepare("other")
        threads.compute()
        while len(own._first) < 2:  # until it doesn't yield any more
            os.sched_yield()
    pool.shutdown()
    assert threads.order == ["engine", "other"]


def test_who_has_waited_long_enough_goes_on_without_a_turn(
    own: Turns, pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.001)

    def prepare() -> str:
        with own.preparing():
            return "done"

    with own.computing(0.0):
        assert pool.submit(prepare).result(30) == "done"
    with own.preparing():  # the queue is as it was
        pass
    assert not own._taken


def test_a_long_batch_needs_no_turn(own: Turns, pool: ThreadPoolExecutor) -> None:
    def compute() -> str:
        with own.computing(2 * FOREVER):
            return "done"

    with own.preparing():
        assert pool.submit(compute).result(30) == "done"


def test_a_thread_that_waits_for_something_lets_others_go_on(
    own: Turns, pool: ThreadPoolExecutor
) -> None:
    def prepare() -> str:
        with own.preparing():
            return "done"

    with own.preparing():
        with own.aside():
            assert pool.submit(prepare).result(30) == "done"
        assert own._taken


def test_where_turns_arent_needed_threads_prepare_at_once(pool: ThreadPoolExecutor) -> None:
    own, together = Turns(), threading.Barrier(2, timeout=30)

    def prepare() -> int:
        with own.preparing(), own.aside():
            return together.wait()

    parts = [pool.submit(prepare) for _ in range(2)]
    assert sorted(part.result(30) for part in parts) == [0, 1]


def test_turns_are_needed_while_each_worker_has_a_request() -> None:
    shared = Shared()
    shared.workers = 2
    for slot, busy in ((0, False), (1, True)):
        shared.slot = slot
        shared.count(1)
        assert shared.all_are_busy == busy


def test_connections_count_as_soon_as_they_are_accepted() -> None:
    shared = Shared()
    for slot, ahead in ((0, False), (1, False)):
        shared.slot = slot
        shared.hold(0)
        assert shared.is_ahead == ahead
    shared.connect(1)
    assert shared.is_ahead
    shared.connect(-1)
    assert not shared.is_ahead


class Clock:
    """A clock that is set by hand."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.mark.parametrize(("needed", "left"), [(True, [1.0, 1.0, 0.5]), (False, [1.0, 0.5, 0.0])])
def test_in_turns_each_request_that_comes_renews_the_wait(
    needed: bool, left: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr(expected, "time", clock)
    monkeypatch.setattr(expected.turns, "needed", lambda: needed)
    one, found = Expected(1.0), []
    one.begin(2, None, 0.0)
    for now in (0.0, 0.5, 4.5):
        clock.now = now
        if now:
            one.come()
        found.append(one.seconds)
    assert found == left


def test_after_a_long_batch_the_wait_is_longer_and_for_one_client_there_is_none() -> None:
    one = Expected(0.01)
    one.begin(2, None, FOREVER)
    assert one.seconds > 1
    one.begin(1, None, FOREVER)
    assert one.seconds == 0
    never = Expected(0.0)
    never.begin(2, None, FOREVER)
    assert never.seconds == 0
