"""The engine thread: order, fairness, failures, forks."""

import functools
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from zoo.errors import Cancelled
from zoo.serving import lanes
from zoo.serving.runner import Runner, cancellation, cores


def double(batch: list[int]) -> list[int]:
    if any(item < 0 for item in batch):
        raise ValueError("negative")
    return [2 * item for item in batch]


def runner(budget: int = 8) -> Runner[int, int]:
    return Runner(double, lambda item: abs(item), budget)


def test_results_keep_the_order_of_the_items() -> None:
    items = [5, 1, 4, 1, 3, 9, 2, 6]
    assert runner()(items) == [2 * item for item in items]


def test_no_items_no_results() -> None:
    assert runner()([]) == []


def test_batches_hold_similar_lengths_within_the_budget() -> None:
    seen: list[list[int]] = []

    def record(batch: list[int]) -> list[int]:
        seen.append(batch)
        return batch

    Runner(record, lambda item: item, 8)([5, 1, 2, 4, 1, 3, 20, 2])
    assert seen == [[1, 1, 2, 2], [3, 4], [5], [20]]  # 20 is over the budget, and still answered


def test_a_bad_item_fails_alone() -> None:
    results = runner(budget=100)([1, -2, 3])
    assert results[0] == 2
    assert isinstance(results[1], ValueError)
    assert results[2] == 6


def test_an_engine_that_misbehaves_doesnt_hang_the_next_request() -> None:
    def run(batch: list[int]) -> list[int]:
        if batch[0] == 1:
            return []  # too few results
        if batch[0] == 2:
            raise SystemExit
        return batch

    engine: Runner[int, int] = Runner(run, lambda _: 1, 1)
    for item in (1, 2):
        assert isinstance(engine([item])[0], Exception)
    assert engine([3]) == [3]


def test_a_cancelled_request_isnt_computed_further() -> None:
    nobody_waits = threading.Event()
    computed: list[int] = []

    def run(batch: list[int]) -> list[int]:
        computed.extend(batch)
        nobody_waits.set()
        return batch

    token = cancellation.set(nobody_waits)
    try:
        results = Runner(run, lambda _: 1, 1)([1, 2, 3])
    finally:
        cancellation.reset(token)
    assert computed == [1]
    assert [type(result) for result in results] == [int, Cancelled, Cancelled]


def test_a_small_request_overtakes_a_large_one() -> None:
    started, resume = threading.Event(), threading.Event()
    finished: list[str] = []

    def run(batch: list[str]) -> list[str]:
        started.set()
        resume.wait(10)
        finished.extend(batch)
        return batch

    slow: Runner[str, str] = Runner(run, lambda _: 1, 1)
    with ThreadPoolExecutor() as pool:
        large = pool.submit(slow, ["large"] * 50)
        started.wait(10)
        small = pool.submit(slow, ["small"])
        while len(slow._lanes.short) < 1:  # until the small request is in the queue
            os.sched_yield()
        resume.set()
        small.result(10)
        large.result(10)
    assert finished.index("small") <= 2


@pytest.mark.parametrize(
    "shared",
    [runner(), Runner(double, abs, 100, lambda item: item % 3, threads=3, wait_seconds=0.001)],
)
def test_many_threads_get_their_own_answers(shared: Runner[int, int]) -> None:
    with ThreadPoolExecutor(16) as pool:
        requests = [list(range(start, start + 60, 3)) for start in range(200)]
        answers = list(pool.map(shared, requests))
    assert answers == [[2 * item for item in request] for request in requests]


def test_it_works_in_a_forked_child_too() -> None:
    shared = runner()
    assert shared([1]) == [2]  # the parent's thread runs
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, str(shared([21])).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"[42]"
    os.close(reader)
    os.close(writer)


def test_an_engine_has_no_more_cores_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = cores()
    monkeypatch.setenv("THERESA_CORES", "1")
    assert cores() == 1
    monkeypatch.setenv("THERESA_CORES", "1000000")
    assert cores() == everything


