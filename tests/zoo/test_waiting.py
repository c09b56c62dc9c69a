"""On a GPU: which batches wait for other requests, and for how long."""

import threading

import pytest

from zoo.serving.pending import Pending
from zoo.serving.runner import Runner

FOREVER = 600.0  # a test that waits so long has failed


class Controlled:
    """An engine whose batch `[0]` lasts until it is released, and what its batches were."""

    def __init__(self, budget: int = 8, wait_seconds: float = FOREVER) -> None:
        self.seen: list[list[int]] = []
        self._busy, self._release = threading.Event(), threading.Event()
        self.runner = Runner(
            self._run, lambda _: 1, budget, lambda item: item % 2, wait_seconds=wait_seconds
        )

    def _run(self, batch: list[int]) -> list[int]:
        self.seen.append(batch)
        if batch == [0]:
            self._busy.set()
            assert self._release.wait(30)
        return batch

    def after(self, *requests: list[int]) -> list[Pending[int, int]]:
        """Requests that wait when the batch `[0]` ends."""
        first = self.runner.submit([0])
        assert self._busy.wait(30)
        waiting = [self.runner.submit(request) for request in requests]
        self._release.set()
        assert first.results() == [0]
        return waiting


def test_a_lone_client_never_waits() -> None:
    engine = Controlled()
    assert [engine.runner([number]) for number in (2, 4, 6, 6)] == [[2], [4], [6], [6]]
    assert engine.seen == [[2], [4], [6], [6]]


def test_on_a_gpu_a_batch_waits_for_those_that_were_just_answered() -> None:
    engine = Controlled()
    waiting = engine.after([2], [4])  # else they would be computed without the first client
    waiting.append(engine.runner.submit([6]))
    waiting[-1].results()
    waiting += [engine.runner.submit([number]) for number in (8, 10, 12)]
    assert [one.results() for one in waiting] == [[2], [4], [6], [8], [10], [12]]
    assert engine.seen == [[0], [2, 4, 6], [8, 10, 12]]


@pytest.mark.parametrize(
    ("requests", "batches"),
    [
        ([[2, 4], [6, 8]], [[2, 4], [6, 8]]),  # a full batch has no room for others
        ([[1], [2]], [[1], [2]]),  # the next one is of another kind than those who were answered
    ],
)
def test_nobody_waits_in_vain(requests: list[list[int]], batches: list[list[int]]) -> None:
    engine = Controlled(budget=2)
    assert [one.results() for one in engine.after(*requests)] == requests
    assert engine.seen[1:] == batches


def test_a_client_that_has_left_is_waited_for_a_moment() -> None:
    engine = Controlled(wait_seconds=0.001)
    assert [one.results() for one in engine.after([2])] == [[2]]