@pytest.mark.parametrize(
    ("files", "most"),
    [
        ({"cpu.max": "100000 100000\n"}, 1),
        ({"cpu.max": "150000 100000\n"}, 2),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({}, None),
    ],
)
def test_a_containers_quota_counts(
    files: dict[str, str], most: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    monkeypatch.delenv("THERESA_CORES", raising=False)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert cores(tmp_path) == (most or 8)


def waiting(
    engine: Runner[int, int], requests: list[list[int]], seen: list[list[int]]
) -> list[list[int | Exception]]:
    """Answers of requests that come, in turn, while the engine is busy with another; what its
    batches were is put into `seen`."""
    busy, release = threading.Event(), threading.Event()

    def run(batch: list[int]) -> list[int]:
        if batch == [0]:
            busy.set()
            assert release.wait(30)
        seen.append(batch)
        return double(batch)

    engine._run = run
    with ThreadPoolExecutor(len(requests) + 1) as pool:
        first = pool.submit(engine, [0])
        assert busy.wait(30)
        others = []
        for count, request in enumerate(requests, 1):
            others.append(pool.submit(engine, request))
            with engine._wake:  # they come one after the other
                engine._wake.wait_for(
                    functools.partial(lambda n: len(engine._lanes.short) == n, count), 30
                )
        release.set()
        assert first.result(30) == [0]
        return [other.result(30) for other in others]


def test_requests_that_wait_share_a_batch_of_one_kind() -> None:
    seen: list[list[int]] = []
    engine = Runner(double, lambda _: 1, 4, lambda item: item % 2)
    answers = waiting(engine, [[1], [2], [3, 5], [7, 9], [4]], seen)
    assert answers == [[2], [4], [6, 10], [14, 18], [8]]
    assert seen[1:] == [[1, 3, 5], [2, 4], [7, 9]]  # no more than four, and in their turn


def test_requests_of_unlike_lengths_dont_pad_each_other() -> None:
    seen: list[list[int]] = []
    waiting(Runner(double, abs, 1000), [[100], [10], [90], [11]], seen)
    assert seen[1:] == [[100, 90], [10, 11]]


def test_a_bad_item_fails_alone_in_a_shared_batch() -> None:
    seen: list[list[int]] = []
    first, bad, last = waiting(Runner(double, lambda _: 1, 8), [[1], [-1], [2, 3]], seen)
    assert first == [2]
    assert isinstance(bad[0], ValueError)
    assert last == [4, 6]
    assert seen[1] == [1, -1, 2, 3]


def test_a_long_request_alone_has_all_threads() -> None:
    together = threading.Barrier(2, timeout=30)

    def run(batch: list[int]) -> list[int]:
        together.wait()
        return batch

    engine: Runner[int, int] = Runner(run, lambda _: 1, 1, threads=2)
    parts = [engine.submit([number], background=True) for number in (1, 2)]
    assert [part.results() for part in parts] == [[1], [2]]


def test_a_long_request_leaves_a_thread_while_short_ones_come() -> None:
    resume = threading.Event()

    def run(batch: list[int]) -> list[int]:
        if batch[0] < 0:
            assert resume.wait(30)
        return batch

    engine: Runner[int, int] = Runner(run, lambda _: 1, 1, threads=2)
    assert engine([1]) == [1]
    parts = [engine.submit([number], background=True) for number in (-1, -2, -3)]
    assert [engine([number]) for number in (2, 3, 4)] == [[2], [3], [4]]
    resume.set()
    assert [part.results() for part in parts] == [[-1], [-2], [-3]]


@pytest.mark.parametrize(("patience", "order"), [(5.0, [0, 1, 2, -1]), (0.0, [0, -1, 1, 2])])
def test_short_requests_go_before_long_ones_that_havent_waited_long(
    patience: float, order: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "PATIENCE_SECONDS", patience)
    busy, release = threading.Event(), threading.Event()
    seen: list[int] = []

    def run(batch: list[int]) -> list[int]:
        busy.set()
        assert release.wait(30)
        seen.extend(batch)
        return batch

    engine: Runner[int, int] = Runner(run, lambda _: 1, 1)
    parts = [engine.submit([0])]
    assert busy.wait(30)
    parts += [engine.submit([number], background=number < 0) for number in (-1, 1, 2)]
    release.set()
    for part in parts:
        part.results()
    assert seen == order
